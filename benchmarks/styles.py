"""Quality against minutes: our trainers and others, with the same time on the same pictures.

For each style, number of minutes and seed every trainer gets the photos and the paintings; then it translates photos
that none of them was trained on. Scores, in OUT/styles.json, .svg and, with pictures, OUT/STYLE.png:
  gap closed   share of the distance (KID) from photos to paintings that is gone: 0 % is the untouched photo, 100 % a
               painting; +- is its standard error by the choice of pictures
  structure    SSIM of luminance at 64 pixels, photo to translation: is everything where it was?
  detail       share of the photo's local contrast that is kept in its place
More of the first usually costs some of the others: compare all three. Examples:

  python -m benchmarks.styles --photos photos/ --style monet/ klimt/ --out runs/styles
  python -m benchmarks.styles --photos photos/ --style monet/ --out runs/styles --minutes 2 8 \\
      --ours onesided "bold=onesided --look bold" "cyclegan --load-size 160 --crop-size 128" \\
      --peer "cut=./cut.sh {photos} {style} {minutes} {test} {out}"

A peer is a shell command. It trains for {minutes} (and, if it likes, with {seed}) on the pictures in the folders {photos}
and {style}, then writes a translation of each picture in {test} to {out}, under the same name, of any format and size,
but the whole picture. The same command goes on after an interruption with the trainings that are missing.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import Results, parse_options, table
from benchmarks.style_judge import Judge, split_photos
from benchmarks.style_trainings import MIN_MINUTES, OURS, Job, complete, named_trainers
from tf_i2i.command_line import option_group, run_command
from tf_i2i.data.image_files import write_png
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import require_writable, write_text
from tf_i2i.metrics.feature_networks import open_features
from training.reporting.image_grid import labelled_grid
from training.system.locks import locked_folder

_pictures, _trainings, _results = map(option_group, ("pictures", "trainings", "results"))
_SCORES = {"gap_closed": "gap closed, %", "structure": "structure", "detail": "detail"}


@dataclasses.dataclass(frozen=True)
class StylesOptions:
    photos: str | None = _pictures(
        None, "folder of photos; a tenth is held out for the scores (required)", metavar="DIR"
    )
    style: tuple[str, ...] = _pictures(
        (), "folders of paintings, one per style (required)", metavar="[NAME=]DIR", repeatable=True
    )
    out: str = _results("runs/styles", "folder for trainings and results", metavar="DIR")
    minutes: tuple[float, ...] = _trainings(
        (2, 5, 10, 30), "of training; each number is a training", minimum=MIN_MINUTES
    )
    ours: tuple[str, ...] = _trainings(
        ("onesided",),
        f"our trainers ({', '.join(OURS)}), each in quotes with options of its own",
        metavar="[NAME=]TRAINER",
        repeatable=True,
    )
    peer: tuple[str, ...] = _trainings(
        (), "other trainers, see above", metavar="NAME=COMMAND", repeatable=True
    )
    seeds: int = _trainings(1, "trainings of each kind, with seeds 1, 2, ...", minimum=1)
    features: str = _results(
        "auto",
        "whose KID: offline (a fixed filter bank), inception or an .h5 file of its weights; auto: "
        "inception where Keras has its weights already. None of them is trained with",
        metavar="{auto,offline,inception,FILE}",
    )


def main(argv: list[str] | None = None) -> None:
    options = parse_options(StylesOptions, argv, "styles", __doc__)
    if not options.photos or not options.style:
        raise UserError("--photos DIR and --style DIR are needed: photos, and paintings of a style")
    styles, trainers = named_styles(options.style), named_trainers(options.ours, options.peer)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As an exception, so that no training goes on alone.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    out, where = Path(options.out).resolve(), f"--out {one_line(options.out)}"
    require_writable(out, where)
    with locked_folder(out, f"{where}: another process trains there; wait, or name another folder"):
        results = Results(str(out / "styles.json"))
        test = split_photos(options.photos, out)
        judge = Judge(open_features(options.features), test, styles)
        minutes, seeds = sorted(set(options.minutes)), range(1, options.seeds + 1)
        # The short ones of all trainers come first.
        order = itertools.product(seeds, minutes, styles, trainers)
        jobs = [Job(style, styles[style], trainer, m, seed) for seed, m, style, trainer in order]
        rows, failed = complete(jobs, judge, out)
        if rows:
            results.report(options, report(rows, judge, out), rows=rows, judge=judge.facts())
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} trainings failed: {'; '.join(failed)}")


def named_styles(values: Sequence[str]) -> dict[str, Path]:
    """Folders by name, by default the folder's own."""
    styles = {}
    for value in values:
        named = None if Path(value).is_dir() else re.fullmatch(r"(\w[\w.+-]*)=(.+)", value)
        name, folder = named.groups() if named else (Path(value).resolve().name, value)
        if not Path(folder).is_dir():
            raise UserError(f"--style {one_line(folder)}: no such folder; name one of paintings")
        if name in (*styles, "photos", "test"):
            raise UserError(f"--style: {one_line(name)} is taken as a name; write NAME={value}")
        styles[name] = Path(folder).resolve()
    return styles


