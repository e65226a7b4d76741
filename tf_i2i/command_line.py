"""From a flat frozen dataclass of options to a command line.

Imports nothing heavy: --help answers at once.
"""

import argparse
import dataclasses
import difflib
import functools
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from tf_i2i.console import prepare_tensorflow, say
from tf_i2i.errors import UserError, one_line

# Of files: under such a name no folder is meant.
_FILE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
)
_FILE_SUFFIXES += (".tflite", ".keras", ".zip", ".apk", ".json", ".html", ".csv", ".txt")
# Values of options that may also name a file.
_WORDS = ("auto", "offline", "inception", "face-api", "selfie")
_OUR_PACKAGES = ("tf_i2i", "training", "export", "benchmarks")
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


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
    repeatable: bool = False,
    flag: str | None = None,
    former: str | None = None,
    instead: str | None = None,
    path: bool = False,
    alone: Any = None,
    needs: str | tuple[str, ...] = (),
    unless: tuple[str, ...] = (),
) -> Any:
    """A field of an options dataclass.

    Args:
        default: required for a positional argument when it is dataclasses.MISSING.
        comment: the help text.
        unit: shown after the default.
        resumable: may change when a run is resumed; all others are part of what the run is.
        positional: an argument without a flag.
        repeatable: of several values, which may be given under several flags; else the last counts.
        flag: its flag, where that is not the field's name.
        former: a flag of before, still taken, with a hint; of options with one value.
        instead: of options that share it, one on the command line replaces all in an options file.
        path: names a file or folder that is recorded, and so made absolute; always with "SRC".
        alone: its value where its flag stands without one.
        needs: conditions without which it has no effect, all of them: "split" (that is given, and
            not 0), "student!=none", "face_crop=fixed"; with | between alternatives.
        unless: options that leave it without effect where all of them are given.
    """
    path, needs = path or metavar == "SRC", (needs,) if isinstance(needs, str) else needs
    metadata = {name: value for name, value in locals().items() if name != "default"}
    return dataclasses.field(default=default, metadata=metadata)


def option_group(name: str) -> Callable[..., Any]:
    """`option` for the fields of one group of the help."""
    return functools.partial(option, group=name)


def parse(options_class: type, argv: list[str] | None, command: str, doc: str, epilog: str = ""):
    """Reads the command line into an `options_class`. Wrong usage exits with 2, as argparse does.

    A class with a field `options` also takes its options from the YAML file that this names; the
    command line wins.

    Args:
        argv: None: the process's own.
        command: as after `python -m`.
        doc, epilog: what --help says before and after the options.

    Raises UserError: an option that is given has no effect beside the others.
    """
    options, others = parse_known(options_class, argv, command, doc, epilog)
    if others:
        build_parser(options_class, command).error(f"unrecognized arguments: {' '.join(others)}")
    if not getattr(options, "resume", False):  # then the run's own count as well
        require_effect(options, given_options(options_class, argv))
    return options


def require_effect(options, given: Iterable[str]) -> None:
    """Raises UserError where one of the options `given`, by name, has no effect."""
    for name, why in without_effect(options, given).items():
        raise UserError(f"{flag_of(name)} has no effect {why}; leave it out")


def without_effect(options, given: Iterable[str]) -> dict[str, str]:
    """Those of the options `given` that change nothing beside the others, and why not: name ->
    "without --split".
    """
    given, idle = set(given), {}
    for field in dataclasses.fields(options):
        if field.name not in given:
            continue
        unmet = [need for need in field.metadata["needs"] if not _is_met(options, need)]
        if unmet:
            idle[field.name] = _without(options, unmet[0])
        elif field.metadata["unless"] and given.issuperset(field.metadata["unless"]):
            idle[field.name] = f"beside {' and '.join(map(flag_of, field.metadata['unless']))}"
    return idle


def _is_met(options, need: str) -> bool:
    for condition in need.split("|"):
        name, operator, wanted = re.fullmatch(r"(\w+)(!?=|)(.*)", condition).groups()
        value = getattr(options, name, None)
        met = (_typed(value) == wanted) == (operator == "=") if operator else bool(value)
        # A class without the other option is of one kind: Pix2Pix has patch discriminators alone.
        if met or not hasattr(options, name):
            return True
    return False


