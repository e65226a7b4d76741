"""Does guidance keep the face and the scene?

Trains the same CycleGAN for equal steps without guidance, with the face loss and with the
segmentation loss: photos of some people against cartoons of others. Scores are of people that no
training saw.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import Results, Target, parse_options, table
from tf_i2i.command_line import option, run_command
from tf_i2i.data.image_files import read_image, write_png
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import colour_error, outline_f1, ssim
from tf_i2i.metrics.mask_metrics import mean_iou
from tf_i2i.models.model_builder import GENERATOR_BLOCKS
from training.cartoon_pairs.photo_pair import Drawing, draw
from training.reporting.image_grid import labelled_grid

_SETTINGS = ("none", "face", "segmentation", "both")
_GENERATORS = tuple(GENERATOR_BLOCKS)
_STYLE_KEPT, _DISTANCE_FALLS = 0.9, 0.25
_MIN_PEOPLE, _SHEET_ROWS = 8, 6


@dataclasses.dataclass(frozen=True)
class GuidanceOptions:
    faces: str | None = option(
        None, "one folder of photos per person, eight people or more (required)", metavar="DIR"
    )
    out: str = option(
        "runs/guidance", "folder for data, runs and results; finished runs are kept", metavar="DIR"
    )
    settings: tuple[str, ...] = option(_SETTINGS[:3], "which trainings", choices=_SETTINGS)
    lambda_face: float = option(5.0, "weight of the face loss", minimum=0)
    lambda_segmentation: float = option(10.0, "weight of the segmentation loss", minimum=0)
    steps: int = option(600, "of each training", unit="steps", minimum=1)
    load_size: int = option(160, "shorter side of the pictures", unit="pixels", minimum=32)
    crop_size: int = option(128, "side of the training crops", unit="pixels", minimum=32)
    generator: str = option("shallow", "deep ones memorize few people", choices=_GENERATORS)
    ngf: int = option(24, "channels of the first convolutions", minimum=1)
    seed: int = option(1, "of people and training", minimum=0)
    show: tuple[str, ...] = option(
        (), "more photos to translate, into shown.png: for faces that may be shown", metavar="FILE"
    )


def main(argv: list[str] | None = None) -> None:
    options = parse_options(GuidanceOptions, argv, "guidance", __doc__)
    if not options.faces or not Path(options.faces).is_dir():
        raise UserError("--faces DIR is missing: a folder with one folder of photos per person")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    results = Results(str(out / "guidance.json"))
    people = make_data(options, out)
    runs = {name: trained(name, options, out) for name in options.settings}
    scores = judge(runs, out, options)
    if options.show:
        show(options, runs, out / "shown.png")
    columns = ("distance", "same_person", "impostors", "mask_iou", "mask_iou_crops")
    columns += ("outline_f1", "ssim", "colour_error")
    rows = [(name, *(f"{row[column]:.3f}" for column in columns)) for name, row in scores.items()]
    note = f"held-out people: {', '.join(people['held_out'])}; {options.steps} steps each"
    tables = [note, table(("guidance", *columns), rows), f"pictures: {out / 'guidance.png'}"]
    results.report(options, tables, targets=claims(scores), scores=scores, people=people)


def claims(scores: dict[str, dict]) -> list[Target]:
    """What guidance promises compared with the training without it."""
    plain, targets = scores.get("none"), []
    for name in ("face", "segmentation", "both"):
        if plain is None or name not in scores:
            continue
        row = scores[name]
        if name != "segmentation":
            fall = 1 - row["distance"] / plain["distance"]
            claim = f"{name}: embedding distance of photo and translation falls by"
            targets.append(Target(claim, fall, _DISTANCE_FALLS))
        if name != "face":
            for column, of in (("mask_iou", "whole photos"), ("mask_iou_crops", "crops")):
                claim = f"{name}: mask IoU of {of} minus that without"
                targets.append(Target(claim, row[column] - plain[column], 0.0))
        kept = row["outline_f1"] / plain["outline_f1"]
        claim = f"{name}: outline F1 to the true cartoon, share of that without"
        targets.append(Target(claim, kept, _STYLE_KEPT))
    return targets


def make_data(options: GuidanceOptions, out: Path) -> dict[str, list[str]]:
    """Draw OUT/photos of some people, OUT/cartoons of others, OUT/held_out and OUT/truth of the
    rest; the people by part.
    """
    names = sorted(path.name for path in Path(options.faces).iterdir() if path.is_dir())
    if len(names) < _MIN_PEOPLE:
        few = f"{len(names)} people, at least {_MIN_PEOPLE} are needed"
        raise UserError(f"--faces {options.faces}: {few}")
    names = list(np.random.default_rng(options.seed).permutation(names))
    # Most people to the domain whose faces are to be kept: of few, a generator learns these only.
    count = len(names) // 4
    people = {"held_out": names[:count], "photos": names[count:-count], "cartoons": names[-count:]}
    drawing = Drawing("cartoon", (), options.load_size)
    for part, folder, half in (
        ("photos", "photos", "photo"),
        ("cartoons", "cartoons", "cartoon"),
        ("held_out", "held_out", "photo"),
        ("held_out", "truth", "cartoon"),
    ):
        for person in people[part]:
            for file in sorted(Path(options.faces, person).iterdir()):
                target = out / folder / person / f"{file.stem}.png"
                if not target.exists():
                    write_png(target, getattr(draw(file, drawing), half))
    return people


def trained(name: str, options: GuidanceOptions, out: Path) -> Path:
    """The run of one setting, trained unless it is finished."""
    run = out / "runs" / name
    if (run / "checkpoints" / f"ckpt-{options.steps}.json").exists():
        return run
    command = [sys.executable, "-m", "training.cyclegan", "--run", str(run)]
    if (run / "config.json").exists():
        command.append("--resume")
    else:
        arguments = _arguments(name, options, out)
        command += [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    if status := subprocess.run(command, check=False).returncode:
        raise UserError(
            f"the training of {name} ended with status {status}; run this command again to resume"
        )
    return run


def _arguments(name: str, options: GuidanceOptions, out: Path) -> dict[str, object]:
    folders = {"domain-a": "photos", "domain-b": "cartoons", "val-a": "held_out", "val-b": "truth"}
    arguments = {key: out / folder for key, folder in folders.items()}
    for field in ("load_size", "crop_size", "generator", "ngf", "steps", "seed"):
        arguments[field.replace("_", "-")] = getattr(options, field)
    arguments |= {
        "discriminator": "patch",
        "ndf": options.ngf,
        "student": "none",
        "sample-every": options.steps,
    }
    arguments["checkpoint-every"] = max(1, options.steps // 4)
    for loss, model in (("face", "face-api"), ("segmentation", "selfie")):
        if name in (loss, "both"):
            weight = getattr(options, f"lambda_{loss}")
            arguments |= {f"lambda-{loss}": weight, f"{loss}-model": model}
    return arguments


def judge(runs: dict[str, Path], out: Path, options: GuidanceOptions) -> dict[str, dict]:
    """Scores by setting; also OUT/guidance.png: photo, translations, true cartoon."""
    from tf_i2i.pretrained.face_networks import load_face_network
    from tf_i2i.pretrained.segmentation_networks import open_segmenter

    files = sorted((out / "held_out").rglob("*.png"))
    photos = [read_image(file) for file in files]
    truths = [read_image(out / "truth" / file.parent.name / file.name) for file in files]
    photo_crops, true_crops = (
        [crop for image in images for crop in crops(image, options.crop_size)]
        for images in (photos, truths)
    )
    translations = {}
    for name, run in runs.items():
        translate = translator(run)
        translations[name] = (list(map(translate, photos)), list(map(translate, photo_crops)))
    translations["true cartoon"] = (truths, true_crops)

    people = [file.parent.name for file in files]
    face, segment = load_face_network("face-api"), open_segmenter("selfie")
    scores = {}
    for name, (fakes, fake_crops) in translations.items():
        scores[name] = scores_of(photos, fakes, truths, people, face, segment)
        scores[name]["mask_iou_crops"] = mask_iou(photo_crops, fake_crops, segment)
        if name in runs:
            last = (runs[name] / "metrics.jsonl").read_text().splitlines()[-1]
            costs = ("face_share", "segmentation_share", "step_s")
            scores[name] |= {key: value for key, value in json.loads(last).items() if key in costs}
    rows = np.linspace(0, len(files) - 1, min(_SHEET_ROWS, len(files))).round().astype(int)
    columns = {"photo": photos} | {name: fakes for name, (fakes, _) in translations.items()}
    sheet = {name: np.stack([column[row] for row in rows]) for name, column in columns.items()}
    write_png(out / "guidance.png", labelled_grid(sheet))
    return scores


def show(options: GuidanceOptions, runs: dict[str, Path], path: Path) -> None:
    """Write a row for each photo of --show: its middle, its translations, its true cartoon."""
    pairs = [draw(file, Drawing("cartoon", (), options.load_size)) for file in options.show]
    photos, cartoons = (
        np.stack([centre_square(getattr(pair, half), options.load_size) for pair in pairs])
        for half in ("photo", "cartoon")
    )
    columns = {name: np.stack(list(map(translator(run), photos))) for name, run in runs.items()}
    write_png(path, labelled_grid({"photo": photos, **columns, "true cartoon": cartoons}))


def translator(run: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The run's translation from photo to style: uint8 [H, W, 3] to the same."""
    from training.runs.finished_run import FinishedRun

    generator = FinishedRun(run).network("teacher", "ab")
    return lambda photo: to_uint8(generator(to_float(photo[None]), training=False))[0]


