"""Options of training.embedder."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option

_DATA, _TRAINING, _NETWORK = "data", "training", "network"


@dataclasses.dataclass(frozen=True)
class EmbedderOptions:
    """Options of training.embedder."""

    faces: str | None = option(
        None, "folder with one folder of pictures per person (required)", group=_DATA, metavar="DIR"
    )
    out: str = option("faces.keras", "file of the network, .keras", group=_DATA, metavar="FILE")
    face_crop: str = option(
        "fixed",
        "where the face is: at a fixed place in the picture, or detected (none found: left out)",
        group=_DATA,
        choices=("fixed", "detected"),
    )
    face_share: float = option(
        0.455,
        "side of the fixed crop as a share of the picture's shorter side",
        group=_DATA,
        minimum=0.05,
        maximum=1,
    )
    face_shift: float = option(
        0.05,
        "its distance below the middle as a share of the same side",
        group=_DATA,
        minimum=-0.5,
        maximum=0.5,
    )
    held_out: float = option(
        0.2, "share of the people to verify on, at least 2", group=_DATA, minimum=0.01, maximum=0.9
    )
    options: str | None = option(
        None,
        "YAML file with more options, one `name: value` per line; the command line wins",
        group=_TRAINING,
        metavar="FILE",
    )
    steps: int = option(2000, "training steps", group=_TRAINING, unit="steps", minimum=1)
    people: int = option(8, "people per step", group=_TRAINING, minimum=2)
    pictures: int = option(4, "pictures of each person per step", group=_TRAINING, minimum=2)
    learning_rate: float = option(
        1e-3, "of Adam, at the start of a cosine decay to 0", group=_TRAINING, minimum=0
    )
    margin: float = option(
        0.2,
        "how much larger the squared distance to strangers should be",
        group=_TRAINING,
        minimum=0,
    )
    seed: int = option(1, "of weights, held-out people and order", group=_TRAINING, minimum=0)
    size: int = option(
        96, "side of the crops", group=_NETWORK, unit="pixels", minimum=32, maximum=512
    )
    width: int = option(32, "channels of the first convolution", group=_NETWORK, minimum=4)
    dimensions: int = option(128, "size of the embedding", group=_NETWORK, minimum=2)
