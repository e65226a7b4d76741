"""Options of training.embedder."""

import dataclasses

from tf_i2i.command_line import option_group

_data, _training, _network = map(option_group, ("data", "training", "network"))


@dataclasses.dataclass(frozen=True)
class EmbedderOptions:
    faces: str | None = _data(None, "folder with one folder per person (required)", metavar="DIR")
    out: str = _data("faces.keras", "file of the network, .keras", metavar="FILE")
    face_crop: str = _data(
        "fixed", "a fixed place, or detected (none: left out)", choices=("fixed", "detected")
    )
    face_share: float = _data(
        0.455, "side of the fixed crop over the picture's shorter side", minimum=0.05, maximum=1
    )
    face_shift: float = _data(
        0.05,
        "its distance below the middle as a share of the same side",
        minimum=-0.5,
        maximum=0.5,
        needs="face_crop=fixed",
    )
    held_out: float = _data(
        0.2, "share of the people to verify on, at least 2", minimum=0.01, maximum=0.9
    )
    options: str | None = _training(
        None, "YAML file, one `name: value` per line; the command line wins", metavar="FILE"
    )
    steps: int = _training(2000, "training steps", unit="steps", minimum=1)
    people: int = _training(8, "people per step", minimum=2)
    pictures: int = _training(4, "pictures of each person per step", minimum=2)
    learning_rate: float = _training(1e-3, "of Adam, at the start of a cosine decay", minimum=0)
    margin: float = _training(
        0.2, "how much larger the squared distance to strangers should be", minimum=0
    )
    seed: int = _training(1, "of weights, held-out people and order", minimum=0)
    size: int = _network(96, "side of the crops", unit="pixels", minimum=32, maximum=512)
    width: int = _network(32, "channels of the first convolution", minimum=4)
    dimensions: int = _network(128, "size of the embedding", minimum=2)
