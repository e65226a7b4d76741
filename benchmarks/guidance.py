"""Does guidance keep the face and the scene? python -m benchmarks.guidance --faces DIR --out DIR

Trains the same CycleGAN at equal steps without guidance, with the face loss and with the
segmentation loss: photos of some people against cartoons of others. Scores are of people that no
training saw."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.console import silence_tensorflow
from tf_i2i.errors import UserError

_STYLE_KEPT, _DISTANCE_FALLS = 0.9, 0.25


@dataclasses.dataclass(frozen=True)
class GuidanceOptions:
    """What is trained on what."""

    faces: str | None = option(
        None, "one folder of photos a person, eight people or more (needed)", metavar="DIR"
    )
    out: str = option(
        "runs/guidance",
        "folder for data, runs and results; finished runs in it stay",
        metavar="DIR",
    )
    settings: tuple[str, ...] = option(
        ("none", "face", "segmentation"),
        "which trainings",
        choices=("none", "face", "segmentation", "both"),
    )
    lambda_face: float = option(5.0, "weight of the face loss", minimum=0)
    lambda_segmentation: float = option(10.0, "weight of the segmentation loss", minimum=0)
    segmentation_temperature: float | None = option(None, "default the network's own", minimum=0.01)
    steps: int = option(600, "of each training", unit="steps", minimum=1)
    load_size: int = option(160, "shorter side of the pictures", unit="pixels", minimum=32)
    crop_size: int = option(128, "side of the training crops", unit="pixels", minimum=32)
    generator: str = option(
        "shallow",
        "generator network; deep ones learn the few people by heart",
        choices=("resnet9", "resnet6", "shallow"),
    )
    ngf: int = option(24, "channels of the first convolutions", minimum=1)
    seed: int = option(1, "of people and training", minimum=0)
    show: tuple[str, ...] = option(
        (),
        "more photos to translate, into shown.png: faces for research may not be shown to all",
        metavar="FILE",
    )


def main(argv: list[str] | None = None) -> None:
    options = parse(
        GuidanceOptions, argv, prog="python -m benchmarks.guidance", description=__doc__
    )
    if not options.faces or not Path(options.faces).is_dir():
        raise UserError("--faces DIR is missing: a folder with one folder of photos a person")
    silence_tensorflow()
    from benchmarks.results import (
        machine,
        machine_line,
        markdown_table,
        targets_table,
        write_results,
    )

    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    people = make_data(options, out)
    runs = {name: trained(name, options, out) for name in options.settings}
    scores, pictures = judge(runs, out, options)
    if options.show:
        show(options, runs, out / "shown.png")
    columns = (
        "distance",
        "same_person",
        "impostors",
        "mask_iou",
        "mask_iou_crops",
        "outline_f1",
        "ssim",
        "colour_error",
    )
    rows = [(name, *(f"{row[column]:.3f}" for column in columns)) for name, row in scores.items()]
    print(f"held-out people: {', '.join(people['held_out'])}; {options.steps} steps each\n")
    print(markdown_table(("guidance", *columns), rows))
    targets = claims(scores)
    facts = machine(["tensorflow"])
    print(f"\n{targets_table(targets)}\n\n{machine_line(facts)}\npictures: {pictures}")
    write_results(
        str(out / "guidance.json"),
        {
            "scores": scores,
            "targets": targets,
            "people": people,
            "options": options,
            "machine": facts,
        },
    )


def claims(scores: dict) -> list:
    """What guidance promises against the training without it."""
    from benchmarks.results import Target

    plain, targets = scores.get("none"), []
    for name, row in scores.items():
        if plain is None or name in ("none", "true cartoon"):
            continue
        if name in ("face", "both"):
            fall = 1 - row["distance"] / plain["distance"]
            targets.append(
                Target(
                    f"{name}: embedding distance photo to translation falls by",
                    fall,
                    _DISTANCE_FALLS,
                )
            )
        if name in ("segmentation", "both"):
            for column, of in (("mask_iou", "whole photos"), ("mask_iou_crops", "crops")):
                targets.append(
                    Target(
                        f"{name}: mask IoU of {of} over that without",
                        row[column] - plain[column],
                        0.0,
                    )
                )
        kept = row["outline_f1"] / plain["outline_f1"]
        targets.append(
            Target(
                f"{name}: outline F1 to the true cartoon, share of that without", kept, _STYLE_KEPT
            )
        )
    return targets


def make_data(options: GuidanceOptions, out: Path) -> dict[str, list[str]]:
    """Links photos and draws cartoons: OUT/photos of some people, OUT/cartoons of others,
    OUT/held_out of the rest.
    """
    import numpy as np

    from tf_i2i.data.image_files import write_png
    from training.cartoon_pairs.photo_pair import Drawing, draw

    names = sorted(path.name for path in Path(options.faces).iterdir() if path.is_dir())
    if len(names) < 8:
        raise UserError(f"--faces {options.faces}: {len(names)} people, at least 8 are needed")
    names = list(np.random.default_rng(options.seed).permutation(names))
    held = len(names) // 4
    # Most photos to the domain whose faces are to be kept: what a generator learns from few people
    # it can do with these only.
    middle = len(names) - held
    people = {"held_out": names[:held], "photos": names[held:middle], "cartoons": names[middle:]}
    drawing = Drawing("cartoon", (), options.load_size)
    wanted = {
        "photos": {"photos": "photo"},
        "cartoons": {"cartoons": "cartoon"},
        "held_out": {"held_out": "photo", "truth": "cartoon"},
    }
    for part, chosen in people.items():
        for person in chosen:
            for path in sorted((Path(options.faces) / person).iterdir()):
                targets = {
                    out / folder / person / f"{path.stem}.png": half
                    for folder, half in wanted[part].items()
                }
                if all(target.exists() for target in targets):
                    continue
                pair = draw(path, drawing)
                for target, half in targets.items():
                    write_png(target, getattr(pair, half))
    return people


def trained(name: str, options: GuidanceOptions, out: Path) -> Path:
    """The run of one setting, trained unless it is there already."""
    run = out / "runs" / name
    finished = run / "checkpoints" / f"ckpt-{options.steps}.json"
    if finished.exists():
        return run
    command = [sys.executable, "-m", "training.cyclegan", "--run", str(run)]
    if (run / "config.json").exists():
        command.append("--resume")
    else:
        command += [*_common(options, out), *_guidance(name, options)]
    if status := subprocess.run(command, check=False).returncode:
        raise UserError(
            f"the training of {name} ended with status {status}; run this command again to continue"
        )
    return run


def _common(options: GuidanceOptions, out: Path) -> list[str]:
    given = {
        "domain-a": out / "photos",
        "domain-b": out / "cartoons",
        "val-a": out / "held_out",
        "val-b": out / "truth",
        "load-size": options.load_size,
        "crop-size": options.crop_size,
        "generator": options.generator,
        "ngf": options.ngf,
        "ndf": options.ngf,
        "steps": options.steps,
        "seed": options.seed,
        "student": "none",
        "sample-every": options.steps,
        "checkpoint-every": max(1, options.steps // 4),
    }
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


def _guidance(name: str, options: GuidanceOptions) -> list[str]:
    face = ["--lambda-face", str(options.lambda_face), "--face-model", "face-api"]
    segmentation = [
        "--lambda-segmentation",
        str(options.lambda_segmentation),
        "--segmentation-model",
        "selfie",
    ]
    if options.segmentation_temperature:
        segmentation += ["--segmentation-temperature", str(options.segmentation_temperature)]
    return {"none": [], "face": face, "segmentation": segmentation, "both": face + segmentation}[
        name
    ]


def judge(runs: dict[str, Path], out: Path, options: GuidanceOptions) -> tuple[dict, Path]:
    """Scores by setting, and a picture: photo, translations, true cartoon."""
    import numpy as np

    from tf_i2i.data.image_files import read_image, write_png
    from tf_i2i.pretrained.face_networks import load_face_network
    from tf_i2i.pretrained.segmentation_networks import open_segmenter
    from training.reporting.image_grid import labelled_grid

    files = sorted((out / "held_out").rglob("*.png"))
    photos = [read_image(file) for file in files]
    truths = [read_image(out / "truth" / file.parent.name / file.name) for file in files]
    owners = [file.parent.name for file in files]
    face, segment = load_face_network("face-api"), open_segmenter("selfie")
    photo_crops, true_crops = (
        [crops(image, options.crop_size) for image in images] for images in (photos, truths)
    )
    scores, shown = {}, {"photo": photos}
    for name, run in runs.items():
        translated = translator(run)
        fakes = [translated(photo) for photo in photos]
        scores[name] = scores_of(photos, fakes, truths, owners, face, segment)
        fake_crops = [[translated(crop) for crop in row] for row in photo_crops]
        scores[name] |= {"mask_iou_crops": crops_iou(photo_crops, fake_crops, segment)} | _cost(run)
        shown[name] = fakes
    shown["true cartoon"] = truths
    scores["true cartoon"] = scores_of(photos, truths, truths, owners, face, segment)
    scores["true cartoon"]["mask_iou_crops"] = crops_iou(photo_crops, true_crops, segment)
    rows = np.linspace(0, len(files) - 1, min(6, len(files))).round().astype(int)
    path = out / "guidance.png"
    write_png(
        path,
        labelled_grid(
            {name: np.stack([column[row] for row in rows]) for name, column in shown.items()}
        ),
    )
    return scores, path


def show(options: GuidanceOptions, runs: dict[str, Path], path: Path) -> None:
    """Writes a row for each photo of --show: the middle of it, its translations, its true cartoon."""
    import numpy as np

    from tf_i2i.data.image_files import write_png
    from tf_i2i.data.pixels import centre_square
    from training.cartoon_pairs.photo_pair import Drawing, draw
    from training.reporting.image_grid import labelled_grid

    pairs = [draw(file, Drawing("cartoon", (), options.load_size)) for file in options.show]
    photos, cartoons = (
        np.stack([centre_square(getattr(pair, half), options.load_size) for pair in pairs])
        for half in ("photo", "cartoon")
    )
    columns = {
        name: np.stack([translate(photo) for photo in photos])
        for name, translate in ((name, translator(run)) for name, run in runs.items())
    }
    write_png(path, labelled_grid({"photo": photos, **columns, "true cartoon": cartoons}))


def translator(run: Path):
    """The run's translation from photo to style: uint8 [H, W, 3] to the same."""
    from tf_i2i.data.pixels import to_float, to_uint8
    from training.runs.finished_run import FinishedRun

    generator = FinishedRun(run).network("teacher", "ab")
    return lambda photo: to_uint8(generator(to_float(photo[None]), training=False))[0]


