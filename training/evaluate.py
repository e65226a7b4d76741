"""Scores a run's teacher and student, and an exported file, on pictures that training never saw.

Against the true translation where it is known: L1, PSNR, SSIM, outline F1, colour error, grid energy; the untouched
picture is the baseline. Student and file against the teacher in any case. Adds to RUN/evaluation.json."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path

from tf_i2i.errors import UserError
from training.evaluated_pictures import cropped, named_pairs, named_pictures
from training.options import option, parse, run_command
from training.run_folder import newest_run, read_config, write_json
from training.scoring import ExportedFile, keras_translator, score

_WHAT, _PICTURES = "what is scored", "pictures (default: the run's validation data)"
_ROBUSTNESS = "robustness"


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """Options of training.evaluate."""

    run: str | None = option(None, "run folder; default the newest run with a checkpoint", group=_WHAT, metavar="DIR")
    model: str | None = option(None, "exported file, scored beside the two", group=_WHAT, metavar="FILE.tflite")
    direction: str | None = option(
        None, "ab makes B from A; default from the file's name, else ab", group=_WHAT, choices=("ab", "ba")
    )
    input: str | None = option(None, "pictures to translate", group=_PICTURES, metavar="SRC")
    target: str | None = option(
        None, "their true translations, under the same file names", group=_PICTURES, metavar="SRC"
    )
    domain_a: str | None = option(None, "pictures of domain A, no truth known", group=_PICTURES, metavar="SRC")
    domain_b: str | None = option(None, "pictures of domain B, no truth known", group=_PICTURES, metavar="SRC")
    robustness: bool = option(
        False,
        "a run of pairs on drawings of every style, and on --input: RUN/robustness.json, .html, .png",
        group=_ROBUSTNESS,
    )
    features: str = option(
        "auto",
        "of KID: offline (a fixed bank), inception (Keras fetches its weights, 88 MB, unless it has them), an .h5 file of "
        "its weights; auto takes inception where Keras has the weights, else offline",
        group=_ROBUSTNESS,
        metavar="{auto,offline,inception,FILE}",
    )
    segmentation_model: str | None = option(
        None, "network whose masks of output and truth are compared: .tflite, Keras file or SavedModel", group=_ROBUSTNESS,
        metavar="SRC",
    )  # fmt: skip
    most_pictures: int = option(200, "pictures of a style, chosen evenly", group=_ROBUSTNESS, minimum=1)


def merged(path: Path, scores: dict[str, dict], split: str, direction: str) -> dict:
    """What evaluation.json at `path` holds, model -> split -> direction -> scores, with these put in."""
    try:
        everything = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # what is damaged can only be made anew
        everything = {}
    for name, values in scores.items():
        everything.setdefault(name, {}).setdefault(split, {})[direction] = values
    return everything


_HEADS = {
    "l1": "L1", "psnr_db": "PSNR dB", "ssim": "SSIM", "outline_f1": "outline F1", "colour_error": "colour error", "grid": "grid",
    "grid_truth": "grid of truth", "to_teacher_psnr_db": "to teacher dB", "to_teacher_ssim": "SSIM to it",
    "to_student_psnr_db": "to student dB", "to_student_ssim": "SSIM to it",
}  # fmt: skip


def table(scores: dict[str, dict]) -> str:
    """Aligned text, one row a model, one column a score that any of them has."""
    keys = [key for key in _HEADS if any(key in row for row in scores.values())]
    rows = [["", *(_HEADS[key] for key in keys)]]
    for name, row in scores.items():
        digits = (3 if key.endswith(("ssim", "f1")) else 2 for key in keys)
        values = (row.get(key, "") for key in keys)
        texts = ["inf" if v is None else v if v == "" else f"{v:.{n}f}" for v, n in zip(values, digits, strict=True)]
        rows.append([name, *texts])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def load_models(run: Path, direction: str) -> dict:
    """{"teacher": model, "student": model}, the student only where there is one (why not is printed)."""
    from training.restore import load_generator

    models = {"teacher": load_generator(run, "teacher", direction)}
    try:
        models["student"] = load_generator(run, "student", direction)
    except UserError as error:
        print(f"no student is scored: {error}")
    return models


def stride(models: dict) -> int:
    """What the sides of a picture must be multiples of, for all of these Keras models, and 4 at least."""
    return math.lcm(4, *(getattr(model, "stride", 4) for model in models.values()))


def _check(options: EvaluateOptions, direction: str) -> None:
    if options.model and not Path(options.model).is_file():
        raise UserError(f"--model {options.model}: no such file; make one with python -m export.tflite")
    if bool(options.input) != bool(options.target):
        raise UserError(f"{'--target' if options.input else '--input'} is missing: these two go together")
    domains = {"ab": options.domain_a, "ba": options.domain_b}
    if options.input and any(domains.values()):
        raise UserError("name --input and --target (pairs), or --domain-a or --domain-b (no truth known), not both")
    if any(domains.values()) and not domains[direction]:
        raise UserError(f"direction {direction} translates domain {direction[0].upper()}: name --domain-{direction[0]}")
    if options.robustness and any(domains.values()):
        raise UserError("--robustness needs true pictures: name --input and --target in place of a domain")
    if not options.robustness and (options.features != "auto" or options.segmentation_model):
        raise UserError("--features and --segmentation-model belong to --robustness; add it or leave them out")


def _robustness(options: EvaluateOptions, run: Path, exported: ExportedFile | None, direction: str) -> None:
    """Scores the teacher, or the exported file, on drawings of every style."""
    from training.restore import load_generator
    from training.robustness import evaluate_robustness
    from training.robustness_page import aligned, notes, table, write_result

    trained = read_config(run).get("options", {})
    sketches = named_pairs(options, int(trained.get("load_size", 286))) if options.input else None
    translate = exported or keras_translator(load_generator(run, "teacher", direction))
    side = min(filter(None, (int(trained["crop_size"]), exported and exported.largest)))
    result = evaluate_robustness(run, options, translate, side, sketches)
    written = write_result(run, result)
    print("\n".join([aligned(table(result)), *notes(result), f"written: {', '.join(map(str, written))}"]))


def main(argv: list[str] | None = None) -> None:
    options = parse(EvaluateOptions, argv, prog="python -m training.evaluate", description=__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow is noisy where there is no GPU
    run = Path(options.run) if options.run else newest_run()
    read_config(run)
    file = Path(options.model) if options.model else None
    # Exported files are called ab-256-int8.tflite or teacher-ab-256-float32.tflite.
    direction = options.direction or ("ba" if file and "ba" in file.stem.split("-")[:2] else "ab")
    _check(options, direction)

    exported = ExportedFile(file) if file else None
    if options.robustness:
        return _robustness(options, run, exported, direction)
    models = load_models(run, direction)
    from training.restore import only_size

    largest = min(filter(None, (only_size(run), exported and exported.largest)), default=None)
    pictures = cropped(named_pictures(options, run, direction), stride(models), largest)
    translators = {name: keras_translator(model) for name, model in models.items()}
    if exported:
        inside = file.resolve().is_relative_to(run.resolve())
        translators[file.resolve().relative_to(run.resolve()).as_posix() if inside else str(file)] = exported
    scores = score(translators, pictures)
    path = run / "evaluation.json"
    write_json(path, merged(path, scores, pictures.split, direction))
    print(f"{direction}, {pictures.split}: {len(pictures.photos)} pictures\n{table(scores)}\nwritten: {path}")


if __name__ == "__main__":
    run_command(main)
