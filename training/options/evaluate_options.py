"""Options of training.evaluate."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tf_i2i.command_line import option
from tf_i2i.errors import UserError

_WHAT, _PICTURES = "what is scored", "pictures (default: the run's validation data)"


_JUDGES, _ROBUSTNESS = "networks that judge", "robustness"


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
        "a run of pairs on drawings of every style, and on --input: RUN/robustness.json and robustness.png",
        group=_ROBUSTNESS,
    )
    most_pictures: int = option(
        200, "pictures of a style, chosen evenly", group=_ROBUSTNESS, minimum=1
    )


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
