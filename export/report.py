"""Writes RUN/report.html: one page, pictures and all, that tells how a run was made and how good it
is.

Opens without a network in any browser. Run it again after further exports, benchmarks or
evaluations.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.files import write_text
from training.runs.run_folder import RunFolder, newest_run


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """Options of export.report."""

    run: str | None = option(
        None, "run folder; default the newest run with a checkpoint", group="run", metavar="DIR"
    )


def write_report(run: Path) -> Path:
    """Reads a run folder, translates some of its held-out pictures, writes report.html whole or not
    at all.

    Returns its path. Raises UserError when `run` is no run folder or can't be written to.
    """
    from export.html_report import report_sections
    from export.html_report import report_sections as report_tables
    from export.html_report.report_pictures import make_gallery
    from export.html_report.report_record import read_record
    from training.reporting import html_page

    record = read_record(run)
    path = RunFolder(run).path("report.html")
    galleries = [make_gallery(record, direction) for direction in record.directions]
    body = "\n".join(
        [
            report_sections.overview(record),
            report_sections.pictures(record, galleries),
            report_sections.zoomed(galleries),
            report_tables.scores(record),
            report_tables.files(record),
            report_sections.losses(record),
            report_sections.how_made(record),
        ]
    )
    write_text(path, html_page.page(f"{run.name}: report", body))
    return path


def main(argv: list[str] | None = None) -> None:
    options = parse(ReportOptions, argv, prog="python -m export.report", description=__doc__)
    print(write_report(Path(options.run) if options.run else newest_run()))


if __name__ == "__main__":
    run_command(main)
