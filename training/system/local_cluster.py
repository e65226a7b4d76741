"""Several processes of one training on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable

_GRACE_SECONDS = 60.0
_POLL_SECONDS = 0.1


class LocalCluster:
    """Worker processes that are started and stopped together, by what `command` returns at a start.

    Each gets a TF_CONFIG with the addresses of all of them.
    """

    def __init__(self, workers: int, command: Callable[[], list[str]]):
        self._workers, self._command = workers, command
        self._processes: list[subprocess.Popen] = []
        self._signal = 0

    def run(self, restarts: int) -> int:
        """Runs all until they are done, and again when one is lost; returns the exit status of the
        first worker that failed for good, else 0.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._forward_signal)
        while True:
            self._start()
            status = self._wait()
            # 2 and 3 are wrong usage and a failed quality gate, which come again.
            if status in (0, 2, 3) or self._signal or restarts == 0:
                return status
            restarts -= 1
            lost = f"a worker was lost (exit status {status})"
            print(f"{lost}; restarting from the last checkpoint", file=sys.stderr)

    def _start(self) -> None:
        command = self._command()
        addresses = [f"localhost:{port}" for port in free_ports(self._workers)]
        self._processes = []
        for index in range(self._workers):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
            stderr = subprocess.PIPE if index else None
            new = {"stderr": stderr, "env": environment, "start_new_session": True}
            process = subprocess.Popen(command, **new)
            if index:
                threading.Thread(target=_relay, args=(process.stderr, index), daemon=True).start()
            self._processes.append(process)

    def _wait(self) -> int:
        """Waits for all. When one fails the others are stopped: they could only wait for it."""
        while True:
            statuses = [process.poll() for process in self._processes]
            failed = next((status for status in statuses if status), None)
            if failed is not None:
                self._stop()
                return 128 - failed if failed < 0 else failed
            if None not in statuses:
                return 0
            time.sleep(_POLL_SECONDS)

    def _stop(self) -> None:
        # After a signal all end by themselves, with a checkpoint.
        deadline = time.monotonic() + (_GRACE_SECONDS if self._signal else 0.0)
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _forward_signal(self, number, frame) -> None:
        self._signal = number
        for process in self._processes:
            process.send_signal(number)


def _relay(lines: Iterable[bytes], index: int) -> None:
    """Prints another worker's messages."""
    for line in lines:
        sys.stderr.write(f"worker {index}: {line.decode('utf-8', 'replace')}")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports
