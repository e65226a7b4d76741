"""Every command that a message, a help text or a page suggests is one that its parser takes."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_lines import options_of, require_parsed
from test_help import COMMANDS, ROOT

from tf_i2i.command_line import build_parser, command, parse, quoted, unlike_defaults
from training.options.trainer_options import TRAINER_OPTIONS, CycleGANOptions, DistillOptions

SOURCES = sorted(
    path
    for package in ("benchmarks", "export", "tf_i2i", "training")
    for path in (ROOT / package).rglob("*.py")
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of other programs, or parts of flags that are put together.
OTHERS = set(
    re.findall(
        r"\S+",
        "--no-install-recommends --force-reinstall --dex --es --ei --v4-signing-enabled --ks "
        "--ks-pass --key-pass --ks-key-alias --min-sdk-version --output --silent --direct --runner "
        "--flink --always --dirty --abbrev --exclude --ground --no --val --lambda --domain --option",
    )
)


def strings(path: Path) -> Iterator[str]:
    """All texts of a module, constant parts of f-strings too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def written_commands(text: str) -> Iterator[list[str]]:
    """The words of each of our commands in prose or code, with values for its placeholders."""
    text = re.sub(r"\\\n\s*", " ", text)
    text = re.sub(r"`[^`\n]*\n[^`\n]*`", lambda code: re.sub(r"\n\s*", " ", code[0]), text)
    pattern = r"(?:python|{python}) -m ((?:training|export)\.\w+(?![.\w])[^`\n]*)"
    for found in re.findall(pattern, text):
        found = re.sub(
            r"\s+[(#].*|\s{3,}.*| (TRAINER|EVALUATE) OPTIONS|{options}|[\[\]|]", " ", found
        )
        found = re.sub(r"\bN\b|{(?:minutes|student|teacher|seed)}", "3", found.rstrip(" .,:;"))
        found = re.sub(r"\s\.\.\.(?=\s)", " x", found).replace("...", "")
        yield ["-m", *shlex.split(found)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages(path):
    for words in written_commands(path.read_text()):
        require_parsed(words)


def test_help_texts_and_constants():
    count = 0
    for path in SOURCES:
        for text in strings(path):
            for words in written_commands(text):
                require_parsed(words)
                count += 1
    assert count > 30


def made_commands(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """(module, names of options) of each call of tf_i2i.command_line.command."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command":
            names = [keyword.arg for keyword in node.keywords if keyword.arg]
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value, names
            elif isinstance(first, ast.JoinedStr):  # f"training.{model}"
                yield from ((f"training.{model}", names) for model in TRAINER_OPTIONS)


def test_messages():
    """Commands in messages are made by `command`, of options that there are."""
    count = 0
    for path in SOURCES:
        for module, names in made_commands(ast.parse(path.read_text())):
            assert module in COMMANDS, path
            flags = build_parser(options_of(module))._option_string_actions
            assert {f"--{name.replace('_', '-')}" for name in names} <= flags.keys(), path
            count += 1
    assert count > 20


def test_flags_that_texts_name():
    known = set(OTHERS)
    for module in COMMANDS:
        known |= build_parser(options_of(module))._option_string_actions.keys()
    for path in SOURCES:
        if path.is_relative_to(ROOT / "benchmarks"):
            continue
        for text in strings(path):
            for flag in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]", text):
                assert flag in known, f"{path}: {flag}"


@pytest.mark.parametrize(
    "run", ['it\'s "1"', "a b", "$HOME", "--run", "-x", "~/r", "[1] *?", "日本語", "a\nb", "\udce9"]
)
def test_any_path_comes_back_from_a_shell(run):
    line = command("training.distill", run=run, direction="ba", resume=True, student_steps=3)
    assert "\n" not in line
    script = ["bash", "-c", f"printf '%s\\0' {line}"]
    words = subprocess.run(script, capture_output=True, check=True).stdout
    words = words.decode("utf-8", "surrogateescape").split("\0")[3:-1]
    assert [word for word in words if run in word] and quoted(run)
    found = parse(DistillOptions, words, "training.distill", "")
    assert (found.run, found.direction, found.steps) == (str(Path(run).expanduser()), "ba", 3)


def test_recorded_options_are_told_by_their_flags():
    options = {"steps": 3, "face_range": [-1.0, 1.0], "flip": False, "seed": 1, "unknown": 2}
    assert unlike_defaults(options, CycleGANOptions) == {
        "steps": 3,
        "face-range": (-1.0, 1.0),
        "flip": False,
    }
    assert unlike_defaults({"steps": 3}, DistillOptions) == {"student-steps": 3}
