"""The number format of training: the fastest one here, and the loss scaling that float16 needs.

In one module because Keras 2.15 and Keras 3 name the loss-scaling calls differently.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def choose_precision(precision: str = "auto") -> tuple[str, str]:
    """Resolve "auto": ("float32" | "bfloat16" | "float16", the reason as a phrase for the log)."""
    if precision != "auto":
        return precision, "asked for"
    if gpus := tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpus[0])
        major, minor = details.get("compute_capability", (0, 0))
        if major < 7:
            return "float32", "the GPU has no 16-bit matrix units"
        best = "bfloat16" if major >= 8 else "float16"
        return best, f"the GPU (compute capability {major}.{minor}) has {best} matrix units"
    for flag in ("amx_bf16", "avx512_bf16"):
        if flag in cpu_flags():
            return "bfloat16", f"the processor has {flag} instructions"
    return "float32", "the processor has no bfloat16 instructions"


def cpu_flags() -> set[str]:
    """Instruction-set flags as Linux names them; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            line = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return set()
    return set(line.partition(":")[2].split())


def set_precision(precision: str) -> None:
    """Make layers built from now on compute in this format; weights stay float32."""
    keras.mixed_precision.set_global_policy(POLICIES[precision])


@contextmanager
def float32_layers() -> Iterator[None]:
    """Build layers in float32 whatever the policy is, as pretrained networks were trained."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def with_loss_scale(optimizer, precision: str):
    """Scale the loss dynamically for float16, whose gradients underflow otherwise."""
    scaled = precision == "float16"
    return keras.mixed_precision.LossScaleOptimizer(optimizer) if scaled else optimizer


def scale_loss(optimizer, loss):
    """What a replica differentiates: its share of the global mean, times the loss scale if any.

    Replicas sum their gradients, so each counts its own mean as one part of the whole.
    """
    loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
    if not hasattr(optimizer, "inner_optimizer"):
        return loss
    keras3 = hasattr(optimizer, "scale_loss")
    return optimizer.scale_loss(loss) if keras3 else optimizer.get_scaled_loss(loss)


def minimize(optimizer, tape, loss, variables) -> None:
    """Update variables by a loss from `scale_loss`; float16 steps with an overflow are skipped."""
    gradients = tape.gradient(loss, variables)
    if hasattr(optimizer, "get_unscaled_gradients"):  # Keras 2.15; Keras 3 unscales by itself
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
