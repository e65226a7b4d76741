"""What all benchmarks share: the option --json, tables, targets that are met or missed,
the line about the machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.timing import OtherWork, Ratio
from tf_i2i.command_line import option, parse
from tf_i2i.console import prepare_tensorflow, say, text_table
from tf_i2i.errors import UserError
from tf_i2i.files import write_text
from training.system.machine import describe_machine

_PACKAGES = ("tensorflow", "ai-edge-litert")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


@dataclass(frozen=True)
class BenchmarkOptions:
    """Base of every benchmark's options."""

    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


@dataclass(frozen=True)
class Target:
    """A claim that a benchmark checks.

    Attributes:
        claim: what is compared, as a phrase.
        value: measured.
        bound: lowest value that meets the target, or with `at_most` the highest.
    """

    claim: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound


class Results:
    """Prints what a benchmark measured, and writes it to a JSON file if `path` is given.

    Raises:
        UserError: the file can't be written; before the measurement rather than after it.
    """

    def __init__(self, path: str | None):
        if path and not Path(path).resolve().parent.is_dir():
            raise UserError(f"--json {path}: its folder does not exist; create it first")
        self._path = path
        self.start_timing()

    def start_timing(self) -> None:
        """The line about other processes is about the time from here on."""
        self._others = OtherWork()

    def report(
        self,
        options,
        tables: Sequence[str],
        ratios: Sequence[tuple[str, Ratio]] = (),
        targets: Sequence[Target] = (),
        **facts,
    ) -> None:
        """Print the machine, the tables, ratios and targets; write these and `facts`."""
        from tf_i2i.models.precision import cpu_flags  # imports TensorFlow

        others, machine = self._others.cores(), describe_machine()
        machine["instructions"] = [flag for flag in _FLAGS if flag in cpu_flags()]
        head = f"{machine_line(machine)}\n{other_work_line(others)}"
        ratio_header = ("ratio of medians", "value (lowest to highest round)")
        ratio_tables = [table(ratio_header, ratios)] if ratios else []
        target_tables = [targets_table(targets)] if targets else []
        print(head, *tables, *ratio_tables, *target_tables, sep="\n\n")
        if self._path:
            facts |= {"machine": machine, "cores_used_by_others": others, "options": options}
            facts |= {"ratios": dict(ratios), "targets": targets}
            write_text(self._path, json.dumps(facts, indent=2, default=_plain) + "\n")
            say(f"written: {self._path}")


def parse_options(options_class: type, argv: list[str] | None, name: str, doc: str):
    """The options of `python -m benchmarks.NAME`; also quiets TensorFlow."""
    options = parse(options_class, argv, f"benchmarks.{name}", doc)
    prepare_tensorflow()
    return options


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned text, the first column to the left."""
    return text_table([header, *(list(map(str, row)) for row in rows)])


def targets_table(targets: Sequence[Target]) -> str:
    rows = []
    for target in targets:
        bound = f"{'<=' if target.at_most else '>='} {target.bound:.3g}"
        met = "met" if target.met else "missed"
        rows.append((target.claim, f"{target.value:.3g}", bound, met))
    return table(("target", "measured", "bound", ""), rows)


def machine_line(machine: Mapping) -> str:
    versions = machine["packages"]
    packages = ", ".join(f"{name} {versions[name]}" for name in _PACKAGES if name in versions)
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores, "
        f"{' '.join(machine['instructions']) or 'no AVX2'}; Python {machine['python']}, {packages}"
    )


def other_work_line(cores: float | None) -> str:
    """Whether the machine was quiet; above a tenth of a core ratios begin to drift."""
    if cores is None:
        return "This system does not say what other processes did."
    quiet = "quiet enough" if cores <= 0.1 else "**not quiet: unreliable figures, run again**"
    return f"Meanwhile other processes used {cores:.2f} cores: {quiet}."


def _plain(value):
    """Dataclasses as dictionaries; a target also says whether it was met."""
    return asdict(value) | ({"met": value.met} if isinstance(value, Target) else {})
