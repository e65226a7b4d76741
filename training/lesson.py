"""What a student learns from: photos, the teacher's labels for them, and what goes with both."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tf_i2i.batches import aligned_batches, paired_batches
from tf_i2i.errors import UserError
from tf_i2i.image_cache import ImageCache, load_images
from tf_i2i.sources import open_source
from training.changed_copies import changed_copies, copies_wanted
from training.data import RunData
from training.distill import DistillOptions
from training.labels import translate_all, translate_windows
from training.loop import say


@dataclass(frozen=True)
class Lesson:
    """Attributes:
    inputs, labels: photos, and the teacher's translations of them, of equal shapes.
    others: in pairs the true translations (labels where none is known); else any pictures of the
        target domain.
    in_pairs: whether `others` belong to the photos one by one.
    crop_size: side of the crops in pixels.
    flip: mirror at random.
    """

    inputs: ImageCache
    labels: ImageCache
    others: ImageCache
    in_pairs: bool
    crop_size: int
    flip: bool

    def batches(
        self, options: DistillOptions, first_step: int, context: tf.distribute.InputContext
    ) -> tf.data.Dataset:
        """One worker's share of the batches from a step on: (photo, label, other), float32 [-1, 1]
        [N, S, S, 3] each.
        """
        share = {
            "flip": self.flip,
            "seed": options.seed,
            "first_step": first_step,
            "shard": (context.input_pipeline_id, context.num_input_pipelines),
            "replicas": context.num_replicas_in_sync,
        }
        pictures = (self.inputs, self.labels, self.others)
        if self.in_pairs:
            return aligned_batches(pictures, self.crop_size, options.batch_size, **share)
        return paired_batches(*pictures, self.crop_size, options.batch_size, **share)


def prepare_lesson(teacher, data: RunData, options: DistillOptions, config: dict) -> Lesson:
    """Has the teacher translate the run's photos and the extra ones. `config`: the run's
    config.json.

    Raises:
        UserError: the extra photos can't be used, or copies are asked for in a run on pairs.
    """
    photos, style = (
        (data.train_a, data.train_b) if options.direction == "ab" else (data.train_b, data.train_a)
    )
    pictures, run = [photos], config["options"]
    if options.extra:
        source = open_source(options.extra, "--extra")
        pictures.append(load_images(source, run["load_size"], option="--extra", warn=say))
    in_pairs = config["model"] == "pix2pix"
    if in_pairs:
        if options.label_copies:
            raise UserError(
                f"--label-copies {options.label_copies}: a run on pairs has none, true translations are of the photos"
            )
        mirrored = run["flip"] and options.label_views > 1
        inputs, labels = translate_windows(teacher, pictures, run["crop_size"], mirrored)
        style = with_labels_of_extras(style, labels)
    else:
        count = sum(len(cache) for cache in pictures)
        copies = (
            copies_wanted(options.student, count)
            if options.label_copies is None
            else options.label_copies
        )
        if copies:
            say(
                f"the student also learns from {copies * count:,} changed copies of {count:,} photos (--label-copies)"
            )
            pictures += [changed_copies(cache, copies, options.seed) for cache in pictures]
        inputs, labels = translate_all(teacher, pictures, options.label_views, options.seed)
    crop_size = min(run["crop_size"], int(inputs.shapes.min()) // 4 * 4)
    return Lesson(inputs, labels, style, in_pairs, crop_size, run["flip"])


def with_labels_of_extras(truths: ImageCache, labels: ImageCache) -> ImageCache:
    """True translations, and for the photos after them, of which none is known, the teacher's."""
    if len(labels) == len(truths):
        return truths
    return ImageCache.from_images(
        (name, (truths if i < len(truths) else labels).image(i))
        for i, name in enumerate(labels.names)
    )
