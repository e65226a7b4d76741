"""The layout of the code: who imports whom (contracts in setup.cfg), names and sizes of folders."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
MAX_FILES = 15


def modules() -> list[Path]:
    """Every module of the project's packages but for __init__.py."""
    files = (
        path
        for package in ("tf_i2i", "training", "export")
        for path in (ROOT / package).rglob("*.py")
    )
    return sorted(path.relative_to(ROOT) for path in files if path.name != "__init__.py")


def grouped(key) -> dict[str, list[str]]:
    groups = defaultdict(list)
    for path in modules():
        groups[key(path)].append(path.as_posix())
    return groups


def test_imports_keep_to_the_contracts():
    """Also what is imported inside functions; the report names the import that breaks a contract."""
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout.partition("Contracts")[2] + done.stderr


def test_base_names_are_unique():
    groups = grouped(lambda path: path.name)
    assert {name: paths for name, paths in groups.items() if len(paths) > 1} == {}


def test_no_folder_is_crowded():
    counts = {
        folder: len(paths) for folder, paths in grouped(lambda path: path.parent.as_posix()).items()
    }
    assert {folder: count for folder, count in counts.items() if count > MAX_FILES} == {}


def test_readme_shows_the_folders_and_is_whole():
    """It was cut off in its tree once, and nobody saw it."""
    text = (ROOT / "README.md").read_text()
    *_, tree, rest = text.split("```\n")
    named = {line.split()[0] for line in tree.splitlines() if line[:1].strip()}
    assert {
        f"{name}/" for name in ("tf_i2i", "training", "export", "android_demo", "tests")
    } <= named
    assert all((ROOT / name).is_dir() for name in named)
    assert rest.count("\n## ") == 1 and "\n## What this is not\n" in rest


def test_code_blocks_of_pages_are_closed():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        assert page.read_text().count("```") % 2 == 0, page.name