def _without(options, need: str) -> str:
    """What is in the way of an effect."""
    names = dict.fromkeys(re.match(r"\w+", condition)[0] for condition in need.split("|"))
    fields = {field.name: field for field in dataclasses.fields(options)}
    missing = [flag_of(name) for name in names if getattr(options, name) in (None, (), False, "")]
    if missing:
        return f"without {' or '.join(missing)}"
    values = {name: _typed(getattr(options, name)) for name in names}
    switches = {name for name in names if getattr(options, name) is True}
    shown = [
        value if fields[name].metadata["positional"] else f"{flag_of(name)} {value}"
        for name, value in values.items()
        if name not in switches
    ]
    return f"with {' and '.join([*shown, *map(flag_of, switches)])}"


def _typed(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_known(
    options_class: type, argv: list[str] | None, command: str, doc: str, epilog: str = ""
) -> tuple[Any, list[str]]:
    """As `parse`; also returns the arguments that are no options of the class, in order."""
    parser = build_parser(options_class, command, doc, epilog)
    try:
        argv = _with_file(options_class, argv)
    except UserError as error:
        parser.error(str(error))
    # Plain parse_args takes an empty list for FILE... as soon as an option comes before it.
    namespace, others = parser.parse_known_intermixed_args(argv)
    for old, new in parser.renamed.items():
        say(f"hint: {old} is called {new} now")
    values = {name: expanded(value) for name, value in vars(namespace).items()}
    for field in dataclasses.fields(options_class):
        _check_range(parser, field, values[field.name])
        if field.metadata["metavar"] == "DIR":
            _check_folders(parser, field, values[field.name])
        values[field.name] = recorded(field, values[field.name])
    return options_class(**values), others


def expanded(value: Any) -> Any:
    """A value, or a list of them as a tuple, with the home folder for a ~ that begins a text: shells
    leave it behind = and in quotes, and no shell reads an options file.
    """
    if isinstance(value, list | tuple):
        return tuple(map(expanded, value))
    return os.path.expanduser(value) if isinstance(value, str) else value


def recorded(field: dataclasses.Field, value: Any) -> Any:
    """A value as it is recorded: from wherever a later command runs, it means the same."""
    return absolute(value) if field.metadata["path"] and isinstance(value, str) else value


def absolute(source: str) -> str:
    """The same file or folder from the root: of a path, or of one behind "tfds:" or NAME: as in
    tfds:./data/mine:train or keras-cv:weights.h5. What is none stays as it is.
    """
    if source in _WORDS:
        return source
    if os.path.exists(source):
        return os.path.abspath(source)
    kind, _, rest = source.partition(":")
    path, colon, split = rest.partition(":") if kind == "tfds" else (rest, "", "")
    if rest.startswith("//"):  # an address
        return source
    # A dataset's NAME is no folder of the working directory; ./NAME is.
    if os.path.exists(path) and (kind != "tfds" or path.startswith(".")):
        return f"{kind}:{os.path.abspath(path)}{colon}{split}"
    return source


def given_options(options_class: type, argv: list[str] | None) -> frozenset[str]:
    """Names of the options that a valid command line, or its options file, sets."""
    parser, unset = build_parser(options_class), object()
    parser.set_defaults(**{field.name: unset for field in dataclasses.fields(options_class)})
    given = vars(parser.parse_intermixed_args(_with_file(options_class, argv)))
    return frozenset(name for name, value in given.items() if value is not unset)


def build_parser(
    options_class: type, command: str = "", doc: str = "", epilog: str = ""
) -> argparse.ArgumentParser:
    """One argument per field, in the field's group, with default and unit in the help.

    Groups come in the order of the class's `groups` if it has some; within a group the fields of a
    subclass come before those that it inherits.
    """
    fields = dataclasses.fields(options_class)
    positional = [field for field in fields if field.metadata["positional"]]
    prog = f"python -m {command}"
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=" ".join([prog, *(_usage(field) for field in positional), "[OPTIONS]"]),
        description=doc,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.renamed = {}
    hints = get_type_hints(options_class)
    inherited = {
        name for base in options_class.__mro__[1:] for name in vars(base).get("__annotations__", {})
    }
    fields = sorted(fields, key=lambda f: not f.metadata["positional"] and f.name in inherited)
    names = [*getattr(options_class, "groups", ()), *(field.metadata["group"] for field in fields)]
    groups = {name: parser.add_argument_group(name) for name in dict.fromkeys(names)}
    for field in fields:
        _add_argument(groups[field.metadata["group"]], field, hints[field.name])
    return parser


def _add_argument(group, field: dataclasses.Field, hint) -> None:
    meta, kind, many = field.metadata, _plain_type(hint), str(hint).startswith("tuple")
    takes = {"nargs": "+"} if many else {}
    if meta["positional"]:
        if field.default is not dataclasses.MISSING:
            takes |= {"nargs": "*" if many else "?", "default": field.default}
        takes["metavar"] = meta["metavar"]
        group.add_argument(field.name, type=kind, help=meta["comment"], **takes)
        return
    flag = _flag(field)
    unit = f" {meta['unit']}" if meta["unit"] and field.default is not None else ""
    shown = meta["comment"].replace("%", "%%")
    if field.default is not None or "default" not in shown:
        shown += f" (default: {_shown(field.default)}{unit})".replace("%", "%%")
    if kind is bool:
        # Its default is set afterwards: argparse before Python 3.13 would add it to the help.
        switch = argparse.BooleanOptionalAction
        named = {"dest": field.name, "default": argparse.SUPPRESS, "help": shown}
        action = group.add_argument(flag, action=switch, **named)
        action.default = field.default
        return
    if meta["alone"] is not None:
        takes |= {"nargs": "?", "const": meta["alone"]}
    if meta["repeatable"]:
        takes["action"] = _Extend
    if meta["choices"]:
        takes["choices"] = meta["choices"]
    else:
        takes["metavar"] = meta["metavar"] or kind.__name__.upper()
    takes |= {"dest": field.name, "type": kind}
    group.add_argument(flag, default=field.default, help=shown, **takes)
    if meta["former"]:
        hidden = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        group.add_argument(f"--{meta['former']}", action=_Former, const=flag, **takes, **hidden)


class _Extend(argparse.Action):
    """argparse's "extend", but the default is replaced and not extended."""

    def __call__(self, parser, namespace, values, option_string=None):
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*(before if isinstance(before, list) else ()), *values])


