"""The programs that build an APK: found, or named with the line that installs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tf_i2i.errors import UserError, one_line

# Program to Debian package.
PACKAGES = {
    "mvn": "maven",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
}


def find_tools() -> dict[str, str]:
    """Path of each of PACKAGES' programs, on the PATH or in the newest build tools of
    $ANDROID_HOME.

    Raises:
        UserError: some are missing; all of them are named.
    """
    found = {name: shutil.which(name) or _in_build_tools(name) for name in PACKAGES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        raise UserError(
            f"missing tool: {', '.join(missing)}; install: "
            f"apt-get install -y --no-install-recommends {packages}"
        )
    return found


def run_tool(command: list[str | os.PathLike], what: str, fix: str) -> str:
    """Standard output of a program.

    Raises:
        UserError: it fails; the message has `what` was being done, the program's own first
            complaint, and `fix`.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise UserError(f"{what} failed ({_complaint(done.stdout + done.stderr)}); {fix}")
    return done.stdout


def _complaint(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [one_line(line) for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    return (errors or lines or ["it says nothing"])[0][:300]


def _in_build_tools(name: str) -> str | None:
    home = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    if not home:
        return None
    folders = sorted(Path(home, "build-tools").glob("*"), key=_version, reverse=True)
    return next(
        (path for folder in folders if (path := shutil.which(name, path=str(folder)))), None
    )


def _version(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in folder.name.replace("-", ".").split(".")]
