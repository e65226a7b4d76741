"""The work of training.evaluate: scores as evaluation.json, sheets and tables."""

import dataclasses
import json
from pathlib import Path

from tf_i2i.command_line import flag_of
from tf_i2i.console import say, text_table
from tf_i2i.data.image_files import write_png
from tf_i2i.data.pixels import spread
from tf_i2i.data.sources import require_distinct
from tf_i2i.files import write_json, write_text
from tf_i2i.litert.model_file import read_bytes, read_facts
from training.evaluation import robustness_result
from training.evaluation.evaluated_pictures import evaluated_pictures, named_pairs
from training.evaluation.evaluation import evaluate_direction, load_models, stride
from training.evaluation.judges import open_judges
from training.evaluation.robustness import evaluate_robustness
from training.evaluation.score_table import CLIPS, NETWORKS, score_table
from training.evaluation.scoring import STUDENT, TEACHER, ExportedFile, keras_translator
from training.evaluation.stability import score_clips, slug, stability_files, strip_sheet
from training.evaluation.stability_clips import made_clip, real_clip
from training.evaluation.worst_cases import worst_cases, worst_sheet
from training.options.evaluate_options import EvaluateOptions
from training.reporting.charts import frames_chart, svg_file
from training.runs.finished_run import FinishedRun
from training.runs.weights import stale_files

_MAX_CLASSES = 8


def evaluate(options: EvaluateOptions) -> None:
    """Scores what the options name, writes and prints it.

    Raises UserError for options, pictures or networks that can't be used.
    """
    options.check()
    for names in (("input", "target"), ("domain_a", "domain_b")):
        if all(getattr(options, name) for name in names):
            require_distinct(*((flag_of(name), getattr(options, name)) for name in names))
    run = FinishedRun(options.run, options.checkpoint)
    if options.checkpoint != "newest":
        print(f"checkpoint {options.checkpoint}: step {run.checkpoint.step}")
    exported = {}
    if options.model:
        file, root = Path(options.model), run.root.resolve()
        inside = file.resolve().is_relative_to(root)
        name = file.resolve().relative_to(root).as_posix() if inside else str(file.absolute())
        exported = {name: ExportedFile(file)}
        if inside:
            facts = (read_facts(read_bytes(file)) or {}) | {"file": name}
            for line in stale_files(run.root, [facts]).values():
                say(f"warning: {line}")
    if options.robustness:
        return _evaluate_robustness(options, run, exported)
    if options.video:
        return _evaluate_video(options, run, exported)
    judges, path = open_judges(options, run), run.root / "evaluation.json"
    model = next(iter(exported), TEACHER)
    for direction in options.directions:
        if direction == "ba" and len(options.directions) > 1:
            # Of both directions the true translations are those of A to B.
            options = dataclasses.replace(options, target=None)
        evaluation = evaluate_direction(run, options, direction, exported, judges)
        split, scores = evaluation.pictures.split, evaluation.scores
        for name in (TEACHER, STUDENT) if options.checkpoint != "newest" else ():
            if name in scores and run.reads_checkpoint(name):
                scores[name]["checkpoint_step"] = run.checkpoint.step
        scores[model]["worst"] = worst_cases(evaluation, model)
        sheet = run.root / f"evaluation-{slug(split)}-{direction}.png"
        write_png(sheet, worst_sheet(evaluation, model))
        write_json(path, merged(path, scores, split, direction))
        print(f"{direction}, {split}: {len(evaluation.pictures.photos)} pictures")
        print(score_table(scores), "", score_table(scores, NETWORKS), sep="\n")
        for name, of_model in scores.items():
            if "classes" in of_model:
                print(f"{name}: classes of the masks", *class_lines(of_model["classes"]), sep="\n")
        print(*(f"- {note}" for note in judges.notes()), f"written: {path}, {sheet}", sep="\n")
    return None


def merged(path: Path, scores: dict[str, dict], split: str, direction: str) -> dict:
    """evaluation.json at `path`, model -> split -> direction -> scores, with these put in."""
    try:
        everything = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a damaged one can only be made anew
        everything = {}
    for name, values in scores.items():
        everything.setdefault(name, {}).setdefault(split, {})[direction] = values
    return everything


def class_lines(classes: dict[str, dict[str, float]]) -> list[str]:
    """One line per class of the masks, the most frequent ones first."""
    lines = [
        f"  class {name}: {100 * shares['photo']:.1f} % of the photos, "
        f"{100 * shares['translation']:.1f} % of the translations, IoU {shares['iou']:.3f}"
        for name, shares in list(classes.items())[:_MAX_CLASSES]
    ]
    more = len(classes) - _MAX_CLASSES
    return [*lines, f"  and {more} more classes"] if more > 0 else lines


def _evaluate_robustness(
    options: EvaluateOptions, run: FinishedRun, exported: dict[str, ExportedFile]
) -> None:
    """Scores the teacher, or the exported file, on drawings of every style."""
    side, translate = run.options.crop_size, next(iter(exported.values()), None)
    if translate is None:
        translate = keras_translator(run.network(TEACHER, options.directions[0]))
    elif translate.largest:
        side = min(side, translate.largest)
    sketches = named_pairs(options, run.options.load_size) if options.input else None
    result = evaluate_robustness(run, options, translate, side, sketches)
    paths = robustness_result.write_result(run.root, result)
    print(text_table(robustness_result.table(result)), *robustness_result.notes(result), sep="\n")
    print(f"written: {', '.join(map(str, paths))}")


def _evaluate_video(
    options: EvaluateOptions, run: FinishedRun, exported: dict[str, ExportedFile]
) -> None:
    """Scores the flicker of teacher, student and file on clips."""
    path = run.root / "evaluation.json"
    for direction in options.directions:
        models = load_models(run, direction)
        multiple = stride(models)
        sides = [run.fixed_size, *(file.largest for file in exported.values())]
        max_side = min(filter(None, sides), default=None)
        if options.clip:
            how = run.working_size_px, multiple, max_side
            split, clips = ", ".join(options.clip), [real_clip(path, *how) for path in options.clip]
        else:
            pictures, _ = evaluated_pictures(run, options, direction)
            split = f"{pictures.split}, clips"
            clips = [
                made_clip(pictures.names[n], pictures.photos[n], multiple, max_side, seed=n)
                for n in spread(len(pictures.names), options.most_clips)
            ]
        translators = {name: keras_translator(model) for name, model in models.items()}
        result = score_clips(translators | exported, clips)
        write_json(path, merged(path, result.scores, split, direction))
        sheet, figure = stability_files(run.root, split, direction)
        write_png(sheet, strip_sheet(result))
        title = "Warping error"
        write_text(figure, svg_file(frames_chart(title, "levels of 255", result.errors)))
        print(f"{direction}, {split}: {len(clips)} clips")
        print(
            score_table(result.scores, CLIPS),
            f"written: {path}, {sheet}, {figure}",
            sep="\n",
        )
