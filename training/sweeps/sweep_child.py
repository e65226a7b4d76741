"""Runs a command as a sweep's child: python -m training.sweeps.sweep_child training.cyclegan ...

If the sweep is killed, the child gets SIGTERM, upon which a trainer saves and ends.
"""

import os
import runpy
import signal
import sys
import threading
import time

_POLL_S = 0.5


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
