"""What the files of a run folder say, whichever of them there are, and the commands that made them."""

import dataclasses
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from export.conversion.export_options import ExportOptions
from tf_i2i.command_line import command, unlike_defaults, without_effect
from training.options.trainer_options import TRAINER_OPTIONS, DistillOptions
from training.runs.finished_run import FinishedRun
from training.runs.weights import stale_files

# The command names the run itself; the steps that fitted into the minutes are recorded.
_LEFT_OUT = dict.fromkeys(("run", "minutes", "epochs", "extend"))


@dataclasses.dataclass(frozen=True)
class Student:
    """One direction's config.json and distillation.json ({} where missing) and metrics lines."""

    config: dict
    scores: dict
    metrics: list[dict]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run's files as read: metrics.jsonl; students by direction; entries of export.json whose
    files exist; rows of benchmark.json with a file and a median; the machine that it names;
    evaluation.json: model -> split -> direction -> scores; robustness.json, {} if none; stale: a
    line about each exported file that is of earlier weights, by file.
    """

    run: FinishedRun
    metrics: list[dict]
    students: dict[str, Student]
    exports: list[dict]
    benchmark: list[dict]
    machine: dict
    evaluation: dict
    robustness: dict
    stale: dict[str, str]

    @property
    def root(self) -> Path:
        return self.run.root

    @property
    def config(self) -> dict:
        return self.run.config

    @property
    def directions(self) -> list[str]:
        """Those that the report shows: the students', else the exported ones', else ab."""
        exported = sorted({entry.get("direction", "ab") for entry in self.exports})
        return list(self.students) or exported or ["ab"]

    @cached_property
    def cpu_rows(self) -> dict[tuple[str, int], dict]:
        """CPU rows of benchmark.json by file (the run's own by name) and threads."""
        own = {entry["file"] for entry in self.exports}
        rows = {}
        for row in self.benchmark:
            if row.get("device", "CPU") == "CPU" and row.get("threads"):
                name = Path(row["file"]).name
                rows[name if name in own else row["file"], row["threads"]] = row
        return rows

    @property
    def threads(self) -> list[int]:
        return sorted({threads for _, threads in self.cpu_rows})

    @property
    def peers(self) -> list[str]:
        """Files that benchmark.json times beside the run's own."""
        own = {entry["file"] for entry in self.exports}
        files = dict.fromkeys(file for file, _ in self.cpu_rows)
        return [file for file in files if file not in own]


def read_record(root: Path) -> RunRecord:
    """Reads a run folder. Raises UserError when it has no usable config.json."""
    run = FinishedRun(root)
    students = {}
    for direction in ("ab", "ba"):
        folder = root / "student" / direction
        if (folder / "student.weights.h5").exists():
            config, scores = (_object(folder / f"{n}.json") for n in ("config", "distillation"))
            students[direction] = Student(config, scores, _lines(folder / "metrics.jsonl"))
    export = root / "export"
    entries = _objects(_json(export / "export.json"), "file")
    exports = [entry | {"file": Path(entry["file"]).name} for entry in entries]
    benchmark = _object(export / "benchmark.json")
    machine = benchmark.get("machine")
    exports = [entry for entry in exports if (export / entry["file"]).is_file()]
    return RunRecord(
        run=run,
        metrics=_lines(root / "metrics.jsonl"),
        students=students,
        exports=exports,
        benchmark=_objects(benchmark.get("results"), "file", "median_ms"),
        machine=machine if isinstance(machine, dict) else {},
        evaluation=_object(root / "evaluation.json"),
        robustness=_object(root / "robustness.json"),
        stale=stale_files(root, exports),
    )


def commands(record: RunRecord) -> list[str]:
    """The commands that make this run again, first to last."""
    model, run, lengths = record.run.model, record.root, record.config.get("lengths", [])
    options = record.config.get("options", {})
    steps = [*(one["steps"] for one in lengths), options.get("steps")]
    first = {"steps": steps[0]}
    if lengths:
        first["ema_half_life"] = lengths[0].get("ema_half_life")
    used = recorded(options | _LEFT_OUT | first, TRAINER_OPTIONS.get(model))
    lines = [command(f"training.{model}", run=run, **used)]
    for one, longer in zip(lengths, steps[1:], strict=True):
        again = {"resume": True, "steps": longer, "extend": one["extend"]}
        lines.append(command(f"training.{model}", run=run, **again))
    for direction, student in record.students.items():
        used = student.config.get("options", {}) | _LEFT_OUT | {"direction": None}
        used = recorded(used, DistillOptions)
        lines.append(command("training.distill", run=run, direction=direction, **used))
    lines += [command("export.tflite", run=run, **used) for used in _exports(record)]
    lines += dict.fromkeys(_evaluations(record))
    if record.robustness:
        lines.append(command("training.evaluate", run=run, robustness=True))
    if record.threads:
        lines.append(command("export.benchmark", *record.peers, run=run, threads=record.threads))
    return [*lines, command("export.report", run=run)]


def _evaluations(record: RunRecord) -> Iterator[str]:
    """The commands that scored pictures and clips, without and with each exported file."""
    for name, splits in record.evaluation.items():
        file = None
        if name.endswith(".tflite"):
            file = record.root / name if (record.root / name).is_file() else Path(name)
        for split, scores in splits.items():
            video = {}
            if any("noise_gain" in of_direction for of_direction in scores.values()):
                is_made = split.endswith(", clips")
                video = {"video": True, "clip": () if is_made else split.split(", ")}
            yield command("training.evaluate", run=record.root, model=file, **video)


def recorded(options: dict, options_class: type | None) -> dict:
    """Options unlike the defaults of their class, by flag; all of them where it is not known.

    Left out are a file of options, whose contents are among them, options of other versions, and
    those without effect, as --look where the weights that it stands for are recorded too.
    """
    apart = ("resume", "dry_run", "options")
    options = {name: value for name, value in options.items() if name not in apart}
    if not options_class:
        return options
    defaults = {field.name: field.default for field in dataclasses.fields(options_class)}
    values = {
        n: tuple(v) if isinstance(v, list) else v for n, v in options.items() if n in defaults
    }
    given = [name for name, value in values.items() if value not in (None, (), defaults[name])]
    idle = without_effect(options_class(**values), given)
    return unlike_defaults(
        {name: values[name] for name in given if name not in idle}, options_class
    )


def _exports(record: RunRecord) -> list[dict]:
    """The options of one export.tflite for the files of each network and size."""
    groups: dict[tuple, dict] = {}
    for entry in record.exports:
        model, direction = entry.get("model", "student"), entry.get("direction", "ab")
        size = entry.get("size", 256)
        options = {"model": model, "direction": direction, "size": (size,)}
        used = groups.setdefault((model, direction, size), options)
        used[entry.get("variant", "float16")] = True
        if entry.get("calibration_images"):
            used["calibration_images"] = entry["calibration_images"]
            used["seed"] = entry.get("calibration_seed")
    return [recorded(used, ExportOptions) for used in groups.values()]


def _json(path: Path):
    """What a JSON file holds, None where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _object(path: Path) -> dict:
    value = _json(path)
    return value if isinstance(value, dict) else {}


def _objects(value, *names: str) -> list[dict]:
    """The objects in a list that have something under all of these names."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict) and all(map(item.get, names))]


def _lines(path: Path) -> list[dict]:
    """The whole lines of a metrics.jsonl; a trainer may just be writing the last one."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return _objects(records, "step")
