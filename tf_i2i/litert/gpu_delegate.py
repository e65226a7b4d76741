"""Which Vulkan device the GPU accelerator gets: a real one where its driver is installed,
SwiftShader otherwise.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import one_line
from tf_i2i.litert.model_file import operator_name

# Chromium and Chrome bring SwiftShader, a Vulkan device in software, with a manifest that no loader
# looks for.
SWIFTSHADER_MANIFESTS = (
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
)


_CHOSEN_BY_USER = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES")


MANIFEST_FOLDERS = ("/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d")


_ADAPTER = re.compile(r"Selected adapter: (?P<name>.+?), arch=.*adapterType=(?P<kind>.+)")


_NO_LOADER = re.compile(r"Couldn't load Vulkan: (?P<why>.+)")


_NO_DEVICE = "No adapters found"


@dataclass(frozen=True)
class Device:
    """What ran the file. is_software: the CPU in disguise; its numbers count, its times and its
    float16 do not.
    """

    name: str
    is_software: bool

    def __str__(self) -> str:
        return f"{self.name}, in software" if self.is_software else self.name


def vulkan_environments(environment: Mapping[str, str] = os.environ) -> list[dict[str, str]]:
    """Environment variables to try one after the other, for a process that opens the GPU
    accelerator.

    VK_DRIVER_FILES or VK_ICD_FILENAMES settle it. Without them: the installed drivers where there
    are any (one can be there without its GPU, hence the second try), then SwiftShader where a
    browser has brought it.
    """
    # Log levels that silence TensorFlow would silence the accelerator's reasons too.
    plain = {name: value for name, value in environment.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    # Systems other than Linux have a GPU interface without manifests.
    if sys.platform != "linux" or any(plain.get(name) for name in _CHOSEN_BY_USER):
        return [plain]
    software = [
        {**plain, "VK_ICD_FILENAMES": path}
        for path in SWIFTSHADER_MANIFESTS
        if Path(path).is_file()
    ][:1]
    installed = [plain] if any(Path(folder).glob("*.json") for folder in MANIFEST_FOLDERS) else []
    # With neither, the plain environment is tried all the same: the loader's own words say what is
    # missing.
    return installed + software or [plain]


def device_in(log: str) -> Device | None:
    """The adapter that the accelerator chose, by its log."""
    found = _ADAPTER.search(log)
    return Device(found["name"].strip(), found["kind"].strip().startswith("CPU")) if found else None


def why_no_device(log: str) -> str | None:
    """What is missing and what to do, where the log says that there is no device; None where there
    is one.
    """
    no_loader = _NO_LOADER.search(log)
    if no_loader:
        return f"no Vulkan loader ({one_line(no_loader['why'])}); install it (Debian: libvulkan1)"
    if _NO_DEVICE in log:
        return "no Vulkan device; install a GPU's driver, or Chromium, which brings SwiftShader (Debian: chromium)"
    return None


_LIST_START = "operations are not supported by GPU delegate"


_NOT_ACCELERATED = "ops are not accelerated"


_LIST_END = re.compile(
    r"(?P<gpu>\d+|No) operations will run on the GPU, and (?:the remaining|all) (?P<cpu>\d+) "
)


_REFUSED = re.compile(r"(?P<operation>\w+): (?P<reason>.+)")


_VERSION = re.compile(r"Max version supported: (\d+)\. Requested version (\d+)")


_TYPE = re.compile(r"Tensor type\((\w+)\) is not supported")


_RANK = "Tensor dimensions must be less than 5"


_HIGHEST_RANK = 4


@dataclass(frozen=True)
class Refusals:
    """Operations that stay on the CPU.

    Attributes:
        reasons: operation name to the reasons, each once; empty when the accelerator gave none.
        on_cpu, operations: how many stay there, of how many the accelerator counts; None where it
            did not say.
        by_place: how many of them, at the least, were not refused themselves. The accelerator takes
            one connected part of the graph; what is cut off from it by a refused operation stays
            behind too.
    """

    reasons: dict[str, list[str]]
    on_cpu: int | None
    operations: int | None
    by_place: int = 0

    def __str__(self) -> str:
        """One line, operations with the same reason together."""
        by_reason: dict[str, list[str]] = {}
        for operation, reasons in self.reasons.items():
            for reason in reasons:
                by_reason.setdefault(reason, []).append(operation)
        causes = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
        count = (
            f"{self.on_cpu} of {self.operations} operations stay on the CPU" if self.on_cpu else ""
        )
        if self.by_place:
            count += f", at least {self.by_place} of them only because the others cut them off"
        return (
            ". ".join(part for part in (count, causes) if part)
            or "the GPU accelerator gives no reason"
        )


def failure_line(error: str) -> str:
    """One line of what the runtime raised; the last of its lines is the innermost cause."""
    return f"the GPU accelerator failed ({one_line((error.splitlines() or [''])[-1].lstrip('└ '))})"


def why_not_on_gpu(log: str, failure: str, data: bytes) -> str:
    """One line: what is missing for a device, or which operations of the .tflite file `data` stay
    on the CPU, or else `failure`.
    """
    if missing := why_no_device(log):
        return missing
    return str(refusals(log, data)) if is_refusal(log, failure) else failure


def is_refusal(log: str, failure: str) -> bool:
    """Whether the accelerator turned operations down, rather than failed at something else."""
    return _LIST_START in log or _NOT_ACCELERATED in failure


def refusals(log: str, data: bytes) -> Refusals:
    """Reads what the accelerator logged while it loaded the .tflite file `data`.

    Its reasons name a tensor, not what is the matter with it, and some hide the cause (SUM of rank
    5: "Unknown layout"): shapes are added from the graph. Where the log has no list (another
    version), the known limits of rank and type are held against the graph.
    """
    graph = _graph(data)
    reasons: dict[str, list[str]] = {}
    for operation, reason in _listed(log):
        explained = _explained(operation, reason, graph)
        if explained not in reasons.setdefault(operation, []):
            reasons[operation].append(explained)
    counts = _LIST_END.search(log)
    if not counts:
        return Refusals(reasons or _by_rule(graph), None, None)
    on_cpu, on_gpu = int(counts["cpu"]), 0 if counts["gpu"] == "No" else int(counts["gpu"])
    alike = sum(one.name in reasons for one in graph)
    return Refusals(
        reasons or _by_rule(graph),
        on_cpu,
        on_cpu + on_gpu,
        max(0, on_cpu - alike) if reasons else 0,
    )


def _listed(log: str) -> list[tuple[str, str]]:
    found, inside = [], False
    for line in log.splitlines():
        if _LIST_START in line:
            inside = True
        elif _LIST_END.search(line):
            break
        elif inside and (match := _REFUSED.fullmatch(line.strip())):
            found.append((match["operation"], match["reason"]))
    return found


@dataclass(frozen=True)
class _Operation:
    name: str
    tensors: dict[str, tuple[tuple[int, ...], str]]

    @property
    def rank(self) -> int:
        return max((len(shape) for shape, _ in self.tensors.values()), default=0)


def _graph(data: bytes) -> list[_Operation]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph, types = (
        model.subgraphs[0],
        {code: name for name, code in vars(schema.TensorType).items()},
    )
    operations = []
    for operator in graph.operators:
        used = [graph.tensors[n] for n in [*operator.inputs, *operator.outputs] if n >= 0]
        tensors = {
            tensor.name.decode(): (
                tuple(int(side) for side in (tensor.shape if tensor.shape is not None else ())),
                types[tensor.type],
            )
            for tensor in used
        }
        operations.append(
            _Operation(operator_name(model.operatorCodes[operator.opcodeIndex]), tensors)
        )
    return operations


def _explained(operation: str, reason: str, graph: list[_Operation]) -> str:
    alike = [one for one in graph if one.name == operation]
    if reason.startswith(_RANK):
        return _rank_reason(max((one.rank for one in alike), default=_HIGHEST_RANK + 1))
    if found := _TYPE.match(reason):
        return f"{found[1].lower()} tensors, which the GPU does not take"
    if found := _VERSION.match(reason):
        cause = f"version {found[2]} of the operation, the GPU takes at most {found[1]}"
    else:
        names = sorted((name for one in alike for name in one.tensors), key=len, reverse=True)
        cause = next(
            (reason[: -len(name)] for name in names if name and reason.endswith(" " + name)), reason
        )
        cause = one_line(cause).rstrip(". ")
    rank = max((one.rank for one in alike), default=0)
    return f"{cause} (its tensors are of rank {rank})" if rank > _HIGHEST_RANK else cause


def _rank_reason(rank: int) -> str:
    return f"tensors of rank {rank}, the GPU takes at most {_HIGHEST_RANK}"


def _by_rule(graph: list[_Operation]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for one in graph:
        found = [_rank_reason(one.rank)] if one.rank > _HIGHEST_RANK else []
        if any(kind == "INT16" for _, kind in one.tensors.values()):
            found.append("int16 tensors, which the GPU does not take")
        for reason in found:
            if reason not in reasons.setdefault(one.name, []):
                reasons[one.name].append(reason)
    return reasons
