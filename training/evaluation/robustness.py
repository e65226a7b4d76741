"""How a paired run does on drawings unlike those that it was trained on.

The question, the other styles and the sketches are those of Isola et al. 2017, section 4
(FCN-score) and its community appendix.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.faces import face_ratio
from tf_i2i.data.paired_images import in_shape_of
from tf_i2i.data.pixels import centre_square, spread, to_float
from tf_i2i.data.screening import mean_chroma
from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from tf_i2i.metrics.feature_networks import open_features
from tf_i2i.metrics.fid_kid import distribution_scores
from tf_i2i.metrics.mask_metrics import mean_iou
from tf_i2i.models.losses import probability_of_real
from tf_i2i.pretrained.segmentation_networks import Segment, open_segmenter
from training.cartoon_pairs.pair_folder import read_record
from training.evaluation.evaluated_pictures import Pictures
from training.evaluation.scoring import Translate
from training.options.evaluate_options import EvaluateOptions
from training.runs.finished_run import FinishedRun

Judge = Callable[[np.ndarray, np.ndarray], float]

CASES = ("best", "median", "worst")
NO_SEGMENTATION = "no masks were compared: name a network with --segmentation-model FILE"
GROUPS = ("colour", "grey", "no face", "small face", "large face")
# As --min-chroma of training.cartoonize: colour photographs have more.
_GREY_BELOW = 3.0
# Portraits: side of the face over the picture's shorter side.
_LARGE_FACE = 0.4
_OWN_INPUTS = "own inputs"
_NOT_SCORES = frozenset({"set", "name", "chroma", "face_ratio", "groups"})


@dataclass(frozen=True)
class DrawingSet:
    """Photographs, uint8 [side, side, 3], and drawings of each by style, of the same shape;
    trained_on: the style that the run was trained on, if it is among them.
    """

    names: list[str]
    photos: list[np.ndarray]
    drawings: dict[str, list[np.ndarray]]
    trained_on: str | None = None


def evaluate_robustness(
    run: FinishedRun,
    options: EvaluateOptions,
    translate: Translate,
    side: int,
    sketches: Pictures | None,
) -> dict:
    """Scores a paired run on its own inputs, on every style and on sketches, a user's pairs: the
    contents of robustness.json, and under "sheet" the pictures of `sheet_rows`.

    translate: the run's generator, of squares of `side` pixels. Raises UserError: not a run of
    pairs, or features, network or pictures that can't be used.
    """
    if not run.paired:
        raise UserError(f"--robustness: {run.root} was not trained on pairs; name one of pix2pix")
    features = open_features(options.features)
    segment = open_segmenter(options.segmentation_model) if options.segmentation_model else None
    judge = discriminator_judge(run)
    sets = [validation_set(run, side, options.most_pictures)]
    if sketches:
        sets.append(sketch_set(sketches, side, options.most_pictures))
    result = {"run": str(run.root.absolute()), "side": side, "features": features.name}
    result |= {"segmentation_model": options.segmentation_model}
    result |= {"sets": {}, "pictures": [], "sheet": {}}
    for of in sets:
        kinds, photo_features = [kind_of(photo) for photo in of.photos], features(of.photos)
        for style, inputs in of.drawings.items():
            outputs = [translate(one) for one in tqdm(inputs, style, unit="image", delay=1)]
            pairs = zip(of.names, kinds, inputs, outputs, of.photos, strict=True)
            rows = [
                {"set": style, "name": name, **kind, **scored(*pictures, judge, segment)}
                for name, kind, *pictures in pairs
            ]
            result["sets"][style] = {
                "trained_on": style == of.trained_on,
                **means(rows),
                **distribution_scores(features(outputs), photo_features),
                "groups": _group_means(rows),
            }
            result["pictures"] += rows
            result["sheet"][style] = sheet_rows(inputs, outputs, of.photos, rows)
    return result


def discriminator_judge(run: FinishedRun) -> Judge:
    """Probability, mean over patches, that the discriminator gives two uint8 [H, W, 3] as real."""
    discriminator, kind = run.discriminator(), run.options.gan_loss

    def judge(source: np.ndarray, output: np.ndarray) -> float:
        pair = to_float(np.concatenate([source, output], axis=-1)[None])
        return float(probability_of_real(discriminator(pair, training=False), kind))

    return judge


def scored(source, output, truth, judge: Judge, segment: Segment | None) -> dict[str, float | None]:
    """Scores by name; mask_iou only with a segmentation network, sift_share maybe None."""
    sift = metrics.sift_matches(output, truth)
    scores = {
        "l1": metrics.l1(output, truth),
        "psnr_db": metrics.psnr(output, truth),
        "ssim": metrics.ssim(output, truth),
        "sift_inliers": sift.inliers,
        "sift_share": sift.share,
        "verdict": judge(source, output),
        "verdict_of_truth": judge(source, truth),
    }
    if segment:
        scores["mask_iou"] = mean_iou(segment(output), segment(truth))
    known = {k: v for k, v in scores.items() if v is not None and math.isfinite(v)}
    return dict.fromkeys(scores) | {name: round(value, 5) for name, value in known.items()}


def means(rows: Sequence[dict]) -> dict:
    """Means by score over the pictures that have it, and `images`."""
    names = [name for name in rows[0] if name not in _NOT_SCORES]
    values = {name: [row[name] for row in rows if row[name] is not None] for name in names}
    rounded = {n: round(float(np.mean(of)), 5) if of else None for n, of in values.items()}
    return {"images": len(rows)} | rounded


def _group_means(rows: Sequence[dict]) -> dict[str, dict]:
    """Means by kind of photo, for the kinds that some of the photos have, but not all."""
    members = {group: [row for row in rows if group in row["groups"]] for group in GROUPS}
    return {group: means(of) for group, of in members.items() if 0 < len(of) < len(rows)}


def sheet_rows(inputs, outputs, photos, rows: Sequence[dict]) -> dict[str, np.ndarray]:
    """The best, median and worst picture by SSIM: "best: input", "best: output", ... to uint8."""
    order = sorted(range(len(rows)), key=lambda i: -rows[i]["ssim"])
    columns = {"input": inputs, "output": outputs, "target": photos}
    cases = zip(CASES, (order[0], order[len(order) // 2], order[-1]), strict=True)
    kinds = columns.items()
    return {f"{case}: {kind}": of[place] for case, place in cases for kind, of in kinds}


def validation_set(run: FinishedRun, side: int, max_pictures: int) -> DrawingSet:
    """Middles of the run's own validation inputs, and of its targets redrawn in all other styles.

    Raises UserError when data can't be read, or the run was trained to draw, not to undo a drawing.
    """
    style, data = trained_style(run), run.some_data
    chosen = spread(len(data.val_a), max_pictures)
    photos = [data.val_b.image(i) for i in chosen]
    own = style or _OWN_INPUTS
    drawings = {own: [centre_square(data.val_a.image(i), side) for i in chosen]}
    for name, draw in STYLES.items():
        if name != style:
            drawings[name] = [centre_square(draw(photo), side) for photo in photos]
    names = [data.val_b.names[i] for i in chosen]
    return DrawingSet(names, [centre_square(photo, side) for photo in photos], drawings, own)


def sketch_set(sketches: Pictures, side: int, max_pictures: int) -> DrawingSet:
    """A user's own pairs, the middle of each. Raises UserError for one smaller than `side`."""
    chosen = spread(len(sketches.photos), max_pictures)
    names, drawn = [sketches.names[i] for i in chosen], [sketches.photos[i] for i in chosen]
    photos = [in_shape_of(sketches.truths[i], sketches.photos[i]) for i in chosen]
    for name, drawing in zip(names, drawn, strict=True):
        height, width = drawing.shape[:2]
        if min(height, width) < side:
            reason = f"has {width}x{height} pixels, {side} per side are needed"
            raise UserError(f"--input: {name} {reason}")
    drawings = {sketches.split: [centre_square(drawing, side) for drawing in drawn]}
    return DrawingSet(names, [centre_square(photo, side) for photo in photos], drawings)


def trained_style(run: FinishedRun) -> str | None:
    """The style of the run's inputs, where the demo data or training.cartoonize made them, or None.
    Raises UserError where its inputs are the photos and its targets the drawings.
    """
    options = run.options
    src = options.input or options.pairs
    if src is None:
        return "cartoon"
    try:
        record = read_record(Path(src).parent)
    except UserError:  # damaged: then nothing is known of the pairs
        record = None
    if record is None:
        return None
    if Path(src).name == "photo" if options.input else options.direction == "ba":
        trained = "was trained to draw photos; name a run from drawing to photo"
        raise UserError(f"--robustness: {run.root} {trained}")
    return record.options.get("style")


def kind_of(picture: np.ndarray) -> dict:
    """chroma, face_ratio, and under "groups" the two of GROUPS that the photo belongs to."""
    chroma, ratio = mean_chroma(picture), face_ratio(picture)
    face = "no face" if not ratio else "small face" if ratio < _LARGE_FACE else "large face"
    groups = ["grey" if chroma < _GREY_BELOW else "colour", face]
    return {"chroma": round(chroma, 2), "face_ratio": round(ratio, 3), "groups": groups}
