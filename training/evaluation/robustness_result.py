"""What a robustness evaluation found: RUN/robustness.json, its sheet of cases, and its table."""

from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import write_png
from tf_i2i.files import write_json
from training.evaluation.robustness import CASES, NO_SEGMENTATION
from training.evaluation.score_table import SCORES, columns_of, score_text
from training.reporting.image_grid import labelled_grid

# Name in the JSON -> what a reader must know of it.
MEANINGS = {
    "l1": "mean difference of 0 to 255; less is better",
    "psnr_db": "more is better",
    "ssim": "structural similarity; equal pictures have 1",
    "sift_inliers": "keypoints of the target found in the output (SIFT, RANSAC)",
    "sift_share": "the same, as a share of the target's matches with itself",
    "verdict": "probability of being real by the discriminator, input and output",
    "verdict_of_truth": "the same for input and target",
    "mask_iou": "masks of output and target, by the segmentation network",
    "kid": "kernel distance of outputs and targets; about 0 if indistinguishable",
    "kid_error": "standard deviation of KID over its subsets",
    "fid": "Frechet distance of outputs and targets; biased upwards for few pictures",
}


def table(result: dict) -> list[list[str]]:
    """Heads, then a line per set and, indented under it, one for each kind of photo."""
    names = columns_of(result["sets"].values(), tuple(MEANINGS))
    lines = [["", "images", *(SCORES[name].head for name in names)]]
    for set_name, scores in result["sets"].items():
        title = f"{set_name} (trained on)" if scores["trained_on"] else set_name
        groups = {f"  {group}": of_group for group, of_group in scores["groups"].items()}
        for head, row in {title: scores, **groups}.items():
            cells = (score_text(name, row[name]) if name in row else "" for name in names)
            lines.append([head, str(row["images"]), *cells])
    return lines


def notes(result: dict) -> list[str]:
    """What the numbers were made with, a sentence each."""
    found = [f"features of KID and FID: {result['features']}"]
    masks = result["segmentation_model"]
    found.append(f"masks: {masks}" if masks else NO_SEGMENTATION)
    small = [name for name, scores in result["sets"].items() if scores["kid"] is None]
    return found + ([f"too few pictures for KID: {', '.join(small)}"] if small else [])


def quartiles(result: dict, set_name: str, score: str) -> tuple[float, float] | None:
    """First and third quartile over the pictures of a set; of KID, one standard deviation."""
    scores = result["sets"][set_name]
    if scores[score] is None:
        return None
    if score == "kid":
        return scores["kid"] - scores["kid_error"], scores["kid"] + scores["kid_error"]
    rows = [row[score] for row in result["pictures"] if row["set"] == set_name]
    low, high = np.percentile([value for value in rows if value is not None], (25, 75))
    return float(low), float(high)


def write_result(run: Path, result: dict) -> list[Path]:
    """Writes robustness.json and robustness.png (the cases) below `run`; returns their paths."""
    paths = [run / "robustness.json", run / "robustness.png"]
    write_json(paths[0], {name: value for name, value in result.items() if name != "sheet"})
    write_png(paths[1], case_sheet(result["sheet"]))
    return paths


def case_sheet(rows: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    """A row per set; input, output, target of its best, median and worst picture: uint8 [H, W, 3]."""
    labels = [f"{case}: {kind}" for case in CASES for kind in ("input", "output", "target")]
    columns = {label: np.stack([row[label] for row in rows.values()]) for label in labels}
    return labelled_grid(columns, [name if len(name) < 16 else f"...{name[-12:]}" for name in rows])