def scores_of(photos, fakes, truths, owners, face, segment) -> dict[str, float]:
    """Means over the held-out photos.

    distance: Euclidean, of the embeddings of photo and translation; same_person: share of these
    under the network's threshold; impostors: share under it of (photo, translation of a photo of
    somebody else).
    """
    import numpy as np

    from tf_i2i.metrics.image_metrics import colour_error, outline_f1, ssim
    from tf_i2i.metrics.mask_metrics import mean_iou

    def embedded(images):
        boxes = np.stack([face.crop.fixed(*image.shape[:2]) for image in images])
        return np.concatenate(
            [
                face.embed_boxes(image[None].astype(np.float32) / 127.5 - 1, box[None])
                for image, box in zip(images, boxes, strict=True)
            ]
        )

    distances = np.linalg.norm(embedded(photos)[:, None] - embedded(fakes)[None], axis=2)
    others = np.array(owners)[:, None] != np.array(owners)[None]
    own = np.diagonal(distances)
    return {
        "distance": float(own.mean()),
        "same_person": float(np.mean(own < face.threshold)),
        "impostors": float(np.mean(distances[others] < face.threshold)),
        "mask_iou": float(
            np.mean([mean_iou(segment(a), segment(b)) for a, b in zip(photos, fakes, strict=True)])
        ),
        "outline_f1": float(
            np.mean([outline_f1(a, b) for a, b in zip(fakes, truths, strict=True)])
        ),
        "ssim": float(np.mean([ssim(a, b) for a, b in zip(fakes, truths, strict=True)])),
        "colour_error": float(
            np.mean([colour_error(a, b) for a, b in zip(fakes, truths, strict=True)])
        ),
    }


def crops(image, side: int) -> list:
    """Ten views of a picture at the size of the training's crops: its corners and its middle, each
    also mirrored.
    """
    import numpy as np

    height, width = image.shape[0] - side, image.shape[1] - side
    places = ((0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2))
    cut = [image[top : top + side, left : left + side] for top, left in places]
    return [np.ascontiguousarray(crop[:, ::step]) for crop in cut for step in (1, -1)]


def crops_iou(photo_crops, fake_crops, segment) -> float:
    """Mean mask IoU of crops of photos and of their translations. Ten a photo: in one, a blob that
    a mask has or lacks weighs as much as all its outlines, and chance decides on which side of the
    network's threshold it falls.
    """
    import numpy as np

    from tf_i2i.metrics.mask_metrics import mean_iou

    pairs = [
        pair for row in zip(photo_crops, fake_crops, strict=True) for pair in zip(*row, strict=True)
    ]
    return float(np.mean([mean_iou(segment(photo), segment(fake)) for photo, fake in pairs]))


def _cost(run: Path) -> dict[str, float]:
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return {key: last[key] for key in ("face_share", "segmentation_share", "step_s") if key in last}


if __name__ == "__main__":
    run_command(main)
