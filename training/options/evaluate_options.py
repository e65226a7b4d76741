"""Options of training.evaluate."""

import dataclasses
from pathlib import Path

from tf_i2i.command_line import command, option_group
from tf_i2i.errors import UserError, one_line

_scored, _robustness = option_group("what is scored"), option_group("robustness")
_video = option_group("video")
_pictures = option_group("pictures (default: the run's validation data)")
_judges = option_group("networks that judge")


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    run: str | None = _scored(None, "run folder; default the newest", metavar="DIR")
    checkpoint: str = _scored(
        "newest",
        "of the run: newest, best by the validation pictures, or a step; its student is scored as "
        "well where it learned from this one",
        metavar="WHICH",
    )
    model: str | None = _scored(None, "exported file, scored as well", metavar="FILE.tflite")
    direction: str | None = _scored(
        None, "default from the file's name, else ab (B from A)", choices=("ab", "ba", "both")
    )
    split: str = _pictures(
        "val",
        "the run's validation or (with --split) test pictures",
        choices=("val", "test"),
        needs="robustness=False",
    )
    input: str | None = _pictures(None, "pictures to translate", metavar="SRC")
    target: str | None = _pictures(
        None, "true translations of equal names; without --input of the run's own", metavar="SRC"
    )
    domain_a: str | None = _pictures(None, "pictures of domain A, no truth known", metavar="SRC")
    domain_b: str | None = _pictures(None, "pictures of domain B, no truth known", metavar="SRC")
    features: str = _judges(
        "auto",
        "of KID and FID: offline (a fixed bank), inception (Keras downloads its weights, 88 MB, "
        "unless it has them), or an .h5 file of its weights; auto: inception where Keras has the "
        "weights, else offline",
        metavar="{auto,offline,inception,FILE}",
        path=True,
    )
    judge_model: str | None = _judges(
        None,
        "face network that verifies people: face-api, a Keras model or a SavedModel; best another "
        "than the run was trained with; default the run's --face-model",
        metavar="SRC",
    )
    face_crop: str | None = _judges(
        None,
        "where faces are; default as in training, else fixed",
        choices=("fixed", "detected"),
        needs="robustness=False",
    )
    segmentation_model: str | None = _judges(
        None,
        "network whose masks are compared: selfie, .tflite, Keras file or SavedModel; default the "
        "run's --segmentation-model",
        metavar="SRC",
    )
    robustness: bool = _robustness(
        False, "score a run of pairs on drawings of every style, and on --input: RUN/robustness.*"
    )
    most_pictures: int = _robustness(
        200, "maximum of pictures per style, chosen evenly", minimum=1, needs="robustness"
    )

    video: bool = _video(
        False,
        "score how much clips flicker: a pan, zoom and turn over pictures, with noise: RUN/stability-*",
    )
    clip: tuple[str, ...] = _video(
        (), "real clips in place of pictures", metavar="FILE", needs="video", repeatable=True
    )
    most_clips: int = _video(
        12, "maximum of pictures that clips are made from, chosen evenly", minimum=1, needs="video"
    )

    @property
    def directions(self) -> tuple[str, ...]:
        if self.direction == "both":
            return ("ab", "ba")
        # Exported files are called ab-256-int8.tflite or teacher-ab-256-float32.tflite.
        parts = Path(self.model).stem.split("-")[:2] if self.model else []
        return (self.direction or ("ba" if "ba" in parts else "ab"),)

    def check(self) -> None:
        """Raises UserError for options that do not go together."""
        domains = {"ab": self.domain_a, "ba": self.domain_b}
        unpaired, both = any(domains.values()), len(self.directions) > 1
        missing = [name for name in self.directions if unpaired and not domains[name]]
        letter = missing[0][0] if missing else ""
        name_direction = "is of one direction: name it with --direction ab or ba"
        not_of_run = self.split != "val" and (self.input or unpaired)
        not_robust = self.judge_model or both or (self.target and not self.input)
        export = command("export.tflite", run=self.run, int8=True)
        no_file = self.model and not Path(self.model).is_file()
        not_video = self.robustness or self.judge_model or self.input
        problems = {
            "--video takes one of the run's own pictures, --domain-a or -b, and --clip; no "
            "--robustness, --judge-model and --input": self.video and not_video,
            f"--model {one_line(self.model)}: no such file; make one with {export}": no_file,
            f"--model {name_direction}": self.model and both,
            f"--input {name_direction}": self.input and both,
            "--target is missing: --input needs true translations": self.input and not self.target,
            "name --input and --target, or --domain-a or -b, not both": self.target and unpaired,
            f"name --domain-{letter}: the domain that is translated": missing,
            f"--split {self.split} uses the run's own pictures; leave out --input": not_of_run,
            "--robustness: name --input and --target, not a domain": self.robustness and unpaired,
            "--robustness takes one direction, --input with --target, and no --judge-model": (
                self.robustness and not_robust
            ),
        }
        for message, is_wrong in problems.items():
            if is_wrong:
                raise UserError(message)
