"""Trains and verifies a face network: people, batches of triplets, scores on held-out people."""

import dataclasses
import math
import os
import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.command_line import command
from tf_i2i.console import chatter_left_out, say
from tf_i2i.data.faces import FaceCrop, detected
from tf_i2i.data.image_cache import load_images
from tf_i2i.data.pixels import to_float
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing, sha256_of, write_json
from tf_i2i.metrics.identity_metrics import verification_scores
from tf_i2i.models import losses
from tf_i2i.pretrained.box_resampling import resample_boxes
from tf_i2i.pretrained.face_networks import build_face_embedder, card_of
from training.options.face_options import EmbedderOptions
from training.system.interruption import Interruption
from training.trainers.devices import say_device
from training.trainers.schedules import CosineDecay

# Crops are kept this much larger than the network's input, since each training crop is shifted and
# scaled.
_MARGIN = 1.25
_SHIFT, _SCALE, _BRIGHTNESS, _CONTRAST = 0.05, 0.08, 0.15, 0.2
_MIN_PEOPLE, _MIN_HELD_OUT = 4, 2


@dataclasses.dataclass(frozen=True)
class People:
    """Faces of some people.

    Attributes:
        crops: uint8 [N, s, s, 3], faces with a margin.
        of: int [N], the person of each crop, as an index of `names`.
        names: of the people.
    """

    crops: np.ndarray
    of: np.ndarray
    names: list[str]

    def subset(self, people: list[int]) -> "People":
        """Some of the people, renumbered."""
        chosen = np.isin(self.of, people)
        of = np.searchsorted(people, self.of[chosen])
        return People(self.crops[chosen], of, [self.names[person] for person in people])


def train(options: EmbedderOptions) -> int | None:
    """Trains, verifies, writes FILE and FILE.json. Returns None, or 130 / 143 after an
    interruption: then the network is written as it is.

    Raises:
        UserError: too few people, or FILE can't be written.
    """
    out = Path(options.out)
    if not options.faces:
        raise UserError("--faces DIR is missing: a folder with one folder of pictures per person")
    if out.suffix != ".keras":
        raise UserError(f"--out {one_line(out)}: must end in .keras")
    learned, held_out = split_people(load_people(options), options)
    names = ", ".join(held_out.names[:8])
    say_device()
    say(f"training on {len(learned.names)} people, verifying on {len(held_out.names)}: {names}")
    keras.utils.set_random_seed(options.seed)
    network = build_face_embedder(options.size, options.width, options.dimensions)
    status = _train_network(network, learned, options)
    scores = verification_scores(_embeddings(network, held_out, options.size), held_out.of)
    _write(network, out, options, scores, held_out)
    say(
        f"held-out people: AUC {scores['auc']:.3f}, {100 * scores['accuracy']:.1f} % correct at "
        f"distance {scores['threshold']:.2f} ({scores['same_pairs']} pairs of one person, "
        f"{scores['other_pairs']} of two)"
    )
    use = command("training.cyclegan", lambda_face=5, face_model=out)
    say(f"wrote {one_line(out)}; use it, with your folders: {use}")
    return status


def load_people(options: EmbedderOptions) -> People:
    """Reads --faces: a picture's folder is its person."""
    source = open_source(options.faces, "--faces")
    short_side = math.ceil(_MARGIN * options.size / options.face_share)
    cache = load_images(source, short_side, option="--faces", warn=say)
    owners = [name.rpartition("/")[0] for name in cache.names]
    names = sorted(set(owners))
    crops, of = [], []
    for index in tqdm(range(len(cache)), "faces", unit="picture", delay=3):
        crop = _crop(cache.image(index), options)
        if crop is not None:
            crops.append(crop)
            of.append(names.index(owners[index]))
    if len(crops) < len(cache):
        say(f"--faces: no face was found in {len(cache) - len(crops)} of {len(cache)} pictures")
    counts = np.bincount(np.array(of, int), minlength=len(names))
    people = [person for person, count in enumerate(counts) if count >= 2]
    if len(people) < _MIN_PEOPLE:
        raise UserError(
            f"--faces {one_line(options.faces)}: {len(people)} people have two pictures or more, "
            f"at least {_MIN_PEOPLE} are needed; put one folder per person there"
        )
    return People(np.stack(crops), np.array(of), names).subset(people)


def split_people(people: People, options: EmbedderOptions) -> tuple[People, People]:
    """(those to train on, those to verify on), chosen by name and seed."""
    count = len(people.names)
    held_out = min(max(_MIN_HELD_OUT, round(options.held_out * count)), count - _MIN_HELD_OUT)

    def rank(person: int) -> str:
        return sha256_of(os.fsencode(f"{options.seed} {people.names[person]}"))

    order = sorted(range(count), key=rank)
    return people.subset(sorted(order[held_out:])), people.subset(sorted(order[:held_out]))


