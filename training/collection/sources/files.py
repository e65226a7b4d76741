"""Pictures that are at hand: folders and ZIP files of any kind, such as a phone's or a camera's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tf_i2i.data.sources import SUFFIXES
from training.collection.archives import members
from training.collection.item import NOT_A_PICTURE, Item, Refusal
from training.collection.sources.context import Context

# What people take for pictures but trainers don't; other files are passed over in silence.
_OTHER = (
    ".heic",
    ".heif",
    ".avif",
    ".gif",
    ".tif",
    ".tiff",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".mp4",
    ".mov",
    ".svg",
)


def items(query: Sequence[str], context: Context) -> Iterator[Item]:
    """The pictures in each of the folders and ZIP files of `query`.

    Raises:
        UserError: one of them can't be read, or is made to do harm.
    """
    for path in query:
        for member in members(Path(path).expanduser()):
            suffix = PurePosixPath(member.name).suffix.lower()
            refused = member.refused
            if not refused and suffix in _OTHER:
                refused = Refusal(NOT_A_PICTURE, f"{suffix}: save it as JPEG or PNG first")
            if refused or suffix in SUFFIXES:
                rights = "" if context.licence == "unknown" else "as the user says"
                title = PurePosixPath(member.name).stem
                yield Item(
                    member.address,
                    title,
                    licence=context.licence,
                    rights=rights,
                    open=member.open,
                    refused=refused,
                )
