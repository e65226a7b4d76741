"""What a benchmark prints: its tables in Markdown, the machine, targets met or missed; the same as
JSON.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.timing import Ratio
from tf_i2i.errors import UserError


@dataclass(frozen=True)
class Target:
    """A claim that the benchmark checks.

    Attributes:
        claim: what is compared, as a phrase.
        value: measured.
        bound: the value must not be under it, or with `at_most` not be over it.
    """

    claim: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with padded columns: the first one left, all others right aligned."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join([row[0].ljust(widths[0]), *numbers]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


def targets_table(targets: Sequence[Target]) -> str:
    rows = [
        (
            target.claim,
            f"{target.value:.3g}",
            f"{'<=' if target.at_most else '>='} {target.bound:.3g}",
            "met" if target.met else "missed",
        )
        for target in targets
    ]
    return markdown_table(("target", "measured", "wanted", ""), rows)


def ratios_table(ratios: Sequence[tuple[str, Ratio]]) -> str:
    return markdown_table(("ratio of medians", "value (one round: lowest to highest)"), ratios)


def show_progress(message: str) -> None:
    """Progress goes to stderr, so that the tables on stdout can be piped into a file."""
    print(message, file=sys.stderr, flush=True)


def machine(packages: Sequence[str]) -> dict[str, object]:
    """Processor, cores, the instructions that decide, and package versions."""
    from tf_i2i.models.precision import cpu_flags

    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    flags = cpu_flags()
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "instructions": [flag for flag in wanted if flag in flags],
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def machine_line(facts: dict) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"Machine: {facts['processor']}, {facts['cores']} cores, {' '.join(facts['instructions']) or 'no AVX2'}; "
        f"Python {facts['python']}, {packages}"
    )


def other_work_line(cores: float | None) -> str:
    """What the reader must know about the rest of the machine; above a tenth of a core ratios begin
    to drift.
    """
    if cores is None:
        return "This system does not tell what else was running."
    verdict = (
        "quiet enough"
        if cores <= 0.1
        else "**not quiet: run again, these figures can't be relied on**"
    )
    return f"Other processes used {cores:.2f} cores meanwhile: {verdict}."


def check_writable(path: str | None) -> None:
    """Fails before the measurement rather than after it.

    Raises:
        UserError: --json names a file that can't be written.
    """
    if path and not Path(path).resolve().parent.is_dir():
        raise UserError(f"--json {path}: its folder does not exist; make it first")


def write_results(path: str | None, results: dict) -> None:
    if path:
        Path(path).write_text(
            json.dumps(results, indent=2, default=_plain) + "\n", encoding="utf-8"
        )
        show_progress(f"written: {path}")


def _plain(value):
    """Dataclasses as dictionaries; a target also says whether it was met."""
    return asdict(value) | ({"met": value.met} if isinstance(value, Target) else {})


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