def report(rows: Sequence[dict], judge: Judge, out: Path) -> list[str]:
    """Write the chart and a sheet for each style; returns the table between what it is about."""
    from training.reporting.charts import svg_file  # matplotlib takes a second to import

    write_text(out / "styles.svg", svg_file(chart(rows)))
    files = [out / "styles.svg"]
    for (style,), of_style in grouped(rows, "style").items():
        files.append(out / f"{style}.png")
        first = [row for row in of_style if row["seed"] == 1]
        first.sort(key=lambda row: row["trainer"])
        folders = {f"{row['trainer']} {row['minutes']:g} min": out / row["folder"] for row in first}
        write_png(files[-1], labelled_grid(judge.examples(folders)))
    facts = judge.facts()
    head = f"{len(facts['test'])} held-out photos; features of KID: {facts['features']}"
    return [head, score_table(rows), f"pictures: {', '.join(map(str, files))}"]


def grouped(rows: Sequence[dict], *names: str) -> dict[tuple, list[dict]]:
    """Rows by their values under these names."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def score_table(rows: Sequence[dict]) -> str:
    """Means over the seeds, and of several their range."""

    def cell(group: list[dict], name: str, digits: int) -> str:
        numbers = [row[name] for row in group]
        mean, *ends = (f"{f(numbers):.{digits}f}" for f in (np.mean, min, max))
        return mean if len(numbers) == 1 else f"{mean} ({' to '.join(ends)})"

    digits = {"took_minutes": 1, "gap_closed": 0, "gap_error": 0, "structure": 3, "detail": 3}
    lines = [
        (style, trainer, f"{minutes:g}", *(cell(group, *column) for column in digits.items()))
        for (style, trainer, minutes), group in grouped(rows, "style", "trainer", "minutes").items()
    ]
    head = ("style", "trainer", "minutes", "took", "gap closed %", "+-", "structure", "detail")
    return table(head, sorted(lines, key=lambda line: line[:2]))


def chart(rows: Sequence[dict]) -> str:
    """A row of panels per style, a panel per score."""
    from training.reporting.charts import curves_chart

    panels = []
    for (style,), of_style in grouped(rows, "style").items():
        for score, title in _SCORES.items():
            curves: dict[str, dict[float, list[float]]] = {}
            for (trainer, minutes), group in grouped(of_style, "trainer", "minutes").items():
                curves.setdefault(trainer, {})[minutes] = [row[score] for row in group]
            panels.append({"title": f"{style}: {title}", "curves": curves})
    return curves_chart(panels, len(_SCORES), "minutes of training", "Quality against minutes")


if __name__ == "__main__":
    run_command(main)
