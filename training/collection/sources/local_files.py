"""Local pictures: folders and ZIP files of any kind, such as a phone's or a camera's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tf_i2i.console import say
from tf_i2i.data.sources import SUFFIXES, unread_files
from training.collection.archives import members
from training.collection.item import Item, Reason, Refused
from training.collection.sources.context import Context

# What users may expect to be collected; other files are counted.
_OTHER_SUFFIXES = (".heic", ".heif", ".svg", ".mp4", ".mov")
_OTHER_SUFFIXES += (".dng", ".cr2", ".cr3", ".nef", ".arw")


def items(context: Context) -> Iterator[Item]:
    """The pictures in the folders and ZIP files of --query; raises UserError as `members`."""
    others = []
    for path in context.options.query:
        for member in members(Path(path)):
            name = PurePosixPath(member.title)
            suffix, refused = name.suffix.lower(), member.refused
            if not refused and suffix in _OTHER_SUFFIXES:
                refused = Refused(Reason.NOT_A_PICTURE, f"{suffix}: save it as JPEG or PNG first")
            if refused or suffix in SUFFIXES:
                yield replace(member, title=name.stem, refused=refused, **context.rights)
            else:
                others.append(name.name)
    if others:
        say(f"--query: {unread_files(others)}")
