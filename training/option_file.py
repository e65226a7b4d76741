"""Files of options for --options FILE: one `name: value` a line, which is also YAML."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from pathlib import Path

from tf_i2i.errors import UserError, one_line

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def arguments_in_file(file: str, kinds: Mapping[str, type]) -> list[str]:
    """The command-line arguments that a file stands for.

    Lines are `lambda-face: 5`; names with - or _; several values with spaces between; `true` and
    `false` for switches; quotes around values with spaces; # starts a comment. A name may stand
    there once.

    Args:
        file: path.
        kinds: type of each option that the command has, by field name.

    Raises:
        UserError: it can't be read, or a line names no option; the message names the file, the line
            and the option.
    """
    try:
        lines = Path(file).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"--options {one_line(file)}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"--options {one_line(file)}: not a text file; write `name: value` on each line"
        ) from error
    arguments, seen = [], set()
    for number, line in enumerate(lines, 1):
        where = f"--options {one_line(file)}, line {number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UserError(f"{where}: {one_line(error)}; close the quotes") from error
        if not words:
            continue
        name, values = _name_and_values(words, where)
        _require_known(name, kinds, where)
        if name in seen:
            raise UserError(f"{where}: {name} stands there twice; keep one of them")
        seen.add(name)
        arguments += _arguments(name, values, kinds[name.replace("-", "_")], where)
    return arguments


def _name_and_values(words: list[str], where: str) -> tuple[str, list[str]]:
    if not words[0].endswith(":"):
        raise UserError(f"{where}: `{one_line(' '.join(words))}` is not `name: value`")
    return words[0][:-1].replace("_", "-"), words[1:]


def _require_known(name: str, kinds: Mapping[str, type], where: str) -> None:
    known = [field.replace("_", "-") for field in kinds]
    if name not in known:
        like = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {like[0]}?" if like else "; --help lists this command's options"
        raise UserError(f"{where}: unknown option {one_line(name)}{hint}")


def _arguments(name: str, values: list[str], kind: type, where: str) -> list[str]:
    if not values:
        raise UserError(f"{where}: {name} has no value; write `{name}: value`")
    if kind is not bool:
        # A negative number would be taken for an option.
        return [f"--{name}={values[0]}"] if len(values) == 1 else [f"--{name}", *values]
    if len(values) != 1 or values[0].lower() not in _SWITCH:
        raise UserError(f"{where}: {name} is a switch; write `{name}: true` or `{name}: false`")
    return [f"--{name}" if _SWITCH[values[0].lower()] else f"--no-{name}"]
