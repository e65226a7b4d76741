"""The sets of pictures that a paired run is tried on: its own inputs, the same photos in every
style, a user's sketches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tf_i2i.cartoon_styles import STYLES
from tf_i2i.errors import UserError
from tf_i2i.faces import face_ratio
from tf_i2i.picture_filters import mean_chroma
from training.pair_record import read_record
from training.run_folder import read_config
from training.sample_grid import centre_square
from training.scoring import Pictures

# As training.cartoonize's --min-chroma: colour photographs have more.
GREY_BELOW = 3.0
# Side of the face over the picture's shorter side from which a picture is a portrait.
LARGE_FACE = 0.4
OWN_INPUTS = "own inputs"
GROUPS = ("colour", "grey", "no face", "small face", "large face")


class Truths:
    """Photographs that outputs are held against. pictures: uint8 [side, side, 3]; names: theirs."""

    def __init__(self, names: list[str], pictures: list[np.ndarray]):
        self.names, self.pictures = names, pictures

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def kinds(self) -> list[dict]:
        """Of each: chroma, face_ratio, and the two of GROUPS that it belongs to."""
        return [_kind(picture) for picture in self.pictures]


@dataclass(frozen=True)
class PictureSet:
    """inputs: uint8 [side, side, 3], one for each of the truths; trained_on: they are as the run's
    training inputs.
    """

    name: str
    inputs: list[np.ndarray]
    truths: Truths
    trained_on: bool = False


def validation_sets(run: Path, side: int, most: int) -> list[PictureSet]:
    """The run's own validation inputs, then its validation targets redrawn in all other styles.

    The own inputs bear the name of their style where that is known, so each style is there once.

    Args:
        side: of the middle of each picture. most: pictures of a set, chosen evenly.

    Raises:
        UserError: the run's data can't be read, or it was trained to draw, not to undo a drawing.
    """
    from training.restore import run_data

    style, data = trained_style(run), run_data(run)
    chosen = evenly(len(data.val_a), most)
    photos = [data.val_b.image(i) for i in chosen]
    truths = Truths(
        [data.val_b.names[i] for i in chosen], [centre_square(photo, side) for photo in photos]
    )
    own = [centre_square(data.val_a.image(i), side) for i in chosen]
    sets = [PictureSet(style or OWN_INPUTS, own, truths, trained_on=True)]
    for name, draw in STYLES.items():
        if name != style:
            sets.append(
                PictureSet(name, [centre_square(draw(photo), side) for photo in photos], truths)
            )
    return sets


def sketch_set(sketches: Pictures, side: int, most: int) -> PictureSet:
    """A user's own pairs, the middle of each.

    Raises:
        UserError: a picture is smaller than `side`.
    """
    chosen = evenly(len(sketches.photos), most)
    pairs = [
        _alike(sketches.photos[i], sketches.truths[i], side, sketches.names[i]) for i in chosen
    ]
    truths = Truths([sketches.names[i] for i in chosen], [truth for _, truth in pairs])
    return PictureSet(sketches.split, [sketch for sketch, _ in pairs], truths)


def trained_style(run: Path) -> str | None:
    """The style of the run's training inputs, where the demo data or training.cartoonize made them;
    None: unknown.

    Raises:
        UserError: its inputs are the photos and its targets the drawings.
    """
    options = read_config(run)["options"]
    src = options.get("input") or options.get("pairs")
    if src is None:
        return "cartoon"
    root = Path(src).expanduser().parent
    try:
        record = read_record(root)
    except UserError:  # damaged: then nothing is known of the pairs
        return None
    if record is None:
        return None
    photos_in = (
        Path(src).name == "photo" if options.get("input") else options.get("direction") == "ba"
    )
    if photos_in:
        raise UserError(
            f"--robustness: {run} was trained to draw photos; the other styles are drawings, so name a run from drawing to photo"
        )
    return record.options.get("style")


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, spread over all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def group_members(truths: Truths, group: str) -> Sequence[int]:
    """Which of the truths are of one of GROUPS."""
    return [i for i, kind in enumerate(truths.kinds) if group in kind["groups"]]


def _kind(picture: np.ndarray) -> dict:
    chroma, ratio = mean_chroma(picture), face_ratio(picture)
    face = "no face" if not ratio else "small face" if ratio < LARGE_FACE else "large face"
    groups = ["grey" if chroma < GREY_BELOW else "colour", face]
    return {"chroma": round(chroma, 2), "face_ratio": round(ratio, 3), "groups": groups}


def _alike(
    sketch: np.ndarray, truth: np.ndarray, side: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    if truth.shape != sketch.shape:
        truth = cv2.resize(truth, sketch.shape[1::-1], interpolation=cv2.INTER_AREA)
    if min(sketch.shape[:2]) < side:
        raise UserError(
            f"--input: {name} has {sketch.shape[1]}x{sketch.shape[0]} pixels, {side} a side are needed"
        )
    return centre_square(sketch, side), centre_square(truth, side)
