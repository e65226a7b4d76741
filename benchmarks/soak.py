"""Trains thousands of short steps with many checkpoints and watches memory and open files: python
-m benchmarks.soak

A little growth is TensorFlow's own: 2.15 keeps some 50 bytes of every operation that is run
eagerly, and a checkpoint with its score runs some thousands of these."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError


@dataclasses.dataclass(frozen=True)
class SoakOptions:
    """How long, and how often it saves."""

    steps: int = option(3000, "steps of tiny networks", minimum=100, unit="steps")
    checkpoint_every: int = option(20, "steps between checkpoints", minimum=1, unit="steps")
    warm_up: int = option(600, "steps after which memory counts", minimum=1, unit="steps")
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def main(argv: list[str] | None = None) -> None:
    options = parse(
        SoakOptions, argv, prog="python -m benchmarks.soak", description=__doc__.splitlines()[0]
    )
    from benchmarks.results import (
        Target,
        check_writable,
        machine,
        machine_line,
        markdown_table,
        targets_table,
        write_results,
    )

    check_writable(options.json)
    if not Path("/proc/self/status").exists():
        raise UserError("benchmarks.soak reads /proc; run it on Linux")
    seen = watch(options)
    counted = [one for one in seen if one["step"] >= options.warm_up]
    if len(counted) < 4:
        raise UserError(
            f"--warm-up {options.warm_up}: too few checkpoints come after it; take more --steps"
        )
    # Means of the first and the last fifth: the allocator's ups and downs are no growth.
    part = max(1, len(counted) // 5)
    first, last = (
        sum(one["rss_mb"] for one in some) / part for some in (counted[:part], counted[-part:])
    )
    files = [max(one["files"] for one in some) for some in (counted[:part], counted[-part:])]
    targets = [
        Target("growth of resident memory after warm-up", last / first - 1, 0.03, at_most=True),
        Target(
            "more open files at the end than after warm-up", files[1] - files[0], 0, at_most=True
        ),
    ]
    rows = [
        (one["step"], f"{one['rss_mb']:.1f}", one["files"])
        for one in counted[:: max(1, len(counted) // 12)]
    ]
    facts = machine(["tensorflow", "keras"])
    print(markdown_table(("step", "resident MB", "open files"), rows))
    print(f"\n{targets_table(targets)}\n\n{machine_line(facts)}")
    write_results(
        options.json, {"seen": seen, "targets": targets, "machine": facts, "options": options}
    )


def watch(options: SoakOptions) -> list[dict]:
    """Step, resident memory and open files of a real training process, at each of its checkpoints."""
    from tqdm import tqdm

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            sys.executable,
            "-m",
            "training.cyclegan",
            "--run",
            str(run),
            "--steps",
            str(options.steps),
            "--student",
            "none",
            "--load-size",
            "40",
            "--crop-size",
            "32",
            "--generator",
            "shallow",
            "--ngf",
            "4",
            "--ndf",
            "4",
            "--discriminator-layers",
            "1",
            "--checkpoint-every",
            str(options.checkpoint_every),
            "--sample-every",
            "200",
        ]
        seen: list[dict] = []
        with (
            open(Path(folder) / "log", "w") as log,
            tqdm(total=options.steps, unit="step", desc="soak") as bar,
        ):
            process = subprocess.Popen(command, stderr=log)
            while process.poll() is None:
                step = max(
                    (int(path.stem[5:]) for path in run.glob("checkpoints/ckpt-*.json")), default=0
                )
                if step > (seen[-1]["step"] if seen else 0):
                    seen += _usage(process.pid, step)
                    bar.update(step - bar.n)
                time.sleep(0.02)
        if process.returncode:
            raise UserError(
                f"the training ended with status {process.returncode}; run: {' '.join(command)}"
            )
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["step"] == options.steps
    return seen


def _usage(pid: int, step: int) -> list[dict]:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:  # it has just ended
        return []
    return [
        {"step": step, "rss_mb": int(status.split("VmRSS:")[1].split()[0]) / 1024, "files": files}
    ]


if __name__ == "__main__":
    run_command(main)
