"""What a robustness evaluation shows: a table for the terminal, RUN/robustness.json, .png (cases)
and .html (figures).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import write_png
from tf_i2i.files import write_json, write_text
from training.evaluation.robustness import CASES, NO_SEGMENTATION
from training.evaluation.score_table import SCORES, columns_of, score_text
from training.reporting import html_page as html
from training.reporting.charts import Bar, bar_chart
from training.reporting.image_grid import labelled_grid

# Name in the JSON -> what a reader must know of it.
MEANINGS = {
    "l1": "mean difference, steps of 0 to 255; less is better",
    "psnr_db": "more is better",
    "ssim": "structural similarity; equal pictures have 1",
    "sift_inliers": "places of the target that the output has, by SIFT, ratio test and RANSAC",
    "sift_share": "the same, as a share of the target's matches with itself",
    "verdict": "mean probability of being real that the discriminator gives input and output",
    "verdict_of_truth": "the same for input and target",
    "mask_iou": "masks of output and target, by the segmentation network; equal masks have 1",
    "kid": "kernel distance of outputs and targets; about 0 where they can't be told apart",
    "kid_error": "standard deviation of KID over its subsets",
    "fid": "Frechet distance of outputs and targets; biased upwards for few pictures",
}


_NOT_CHARTED = ("verdict_of_truth", "kid_error", "fid")


_TRAINED_ON, _OTHER = 1, 0


def table(result: dict) -> list[list[str]]:
    """Heads, then a line a set and, indented under it, one for each kind of photo."""
    names = columns_of(result["sets"].values(), tuple(MEANINGS))
    lines = [["", "images", *(SCORES[name].head for name in names)]]
    for set_name, scores in result["sets"].items():
        title = f"{set_name} (trained on)" if scores["trained_on"] else set_name
        lines.append(_line(title, scores, names))
        lines += [
            _line(f"  {group}", of_group, names) for group, of_group in scores["groups"].items()
        ]
    return lines


def notes(result: dict) -> list[str]:
    """What the numbers were made with, a sentence each."""
    found = [
        f"features of KID and FID: {result['features']}",
        f"masks: {result['segmentation_model']}"
        if result["segmentation_model"]
        else NO_SEGMENTATION,
    ]
    small = [name for name, scores in result["sets"].items() if scores["kid"] is None]
    return found + ([f"too few pictures for KID: {', '.join(small)}"] if small else [])


def write_result(run: Path, result: dict) -> list[Path]:
    """Writes robustness.json, .png and .html below `run`; returns their paths."""
    paths = [run / f"robustness.{suffix}" for suffix in ("json", "png", "html")]
    sheet = case_sheet(result)
    write_json(paths[0], {name: value for name, value in result.items() if name != "sheet"})
    write_png(paths[1], sheet)
    write_text(paths[2], page(result, sheet))
    return paths


def case_sheet(result: dict) -> np.ndarray:
    """A row a set; input, output, target of its best, median and worst picture: uint8 [H, W, 3]."""
    rows = result["sheet"]
    labels = [f"{case}: {kind}" for case in CASES for kind in ("input", "output", "target")]
    names = [name if len(name) < 16 else "..." + name[-12:] for name in rows]
    return labelled_grid(
        {label: np.stack([row[label] for row in rows.values()]) for label in labels}, names
    )


def page(result: dict, sheet: np.ndarray) -> str:
    """The self-contained page."""
    heads, *lines = table(result)
    meanings = [
        (SCORES[name].head, said) for name, said in MEANINGS.items() if SCORES[name].head in heads
    ]
    charts = [
        chart(result, name)
        for name in MEANINGS
        if name not in _NOT_CHARTED and SCORES[name].head in heads
    ]
    what = (
        f"Outputs against the true pictures, middle {result['side']} x {result['side']} pixels, by style of the drawing. "
        "Bars reach to the mean, whiskers from the first to the third quartile of the pictures (KID: plus and minus its error)."
    )
    picture = html.picture_element(
        sheet, "best, median and worst case of each set: input, output, target"
    )
    body = [
        f"<h1>{html.escape(Path(result['run']).name)}: robustness</h1>",
        html.paragraph(what, "lead"),
        *(html.paragraph(note, "note") for note in notes(result)),
        html.section(
            "scores",
            "Scores",
            html.table(heads, lines, "scores by set"),
            html.definitions(meanings),
        ),
        html.section("figures", "Figures", f'<div class="charts">{"".join(charts)}</div>'),
        html.section("cases", "Best, median and worst, by SSIM", f"<figure>{picture}</figure>"),
    ]
    return html.page(f"{Path(result['run']).name}: robustness", "\n".join(body))


def chart(result: dict, name: str) -> str:
    """A <figure> with one metric: a bar a set, the style that was trained on in another colour."""
    head, said = SCORES[name].head, MEANINGS[name]
    bars = []
    for set_name, scores in result["sets"].items():
        value = scores[name]
        text = score_text(name, value)
        colour = _TRAINED_ON if scores["trained_on"] else _OTHER
        bars.append(Bar(set_name[-24:], value, text, _whisker(result, set_name, name), colour))
    label = f"{head}: " + "; ".join(f"{bar.name} {bar.text}" for bar in bars)
    return (
        f'<figure class="chart"><figcaption>{html.escape(head)}</figcaption>'
        f"{bar_chart(bars, said, label, name_room=190)}</figure>"
    )


def _whisker(result: dict, set_name: str, name: str) -> tuple[float, float] | None:
    scores = result["sets"][set_name]
    if scores[name] is None:
        return None
    if name == "kid":
        return scores["kid"] - scores["kid_error"], scores["kid"] + scores["kid_error"]
    values = [
        row[name] for row in result["pictures"] if row["set"] == set_name and row[name] is not None
    ]
    low, high = np.percentile(values, (25, 75))
    return float(low), float(high)


def _line(title: str, scores: dict, names: list[str]) -> list[str]:
    cells = ("" if name not in scores else score_text(name, scores[name]) for name in names)
    return [title, str(scores["images"]), *cells]
