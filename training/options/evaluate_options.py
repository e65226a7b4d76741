"""Options of training.evaluate."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tf_i2i.command_line import option_group
from tf_i2i.errors import UserError

_what, _robustness = option_group("what is scored"), option_group("robustness")
_pictures = option_group("pictures (default: the run's validation data)")
_judges = option_group("networks that judge")


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """Options of training.evaluate."""

    run: str | None = _what(
        None, "run folder; default the newest run with a checkpoint", metavar="DIR"
    )
    model: str | None = _what(None, "exported file, scored beside the two", metavar="FILE.tflite")
    direction: str | None = _what(
        None,
        "ab makes B from A; both: one after the other; default from the file's name, else ab",
        choices=("ab", "ba", "both"),
    )
    split: str = _pictures(
        "val",
        "the run's validation or test pictures (test: of a run trained with --split)",
        choices=("val", "test"),
    )
    input: str | None = _pictures(None, "pictures to translate", metavar="SRC")
    target: str | None = _pictures(
        None,
        "their true translations, under the same file names; without --input those of the run's own pictures "
        "(of both directions: ab's)",
        metavar="SRC",
    )
    domain_a: str | None = _pictures(None, "pictures of domain A, no truth known", metavar="SRC")
    domain_b: str | None = _pictures(None, "pictures of domain B, no truth known", metavar="SRC")
    features: str = _judges(
        "auto",
        "of KID and FID: offline (a fixed bank), inception (Keras fetches its weights, 88 MB, unless it has them), an .h5 "
        "file of its weights; auto takes inception where Keras has the weights, else offline",
        metavar="{auto,offline,inception,FILE}",
    )
    judge_model: str | None = _judges(
        None,
        "face network that says whether people stay themselves: face-api, a Keras model or a SavedModel; best another "
        "than the run was trained with; default the run's --face-model",
        metavar="SRC",
    )
    face_crop: str | None = _judges(
        None,
        "where the faces are: at a fixed place, or detected in the photos; default as the run was trained, else fixed",
        choices=("fixed", "detected"),
    )
    segmentation_model: str | None = _judges(
        None,
        "network whose masks are compared: selfie, .tflite, Keras file or SavedModel; default the run's "
        "--segmentation-model",
        metavar="SRC",
    )
    robustness: bool = _robustness(
        False,
        "a run of pairs on drawings of every style, and on --input: RUN/robustness.json and robustness.png",
    )
    most_pictures: int = _robustness(200, "pictures of a style, chosen evenly", minimum=1)


def check_evaluate_options(options: EvaluateOptions, directions: tuple[str, ...]) -> None:
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
            f"--split {options.split} uses the run's own pictures; leave out --input, --domain-a and --domain-b"
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
