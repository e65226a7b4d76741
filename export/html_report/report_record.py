"""What a run folder tells about itself, read without insisting that any of it is there."""

from __future__ import annotations

import dataclasses
import importlib
import json
import shlex
from pathlib import Path

from training.runs.run_folder import read_config


@dataclasses.dataclass(frozen=True)
class Student:
    """One direction's distillation: config.json, distillation.json (both {} where missing) and
    metrics lines.
    """

    config: dict
    scores: dict
    metrics: list[dict]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run's files as read.

    Attributes:
        root: the run folder.
        config: config.json.
        metrics: the lines of metrics.jsonl.
        students: direction to Student, for those that exist.
        exports: entries of export.json whose files exist.
        latencies: entries of benchmark.json's table that ran on the CPU, each with file, threads,
            median_ms, us_per_pixel.
        elsewhere: those that ran on a GPU or a phone, each with file, device, median_ms.
        measured_on: the machine that benchmark.json names.
        evaluation: evaluation.json, model -> split -> direction -> scores.
    """

    root: Path
    config: dict
    metrics: list[dict]
    students: dict[str, Student]
    exports: list[dict]
    latencies: list[dict]
    elsewhere: list[dict]
    measured_on: dict
    evaluation: dict

    @property
    def in_pairs(self) -> bool:
        """Whether the run was trained on pairs: domain A are inputs, domain B their targets."""
        return self.config.get("model") == "pix2pix"

    @property
    def directions(self) -> list[str]:
        """Those that the report shows: the students', else the exported ones', else ab."""
        found = list(self.students) or sorted(
            {entry.get("direction", "ab") for entry in self.exports}
        )
        return found or ["ab"]

    @property
    def peers(self) -> list[str]:
        """Files that benchmark.json times beside the run's own."""
        own = {Path(entry["file"]).name for entry in self.exports}
        return list(
            dict.fromkeys(
                row["file"] for row in self.latencies if Path(row["file"]).name not in own
            )
        )

    def file(self, entry: dict) -> Path:
        """The exported file of an entry of export.json."""
        return self.root / "export" / Path(entry["file"]).name


def read_record(root: Path) -> RunRecord:
    """Reads a run folder. Raises UserError when it has no config.json."""
    config = read_config(root)
    students = {
        folder.name: Student(
            _json(folder / "config.json", {}),
            _json(folder / "distillation.json", {}),
            _lines(folder / "metrics.jsonl"),
        )
        for folder in (root / "student" / direction for direction in ("ab", "ba"))
        if (folder / "student.weights.h5").exists()
    }
    listed = _json(root / "export" / "export.json", [])
    exports = [
        e
        for e in listed
        if isinstance(e, dict) and (root / "export" / Path(e.get("file", "")).name).is_file()
    ]
    benchmark = _json(root / "export" / "benchmark.json", [])
    machine = benchmark.get("machine") if isinstance(benchmark, dict) else None
    latencies, elsewhere = _latencies(benchmark)
    return RunRecord(
        root=root,
        config=config,
        metrics=_lines(root / "metrics.jsonl"),
        students=students,
        exports=exports,
        latencies=latencies,
        elsewhere=elsewhere,
        measured_on=machine if isinstance(machine, dict) else {},
        evaluation=_json(root / "evaluation.json", {}),
    )


def options_as_flags(options: dict, module: str) -> str:
    """The command line that gives these options: those unlike the defaults of the command `module`.
    Files of options are left out: what they said is among the others."""
    fields = _fields(module)
    flags = []
    for name, value in options.items():
        default = fields[name].default if name in fields else None
        if (
            value in (None, (), [])
            or name in ("resume", "dry_run", "options")
            or (name in fields and value == default)
        ):
            continue
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            flags.append("--no-" + flag[2:] if default else flag)
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        flags.append(" ".join([flag, *(shlex.quote(str(one)) for one in values)]))
    return " ".join(flags)


