"""LiteRT's GPU accelerator (WebGPU over Vulkan): its device, and why operations stay on the CPU."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import one_line
from tf_i2i.litert.model_file import ModelFile, Operation

# Chromium and Chrome bring SwiftShader, a Vulkan device in software, where no loader looks for it.
SWIFTSHADER_MANIFESTS = (
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
    "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
)
MANIFEST_FOLDERS = ("/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d")
_CHOSEN_BY_USER = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES")

_ADAPTER = re.compile(r"Selected adapter: (?P<name>.+?), arch=.*adapterType=(?P<kind>.+)")
_NO_LOADER = re.compile(r"Couldn't load Vulkan: (?P<why>.+)")
_NO_DEVICE = "No adapters found"
_LIST_START = "operations are not supported by GPU delegate"
_LIST_END = re.compile(
    r"(?P<gpu>\d+|No) operations will run on the GPU, and (?:the remaining|all) (?P<cpu>\d+) "
)
_LISTED = re.compile(r"(?P<operation>\w+): (?P<reason>.+)")
_NOT_ACCELERATED = "ops are not accelerated"
_VERSION = re.compile(r"Max version supported: (\d+)\. Requested version (\d+)")
_TYPE = re.compile(r"Tensor type\((\w+)\) is not supported")
_RANK = "Tensor dimensions must be less than 5"
_MAX_RANK = 4


@dataclass(frozen=True)
class Device:
    """is_software: a CPU that emulates a GPU: its results count, its speed and its float16 do not."""

    name: str
    is_software: bool

    def __str__(self) -> str:
        return f"{self.name}, in software" if self.is_software else self.name


def vulkan_environments(environment: Mapping[str, str] = os.environ) -> list[dict[str, str]]:
    """Environment variables to try in turn, for a process that opens the GPU accelerator.

    VK_DRIVER_FILES or VK_ICD_FILENAMES settle it; else the installed drivers, if any (maybe without
    their GPU, hence the second try), then SwiftShader where a browser brings it.
    """
    # Log levels that silence TensorFlow would silence the accelerator's reasons too.
    plain = {name: value for name, value in environment.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    # Systems other than Linux have a GPU interface without manifests.
    if sys.platform != "linux" or any(plain.get(name) for name in _CHOSEN_BY_USER):
        return [plain]
    software = [path for path in SWIFTSHADER_MANIFESTS if Path(path).is_file()][:1]
    installed = any(Path(folder).glob("*.json") for folder in MANIFEST_FOLDERS)
    # With neither, the loader's own words say what is missing.
    drawn = [{**plain, "VK_ICD_FILENAMES": path} for path in software]
    return [plain] * (installed or not software) + drawn


def device_in(log: str) -> Device | None:
    """The adapter that the accelerator chose, by its log."""
    match = _ADAPTER.search(log)
    return Device(match["name"].strip(), match["kind"].strip().startswith("CPU")) if match else None


def why_no_device(log: str) -> str | None:
    """What is missing and what to do, where the log says that there is no device; else None."""
    if match := _NO_LOADER.search(log):
        return f"no Vulkan loader ({one_line(match['why'])}); install it (Debian: libvulkan1)"
    if _NO_DEVICE in log:
        return "no Vulkan device; install a GPU's driver, or SwiftShader (Debian: chromium)"
    return None


def is_refusal(log: str, failure: str) -> bool:
    """Whether the accelerator refused operations, rather than failed at something else."""
    return _LIST_START in log or _NOT_ACCELERATED in failure


@dataclass(frozen=True)
class Refusals:
    """Operations that stay on the CPU: name to its reasons, each once; empty when none were given.

    on_cpu, operations: how many stay, of how many; None where the accelerator does not say.
    cut_off: how many at least were not refused, but are not in the one connected part of the graph
    that the accelerator takes.
    """

    reasons: dict[str, list[str]]
    on_cpu: int | None = None
    operations: int | None = None
    cut_off: int = 0

    def __str__(self) -> str:
        """One line, operations with the same reason together."""
        by_reason: dict[str, list[str]] = {}
        for operation, reasons in self.reasons.items():
            for reason in reasons:
                by_reason.setdefault(reason, []).append(operation)
        causes = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
        count = f"{self.on_cpu} of {self.operations} operations stay on the CPU"
        if self.cut_off:
            count += f", at least {self.cut_off} of them only because the others cut them off"
        parts = [count if self.on_cpu else "", causes]
        return ". ".join(filter(None, parts)) or "the GPU accelerator gives no reason"


def refusals(log: str, data: bytes) -> Refusals:
    """Reads what the accelerator logged while it loaded the .tflite file `data`.

    Its reasons name a tensor and may hide the cause (SUM of rank 5: "Unknown layout"): shapes are
    added from the graph. Where the log has no list (another version), known limits are checked.
    """
    file, reasons = ModelFile(data), {}
    for operation, reason in _listed(log) or _by_rule(file):
        known = reasons.setdefault(operation, [])
        explained = _explained(operation, reason, file)
        if explained not in known:
            known.append(explained)
    counts = _LIST_END.search(log)
    if not counts:
        return Refusals(reasons)
    on_cpu, on_gpu = int(counts["cpu"]), 0 if counts["gpu"] == "No" else int(counts["gpu"])
    refused = sum(operation.name in reasons for operation in file.operations)
    cut_off = max(0, on_cpu - refused) if _listed(log) else 0
    return Refusals(reasons, on_cpu, on_cpu + on_gpu, cut_off)


def _listed(log: str) -> list[tuple[str, str]]:
    """(operation, reason) of each line of the accelerator's list."""
    lines, listed = iter(log.splitlines()), []
    for line in lines:
        if _LIST_START in line:
            break
    for line in lines:
        if _LIST_END.search(line):
            break
        if match := _LISTED.fullmatch(line.strip()):
            listed.append((match["operation"], match["reason"]))
    return listed


def _by_rule(file: ModelFile) -> list[tuple[str, str]]:
    """The same by the known limits, in the accelerator's words."""
    tall = [(o.name, _RANK) for o in file.operations if _rank(o, file) > _MAX_RANK]
    wide = [o for o in file.operations if "INT16" in map(file.type_name, _tensors(o))]
    return tall + [(o.name, "Tensor type(INT16) is not supported") for o in wide]


def _explained(operation: str, reason: str, file: ModelFile) -> str:
    alike = [other for other in file.operations if other.name == operation]
    rank = max((_rank(other, file) for other in alike), default=0)
    if reason.startswith(_RANK):
        return f"tensors of rank {rank or _MAX_RANK + 1}, the GPU takes at most {_MAX_RANK}"
    if match := _TYPE.match(reason):
        return f"{match[1].lower()} tensors, which the GPU does not take"
    if match := _VERSION.match(reason):
        cause = f"version {match[2]} of the operation, the GPU takes at most {match[1]}"
    else:
        names = {file.tensors[n].name.decode() for other in alike for n in _tensors(other)} - {""}
        endings = [f" {name}" for name in sorted(names, key=len, reverse=True)]
        ending = next((ending for ending in endings if reason.endswith(ending)), "")
        cause = one_line(reason.removesuffix(ending)).rstrip(". ")
    return f"{cause} (its tensors are of rank {rank})" if rank > _MAX_RANK else cause


def _tensors(operation: Operation) -> list[int]:
    return [number for number in operation.inputs + operation.outputs if number >= 0]


def _rank(operation: Operation, file: ModelFile) -> int:
    return max((len(file.shape(number)) for number in _tensors(operation)), default=0)