class _Former(argparse.Action):
    """Stores a value given by a former name; const: the flag of now."""

    def __call__(self, parser, namespace, values, option_string=None):
        parser.renamed[option_string] = self.const
        setattr(namespace, self.dest, values)


def _usage(field: dataclasses.Field) -> str:
    text = field.metadata["metavar"] or field.name
    return text if field.default is dataclasses.MISSING else f"[{text}]"


def flag_of(name: str) -> str:
    """The option that sets a field: --load-size of load_size."""
    return "--" + name.replace("_", "-")


def _flag(field: dataclasses.Field) -> str:
    return flag_of(field.metadata["flag"] or field.name)


def command(module: str, *words: object, **options) -> str:
    """A command to paste into a shell; options by the names of their flags, as in `as_flags`."""
    return " ".join(["python -m", module, *map(quoted, words), *as_flags(options)])


def as_flags(options: Mapping[str, Any]) -> list[str]:
    """Options as a shell takes them; those that are None or () are left out."""
    flags = []
    for name, value in options.items():
        values = value if isinstance(value, list | tuple) else (value,)
        if value is None or not values:
            continue
        flag = flag_of(name)
        if isinstance(value, bool):
            flags.append(flag if value else f"--no-{flag[2:]}")
        elif len(values) == 1 and str(values[0]).startswith("-"):  # else taken for an option
            flags.append(f"{flag}={quoted(values[0])}")
        else:
            flags += [flag, *map(quoted, values)]
    return flags


def unlike_defaults(options: Mapping[str, Any], options_class: type) -> dict[str, Any]:
    """Of recorded options those that the class knows and that differ from its defaults, by flag."""
    fields, given = {field.name: field for field in dataclasses.fields(options_class)}, {}
    for name, value in options.items():
        value = tuple(value) if isinstance(value, list) else value
        if name in fields and value not in (None, (), fields[name].default):
            given[_flag(fields[name])[2:]] = value
    return given