def commands(record: RunRecord) -> list[str]:
    """The commands that make this run again, first to last."""
    model, run = record.config.get("model", "cyclegan"), shlex.quote(str(record.root))
    options = {"run": str(record.root)} | {
        k: v for k, v in record.config.get("options", {}).items() if k != "run"
    }
    lines = [f"python -m training.{model} {options_as_flags(options, f'training.{model}')}"]
    for direction, student in record.students.items():
        used = {
            k: v
            for k, v in student.config.get("options", {}).items()
            if k not in ("run", "direction")
        }
        # What the trainer does at its end has the trainer's length and seed and nothing else of its
        # own.
        own = {
            k: v
            for k, v in used.items()
            if (k, v)
            not in (("steps", options.get("student_steps")), ("seed", options.get("seed")))
        }
        flags = options_as_flags(own, "training.distill")
        if (
            options.get("student", "none") != "none"
            and options.get("student_direction", "ab") in (direction, "both")
            and not flags
        ):
            continue
        flags = options_as_flags(used, "training.distill")
        lines.append(
            f"python -m training.distill --run {run} --direction {direction} {flags}".strip()
        )
    lines += _export_commands(record, run)
    lines += [f"python -m training.evaluate --run {run}"] if record.evaluation else []
    for name in record.evaluation:
        if name.endswith(".tflite"):
            file = record.root / name if (record.root / name).is_file() else Path(name)
            lines.append(
                f"python -m training.evaluate --run {run} --model {shlex.quote(str(file))}"
            )
    if record.latencies:
        threads = " ".join(map(str, sorted({entry["threads"] for entry in record.latencies})))
        file = shlex.quote(str(record.root / "export" / "benchmark.json"))
        peers = "".join(f" {shlex.quote(peer)}" for peer in record.peers)
        lines.append(
            f"python -m export.benchmark --run {run}{peers} --threads {threads} --json {file}"
        )
    return [*lines, f"python -m export.report --run {run}"]


def _export_commands(record: RunRecord, run: str) -> list[str]:
    """One command for the files of one network and size."""
    groups: dict[tuple, dict] = {}
    for entry in record.exports:
        key = (entry.get("model", "student"), entry.get("direction", "ab"), entry.get("size", 256))
        used = groups.setdefault(
            key, dict(zip(("model", "direction", "size"), (*key[:2], (key[2],)), strict=True))
        )
        used[entry.get("variant", "float16")] = True
        if entry.get("calibration_images"):
            used |= {
                "calibration_images": entry["calibration_images"],
                "seed": entry.get("calibration_seed"),
            }
    return [
        f"python -m export.tflite --run {run} {options_as_flags(used, 'export.tflite')}"
        for used in groups.values()
    ]


def _fields(module: str) -> dict[str, dataclasses.Field]:
    """Fields of the options dataclass that a command's module defines; {} where there is no such
    module.
    """
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        return {}
    for value in vars(loaded).values():
        if (
            isinstance(value, type)
            and dataclasses.is_dataclass(value)
            and value.__module__ == loaded.__name__
        ):
            return {field.name: field for field in dataclasses.fields(value)}
    return {}


def _latencies(benchmark) -> tuple[list[dict], list[dict]]:
    """Entries with a file and a median, whatever stands around them: those of the CPU (they have
    threads), and the others.
    """
    if isinstance(benchmark, dict):
        benchmark = next((value for value in benchmark.values() if isinstance(value, list)), [])
    entries = [e for e in benchmark if isinstance(e, dict) and e.get("file") and e.get("median_ms")]
    cpu = [e for e in entries if e.get("device", "CPU") == "CPU" and e.get("threads")]
    return cpu, [e for e in entries if e.get("device", "CPU") != "CPU"]


def _json(path: Path, otherwise):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise
    return value if isinstance(value, (dict, list)) else otherwise


def _lines(path: Path) -> list[dict]:
    """The whole lines of a metrics.jsonl; one that a running trainer is just writing is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return [record for record in records if isinstance(record, dict) and "step" in record]
