"""From a flat frozen dataclass of options to a command line. Imports nothing heavy: --help answers
at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from tf_i2i.errors import UserError, one_line


def option(
    default: Any,
    comment: str,
    *,
    group: str = "options",
    choices: tuple | None = None,
    unit: str = "",
    metavar: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    resumable: bool = False,
    positional: bool = False,
) -> Any:
    """A field of an options dataclass. `comment` is its help text; `unit` follows the shown
    default.

    resumable: may change when a run is continued; all others are part of what the run is.
    positional: an argument without a flag; it is required when `default` is dataclasses.MISSING.
    """
    metadata = {
        "comment": comment,
        "group": group,
        "choices": choices,
        "unit": unit,
        "metavar": metavar,
        "minimum": minimum,
        "maximum": maximum,
        "resumable": resumable,
        "positional": positional,
    }
    return dataclasses.field(default=default, metadata=metadata)


def parse(
    options_class: type, argv: list[str] | None, *, prog: str, description: str, epilog: str = ""
) -> Any:
    """Reads the command line into an `options_class`. Wrong usage exits with 2, as argparse does.

    A class with a field `options` also takes its options from the file that this names; the command
    line wins.
    """
    parser = build_parser(options_class, prog=prog, description=description, epilog=epilog)
    try:
        argv = _with_file(options_class, argv)
    except UserError as error:
        parser.error(str(error))
    # Plain parse_args takes an empty list for FILE... as soon as an option comes before it.
    values = vars(parser.parse_intermixed_args(argv))
    for field in dataclasses.fields(options_class):
        _check_range(parser, field, values[field.name])
    return options_class(**values)


def given_options(options_class: type, argv: list[str] | None) -> frozenset[str]:
    """Names of the options that a command line, or its option file, sets, whatever their values.
    `argv` was parsed without error before."""
    parser, unset = build_parser(options_class, prog="", description=""), object()
    parser.set_defaults(**{field.name: unset for field in dataclasses.fields(options_class)})
    given = vars(parser.parse_intermixed_args(_with_file(options_class, argv)))
    return frozenset(name for name, value in given.items() if value is not unset)


def _with_file(options_class: type, argv: list[str] | None) -> list[str]:
    """The command line with the arguments of its option file before its own, which so win."""
    argv = list(sys.argv[1:] if argv is None else argv)
    fields = {field.name: field for field in dataclasses.fields(options_class)}
    if "options" not in fields:
        return argv
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--options")
    file = finder.parse_known_args(argv)[0].options
    if file is None:
        return argv
    hints = get_type_hints(options_class)
    kinds = {
        name: _plain_type(hints[name])
        for name, field in fields.items()
        if name != "options" and not field.metadata["positional"]
    }
    arguments = arguments_in_file(file, kinds)
    quiet = build_parser(options_class, prog="", description="")
    quiet.error = lambda message: _refuse(f"--options {file}: {message}")
    quiet.parse_intermixed_args(arguments)
    return arguments + argv


def _refuse(message: str):
    raise UserError(message)


def build_parser(
    options_class: type, *, prog: str, description: str, epilog: str = ""
) -> argparse.ArgumentParser:
    """One argument a field, in the field's group, with default and unit in the help."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    hints = get_type_hints(options_class)
    groups: dict[str, Any] = {}
    for field in dataclasses.fields(options_class):
        meta = field.metadata
        group = groups.setdefault(meta["group"], None) or parser.add_argument_group(meta["group"])
        groups[meta["group"]] = group
        _add_argument(group, field, hints[field.name])
    return parser


def _add_argument(group, field, hint) -> None:
    meta = field.metadata
    flag = "--" + field.name.replace("_", "-")
    kind = _plain_type(hint)
    if meta["positional"]:
        _add_positional(group, field, kind, many=str(hint).startswith("tuple"))
        return
    if kind is bool:
        # An option that is on by default is turned off: --no-flip sets flip to False. The other
        # form, not shown, takes back what an option file says.
        for name, value in ((flag, True), ("--no-" + flag[2:], False)):
            shown = meta["comment"] if value != field.default else argparse.SUPPRESS
            group.add_argument(
                name,
                dest=field.name,
                action="store_const",
                const=value,
                default=field.default,
                help=shown,
            )
        return
    shown = _shown(field.default)
    unit = f" {meta['unit']}" if meta["unit"] and field.default is not None else ""
    help_text = f"{meta['comment']} (default: {shown}{unit})".replace("%", "%%")
    extra = (
        {"choices": meta["choices"]}
        if meta["choices"]
        else {"metavar": meta["metavar"] or kind.__name__.upper()}
    )
    if str(hint).startswith("tuple"):
        extra |= {"nargs": "+", "action": _TupleAction}
    group.add_argument(
        flag, dest=field.name, type=kind, default=field.default, help=help_text, **extra
    )


def _add_positional(group, field, kind: type, many: bool) -> None:
    required = field.default is dataclasses.MISSING
    extra = (
        {"nargs": "+" if required else "*", "action": _TupleAction}
        if many
        else {}
        if required
        else {"nargs": "?"}
    )
    if not required:
        extra["default"] = field.default
    group.add_argument(
        field.name,
        type=kind,
        metavar=field.metadata["metavar"],
        help=field.metadata["comment"],
        **extra,
    )


class _TupleAction(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, tuple(values))


def _shown(default) -> str:
    """A default as one would type it."""
    if isinstance(default, tuple):
        return " ".join(map(str, default)) or "none"
    return "none" if default in (None, "") else str(default)


def _plain_type(hint) -> type:
    """`int | None` and `tuple[int, ...]` to int."""
    arguments = [a for a in getattr(hint, "__args__", ()) if a not in (type(None), Ellipsis)]
    return arguments[0] if arguments else hint


def _check_range(parser, field, value) -> None:
    flag = "--" + field.name.replace("_", "-")
    for one in value if isinstance(value, tuple) else (value,):
        if not isinstance(one, (int, float)) or isinstance(one, bool):
            continue
        low, high = field.metadata["minimum"], field.metadata["maximum"]
        if one != one or (low is not None and one < low) or (high is not None and one > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            parser.error(f"{flag} must be {bounds}, not {one}")


def run_command(main: Callable[[], int | None]) -> None:
    """A command's entry: a UserError becomes one line and exit status 2 (or its own), anything else
    is a bug.
    """
    try:
        status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = getattr(error, "exit_status", 2)
    except BrokenPipeError:
        status = 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.stdout.flush()
    sys.exit(status or 0)


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
