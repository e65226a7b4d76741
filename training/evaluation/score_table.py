"""The names, digits and directions of all scores, and tables of them."""

import dataclasses
from collections.abc import Iterable, Sequence

from tf_i2i.console import text_table

PIXELS, NETWORKS, DRAWINGS, CLIPS = "pixels", "networks", "drawings", "clips"


@dataclasses.dataclass(frozen=True)
class Score:
    """How a score is shown: the head of its column, digits after the point, which table it is in.

    more_is_better: None where neither end is. choosable: whether a sweep may choose a value by it.
    """

    head: str
    digits: int
    more_is_better: bool | None
    table: str
    choosable: bool = False


# In the order of columns.
SCORES = {
    "l1": Score("L1", 2, False, PIXELS),
    "psnr_db": Score("PSNR dB", 2, True, PIXELS, choosable=True),
    "ssim": Score("SSIM", 3, True, PIXELS, choosable=True),
    "outline_f1": Score("outline F1", 3, True, PIXELS, choosable=True),
    "colour_error": Score("colour error", 2, False, PIXELS, choosable=True),
    "grid": Score("grid", 2, None, PIXELS),
    "grid_truth": Score("grid of truth", 2, None, PIXELS),
    "sift_inliers": Score("SIFT", 1, True, DRAWINGS),
    "sift_share": Score("SIFT share", 3, True, DRAWINGS),
    "verdict": Score("discriminator score", 3, None, DRAWINGS),
    "verdict_of_truth": Score("of truth", 3, None, DRAWINGS),
    "to_teacher_psnr_db": Score("to teacher dB", 2, True, PIXELS),
    "to_teacher_ssim": Score("SSIM to teacher", 3, True, PIXELS),
    "to_student_psnr_db": Score("to student dB", 2, True, PIXELS),
    "to_student_ssim": Score("SSIM to student", 3, True, PIXELS),
    "photo_psnr_db": Score("to photo dB", 2, True, NETWORKS),
    # More keeps more of the photo; a style that changes much has less, and is no worse for it.
    "photo_ssim": Score("SSIM to photo", 3, True, NETWORKS, choosable=True),
    "cycle_l1": Score("cycle L1", 2, False, NETWORKS, choosable=True),
    "cycle_psnr_db": Score("cycle dB", 2, True, NETWORKS),
    "cycle_ssim": Score("cycle SSIM", 3, True, NETWORKS),
    "kid": Score("KID", 3, False, NETWORKS, choosable=True),
    "kid_error": Score("+-", 3, None, NETWORKS),
    "fid": Score("FID", 2, False, NETWORKS, choosable=True),
    "identity_distance": Score("identity distance", 3, False, NETWORKS, choosable=True),
    "impostor_distance": Score("impostors", 3, None, NETWORKS),
    "identity_accuracy": Score("verified", 3, True, NETWORKS, choosable=True),
    "identity_auc": Score("identity AUC", 3, True, NETWORKS, choosable=True),
    "mask_iou": Score("mask IoU", 3, True, NETWORKS, choosable=True),
    "noise_gain": Score("noise gain", 3, False, CLIPS),
    "warping_error": Score("warping error", 2, False, CLIPS),
    "warping_ratio": Score("of the clip's", 2, False, CLIPS),
}


def columns_of(rows: Iterable[dict], names: Sequence[str] = tuple(SCORES)) -> list[str]:
    """Those of `names` that any of the rows has, in the order of `names`."""
    known = {name for row in rows for name in row}
    return [name for name in names if name in known]


def score_text(name: str, value: float | None, absent: str = "-") -> str:
    """The number with the score's digits; `absent` for None."""
    return absent if value is None else f"{value:.{SCORES[name].digits}f}"


def score_table(scores: dict[str, dict], table: str = PIXELS) -> str:
    """Aligned text: one row per model, one column per score of `table` that any of them has."""
    names = [name for name in columns_of(scores.values()) if SCORES[name].table == table]
    rows = [["", *(SCORES[name].head for name in names)]]
    for model, row in scores.items():
        # An infinite PSNR is null in JSON.
        cells = [score_text(name, row[name], absent="inf") if name in row else "" for name in names]
        rows.append([model, *cells])
    return text_table(rows)
