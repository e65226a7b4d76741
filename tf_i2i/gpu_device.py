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
