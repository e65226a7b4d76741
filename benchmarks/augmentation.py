"""Times random crop and flip by keras-cv's layers and by our plain TensorFlow pipeline: python -m
benchmarks.augmentation
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from tf_i2i.command_line import option, parse, run_command

PLAIN, KERAS_CV = "plain TensorFlow (tf_i2i.data.batches)", "keras-cv layers"
_PREFETCHED = 4


@dataclasses.dataclass(frozen=True)
class AugmentationOptions:
    """What is measured, and how often."""

    load_size: int = option(286, "side of the decoded pictures", unit="pixels", minimum=16)
    crop_size: int = option(256, "side of the random crops", unit="pixels", minimum=16)
    batch_sizes: tuple[int, ...] = option((1, 16), "batch sizes to compare at", minimum=1)
    pictures: int = option(64, "decoded pictures to draw from", minimum=1)
    block_batches: int = option(48, "batches of a block; blocks of all take turns", minimum=1)
    repeats: int = option(8, "rounds, a block of each in every one", minimum=1)
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def plain_batches(cache, options: AugmentationOptions, batch_size: int):
    from tf_i2i.data.batches import crops

    one_domain = crops((cache,), options.crop_size, flip=True, seed=1)
    return one_domain.batch(batch_size, drop_remainder=True).prefetch(_PREFETCHED)


def keras_cv_batches(cache, options: AugmentationOptions, batch_size: int):
    """What keras-cv's guides show: shuffled pictures in batches, then its layers on whole batches."""
    import keras_cv
    import numpy as np
    import tensorflow as tf

    crop = keras_cv.layers.RandomCrop(options.crop_size, options.crop_size, seed=1)
    flip = keras_cv.layers.RandomFlip("horizontal", seed=1)
    pictures = tf.data.Dataset.from_tensor_slices(
        np.stack([cache.image(i) for i in range(len(cache))])
    )
    batches = pictures.shuffle(len(cache), seed=1).repeat().batch(batch_size, drop_remainder=True)

    def augment(batch):
        cropped = flip(crop(tf.cast(batch, tf.float32), training=True), training=True)
        shape = [batch_size, options.crop_size, options.crop_size, 3]
        return tf.ensure_shape(cropped, shape) / 127.5 - 1.0

    return batches.map(augment, num_parallel_calls=2).prefetch(_PREFETCHED)


def block_runner(batches, batch_size: int, count: int) -> Callable[[], Sequence[float]]:
    """A function that draws `count` batches and returns [seconds an image].

    tf.data works ahead: the batches that it prepared while others were measured are drawn first and
    not counted, and it is left time to fill its buffers again before the next one's turn.
    """
    from tf_i2i.console import quiet_native_output

    with (
        quiet_native_output()
    ):  # the graph optimiser has no cost model of keras-cv's operations, and says so
        iterator = iter(batches)
        next(iterator)

    def run() -> Sequence[float]:
        for _ in range(2 * _PREFETCHED):
            next(iterator)
        start = time.perf_counter()
        for _ in range(count):
            next(iterator)
        seconds = (time.perf_counter() - start) / (count * batch_size)
        time.sleep(min(1.0, 3 * _PREFETCHED * batch_size * seconds))
        return [seconds]

    return run


def noise_cache(options: AugmentationOptions):
    """Pictures of noise: neither way of cropping looks at what it crops."""
    import numpy as np

    from tf_i2i.data.image_cache import ImageCache

    random = np.random.default_rng(1)
    shape = (options.load_size, options.load_size, 3)
    named = ((f"{i}", random.integers(0, 256, shape, np.uint8)) for i in range(options.pictures))
    return ImageCache.from_images(named)


def main(argv: list[str] | None = None) -> None:
    options = parse(
        AugmentationOptions, argv, prog="python -m benchmarks.augmentation", description=__doc__
    )
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    from benchmarks import results
    from benchmarks.timing import OtherWork, interleave, ratio

    results.check_writable(options.json)
    machine = results.machine(("tensorflow", "keras-cv"))
    cache = noise_cache(options)
    runners = {}
    for batch_size in options.batch_sizes:
        for name, make in ((PLAIN, plain_batches), (KERAS_CV, keras_cv_batches)):
            results.show_progress(f"building {name}, batch {batch_size}")
            batches = make(cache, options, batch_size)
            runners[_label(name, batch_size)] = block_runner(
                batches, batch_size, options.block_batches
            )
    others = OtherWork()
    timings = interleave(runners, options.repeats, results.show_progress)
    busy = others.cores()
    rows = [
        (label, f"{1 / t.median:,.0f}", f"{1 / t.all[-1]:,.0f}", f"{1 / t.all[0]:,.0f}")
        for label, t in timings.items()
    ]
    ratios = [
        (
            f"time an image, {KERAS_CV} / plain, batch {size}",
            ratio(timings[_label(KERAS_CV, size)], timings[_label(PLAIN, size)]),
        )
        for size in options.batch_sizes
    ]
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    print(
        f"Random crop {options.load_size} -> {options.crop_size} px and random flip, of decoded uint8 pictures\n"
    )
    print(
        results.markdown_table(
            ("pipeline", "median images/s", "slowest block", "fastest block"), rows
        ),
        end="\n\n",
    )
    print(results.ratios_table(ratios))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "ratios": dict(ratios),
            "timings": timings,
        },
    )


def _label(name: str, batch_size: int) -> str:
    return f"{name}, batch {batch_size}"


if __name__ == "__main__":
    run_command(main)