def scores_of(photos, fakes, truths, people: Sequence[str], face, segment) -> dict[str, float]:
    """Means over the held-out photos.

    distance: Euclidean, of the embeddings of photo and translation; same_person: share of these
    under the network's threshold; impostors: share under it of (photo, translation of a photo of
    another person).
    """

    def embed(images):
        boxes = [face.crop.fixed(*image.shape[:2])[None] for image in images]
        pairs = zip(images, boxes, strict=True)
        return np.concatenate(
            [face.embed_boxes(to_float(image[None]), box) for image, box in pairs]
        )

    def mean(score) -> float:
        return float(np.mean([score(a, b) for a, b in zip(fakes, truths, strict=True)]))

    distances = np.linalg.norm(embed(photos)[:, None] - embed(fakes)[None], axis=2)
    others = np.array(people)[:, None] != np.array(people)[None]
    own = np.diagonal(distances)
    return {
        "distance": float(own.mean()),
        "same_person": float(np.mean(own < face.threshold)),
        "impostors": float(np.mean(distances[others] < face.threshold)),
        "mask_iou": mask_iou(photos, fakes, segment),
        "outline_f1": mean(outline_f1),
        "ssim": mean(ssim),
        "colour_error": mean(colour_error),
    }


def crops(image: np.ndarray, side: int) -> list[np.ndarray]:
    """Ten views of the training crops' size: the corners and the middle, each also mirrored.

    Ten, because in one crop a blob that a mask has or lacks counts as much as all its outlines, and
    chance decides on which side of the network's threshold it is.
    """
    height, width = image.shape[0] - side, image.shape[1] - side
    places = ((0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2))
    views = [image[top : top + side, left : left + side] for top, left in places]
    return [np.ascontiguousarray(view[:, ::step]) for view in views for step in (1, -1)]


def mask_iou(photos, fakes, segment) -> float:
    """Mean IoU of the masks of photos and of their translations."""
    pairs = zip(photos, fakes, strict=True)
    return float(np.mean([mean_iou(segment(photo), segment(fake)) for photo, fake in pairs]))


if __name__ == "__main__":
    run_command(main)
