"""--help of every command: at once, without TensorFlow, in groups, with defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = sorted(
    f"{package}.{path.stem}"
    for package in ("training", "export")
    for path in (ROOT / package).glob("*.py")
    if path.stem != "__init__"
)
HEAVY = {"tensorflow", "keras", "cv2", "apache_beam", "ai_edge_litert"}
RUN_MODULE = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_module(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    print("status", stop.code, file=sys.stderr)
print("modules", *sys.modules, file=sys.stderr)
"""


def test_all_commands_are_found():
    assert {"training.cyclegan", "training.launch", "export.tflite", "export.android"} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = subprocess.run(
        [sys.executable, "-c", RUN_MODULE, command], cwd=ROOT, capture_output=True, text=True
    )
    status, modules = done.stderr.splitlines()[-2:]
    assert status == "status 0", done.stderr
    assert HEAVY.isdisjoint(modules.split())
    assert f"usage: python -m {command}" in done.stdout
    # argparse's own group has --help alone; all others have names of ours.
    plain = re.search(r"^options:\n((?:  .*\n)+)", done.stdout, re.M)[1]
    assert re.findall(r"^  (-\S+)", plain, re.M) == ["-h,"]
    groups = re.findall(r"^(\S.*):\n  +(?:-|[a-zA-Z])", done.stdout, re.M)
    assert set(groups) - {"options"} and "default" in done.stdout
