"""Starts several training processes on this machine that work as one: for trying out what a cluster
does.

python -m training.launch --workers 2 training.cyclegan --run runs/two --batch-size 2 ...
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tf_i2i.command_line import run_command
from tf_i2i.errors import UserError
from training.runs.checkpoints import any_checkpoint

_EPILOG = """\
Each process gets a TF_CONFIG, TensorFlow's way of telling it who the others are; on a cluster the training operator
does that (docs/cluster.md). Worker 0 writes the run folder. When a process is lost, the others are stopped and all of
them start again from the last checkpoint. Ctrl-C or SIGTERM: all save after the same step, and the exit status is
130 or 143."""
_GRACE_SECONDS = 60.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.launch",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument(
        "--restarts",
        type=int,
        default=3,
        help="how often all start again after one was lost (default: 3)",
    )
    parser.add_argument(
        "module", help="trainer: training.cyclegan, training.pix2pix or training.distill"
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, help="its options; --run is needed")
    asked = parser.parse_args(argv)
    if asked.workers < 1:
        parser.error(f"--workers must be at least 1, not {asked.workers}")
    if "--run" not in asked.options[:-1]:
        raise UserError("--run is missing: all workers share one run folder, name it")
    return Crew(asked.workers, asked.module, asked.options).work(asked.restarts)


class Crew:
    """The processes, started and stopped together.

    Args:
        workers: how many.
        module, options: the trainer and its command line.
    """

    def __init__(self, workers: int, module: str, options: list[str]):
        self._workers, self._module, self._options = workers, module, options
        self._run = Path(options[options.index("--run") + 1])
        self._processes: list[subprocess.Popen] = []
        self._signal = 0

    def work(self, restarts: int) -> int:
        """Until all are done. Returns the exit status of the first that failed for good, else of
        worker 0.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._pass_on)
        while True:
            self._start()
            status = self._watch()
            if status in (0, 2, 3) or self._signal or restarts == 0:
                return status
            restarts -= 1
            print(
                f"a worker was lost (exit status {status}); starting again from the last checkpoint",
                file=sys.stderr,
            )

    def _start(self) -> None:
        addresses = [f"localhost:{port}" for port in _free_ports(self._workers)]
        options = list(self._options)
        if any_checkpoint(self._run / "checkpoints") and "--resume" not in options:
            options.append("--resume")
        self._processes = []
        for index in range(self._workers):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            process = subprocess.Popen(
                [sys.executable, "-m", self._module, *options],
                stderr=subprocess.PIPE if index else None,
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
                start_new_session=True,
            )
            if index:
                threading.Thread(target=_relay, args=(process.stderr, index), daemon=True).start()
            self._processes.append(process)

    def _watch(self) -> int:
        """Waits for all; stops the rest as soon as one fails, since without it they can only wait."""
        while any(process.poll() is None for process in self._processes):
            failed = [p for p in self._processes if p.poll() not in (None, 0)]
            if failed:
                self._stop()
                return _exit_status(failed[0].returncode)
            time.sleep(0.1)
        return next((_exit_status(p.returncode) for p in self._processes if p.returncode), 0)

    def _stop(self) -> None:
        # After a signal all end by themselves, with a checkpoint.
        deadline = time.monotonic() + (_GRACE_SECONDS if self._signal else 0.0)
        while time.monotonic() < deadline and any(
            process.poll() is None for process in self._processes
        ):
            time.sleep(0.1)
        for process in self._processes:
            process.kill()
            process.wait()

    def _pass_on(self, number, frame) -> None:
        self._signal = number
        for process in self._processes:
            process.send_signal(number)


def _exit_status(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode


def _relay(lines, index: int) -> None:
    """The other workers' messages, without their progress bars (they have none)."""
    for line in lines:
        sys.stderr.write(f"worker {index}: {line.decode('utf-8', 'replace')}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


if __name__ == "__main__":
    run_command(main)
