"""Messages and tables for people, without the chatter of native libraries."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def prepare_tensorflow() -> None:
    """Call before the first import of TensorFlow: its start-up lines say nothing a user can act on,
    and processors without AVX-512 train much faster with oneDNN, which it leaves off there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextmanager
def quiet_native_output() -> Iterator[None]:
    """Catches what native code writes to file descriptors 1 and 2 while the block runs.

    The converter and the XNNPACK delegate write there past all log levels. An exception gets the
    text as `native_output`: it often names the refused operation. Not for use beside other threads.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 1)
            os.dup2(caught.fileno(), 2)
            yield
        except Exception as error:
            caught.seek(0)
            error.native_output = caught.read().decode("utf-8", "replace")
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def text_table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Aligned text, heads in the first row; the first `left` columns to the left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    lines = ([f(*of) for f, *of in zip(aligned, row, widths, strict=False)] for row in rows)
    return "\n".join("  ".join(cells).rstrip() for cells in lines)
