"""How a paired run does on drawings unlike those that it was trained on: one score a style, a
metric and a kind of photo.

The question, the other styles and the sketches are those of Isola et al. 2017, section 4
(FCN-score) and its community appendix; which kinds of photo are told apart is what our own study of
drawings found to matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tf_i2i import distribution_distances as distances
from tf_i2i import metrics
from tf_i2i.errors import UserError
from tf_i2i.feature_networks import open_features
from tf_i2i.segmentation_models import Segment, mean_iou, open_segmenter
from tf_i2i.sift_matches import sift_matches
from training.robustness_sets import GROUPS, PictureSet, group_members, sketch_set, validation_sets
from training.run_folder import read_config
from training.scoring import Pictures, Translate

Judge = Callable[[np.ndarray, np.ndarray], float]
RANKED_BY = "ssim"
CASES = ("best", "median", "worst")
NO_SEGMENTATION = "no masks were compared: name a network with --segmentation-model FILE"


def evaluate_robustness(
    run: Path, options, translate: Translate, side: int, sketches: Pictures | None
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
    if read_config(run)["model"] != "pix2pix":
        raise UserError(
            f"--robustness: {run} was not trained on pairs; name a run of training.pix2pix"
        )
    features = open_features(options.features)
    segment = open_segmenter(options.segmentation_model) if options.segmentation_model else None
    judge = discriminator_judge(run)
    sets = validation_sets(run, side, options.most_pictures)
    if sketches:
        sets.append(sketch_set(sketches, side, options.most_pictures))
    result = {
        "run": str(run),
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


def discriminator_judge(run: Path) -> Judge:
    """Mean probability, over patches, that the run's discriminator gives a pair (uint8 [H, W, 3]
    twice) of being real.
    """
    from tf_i2i.losses import probability_of_real
    from tf_i2i.pixels import to_float
    from training.restore import load_discriminator

    discriminator, kind = load_discriminator(run), read_config(run)["options"]["gan_loss"]

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
    if min(len(outputs), len(truths)) < distances.LEAST_PICTURES:
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
