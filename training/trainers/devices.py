"""Which devices train: one CPU, all GPUs of a machine, or several machines."""

import contextlib
import ctypes
import functools
import json
import os
import shutil
from collections import Counter

import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.errors import UserError
from training.system.machine import usable_cores

_EXAMPLE = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


# Of glibc's malloc.h: blocks are kept, 64 MiB at a time, in one arena.
_KEPT_MEMORY = {
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
    "M_TOP_PAD": (-2, 2**26),
    "M_MMAP_MAX": (-4, 0),
    "M_ARENA_MAX": (-8, 1),
}


@functools.cache
def make_strategy() -> tf.distribute.Strategy:
    """MultiWorkerMirroredStrategy when TF_CONFIG (TensorFlow's own variable) names several workers,
    else MirroredStrategy over all GPUs, or one CPU device. The same object on every call: a process
    joins the others once, before any operation.

    Raises:
        UserError: TF_CONFIG is not what TensorFlow documents.
    """
    _suit_processor()
    if _num_workers() > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_physical_devices("GPU")
    return tf.distribute.MirroredStrategy() if gpus else tf.distribute.OneDeviceStrategy("/cpu:0")


def _suit_processor() -> None:
    """What two cores gain by, measured with both lines of TensorFlow: operations side by side are a
    tenth faster than each of them on both cores; and where the system need not clear memory that
    was given back and is taken again, steps of 2.21 take as long as those of 2.15.
    """
    if usable_cores() > 2:
        return
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        # Too late where TensorFlow runs already, as in a notebook.
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    if hasattr(libc, "mallopt"):
        for parameter, value in _KEPT_MEMORY.values():
            libc.mallopt(parameter, value)


@functools.cache  # a run and its students train on the same
def say_device() -> None:
    """One line on what trains."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        names = Counter(found.get("device_name", "of unknown name") for found in details)
        say("training on " + ", ".join(f"{count} GPU {name}" for name, count in names.items()))
        return
    cores = usable_cores()
    hint = ""
    if shutil.which("nvidia-smi"):
        hint = (
            "; TensorFlow finds no GPU: pip install -e .[gpu] brings CUDA's libraries (README.md)"
        )
    say(f"training on the CPU, {cores} core{'s' * (cores > 1)}{hint}")


def is_chief() -> bool:
    """Whether this process is the one that writes: the chief, or worker 0 of a cluster without."""
    if _num_workers() <= 1:
        return True
    task, cluster = _tf_config()["task"], _tf_config()["cluster"]
    is_first_worker = task["type"] == "worker" and int(task["index"]) == 0
    return task["type"] == "chief" or (is_first_worker and "chief" not in cluster)


def make_repeatable() -> None:
    """Same inputs, same bits, on the same machine and number format: an exact resume needs it. On a
    GPU a few operations get slower; one without a deterministic kernel raises UnimplementedError.
    """
    tf.config.experimental.enable_op_determinism()


def require_divisible(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Raises UserError when the replicas can't share a batch evenly."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise UserError(
            f"--batch-size {batch_size} must be a multiple of the {replicas} devices that share it"
        )


def _num_workers() -> int:
    cluster = _tf_config().get("cluster", {})
    return len(cluster.get("worker", [])) + len(cluster.get("chief", []))


@functools.cache
def _tf_config() -> dict:
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return {}
    try:
        config = json.loads(text)
        if config.get("cluster"):
            config["task"]["type"], int(config["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"TF_CONFIG: must be JSON such as {_EXAMPLE}") from error
    return config
