"""Scores a run's teacher and student, and an exported file, on pictures that training never saw.

By pixels: against the true translation where it is known (L1, PSNR, SSIM, outline F1, colour error,
grid energy; the untouched picture is the baseline), against the photo, against the teacher, and the
way there and back. By networks: KID and FID to real pictures of the style, whether people stay
themselves, whether masks stay. Adds to RUN/evaluation.json, and writes a sheet of the worst cases
beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tf_i2i.errors import UserError
from training.evaluated_pictures import EvaluatedData, named_pairs
from training.options import option, parse, run_command
from training.run_folder import newest_run, read_config, write_json
from training.score_names import SCORES, aligned, columns_of, score_text
from training.scoring import ExportedFile, keras_translator

_WHAT, _PICTURES = "what is scored", "pictures (default: the run's validation data)"
_JUDGES, _ROBUSTNESS = "networks that judge", "robustness"
_EPILOG = """\
Example: python -m training.evaluate --run runs/mine --split test --direction both --judge-model face-api
docs/evaluate.md says what each score means."""


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """Options of training.evaluate."""

    run: str | None = option(
        None, "run folder; default the newest run with a checkpoint", group=_WHAT, metavar="DIR"
    )
    model: str | None = option(
        None, "exported file, scored beside the two", group=_WHAT, metavar="FILE.tflite"
    )
    direction: str | None = option(
        None,
        "ab makes B from A; both: one after the other; default from the file's name, else ab",
        group=_WHAT,
        choices=("ab", "ba", "both"),
    )
    split: str = option(
        "val",
        "the run's validation or test pictures (test: of a run trained with --split)",
        group=_PICTURES,
        choices=("val", "test"),
    )
    input: str | None = option(None, "pictures to translate", group=_PICTURES, metavar="SRC")
    target: str | None = option(
        None,
        "their true translations, under the same file names; without --input those of the run's own pictures "
        "(of both directions: ab's)",
        group=_PICTURES,
        metavar="SRC",
    )
    domain_a: str | None = option(
        None, "pictures of domain A, no truth known", group=_PICTURES, metavar="SRC"
    )
    domain_b: str | None = option(
        None, "pictures of domain B, no truth known", group=_PICTURES, metavar="SRC"
    )
    features: str = option(
        "auto",
        "of KID and FID: offline (a fixed bank), inception (Keras fetches its weights, 88 MB, unless it has them), an .h5 "
        "file of its weights; auto takes inception where Keras has the weights, else offline",
        group=_JUDGES,
        metavar="{auto,offline,inception,FILE}",
    )
    judge_model: str | None = option(
        None,
        "face network that says whether people stay themselves: face-api, a Keras model or a SavedModel; best another "
        "than the run was trained with; default the run's --face-model",
        group=_JUDGES,
        metavar="SRC",
    )
    face_crop: str | None = option(
        None,
        "where the faces are: at a fixed place, or detected in the photos; default as the run was trained, else fixed",
        group=_JUDGES,
        choices=("fixed", "detected"),
    )
    segmentation_model: str | None = option(
        None,
        "network whose masks are compared: selfie, .tflite, Keras file or SavedModel; default the run's "
        "--segmentation-model",
        group=_JUDGES,
        metavar="SRC",
    )
    robustness: bool = option(
        False,
        "a run of pairs on drawings of every style, and on --input: RUN/robustness.json, .html, .png",
        group=_ROBUSTNESS,
    )
    most_pictures: int = option(
        200, "pictures of a style, chosen evenly", group=_ROBUSTNESS, minimum=1
    )


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
    return aligned(rows)


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


def _check(options: EvaluateOptions, directions: tuple[str, ...]) -> None:
    if options.model and not Path(options.model).is_file():
        raise UserError(
            f"--model {options.model}: no such file; make one with python -m export.tflite"
        )
    if options.input and not options.target:
        raise UserError("--target is missing: --input needs the true translations of its pictures")
    domains = {"ab": options.domain_a, "ba": options.domain_b}
    if options.target and any(domains.values()):
        raise UserError(
            "name --input and --target (pairs), or --domain-a or --domain-b (no truth known), not both"
        )
    if options.input and len(directions) > 1:
        raise UserError(
            "--input and --target are of one direction: name it with --direction ab or ba"
        )
    missing = [
        direction for direction in directions if any(domains.values()) and not domains[direction]
    ]
    if missing:
        raise UserError(
            f"direction {missing[0]} translates domain {missing[0][0].upper()}: name --domain-{missing[0][0]}"
        )
    named = options.input or any(domains.values())
    if options.split != "val" and named:
        raise UserError(
            f"--split {options.split} takes the run's own pictures: name no others with it"
        )
    if options.robustness and any(domains.values()):
        raise UserError(
            "--robustness needs true pictures: name --input and --target in place of a domain"
        )
    if options.robustness and (
        options.judge_model or len(directions) > 1 or (options.target and not options.input)
    ):
        raise UserError(
            "--robustness takes one direction, --input with --target, and no --judge-model"
        )
    if options.model and len(directions) > 1:
        raise UserError(
            "--model is of one direction: name it with --direction ab or ba, or leave it to the file's name"
        )


def _robustness(
    options: EvaluateOptions, run: Path, exported: ExportedFile | None, direction: str
) -> None:
    """Scores the teacher, or the exported file, on drawings of every style."""
    from training.restore import load_generator
    from training.robustness import evaluate_robustness
    from training.robustness_page import notes, table, write_result

    trained = read_config(run).get("options", {})
    sketches = named_pairs(options, int(trained.get("load_size", 286))) if options.input else None
    translate = exported or keras_translator(load_generator(run, "teacher", direction))
    side = min(filter(None, (int(trained["crop_size"]), exported and exported.largest)))
    result = evaluate_robustness(run, options, translate, side, sketches)
    written = write_result(run, result)
    print(
        "\n".join(
            [aligned(table(result)), *notes(result), f"written: {', '.join(map(str, written))}"]
        )
    )


def _evaluate(options: EvaluateOptions, run: Path, directions: tuple[str, ...], exported) -> None:
    """Scores every direction, and writes and prints what was found."""
    from tf_i2i.images import write_png
    from training.evaluation import TEACHER, evaluate_direction
    from training.judges import open_judges
    from training.worst_cases import worst_cases, worst_sheet

    judges, data, path = (
        open_judges(options, read_config(run).get("options", {})),
        EvaluatedData(run),
        run / "evaluation.json",
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
            run / f"evaluation-{re.sub(r'[^A-Za-z0-9.]+', '-', split).strip('-')}-{direction}.png"
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


def main(argv: list[str] | None = None) -> None:
    options = parse(
        EvaluateOptions,
        argv,
        prog="python -m training.evaluate",
        description=__doc__,
        epilog=_EPILOG,
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow is noisy where there is no GPU
    run = Path(options.run) if options.run else newest_run()
    read_config(run)
    file = Path(options.model) if options.model else None
    directions = _directions(options, file)
    _check(options, directions)
    exported = ExportedFile(file) if file else None
    if options.robustness:
        return _robustness(options, run, exported, directions[0])
    if exported:
        inside = file.resolve().is_relative_to(run.resolve())
        exported = (
            file.resolve().relative_to(run.resolve()).as_posix() if inside else str(file),
            exported,
        )
    _evaluate(options, run, directions, exported)


if __name__ == "__main__":
    run_command(main)
