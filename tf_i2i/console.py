"""Messages and tables for people, without the chatter of native libraries."""

import importlib.util
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder

# Lines that TensorFlow calls errors, and that say nothing a user can act on; and, of 2.21, notes that
# come before it reads its log level.
_CHATTER = re.compile(
    rb"Unable to register cu(DNN|FFT|BLAS) factory|grappler/optimizers/.* failed: "
    rb"|meta_optimizer\.cc.* failed: |failed call to cuInit|^I\d{4} |before absl::InitializeLog"
)


def prepare_tensorflow() -> None:
    """Call before the first import of TensorFlow: of what it logs, errors alone are the user's
    business, and processors without AVX-512 train much faster with oneDNN, which it leaves off
    there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


class _QuietImport(MetaPathFinder):
    """Imports TensorFlow without chatter, once."""

    def find_spec(self, name: str, path, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_quietly(module) -> None:
                with chatter_left_out():
                    execute(module)
                    module.config.list_physical_devices()  # looks for a GPU, aloud
                # Its Python code and that of its data sets: notes on what they will deprecate.
                import absl.logging

                absl.logging.set_verbosity(absl.logging.ERROR)
                logging.getLogger(name).setLevel(logging.ERROR)

            spec.loader.exec_module = execute_quietly
        return spec


@contextmanager
def chatter_left_out() -> Iterator[None]:
    """What is written to file descriptor 2 while the block runs comes when it ends, without the
    chatter of native code. Short blocks only: an abort in one takes its last words along.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            kept = b"".join(line for line in caught if not _CHATTER.search(line))
            with suppress(OSError):  # nobody reads it any more
                os.write(2, kept)


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