def quoted(value: object) -> str:
    """One word of a shell's command, on one line whatever a file's name holds."""
    text = str(value)
    if text.isprintable():
        return shlex.quote(text)
    escaped = (
        c if c.isprintable() and c not in "'\\" else "".join(f"\\x{b:02x}" for b in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(escaped)}'"


def _shown(default) -> str:
    """A default as one would type it."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return " ".join(map(str, default)) or "none"
    return "none" if default in (None, "") else str(default)


def _plain_type(hint) -> type:
    """`int | None` and `tuple[int, ...]` to int."""
    arguments = [a for a in getattr(hint, "__args__", ()) if a not in (type(None), Ellipsis)]
    return arguments[0] if arguments else hint


def _check_range(parser, field: dataclasses.Field, value) -> None:
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    for number in value if isinstance(value, tuple) else (value,):
        if not isinstance(number, (int, float)) or isinstance(number, bool):
            continue
        in_range = (low is None or number >= low) and (high is None or number <= high)
        if number != number or not in_range:
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            parser.error(f"{_flag(field)} must be {bounds}, not {number}")


def _check_folders(parser, field: dataclasses.Field, value) -> None:
    for folder in value if isinstance(value, tuple) else (value,):
        if folder and folder.lower().endswith(_FILE_SUFFIXES) and not os.path.isdir(folder):
            flag = (
                field.metadata["metavar"] if field.metadata["positional"] else flag_of(field.name)
            )
            parser.error(f"{flag} {one_line(folder)}: this is a file's name; name a folder")


def _with_file(options_class: type, argv: list[str] | None) -> list[str]:
    """The command line with the arguments of its options file before its own, which so win."""
    argv = list(sys.argv[1:] if argv is None else argv)
    fields = {_flag(field)[2:]: field for field in dataclasses.fields(options_class)}
    fields |= {f.metadata["former"]: f for f in fields.values() if f.metadata["former"]}
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--options")
    file = finder.parse_known_args(argv)[0].options if "options" in fields else None
    if file is None:
        return argv
    hints, where = get_type_hints(options_class), f"--options {one_line(file)}"
    said = {word[2:].partition("=")[0] for word in argv if word.startswith("--")}
    replaced = {fields[name].metadata["instead"] for name in said & fields.keys()} - {None}
    arguments = []
    for line, name, value in _yaml_items(file, where):
        at, known = f"{where}, line {line}", sorted(fields.keys() - {"options"})
        if name not in known or fields[name].metadata["positional"]:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else "--help lists this command's options"
            raise UserError(f"{at}: unknown option {one_line(name)}; {hint}")
        if fields[name].metadata["instead"] in replaced:
            continue
        if not value:
            raise UserError(f"{at}: {name} has no value; write `{name}: value`")
        if _plain_type(hints[fields[name].name]) is bool:
            if str(value).lower() not in _SWITCH:
                raise UserError(f"{at}: {name} is a switch; write true or false")
            arguments.append(f"--{name}" if _SWITCH[value.lower()] else f"--no-{name}")
            continue
        many = str(hints[fields[name].name]).startswith("tuple")
        values = value if isinstance(value, list) else value.split() if many else [value]
        # With =, as a negative number would be taken for an option.
        arguments += [f"--{name}={values[0]}"] if len(values) == 1 else [f"--{name}", *values]
    quiet = build_parser(options_class)

    def refuse(message: str):
        raise UserError(f"{where}: {message}")

    quiet.error = refuse
    quiet.parse_intermixed_args(arguments)
    return arguments + argv


def _yaml_items(file: str, where: str) -> list[tuple[int, str, str | list[str]]]:
    """(line, name with dashes, value as text) of each entry of a YAML mapping."""
    import yaml  # only here: --help of commands without options files does without

    try:
        root = yaml.compose(Path(expanded(file)).read_text("utf-8-sig"), yaml.BaseLoader)
    except OSError as error:
        raise UserError(f"{where}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not text in UTF-8; save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        problem = one_line(getattr(error, "problem", None) or error)
        raise UserError(f"{where}{at}: {problem}; write `name: value` on each line") from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise UserError(f"{where}: not options; write `name: value` on each line")
    items: dict[str, tuple] = {}
    for key, node in root.value if root else []:
        line, name = key.start_mark.line + 1, str(key.value).replace("_", "-")
        if name in items:
            raise UserError(f"{where}, line {line}: {name} is there twice; keep one of them")
        several = isinstance(node, yaml.SequenceNode)
        if not several and not isinstance(node, yaml.ScalarNode):
            raise UserError(f"{where}, line {line}: {name} takes a value or a list of values")
        value = [str(part.value) for part in node.value] if several else node.value
        items[name] = (line, name, value)
    return list(items.values())


def run_command(main: Callable[[], int | None]) -> None:
    """A command's entry: a UserError becomes one line and exit status 2 (or its own), and so does
    software that the small installation (without_training/) leaves out; anything else is a bug and
    shows its traceback.
    """
    prepare_tensorflow()
    for stream in (sys.stdout, sys.stderr):
        # File names have letters that not every terminal's encoding has.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = getattr(error, "exit_status", 2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *_OUR_PACKAGES):
            raise
        fix = "install all of tf_i2i: pip install -e . in a clone of its repository"
        print(f"error: this needs {package}, which is not installed; {fix}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        status = 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.stdout.flush()
    sys.exit(status or 0)
