"""How a paired run does on drawings unlike those that it was trained on: one score a style, a
metric and a kind of photo.

The question, the other styles and the sketches are those of Isola et al. 2017, section 4
(FCN-score) and its community appendix; which kinds of photo are told apart is what our own study of
drawings found to matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.faces import face_ratio
from tf_i2i.data.pixels import centre_square
from tf_i2i.data.screening import mean_chroma
from tf_i2i.errors import UserError
from tf_i2i.metrics import fid_kid as distances
from tf_i2i.metrics import image_metrics as metrics
from tf_i2i.metrics.feature_networks import open_features
from tf_i2i.metrics.image_metrics import sift_matches
from tf_i2i.metrics.mask_metrics import mean_iou
from tf_i2i.pretrained.segmentation_networks import Segment, open_segmenter
from training.cartoon_pairs.pair_folder import read_record
from training.evaluation.scoring import Pictures, Translate
from training.runs.finished_run import FinishedRun

Judge = Callable[[np.ndarray, np.ndarray], float]


RANKED_BY = "ssim"


CASES = ("best", "median", "worst")


NO_SEGMENTATION = "no masks were compared: name a network with --segmentation-model FILE"


def evaluate_robustness(
    run: FinishedRun, options, translate: Translate, side: int, sketches: Pictures | None
) -> dict:
    """Scores a paired run on its own inputs, on every style and on sketches.

    Args:
        options: has features, segmentation_model (SRC or None), most_pictures.
        translate: the run's generator. side: of the squares that it takes.
        sketches: a user's pairs, or None.

    Returns:
        What robustness.json holds, and under "sheet" the pictures of the best, median and worst
        cases (see `sheet_rows`).

    Raises:
        UserError: not a run of pairs, or features, network or pictures that can't be used.
    """
    if not run.paired:
        raise UserError(
            f"--robustness: {run.root} was not trained on pairs; name a run of training.pix2pix"
        )
    features = open_features(options.features)
    segment = open_segmenter(options.segmentation_model) if options.segmentation_model else None
    judge = discriminator_judge(run)
    sets = validation_sets(run, side, options.most_pictures)
    if sketches:
        sets.append(sketch_set(sketches, side, options.most_pictures))
    result = {
        "run": str(run.root),
        "side": side,
        "features": features.name,
        "segmentation_model": options.segmentation_model,
        "sets": {},
        "pictures": [],
        "sheet": {},
    }
    truths_features: dict[int, np.ndarray] = {}
    for one in sets:
        outputs = _translated(one, translate)
        rows = [
            {"set": one.name, "name": name, **kind, **scored(source, output, truth, judge, segment)}
            for name, kind, source, output, truth in zip(
                one.truths.names,
                one.truths.kinds,
                one.inputs,
                outputs,
                one.truths.pictures,
                strict=True,
            )
        ]
        if id(one.truths) not in truths_features:
            truths_features[id(one.truths)] = features(one.truths.pictures)
        far = distribution_scores(features(outputs), truths_features[id(one.truths)])
        result["sets"][one.name] = {
            "trained_on": one.trained_on,
            **means(rows),
            **far,
            "groups": _groups(one, rows),
        }
        result["pictures"] += rows
        result["sheet"][one.name] = sheet_rows(one, outputs, rows)
    return result


def discriminator_judge(run: FinishedRun) -> Judge:
    """Mean probability, over patches, that the run's discriminator gives a pair (uint8 [H, W, 3]
    twice) of being real.
    """
    from tf_i2i.data.pixels import to_float
    from tf_i2i.models.losses import probability_of_real

    discriminator, kind = run.discriminator(), run.options.gan_loss

    def judge(source: np.ndarray, output: np.ndarray) -> float:
        pair = to_float(np.concatenate([source, output], axis=-1)[None])
        return float(probability_of_real(discriminator(pair, training=False), kind))

    return judge


def scored(source, output, truth, judge: Judge, segment: Segment | None) -> dict[str, float | None]:
    """One picture's scores by name; mask_iou only with a segmentation network, sift_share None
    where truth has no detail.
    """
    sift = sift_matches(output, truth)
    found = {
        "l1": metrics.l1(output, truth),
        "psnr_db": metrics.psnr(output, truth),
        "ssim": metrics.ssim(output, truth),
        "sift_inliers": sift.inliers,
        "sift_share": sift.share,
        "verdict": judge(source, output),
        "verdict_of_truth": judge(source, truth),
    }
    if segment:
        found["mask_iou"] = mean_iou(segment(output), segment(truth))
    return {
        name: None if value is None or not math.isfinite(value) else round(value, 5)
        for name, value in found.items()
    }


def distribution_scores(outputs: np.ndarray, truths: np.ndarray) -> dict[str, float | None]:
    """kid, kid_error and fid of two sets of features; None for sets that are too small to tell."""
    if min(len(outputs), len(truths)) < distances.MIN_PICTURES:
        return {"kid": None, "kid_error": None, "fid": None}
    kernel = distances.kernel_distance(outputs, truths)
    found = {
        "kid": kernel.value,
        "kid_error": kernel.error,
        "fid": distances.frechet_distance(outputs, truths),
    }
    return {name: round(value, 5) for name, value in found.items()}


def means(rows: Sequence[dict]) -> dict:
    """Means by score over the pictures that have it, and `images`."""
    names = [name for name, value in rows[0].items() if name not in _NOT_SCORES]
    values = {name: [row[name] for row in rows if row[name] is not None] for name in names}
    return {"images": len(rows)} | {
        name: round(float(np.mean(v)), 5) if v else None for name, v in values.items()
    }


_NOT_SCORES = frozenset({"set", "name", "chroma", "face_ratio", "groups"})


def _groups(one: PictureSet, rows: list[dict]) -> dict[str, dict]:
    """Means by kind of photo, for the kinds that are there and are not all there is."""
    members = {group: group_members(one.truths, group) for group in GROUPS}
    return {
        group: means([rows[i] for i in found])
        for group, found in members.items()
        if 0 < len(found) < len(rows)
    }


def _translated(one: PictureSet, translate: Translate) -> list[np.ndarray]:
    from tqdm import tqdm

    return [translate(picture) for picture in tqdm(one.inputs, one.name, unit="image", delay=1)]


def sheet_rows(
    one: PictureSet, outputs: list[np.ndarray], rows: list[dict]
) -> dict[str, np.ndarray]:
    """The best, the median and the worst picture by SSIM: "best: input", "best: output", "best:
    target", ... to uint8.
    """
    order = sorted(range(len(rows)), key=lambda i: -rows[i][RANKED_BY])
    found = {}
    for case, place in zip(CASES, (order[0], order[len(order) // 2], order[-1]), strict=True):
        pictures = {
            "input": one.inputs[place],
            "output": outputs[place],
            "target": one.truths.pictures[place],
        }
        found |= {f"{case}: {kind}": picture for kind, picture in pictures.items()}
    return found


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


def validation_sets(run: FinishedRun, side: int, most: int) -> list[PictureSet]:
    """The run's own validation inputs, then its validation targets redrawn in all other styles.

    The own inputs bear the name of their style where that is known, so each style is there once.

    Args:
        side: of the middle of each picture. most: pictures of a set, chosen evenly.

    Raises:
        UserError: the run's data can't be read, or it was trained to draw, not to undo a drawing.
    """
    style, data = trained_style(run), run.data()
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


def trained_style(run: FinishedRun) -> str | None:
    """The style of the run's training inputs, where the demo data or training.cartoonize made them;
    None: unknown.

    Raises:
        UserError: its inputs are the photos and its targets the drawings.
    """
    options = run.options
    src = options.input or options.pairs
    if src is None:
        return "cartoon"
    root = Path(src).expanduser().parent
    try:
        record = read_record(root)
    except UserError:  # damaged: then nothing is known of the pairs
        return None
    if record is None:
        return None
    photos_in = Path(src).name == "photo" if options.input else options.direction == "ba"
    if photos_in:
        raise UserError(
            f"--robustness: {run.root} was trained to draw photos; the other styles are drawings, so name a run from drawing to photo"
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
