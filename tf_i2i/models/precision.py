"""The number format of training: which one this machine is fast at, and the loss scaling that
float16 needs.

Behind one module because Keras 2.15 and Keras 3 name the loss-scaling calls differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def choose_precision(asked: str = "auto") -> tuple[str, str]:
    """Resolves "auto": ("float32" | "bfloat16" | "float16", the reason as a sentence for the log)."""
    if asked != "auto":
        return asked, "asked for"
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get(
            "compute_capability", (0, 0)
        )
        if capability >= (8, 0):
            return (
                "bfloat16",
                f"the GPU (compute capability {capability[0]}.{capability[1]}) has bfloat16 matrix units",
            )
        if capability >= (7, 0):
            return (
                "float16",
                f"the GPU (compute capability {capability[0]}.{capability[1]}) has float16 matrix units",
            )
        return "float32", "the GPU has no 16-bit matrix units"
    flags = cpu_flags()
    for flag in ("amx_bf16", "avx512_bf16"):
        if flag in flags:
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
    """Makes layers built from now on compute in this format; weights stay float32."""
    keras.mixed_precision.set_global_policy(POLICIES[precision])


@contextmanager
def float32_layers() -> Iterator[None]:
    """Layers built inside compute in float32, whatever the policy is: pretrained networks were
    trained so.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def with_loss_scale(optimizer, precision: str):
    """float16 gradients underflow: scale the loss dynamically. Other formats have float32's range
    and need nothing.
    """
    return (
        keras.mixed_precision.LossScaleOptimizer(optimizer) if precision == "float16" else optimizer
    )


def scale_loss(optimizer, loss):
    """The loss times the optimizer's loss scale, where it has one."""
    if not hasattr(optimizer, "inner_optimizer"):
        return loss
    return (
        optimizer.scale_loss(loss)
        if hasattr(optimizer, "scale_loss")
        else optimizer.get_scaled_loss(loss)
    )


def apply_scaled_gradients(optimizer, gradients, variables) -> None:
    """Applies gradients of a `scale_loss`-ed loss; a float16 step with an overflow is skipped by
    the optimizer.
    """
    if hasattr(
        optimizer, "get_unscaled_gradients"
    ):  # Keras 2.15; Keras 3 takes the scale out by itself
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