def _crop(image: np.ndarray, options: EmbedderOptions) -> np.ndarray | None:
    """The face with a margin, uint8 [s, s, 3]; None where none was found."""
    if options.face_crop == "detected":
        box = detected(image)
    else:
        box = FaceCrop(options.face_share, options.face_shift).fixed(*image.shape[:2])
    if box is None:
        return None
    side = round(_MARGIN * options.size)
    box = np.concatenate([box[:2] - (_MARGIN - 1) / 2 * box[2:], _MARGIN * box[2:]])
    crop = resample_boxes(image[None], box[None], (side, side))[0]
    return crop.numpy().round().astype(np.uint8)


def _triplet_loss():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it announces the end of its own development
            import tensorflow_addons as tfa  # for Python 3.10 and 3.11 only
    except ImportError:
        return losses.triplet_semihard
    return partial(tfa.losses.triplet_semihard_loss, distance_metric="squared-L2")


def _train_network(network: keras.Model, people: People, options: EmbedderOptions) -> int | None:
    triplet_loss = _triplet_loss()
    optimizer = keras.optimizers.Adam(CosineDecay(options.learning_rate, options.steps))
    crops = tf.constant(people.crops)

    @tf.function
    def step(chosen, owners, boxes, light):
        pictures = tf.cast(tf.gather(crops, chosen), tf.float32) / 127.5 - 1.0
        pictures = resample_boxes(pictures, boxes, (options.size, options.size))
        contrast, brightness, flip = (light[:, i, None, None, None] for i in range(3))
        pictures = tf.where(flip > 0, tf.reverse(pictures, [2]), pictures)
        pictures = pictures * contrast + brightness
        with tf.GradientTape() as tape:
            embedded = network(pictures, training=True)
            loss = triplet_loss(owners, embedded, options.margin)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    rng, recent = np.random.default_rng(options.seed), []
    bar = tqdm(total=options.steps, desc="embedder", unit="step", mininterval=1.0)
    with Interruption() as interruption, bar:
        bar.set_postfix_str("compiling the training step")
        for number in range(options.steps):
            with nullcontext() if number else chatter_left_out():
                recent = [*recent[-99:], float(step(*_draw_batch(people, options, rng)))]
            bar.set_postfix(triplet=f"{np.mean(recent):.4f}", refresh=False)
            bar.update()
            if interruption.signal:
                break
    return interruption.exit_status


def _draw_batch(people: People, options: EmbedderOptions, rng: np.random.Generator) -> tuple:
    """Indices of pictures of some people, whose they are, the boxes to cut out of them, and their
    contrast, brightness and flip.
    """
    chosen = rng.choice(len(people.names), min(options.people, len(people.names)), replace=False)
    of_each = [np.flatnonzero(people.of == person) for person in chosen]
    drawn = [rng.choice(p, min(options.pictures, len(p)), replace=False) for p in of_each]
    indices = np.concatenate(drawn)
    count = len(indices)
    side = options.size * (1 + rng.uniform(-_SCALE, _SCALE, count))
    shift = options.size * rng.uniform(-_SHIFT, _SHIFT, (2, count))
    corner = (people.crops.shape[1] - side) / 2 + shift
    light = [
        rng.uniform(1 - _CONTRAST, 1 + _CONTRAST, count),
        rng.uniform(-_BRIGHTNESS, _BRIGHTNESS, count),
        rng.choice([-1.0, 1.0], count),
    ]
    return (
        tf.constant(indices),
        tf.constant(people.of[indices]),
        tf.constant(np.stack([*corner, side, side], 1), tf.float32),
        tf.constant(np.stack(light, 1), tf.float32),
    )


def _embeddings(network: keras.Model, people: People, size: int) -> np.ndarray:
    """float [N, D] of the crops without their margin."""
    margin = (people.crops.shape[1] - size) / 2
    box = tf.constant([[margin, margin, size, size]], tf.float32)
    crops = (resample_boxes(to_float(crop[None]), box, (size, size)) for crop in people.crops)
    return np.concatenate([network(crop, training=False) for crop in crops])


def _write(network, out: Path, options: EmbedderOptions, scores: dict, held_out: People) -> None:
    card = {
        "threshold": scores["threshold"],
        "crop": {"share": options.face_share, "shift": options.face_shift},
        "input_range": [-1.0, 1.0],
        "verification": scores,
        "held_out_people": held_out.names,
        "options": dataclasses.asdict(options),
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out, suffix=".keras") as partial:
            network.save(partial)
            write_json(card_of(out), card)
    except OSError as error:
        raise UserError(
            f"--out {one_line(out)}: can't write there ({error.strerror}); name another file"
        ) from error
