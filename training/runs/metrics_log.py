"""What a loop logs: metrics.jsonl and TensorBoard, cut back when a run returns to a checkpoint."""

import json
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_i2i.files import replacing, write_text


class MetricsLog:
    """Appends to metrics.jsonl (one object per line) and to TensorBoard's events, in a folder.

    Entries after `step` are dropped first, so that a resumed run leaves no gap and repeats nothing.
    """

    def __init__(self, metrics: Path, events: Path, step: int):
        self._metrics, self._events = metrics, events
        self._open(step)

    def write(self, record: dict, scalars: dict[str, float]) -> None:
        """record: the line, with `step`; scalars: what TensorBoard shows, by name."""
        self._file.write(json.dumps(record) + "\n")
        with self._board.as_default(step=record["step"]):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)

    def picture(self, step: int, picture: np.ndarray) -> None:
        """uint8 [H, W, 3] for TensorBoard."""
        with self._board.as_default(step=step):
            tf.summary.image("samples", picture[None])

    def flush(self) -> None:
        """Writes everything to the disk: a checkpoint must not be newer than the lines before it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def go_back(self, step: int) -> None:
        """Drops what came after `step`."""
        self.close()
        self._open(step)

    def close(self) -> None:
        self._file.close()
        self._board.close()

    def _open(self, step: int) -> None:
        text = self._metrics.read_text(encoding="utf-8") if self._metrics.exists() else ""
        # A killed process may leave half of a line.
        lines = [line for line in text.splitlines(keepends=True) if line.endswith("}\n")]
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text(self._metrics, "".join(kept))
        self._file = open(self._metrics, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 (open as long as the run)
        for path in sorted(self._events.glob("events.out.tfevents.*")):
            _cut_events(path, step)
        self._board = tf.summary.create_file_writer(str(self._events))


def _cut_events(path: Path, step: int) -> None:
    """Rewrites an event file without events after `step` and without a half-written end."""
    kept, dropped = [], False
    try:
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            if tf.compat.v1.Event.FromString(data).step > step:
                dropped = True
            else:
                kept.append(data)
    except tf.errors.DataLossError:
        dropped = True
    if dropped:
        with replacing(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
            for data in kept:
                writer.write(data)
