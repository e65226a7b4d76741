"""What every table and figure calls a score of evaluation.json and robustness.json, and which way
is better.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Score:
    """head: of a column; digits after the point; more_is_better: None where neither end is the
    better one.
    """

    head: str
    digits: int
    more_is_better: bool | None


# In the order of columns.
SCORES = {
    "l1": Score("L1", 2, False),
    "psnr_db": Score("PSNR dB", 2, True),
    "ssim": Score("SSIM", 3, True),
    "outline_f1": Score("outline F1", 3, True),
    "colour_error": Score("colour error", 2, False),
    "grid": Score("grid", 2, None),
    "grid_truth": Score("grid of truth", 2, None),
    "sift_inliers": Score("SIFT", 1, True),
    "sift_share": Score("SIFT share", 3, True),
    "verdict": Score("verdict", 3, None),
    "verdict_of_truth": Score("of truth", 3, None),
    "to_teacher_psnr_db": Score("to teacher dB", 2, True),
    "to_teacher_ssim": Score("SSIM to teacher", 3, True),
    "to_student_psnr_db": Score("to student dB", 2, True),
    "to_student_ssim": Score("SSIM to student", 3, True),
    "photo_psnr_db": Score("to photo dB", 2, True),
    # More is what keeps the photo; a style that changes much has less, and is no worse for it.
    "photo_ssim": Score("SSIM to photo", 3, True),
    "cycle_l1": Score("cycle L1", 2, False),
    "cycle_psnr_db": Score("cycle dB", 2, True),
    "cycle_ssim": Score("cycle SSIM", 3, True),
    "kid": Score("KID", 3, False),
    "kid_error": Score("+-", 3, None),
    "fid": Score("FID", 2, False),
    "identity_distance": Score("identity distance", 3, False),
    "impostor_distance": Score("impostors", 3, None),
    "identity_accuracy": Score("verified", 3, True),
    "identity_auc": Score("identity AUC", 3, True),
    "mask_iou": Score("mask IoU", 3, True),
}


def columns_of(rows: Iterable[dict], names: Sequence[str] = tuple(SCORES)) -> list[str]:
    """Those of `names` that any of the rows has a number for, in the order of `names`."""
    held = {name for row in rows for name in row}
    return [name for name in names if name in held]


def score_text(name: str, value: float | None, absent: str = "-") -> str:
    """The number with the score's digits; `absent` for None."""
    return absent if value is None else f"{value:.{SCORES[name].digits}f}"
