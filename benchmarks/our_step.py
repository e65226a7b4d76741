"""Child process of benchmarks.training_step: our CycleGAN step as the trainer builds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from benchmarks.step_worker import serve
from tf_i2i.models.model_builder import build_model
from tf_i2i.models.precision import set_precision
from training.options.trainer_options import CycleGANOptions
from training.trainers.devices import make_strategy
from training.trainers.schedules import LinearDecay


def prepare(settings: dict) -> tuple[Callable, Sequence, dict]:
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    names = ("crop_size", "generator", "ngf", "ndf", "batch_size")
    given = {name: settings[name] for name in names}
    options = CycleGANOptions(discriminator="patch", ema_half_life=300.0, **given).resolved()
    keras.utils.set_random_seed(options.seed)
    set_precision(settings["precision"])
    strategy = make_strategy()
    with strategy.scope():
        gan = build_model("cyclegan", dataclasses.asdict(options))
        schedule = LinearDecay(options.learning_rate, 100_000, options.decay_fraction)
        adam = (keras.optimizers.Adam(schedule, options.beta1, options.beta2) for _ in range(2))
        gan.compile(*adam)

    @tf.function
    def distributed_step(batch):
        losses = strategy.run(gan.train_step, args=(batch,))
        mean = tf.distribute.ReduceOp.MEAN
        return [strategy.reduce(mean, loss, axis=None) for loss in losses.values()]

    shape = (options.batch_size, options.crop_size, options.crop_size, 3)
    random = np.random.default_rng(options.seed)
    batches = [
        tuple(tf.constant(random.uniform(-1, 1, shape), tf.float32) for _ in "ab") for _ in range(8)
    ]

    def step(batch) -> list[float]:
        return [float(loss) for loss in distributed_step(batch)]

    return (
        step,
        batches,
        {
            "generator_parameters": gan.generator_ab.count_params(),
            "discriminator_parameters": gan.discriminator_a.count_params(),
            "library": f"TensorFlow {tf.__version__}",
        },
    )


if __name__ == "__main__":
    serve(prepare)
