"""Child process of benchmarks.training_step: our CycleGAN step, as training.trainers.trainer builds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from benchmarks.step_worker import serve


def prepare(settings: dict) -> tuple[Callable[[], None], dict]:
    import keras
    import numpy as np
    import tensorflow as tf

    from tf_i2i.models.model_builder import build_cyclegan
    from tf_i2i.models.precision import set_precision
    from training.options.trainer_options import CycleGANOptions
    from training.trainers.devices import make_strategy
    from training.trainers.schedules import LinearDecay

    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    names = ("crop_size", "generator", "ngf", "ndf", "batch_size")
    options = CycleGANOptions(**{name: settings[name] for name in names})
    keras.utils.set_random_seed(options.seed)
    set_precision(settings["precision"])
    strategy = make_strategy()
    with strategy.scope():
        gan = build_cyclegan(dataclasses.asdict(options), ema_half_life=300.0)
        schedule = LinearDecay(options.learning_rate, 100_000, options.decay_fraction)
        gan.compile(
            *(keras.optimizers.Adam(schedule, options.beta1, options.beta2) for _ in range(2))
        )

    @tf.function
    def distributed_step(batch):
        losses = strategy.run(gan.train_step, args=(batch,))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.MEAN, loss, axis=None)
            for name, loss in losses.items()
        }

    shape = (options.batch_size, options.crop_size, options.crop_size, 3)
    random = np.random.default_rng(options.seed)
    batches = [
        tuple(tf.constant(random.uniform(-1, 1, shape), tf.float32) for _ in "ab") for _ in range(8)
    ]

    def step() -> None:
        batches.append(batches.pop(0))
        for value in distributed_step(batches[0]).values():
            float(value)

    return step, {
        "generator_parameters": gan.generator_ab.count_params(),
        "discriminator_parameters": gan.discriminator_a.count_params(),
        "library": f"TensorFlow {tf.__version__}",
    }


if __name__ == "__main__":
    serve(prepare)
