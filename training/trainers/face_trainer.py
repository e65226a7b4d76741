"""The work of training.embedder: people, batches of triplets, and how well strangers are told
apart.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.faces import FaceCrop, detected
from tf_i2i.data.image_cache import ImageCache, load_images
from tf_i2i.data.pixels import to_float
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json
from tf_i2i.metrics.identity_metrics import verification_scores
from tf_i2i.pretrained.box_resampling import resample_boxes
from tf_i2i.pretrained.face_networks import build_face_embedder, card_of
from training.system.interruption import Interruption
from training.trainers.schedules import CosineDecay

# Crops are kept this much larger than the network sees them, as room to move in: each training crop
# is shifted and scaled.
_ROOM = 1.25


_SHIFT, _SCALE, _BRIGHTNESS, _CONTRAST = 0.05, 0.08, 0.15, 0.2


@dataclasses.dataclass(frozen=True)
class People:
    """crops: uint8 [N, s, s, 3], faces with some room around them; of: int [N], whose each is;
    names: of the people.
    """

    crops: np.ndarray
    of: np.ndarray
    names: list[str]

    def subset(self, people: list[int]) -> People:
        """Some of the people, counted anew."""
        chosen = np.isin(self.of, people)
        of = np.searchsorted(people, self.of[chosen])
        return People(self.crops[chosen], of, [self.names[person] for person in people])


def train(options) -> int | None:
    """Trains, verifies, writes FILE and FILE.json. Returns None, or 130 / 143 after an
    interruption: then the network is written as it is.

    Raises:
        UserError: too few people, or FILE can't be written.
    """
    out = Path(options.out)
    if not options.faces:
        raise UserError("--faces DIR is missing: a folder with one folder of pictures a person")
    if out.suffix != ".keras":
        raise UserError(f"--out {one_line(out)}: must end in .keras")
    learnt, held_out = split_people(load_people(options), options)
    say(
        f"training on {len(learnt.names)} people, verifying on {len(held_out.names)}: {', '.join(held_out.names[:8])}"
    )
    keras.utils.set_random_seed(options.seed)
    network = build_face_embedder(options.size, options.width, options.dimensions)
    status = _train_network(network, learnt, options)
    scores = verification_scores(_embeddings(network, held_out, options.size), held_out.of)
    _write(network, out, options, scores, held_out)
    say(
        f"held-out people: AUC {scores['auc']:.3f}, at distance {scores['threshold']:.2f} {100 * scores['accuracy']:.1f} % "
        f"right ({scores['same_pairs']} pairs of one person, {scores['other_pairs']} of two)"
    )
    say(f"wrote {out}; next: python -m training.cyclegan --lambda-face 5 --face-model {out}")
    return status


def load_people(options) -> People:
    """Reads --faces: the person is the folder that a picture lies in."""
    source = open_source(options.faces, "--faces")
    cache = load_images(
        source, math.ceil(_ROOM * options.size / options.face_share), option="--faces", warn=say
    )
    owners = [name.rpartition("/")[0] for name in cache.names]
    names = sorted(set(owners))
    crops, of = [], []
    for index in tqdm(range(len(cache)), "faces", unit="picture", delay=3):
        crop = _crop(cache, index, options)
        if crop is not None:
            crops.append(crop)
            of.append(names.index(owners[index]))
    if len(crops) < len(cache):
        say(f"--faces: no face was found in {len(cache) - len(crops)} of {len(cache)} pictures")
    counts = np.bincount(of, minlength=len(names)) if of else np.zeros(len(names))
    people = [person for person, count in enumerate(counts) if count >= 2]
    if len(people) < 4:
        raise UserError(
            f"--faces {one_line(options.faces)}: {len(people)} people have two pictures or more, at least 4 are needed; "
            "put one folder a person there"
        )
    return People(np.stack(crops), np.array(of), names).subset(people)


def split_people(people: People, options) -> tuple[People, People]:
    """Those to learn from, and those to verify on; chosen by name and seed."""
    count = len(people.names)
    held = min(max(2, round(options.held_out * count)), count - 2)
    ranks = [
        hashlib.sha256(f"{options.seed} {name}".encode("utf-8", "surrogateescape")).digest()
        for name in people.names
    ]
    order = sorted(range(count), key=ranks.__getitem__)
    return people.subset(sorted(order[held:])), people.subset(sorted(order[:held]))


def _crop(cache: ImageCache, index: int, options) -> np.ndarray | None:
    image = cache.image(index)
    if options.face_crop == "detected":
        box = detected(image)
    else:
        box = FaceCrop(options.face_share, options.face_shift).fixed(*image.shape[:2])
    if box is None:
        return None
    side = round(_ROOM * options.size)
    room = (_ROOM - 1) / 2 * box[2:]
    wide = np.concatenate([box[:2] - room, _ROOM * box[2:]])
    return resample_boxes(image[None], wide[None], (side, side))[0].numpy().round().astype(np.uint8)


def _train_network(network, people: People, options) -> int | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces the end of its own development
        import tensorflow_addons as tfa

    optimizer = keras.optimizers.Adam(CosineDecay(options.learning_rate, options.steps))
    crops = tf.constant(people.crops)

    @tf.function
    def step(chosen, owners, boxes, light):
        pictures = tf.cast(tf.gather(crops, chosen), tf.float32) / 127.5 - 1.0
        pictures = resample_boxes(pictures, boxes, (options.size, options.size))
        pictures = tf.where(light[:, 2, None, None, None] > 0, tf.reverse(pictures, [2]), pictures)
        pictures = pictures * light[:, 0, None, None, None] + light[:, 1, None, None, None]
        with tf.GradientTape() as tape:
            embedded = network(pictures, training=True)
            loss = tfa.losses.triplet_semihard_loss(owners, embedded, options.margin, "squared-L2")
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    rng, recent = np.random.default_rng(options.seed), []
    with (
        Interruption() as interruption,
        tqdm(total=options.steps, desc="embedder", unit="step", mininterval=1.0) as bar,
    ):
        for _ in range(options.steps):
            recent = [*recent[-99:], float(step(*_draw(people, options, rng)))]
            bar.set_postfix(triplet=f"{np.mean(recent):.4f}", refresh=False)
            bar.update()
            if interruption.signal:
                break
    return interruption.exit_status


def _draw(people: People, options, rng):
    """Indices of some pictures of some people, whose they are, the boxes cut from them, and their
    light and mirroring.
    """
    chosen = rng.choice(len(people.names), min(options.people, len(people.names)), replace=False)
    picked = []
    for person in chosen:
        own = np.flatnonzero(people.of == person)
        picked.append(rng.choice(own, min(options.pictures, len(own)), replace=False))
    picked = np.concatenate(picked)
    count, room_side = len(picked), people.crops.shape[1]
    side = options.size * (1 + rng.uniform(-_SCALE, _SCALE, count))
    corner = (room_side - side) / 2 + options.size * rng.uniform(-_SHIFT, _SHIFT, (2, count))
    light = [
        rng.uniform(1 - _CONTRAST, 1 + _CONTRAST, count),
        rng.uniform(-_BRIGHTNESS, _BRIGHTNESS, count),
        rng.choice([-1.0, 1.0], count),
    ]
    return (
        tf.constant(picked),
        tf.constant(people.of[picked]),
        tf.constant(np.stack([*corner, side, side], 1), tf.float32),
        tf.constant(np.stack(light, 1), tf.float32),
    )


def _embeddings(network, people: People, size: int) -> np.ndarray:
    room = (people.crops.shape[1] - size) / 2
    box = tf.constant([[room, room, size, size]], tf.float32)
    found = [
        network(resample_boxes(to_float(crop[None]), box, (size, size)), training=False)
        for crop in people.crops
    ]
    return np.concatenate(found)


def _write(network, out: Path, options, scores: dict, held_out: People) -> None:
    temporary = out.with_name(f".{os.getpid()}.{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        network.save(temporary)
        write_json(
            card_of(out),
            {
                "threshold": scores["threshold"],
                "crop": {"share": options.face_share, "shift": options.face_shift},
                "input_range": [-1.0, 1.0],
                "verification": scores,
                "held_out_people": held_out.names,
                "options": dataclasses.asdict(options),
            },
        )
        os.replace(temporary, out)
    except OSError as error:
        raise UserError(
            f"--out {one_line(out)}: can't write there ({error.strerror}); name another file"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
