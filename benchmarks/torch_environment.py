"""The virtual environment that PyTorch lives in: it shares no package with ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tf_i2i.errors import UserError

TORCH_VERSION = "2.15.0"


def default_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tf_i2i" / f"torch-{TORCH_VERSION}"


def torch_python(folder: Path, log: Callable[[str], None]) -> str:
    """The interpreter of `folder`, in which PyTorch imports; the environment is made when it isn't
    there.

    Raises:
        UserError: PyTorch could not be installed.
    """
    python = folder / "bin" / "python"
    if _imports_torch(python):
        return str(python)
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise UserError(
            f"--torch-env {folder}: holds other files; name an environment, or a new folder"
        )
    log(
        f"installing torch {TORCH_VERSION} from PyPI into {folder}; PyPI's Linux wheel does not load without its CUDA "
        "libraries, so all of them come along: several GB, minutes, once. An environment with a CPU build of your own "
        "can be named with --torch-env"
    )
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, f"torch=={TORCH_VERSION}"], check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"--torch-env {folder}: torch {TORCH_VERSION} could not be installed ({error}); "
            "name an environment that has PyTorch"
        ) from error
    if not _imports_torch(python):
        raise UserError(
            f"--torch-env {folder}: torch was installed but can't be imported; remove it and run again"
        )
    return str(python)


def _imports_torch(python: Path) -> bool:
    return (
        python.exists()
        and subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    )
