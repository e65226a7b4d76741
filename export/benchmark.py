"""Compares latencies of .tflite files, on this machine's CPU and GPU with LiteRT, and on a phone.

python -m export.benchmark --run RUN --threads 1 2
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from export.conversion.manifest import read_entries
from tf_i2i.command_line import command, option_group, parse, run_command
from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_errors, write_json, write_text
from training.runs.run_folder import newest_run, read_config
from training.runs.weights import stale_files

_what, _how, _where, _output = map(option_group, ("what", "how", "where", "output"))

_EPILOG = """\
Each file runs in its own process. The files take turns after every inference, so that other load on the machine
affects all of them equally. us_per_pixel counts pixels of the input. peak_mb is the growth of the process since
before the file was loaded. gmac_s is billions of multiply-accumulates (from the file's graph) per second. ratio is
relative to the first file on the same device with the same threads.

--gpu requires that every operation runs on the GPU; times include reading the result. Without a GPU it uses
SwiftShader, which emulates one on the CPU: that shows whether a file runs there, but its speed means nothing.
Exit status: 0 done, 2 wrong usage or a file that can't be run."""

_COLUMNS = ("file", "device", "threads", "median_ms", "p90_ms", "first_ms")
_COLUMNS += ("us_per_pixel", "peak_mb", "gmac_s", "ratio")


@dataclass(frozen=True)
class BenchmarkOptions:
    files: tuple[str, ...] = _what(
        (), ".tflite files; with --run, peers to compare with", metavar="FILE", positional=True
    )
    run: str | None = _what(None, "time its exported files; default: the newest run", metavar="RUN")
    threads: tuple[int, ...] = _how((1, 2), "of the CPU; one row each", minimum=1, maximum=256)
    repeats: int = _how(50, "timed inferences of each file", minimum=1, maximum=100000)
    warm_up: int = _how(
        3, "inferences before those; the first one is reported as first_ms", minimum=1, maximum=1000
    )
    gpu: bool = _where(False, "also on the GPU, with LiteRT's GPU accelerator")
    adb: bool = _where(False, "also on an Android phone, with our app; needs adb")
    device: str | None = _where(
        None, "serial number of one of several phones", metavar="SERIAL", needs="adb"
    )
    json: str | None = _output(
        None, "also write the figures there; with a run RUN/export/benchmark.json", metavar="OUT"
    )
    chart: str | None = _output(
        None, "also draw the times there; with a run RUN/export/benchmark.svg", metavar="OUT.svg"
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(BenchmarkOptions, argv, "export.benchmark", __doc__, _EPILOG)
    from export.timing.latency import measure, table, with_ratios
    from export.timing.phone import ready_phone

    if options.chart and Path(options.chart).suffix != ".svg":
        raise UserError(f"--chart {one_line(options.chart)}: the chart is SVG, end in .svg")
    paths, options = _resolved(options)
    if options.adb:
        ready_phone(options.device)
    if options.chart:
        import matplotlib  # noqa: F401  # without it, nothing is timed in vain
    rows = measure(paths, options.threads, options.repeats, options.warm_up, options.gpu)
    failure = None
    if options.adb:
        try:
            rows = with_ratios([*rows, *_phone_rows(paths, rows, options)])
        except UserError as error:
            failure = error  # raised at the end: the figures of this machine are of use without it
    print(table(rows, _COLUMNS))
    _write(rows, options)
    if failure:
        raise failure
    return 0


def _resolved(options: BenchmarkOptions) -> tuple[list[Path], BenchmarkOptions]:
    """The files to time, and the options with the places to write to when there is a run."""
    named = [Path(file) for file in options.files]
    if named and not options.run:
        return list(dict.fromkeys(named)), options
    run = Path(options.run) if options.run else newest_run()
    read_config(run)
    folder = run / "export"
    entries = read_entries(folder)
    for line in stale_files(run, entries).values():
        say(f"warning: {line}")
    exported = [folder / entry["file"] for entry in entries]
    if not exported:
        export = command("export.tflite", run=run, int8=True)
        raise UserError(f"{one_line(folder)}: nothing exported yet; run: {export}")
    json = options.json or str(folder / "benchmark.json")
    chart = options.chart or str(folder / "benchmark.svg")
    paths = list(dict.fromkeys([*exported, *named]))
    return paths, dataclasses.replace(options, json=json, chart=chart)


def _phone_rows(paths: list[Path], rows: list[dict], options: BenchmarkOptions) -> list[dict]:
    """The phone's rows, with what is known of the files from the rows measured here."""
    from export.timing.latency import rates
    from export.timing.phone import benchmark_on_phone

    say("timing on the phone; keep it unlocked")
    how = options.threads, options.repeats, options.warm_up, options.device
    results = []
    for result in benchmark_on_phone(paths, *how):
        known = next(row for row in rows if row["file"] == result["file"])
        facts = {name: known[name] for name in ("input_shape", "input_dtype", "macs")}
        speed = rates(result["median_ms"], facts["input_shape"], facts["macs"])
        results.append({**result, **facts, **speed, "emulated": False})
    return results


def _write(rows: list[dict], options: BenchmarkOptions) -> None:
    """Writes --json and --chart, those that are named."""
    from training.system.machine import describe_machine

    absolute = [row | {"file": os.path.abspath(row["file"])} for row in rows]
    record = {"results": absolute, "repeats": options.repeats, "warm_up": options.warm_up}
    record["machine"] = describe_machine()
    for name, write in (
        ("json", lambda target: write_json(target, record)),
        ("chart", lambda target: _write_chart(target, rows)),
    ):
        target = getattr(options, name)
        if target is None:
            continue
        with write_errors(f"--{name} {one_line(target)}"):
            write(target)
        print(f"written to {one_line(target)}")


def _write_chart(target: str, rows: list[dict]) -> None:
    from training.reporting.charts import latency_chart, svg_file

    write_text(target, svg_file(latency_chart(rows)))


if __name__ == "__main__":
    run_command(main)
