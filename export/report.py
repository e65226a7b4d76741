"""Writes RUN/report.html: one self-contained page with options, samples, curves, scores and latencies.

Run it again after further exports, benchmarks or evaluations.
"""

import dataclasses
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from training.runs.run_folder import newest_run


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    run: str | None = option(
        None, "run folder; default the newest run with a checkpoint", group="run", metavar="DIR"
    )
    beside: tuple[str, ...] = option(
        (), "runs whose networks for phones translate the same photos", group="run", metavar="DIR"
    )


def main(argv: list[str] | None = None) -> None:
    options = parse(ReportOptions, argv, "export.report", __doc__)
    from export.html_report.report_sections import write_report

    run = Path(options.run) if options.run else newest_run()
    print(write_report(run, [Path(other) for other in options.beside]))


if __name__ == "__main__":
    run_command(main)
