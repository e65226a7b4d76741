"""Runs a distributed training with several processes on this machine, to try out a cluster set-up.

python -m training.launch --workers 2 training.cyclegan --run runs/two --batch-size 2 ...
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError

_cluster = option_group("cluster")

_EPILOG = """\
TRAINER is training.cyclegan, training.onesided, training.pix2pix or training.distill, followed by its options; --run is required.

Each process gets a TF_CONFIG, TensorFlow's list of all workers; on a cluster, the training operator sets it
(docs/cluster.md). Worker 0 writes the run folder. If a process is lost, the others are stopped, and all are restarted
from the last checkpoint. After Ctrl-C or SIGTERM, all save after the same step; the exit status is 130 or 143."""


@dataclass(frozen=True)
class LaunchOptions:
    workers: int = _cluster(2, "processes", minimum=1)
    restarts: int = _cluster(3, "restarts of all after one was lost", minimum=0)


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    start = next((i for i, word in enumerate(argv) if word.startswith("training.")), len(argv))
    command = argv[start:]
    usage = "training.launch TRAINER --run DIR ..."
    options = parse(LaunchOptions, argv[:start], usage, __doc__, _EPILOG)
    if not command:
        raise UserError("name the trainer and its options: training.cyclegan --run DIR ...")
    if "--run" not in command[:-1]:
        raise UserError("--run is missing: all workers share one run folder, name it")
    from training.runs.checkpoints import newest_step
    from training.system.local_cluster import LocalCluster

    checkpoints = Path(command[command.index("--run") + 1]) / "checkpoints"

    def worker_command() -> list[str]:
        resume = "--resume" not in command and newest_step(checkpoints)
        return [sys.executable, "-m", *command, *(["--resume"] if resume else [])]

    return LocalCluster(options.workers, worker_command).run(options.restarts)


if __name__ == "__main__":
    run_command(main)
