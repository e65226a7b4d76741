"""Trains students of several designs from one teacher and compares quality and time.

python -m export.search --run RUN --peer other.tflite
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json, write_text
from tf_i2i.models.model_builder import STUDENTS
from training.runs.run_folder import newest_run, read_config

# Arguments of MobileGenerator. Around the two that are shipped: fewer and more of each part.
CANDIDATES: dict[str, dict] = {
    **STUDENTS,
    "narrow": {"stem": 24, "width": 48, "full": 8},
    "wide": {"stem": 48, "width": 96},
    "drawing-2": {"drawing": 2},
    "drawing-6": {"drawing": 6},
    "blocks-6": {"blocks": 6, "drawing": 0},
    "no-detail": {"detail": 0},
    "detail-16": {"full": 16, "detail": 16},
    "wide-detail-16": {
        "stem": 48,
        "width": 96,
        "blocks": 3,
        "drawing": 6,
        "full": 16,
        "detail": 16,
    },
    "broad": {"stem": 64, "width": 96, "blocks": 3, "drawing": 6, "full": 24, "detail": 16},
}

_EPILOG = """\
Each candidate is distilled on the same labels, exported as int8, timed in turn with all others, and scored on the
run's validation photos: against their true translations where they are known, else against the teacher. A candidate is
on the frontier when no other is both quicker and better. Writes RUN/search/: the files, search.json, frontier.svg.
Weights of finished candidates are kept: run again, it trains only what is missing."""


@dataclass(frozen=True)
class SearchOptions:
    run: str | None = option(
        None,
        "run folder; the newest under runs/ with a checkpoint when left out",
        group="what",
        metavar="RUN",
    )
    direction: str = option("ab", "which translation", group="what", choices=("ab", "ba"))
    only: tuple[str, ...] = option(
        (),
        f"candidates, of: {', '.join(CANDIDATES)}; all when left out",
        group="what",
        metavar="NAME",
    )
    peer: str | None = option(
        None, "another .tflite file to time beside them", group="what", metavar="FILE"
    )
    steps: int = option(
        1500, "distillation steps of each candidate", group="how", unit="steps", minimum=1
    )
    size: int = option(
        256,
        "side of the exported files, a multiple of 4",
        group="how",
        unit="pixels",
        minimum=32,
        maximum=4096,
    )
    threads: int = option(2, "of the CPU, for the times", group="how", minimum=1, maximum=256)
    repeats: int = option(
        50, "timed inferences of each file", group="how", minimum=1, maximum=100000
    )
    seed: int = option(
        1, "of weights, crops and calibration", group="how", minimum=0, maximum=2**31 - 1
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(
        SearchOptions,
        argv,
        prog="python -m export.search",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    unknown = [name for name in options.only if name not in CANDIDATES]
    if unknown:
        raise UserError(
            f"--only {unknown[0]}: no such candidate; there are {', '.join(CANDIDATES)}"
        )
    root = Path(options.run) if options.run else newest_run()
    read_config(root)
    designs = {name: CANDIDATES[name] for name in options.only or CANDIDATES}
    if options.size % 4:
        raise UserError(f"--size {options.size}: must be a multiple of 4")
    files = make_files(root, designs, options)
    rows = measure_all(root, files, options)
    print(table(rows))
    write_json(
        root / "search" / "search.json", {"options": dataclasses.asdict(options), "results": rows}
    )
    from training.reporting.charts import frontier_chart, svg_file

    write_text(root / "search" / "frontier.svg", svg_file(frontier_chart(rows)))
    print(f"written to {one_line(root / 'search')}")
    return 0


def make_files(root: Path, designs: dict[str, dict], options: SearchOptions) -> dict[str, Path]:
    """Distils and exports what is not there yet; returns the int8 file of each candidate."""
    from training.runs.run_folder import RunFolder, writing_to
    from training.system.locks import run_lock

    run, files = (
        RunFolder(root),
        {name: root / "search" / f"{name}-{options.size}-int8.tflite" for name in designs},
    )
    fingerprint = {
        name: _fingerprint(root, name, design, options) for name, design in designs.items()
    }
    missing = [name for name in designs if not _is_made(files[name], fingerprint[name])]
    if not missing:
        return files
    with run_lock(root), writing_to(run):
        from tf_i2i.console import say
        from training.options.trainer_options import DistillOptions
        from training.runs.finished_run import FinishedRun
        from training.trainers.devices import make_repeatable, make_strategy
        from training.trainers.student_trainer import StudentTrainer

        student_options = DistillOptions(
            run=str(root), direction=options.direction, steps=options.steps, seed=options.seed
        )
        trainer = StudentTrainer(student_options, FinishedRun(root).data(say))
        trainer.run, trainer.strategy = run, make_strategy()
        make_repeatable()
        trainer.load_data()
        for number, name in enumerate(missing):
            say(f"candidate {number + 1} of {len(missing)}: {name} {designs[name]}")
            trainer.design, trainer.part = designs[name], f"search/{name}"
            trainer.title = f"search {name}"
            if trainer.fit():
                raise KeyboardInterrupt
            _export(trainer.model, trainer.data, files[name], fingerprint[name], options)
    return files


def _export(distillation, data, file: Path, fingerprint: str, options: SearchOptions) -> None:
    """The averaged, folded student as int8 file with its facts."""
    import tensorflow as tf

    from export.conversion.converter import NetworkConverter
    from export.conversion.fidelity import random_crops
    from export.conversion.metadata import with_metadata
    from export.conversion.variants import RECIPES
    from tf_i2i import __version__
    from tf_i2i.models.mobile_generator import MobileGenerator
    from tf_i2i.models.precision import set_precision

    set_precision("float32")
    distillation.average.copy_to(distillation.student)
    student = MobileGenerator(**distillation.student.get_config())
    student(tf.zeros([1, 32, 32, 3]))
    student.set_weights(distillation.student.get_weights())
    network, pictures = student.folded(), getattr(data, f"train_{options.direction[0]}")
    converter = NetworkConverter(
        network, options.size, lambda: random_crops(pictures, options.size, 128, options.seed)
    )
    facts = {
        "model": "student",
        "direction": options.direction,
        "variant": "int8",
        "size": options.size,
        "stride": network.stride,
        "halo_px": network.halo,
        "training_data": f"a candidate of export.search, {options.steps} steps",
        "version": __version__,
        "parameters": int(network.count_params()),
        "search": fingerprint,
    }
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_bytes(with_metadata(converter.convert(RECIPES["int8"]), RECIPES["int8"], facts))
    os.replace(partial, file)


def measure_all(root: Path, files: dict[str, Path], options: SearchOptions) -> list[dict]:
    """A row for each candidate: design, parameters, macs, us_per_pixel, to_peer (time a pixel),
    scores, on_frontier.
    """
    from export.timing.latency import measure
    from tf_i2i.litert.model_file import read_bytes, read_facts

    paths = [*files.values(), *([Path(options.peer)] if options.peer else [])]
    times = {
        row["file"]: row for row in measure(paths, (options.threads,), options.repeats, warm_up=3)
    }
    peer = times[one_line(options.peer)]["us_per_pixel"] if options.peer else None
    scores = _scores(root, files, options)
    rows = []
    for name, path in files.items():
        time = times[one_line(path)]
        rows.append(
            {
                "candidate": name,
                "design": CANDIDATES[name],
                "parameters": read_facts(read_bytes(path))["parameters"],
                "macs": time["macs"],
                "us_per_pixel": time["us_per_pixel"],
                "to_peer": round(time["us_per_pixel"] / peer, 4) if peer else None,
                **scores[name],
            }
        )
    for row in rows:
        quicker = [one for one in rows if one["us_per_pixel"] < row["us_per_pixel"]]
        row["on_frontier"] = all(one["quality"] < row["quality"] for one in quicker)
    return sorted(rows, key=lambda row: row["us_per_pixel"])


def _scores(root: Path, files: dict[str, Path], options: SearchOptions) -> dict[str, dict]:
    """quality (SSIM, with the outline F1 where truths are known) and what it is made of, by
    candidate.
    """
    from training.evaluation.evaluated_pictures import cropped, validation
    from training.evaluation.evaluation import stride
    from training.evaluation.scoring import ExportedFile, keras_translator, score
    from training.runs.finished_run import FinishedRun

    run = FinishedRun(root)
    teacher = run.network("teacher", options.direction)
    pictures = cropped(
        validation(run, options.direction), stride({"teacher": teacher}), run.fixed_size
    )
    translators = {name: ExportedFile(path, options.threads) for name, path in files.items()}
    found = score({**translators, "teacher": keras_translator(teacher)}, pictures)
    known = pictures.truths is not None
    wanted = (
        ("ssim", "outline_f1", "colour_error", "grid") if known else ("to_teacher_ssim", "grid")
    )
    rows = {name: {key: round(found[name][key], 4) for key in wanted} for name in files}
    for row in rows.values():
        row["quality"] = (
            round((row["ssim"] + row["outline_f1"]) / 2, 4) if known else row["to_teacher_ssim"]
        )
    return rows


def table(rows: list[dict]) -> str:
    """Aligned text, quickest first; * marks the frontier."""
    columns = [key for key in rows[0] if key not in ("design", "on_frontier")]
    lines = [["", *columns]]
    for row in rows:
        shown = [
            "-"
            if row[key] is None
            else f"{row[key]:.4g}"
            if isinstance(row[key], float)
            else str(row[key])
            for key in columns
        ]
        lines.append(["*" if row["on_frontier"] else "", *shown])
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _is_made(file: Path, fingerprint: str) -> bool:
    from tf_i2i.litert.model_file import read_bytes, read_facts

    return file.exists() and (read_facts(read_bytes(file)) or {}).get("search") == fingerprint


def _fingerprint(root: Path, name: str, design: dict, options: SearchOptions) -> str:
    """Names what a candidate's file was made from: another teacher, design or length is another
    file.
    """
    from training.runs.checkpoints import newest_step

    return f"{name} {sorted(design.items())} {options.direction} {options.steps} {options.seed} teacher {newest_step(root / 'checkpoints')}"


if __name__ == "__main__":
    run_command(main)
