"""What training.evaluate does: the scores of a run's networks or of an exported file, as evaluation.json, sheets and
tables."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

from tf_i2i.console import text_table
from tf_i2i.files import write_json
from training.evaluation.evaluated_pictures import EvaluatedData, named_pairs
from training.evaluation.score_table import SCORES, columns_of, score_text
from training.evaluation.scoring import ExportedFile, keras_translator
from training.options.evaluate_options import EvaluateOptions, check_evaluate_options
from training.runs.finished_run import FinishedRun


def merged(path: Path, scores: dict[str, dict], split: str, direction: str) -> dict:
    """What evaluation.json at `path` holds, model -> split -> direction -> scores, with these put
    in.
    """
    try:
        everything = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # what is damaged can only be made anew
        everything = {}
    for name, values in scores.items():
        everything.setdefault(name, {}).setdefault(split, {})[direction] = values
    return everything


_BY_PIXELS = (
    "l1",
    "psnr_db",
    "ssim",
    "outline_f1",
    "colour_error",
    "grid",
    "grid_truth",
    "to_teacher_psnr_db",
    "to_teacher_ssim",
    "to_student_psnr_db",
    "to_student_ssim",
)


_BY_JUDGES = (
    "photo_psnr_db",
    "photo_ssim",
    "cycle_l1",
    "cycle_psnr_db",
    "cycle_ssim",
    "kid",
    "kid_error",
    "fid",
    "identity_distance",
    "impostor_distance",
    "identity_accuracy",
    "identity_auc",
    "mask_iou",
)


_MOST_CLASSES = 8


def table(scores: dict[str, dict], names: Sequence[str] = _BY_PIXELS) -> str:
    """Aligned text, one row a model, one column a score of `names` that any of them has."""
    names = columns_of(scores.values(), names)
    rows = [["", *(SCORES[name].head for name in names)]]
    for model, row in scores.items():
        # A PSNR without limit stands in the JSON as null.
        rows.append(
            [
                model,
                *(
                    score_text(name, row[name], absent="inf") if name in row else ""
                    for name in names
                ),
            ]
        )
    return text_table(rows)


def class_lines(classes: dict[str, dict[str, float]]) -> list[str]:
    """The masks' classes, the most frequent ones first: a line each."""
    lines = [
        f"  class {name}: {100 * found['photo']:.1f} % of the photos, {100 * found['translation']:.1f} % of the translations, "
        f"IoU {found['iou']:.3f}"
        for name, found in list(classes.items())[:_MOST_CLASSES]
    ]
    return lines + (
        [f"  and {len(classes) - _MOST_CLASSES} more classes"]
        if len(classes) > _MOST_CLASSES
        else []
    )


def _robustness(
    options: EvaluateOptions, run: FinishedRun, exported: ExportedFile | None, direction: str
) -> None:
    """Scores the teacher, or the exported file, on drawings of every style."""
    from training.evaluation.robustness import evaluate_robustness
    from training.evaluation.robustness_result import notes, table, write_result

    trained = run.options
    sketches = named_pairs(options, trained.load_size) if options.input else None
    translate = exported or keras_translator(run.network("teacher", direction))
    side = min(filter(None, (trained.crop_size, exported and exported.largest)))
    result = evaluate_robustness(run, options, translate, side, sketches)
    written = write_result(run.root, result)
    print(
        "\n".join(
            [text_table(table(result)), *notes(result), f"written: {', '.join(map(str, written))}"]
        )
    )


def _evaluate(
    options: EvaluateOptions, run: FinishedRun, directions: tuple[str, ...], exported
) -> None:
    """Scores every direction, and writes and prints what was found."""
    from tf_i2i.data.image_files import write_png
    from training.evaluation.evaluation import TEACHER, evaluate_direction
    from training.evaluation.judges import open_judges
    from training.evaluation.worst_cases import worst_cases, worst_sheet

    judges, data, path = (
        open_judges(options, run.config.get("options", {})),
        EvaluatedData(run),
        run.root / "evaluation.json",
    )
    for direction in directions:
        # Of both directions the true translations are those of A to B.
        asked = (
            dataclasses.replace(options, target=None)
            if direction == "ba" and len(directions) > 1
            else options
        )
        found = evaluate_direction(run, asked, direction, data, exported, judges)
        judged = exported[0] if exported else TEACHER
        found.scores[judged]["worst"] = worst_cases(found, judged)
        split = found.pictures.split
        sheet = (
            run.root
            / f"evaluation-{re.sub(r'[^A-Za-z0-9.]+', '-', split).strip('-')}-{direction}.png"
        )
        write_png(sheet, worst_sheet(found, judged))
        write_json(path, merged(path, found.scores, split, direction))
        print(
            f"{direction}, {split}: {len(found.pictures.photos)} pictures\n{table(found.scores)}\n"
        )
        print(table(found.scores, _BY_JUDGES))
        for name, scores in found.scores.items():
            if "classes" in scores:
                print(f"{name}: classes of the masks", *class_lines(scores["classes"]), sep="\n")
        print(*(f"- {note}" for note in found.notes), f"written: {path}, {sheet}", sep="\n")


def _directions(options: EvaluateOptions, file: Path | None) -> tuple[str, ...]:
    if options.direction == "both":
        return ("ab", "ba")
    # Exported files are called ab-256-int8.tflite or teacher-ab-256-float32.tflite.
    return (options.direction or ("ba" if file and "ba" in file.stem.split("-")[:2] else "ab"),)


def evaluate(options: EvaluateOptions) -> None:
    """Scores what the options name, writes and prints it.

    Raises:
        UserError: options that do not go together, or pictures or networks that can't be used.
    """
    run = FinishedRun(options.run)
    file = Path(options.model) if options.model else None
    directions = _directions(options, file)
    check_evaluate_options(options, directions)
    exported = ExportedFile(file) if file else None
    if options.robustness:
        return _robustness(options, run, exported, directions[0])
    if exported:
        inside = file.resolve().is_relative_to(run.root.resolve())
        exported = (
            file.resolve().relative_to(run.root.resolve()).as_posix() if inside else str(file),
            exported,
        )
    _evaluate(options, run, directions, exported)
