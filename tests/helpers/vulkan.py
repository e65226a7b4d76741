"""Which tests need a Vulkan device, real or SwiftShader."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from tf_i2i.litert.gpu_delegate import MANIFEST_FOLDERS, SWIFTSHADER_MANIFESTS


def _missing() -> str | None:
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return "missing tool: the Vulkan loader (Debian: libvulkan1)"
    named = os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")
    installed = any(Path(folder).glob("*.json") for folder in MANIFEST_FOLDERS)
    if named or installed or any(Path(path).is_file() for path in SWIFTSHADER_MANIFESTS):
        return None
    return "missing tool: a Vulkan device, SwiftShader will do (Debian: chromium)"


needs_device = pytest.mark.skipif(_missing() is not None, reason=_missing() or "")
