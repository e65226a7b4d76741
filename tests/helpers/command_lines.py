"""Our command lines through our parsers, without running them."""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path

from test_help import COMMANDS, ROOT

from tf_i2i.command_line import parse


@functools.cache
def options_of(module: str) -> type:
    """The class that a command's parser is made of: the first argument of its call of parse."""
    tree = ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    parsers = ("parse", "parse_known")
    call = next(c for c in calls if isinstance(c.func, ast.Name) and c.func.id in parsers)
    return getattr(importlib.import_module(module), call.args[0].id)


def require_parsed(words: list[str]) -> None:
    """Parses `python -m MODULE ...`; SystemExit or UserError where the command is none."""
    module, *arguments = words[words.index("-m") + 1 :]
    assert module in COMMANDS, module
    if not arguments or "--help" in arguments:
        return
    if module == "training.launch":
        start = next(i for i, word in enumerate(arguments) if word.startswith("training."))
        require_parsed(["-m", *arguments[start:]])
        arguments = arguments[:start]
    if module == "training.sweep":
        from training.sweeps.sweep_plan import make_plan, split_command

        own, common, evaluate = split_command(arguments)
        make_plan(own[: own.index("--seeds") if "--seeds" in own else None], (1,), common, evaluate)
        return
    if module == "training.prepare" and "--" in arguments:
        arguments = arguments[: arguments.index("--")]
    parse(options_of(module), arguments, module, "")
