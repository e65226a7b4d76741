"""What export.search does: distils and exports the candidates, then times and scores their files."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from export.conversion.export_job import ExportJob, QualityTooLow
from export.conversion.variants import VARIANTS
from export.timing.latency import measure
from tf_i2i.console import say, text_table
from tf_i2i.errors import one_line
from tf_i2i.files import write_json, write_text
from tf_i2i.litert.model_file import read_bytes, read_facts
from tf_i2i.models.distillation_model import Distillation
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.precision import set_precision
from training.evaluation.evaluated_pictures import cropped, validation
from training.evaluation.evaluation import stride
from training.evaluation.scoring import ExportedFile, keras_translator, score
from training.options.trainer_options import DistillOptions
from training.reporting.charts import frontier_chart, svg_file
from training.runs.checkpoints import newest_step
from training.runs.finished_run import FinishedRun
from training.runs.run_folder import RunFolder, writing_to
from training.system.locks import run_lock
from training.trainers.devices import make_repeatable, make_strategy
from training.trainers.student_trainer import StudentTrainer

_CALIBRATION_IMAGES = 128


def search(designs: dict[str, dict], options) -> int:
    """Writes RUN/search/ for candidates, whose values are arguments of MobileGenerator.

    Returns the exit status: 0, or 3 when a file missed the quality gate.
    """
    run = FinishedRun(options.run)
    folder = run.root / "search"
    files = make_files(run, designs, options)
    if files:
        rows = measure_all(run, designs, files, options)
        print(table(rows))
        settings = dataclasses.asdict(options)
        write_json(folder / "search.json", {"options": settings, "results": rows})
        write_text(folder / "frontier.svg", svg_file(frontier_chart(rows)))
        print(f"written to {one_line(folder)}")
    return 0 if len(files) == len(designs) else QualityTooLow.exit_status


def make_files(run: FinishedRun, designs: dict[str, dict], options) -> dict[str, Path]:
    """Distils and exports what is missing; returns the int8 file of each candidate that passes."""
    folder = run.root / "search"
    files = {name: folder / f"{name}-{options.size}-int8.tflite" for name in designs}
    # Another teacher, design or length is another file.
    teacher = newest_step(run.root / "checkpoints")
    key = f"{options.direction} {options.steps} {options.seed} teacher {teacher}"
    keys = {name: f"{name} {sorted(design.items())} {key}" for name, design in designs.items()}
    missing = [name for name, file in files.items() if _read_key(file) != keys[name]]
    if not missing:
        return files
    run_folder = RunFolder(run.root)
    with run_lock(run.root), writing_to(run_folder):
        student_options = DistillOptions(
            run=str(run.root), direction=options.direction, steps=options.steps, seed=options.seed
        )
        trainer = StudentTrainer(student_options, run.data(say))
        trainer.run, trainer.strategy = run_folder, make_strategy()
        make_repeatable()
        trainer.load_data()
        for number, name in enumerate(missing, 1):
            say(f"candidate {number} of {len(missing)}: {name} {designs[name]}")
            trainer.design, trainer.part = designs[name], f"search/{name}"
            trainer.title = f"search {name}"
            if trainer.fit():
                raise KeyboardInterrupt
            network = exported_network(trainer.model)
            how = {key: getattr(options, key) for key in ("direction", "min_psnr", "seed")}
            how |= {"calibration_images": _CALIBRATION_IMAGES, "gpu_check": False, "name": name}
            how["working_size_px"] = run.working_size_px
            facts = {"parameters": int(network.count_params()), "search": keys[name]}
            job = ExportJob(network, trainer.data, folder, options.size, extra_facts=facts, **how)
            try:
                say(job.write(VARIANTS["int8"]))
            except QualityTooLow as error:
                say(f"error: {error}")
                del files[name]
    return files


def exported_network(distillation: Distillation) -> MobileGenerator:
    """The averaged, folded student in float32."""
    set_precision("float32")
    distillation.average.copy_to(distillation.student)
    student = MobileGenerator(**distillation.student.get_config())
    student(tf.zeros([1, 32, 32, 3]))
    student.set_weights(distillation.student.get_weights())
    return student.folded()


def measure_all(
    run: FinishedRun, designs: dict[str, dict], files: dict[str, Path], options
) -> list[dict]:
    """Rows of search.json, fastest first; to_peer is the ratio of the times."""
    paths = [*files.values(), *([Path(options.peer)] if options.peer else [])]
    timed = measure(paths, (options.threads,), options.repeats, warm_up=3)
    times = {row["file"]: row for row in timed}
    peer = times[one_line(options.peer)]["us_per_pixel"] if options.peer else None
    scores = _scores(run, files, options)
    rows = []
    for name, path in files.items():
        time = times[one_line(path)]
        row = {
            "candidate": name,
            "design": designs[name],
            "parameters": read_facts(read_bytes(path))["parameters"],
            "macs": time["macs"],
            "us_per_pixel": time["us_per_pixel"],
            "to_peer": round(time["us_per_pixel"] / peer, 4) if peer else None,
        }
        rows.append(row | scores[name])
    for row in rows:
        faster = [other for other in rows if other["us_per_pixel"] < row["us_per_pixel"]]
        row["on_frontier"] = all(other["quality"] < row["quality"] for other in faster)
    return sorted(rows, key=lambda row: row["us_per_pixel"])


def table(rows: list[dict]) -> str:
    """Aligned text, fastest first; * marks the frontier."""
    columns = [key for key in rows[0] if key not in ("design", "on_frontier")]
    lines = [["", *columns]]
    for row in rows:
        values = [row[key] for key in columns]
        cells = [f"{v:.4g}" if isinstance(v, float) else str(v or "-") for v in values]
        lines.append(["*" if row["on_frontier"] else "", *cells])
    return text_table(lines, left=2)


def _scores(run: FinishedRun, files: dict[str, Path], options) -> dict[str, dict]:
    """Quality, its parts; SSIM averaged with outline F1 where true translations are known."""
    teacher = run.network("teacher", options.direction)
    pictures = validation(run, options.direction)
    pictures = cropped(pictures, stride({"teacher": teacher}), run.fixed_size)
    translators = {name: ExportedFile(path, options.threads) for name, path in files.items()}
    scores = score({**translators, "teacher": keras_translator(teacher)}, pictures)
    known = pictures.truths is not None
    keys = ("ssim", "outline_f1", "colour_error", "grid") if known else ("to_teacher_ssim", "grid")
    rows = {name: {key: round(scores[name][key], 4) for key in keys} for name in files}
    for row in rows.values():
        truth = known and round((row["ssim"] + row["outline_f1"]) / 2, 4)
        row["quality"] = truth if known else row["to_teacher_ssim"]
    return rows


def _read_key(file: Path) -> str | None:
    return (read_facts(read_bytes(file)) or {}).get("search") if file.exists() else None
