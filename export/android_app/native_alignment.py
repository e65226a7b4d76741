"""How native libraries are aligned: Android on pages of 16 KB can't load those aligned to less."""

import struct
from collections.abc import Mapping

PAGE_BYTES = 16384
_LOAD = 1
# Offsets of the program headers' place, entry size and count in the ELF header; of type and
# alignment in a program header, with the formats of place and alignment; by EI_CLASS.
_LAYOUTS = {
    1: (0x1C, 0x2A, 0x2C, 28, "<I"),
    2: (0x20, 0x36, 0x38, 48, "<Q"),
}


def load_alignment(library: bytes) -> int:
    """Smallest alignment in bytes of the segments that an ELF file (.so) has loaded.

    Raises ValueError: not a little-endian ELF file, or one without such segments.
    """
    if library[:4] != b"\x7fELF" or library[4] not in _LAYOUTS or library[5] != 1:
        raise ValueError("not a little-endian ELF file")
    place, entry_size, count, alignment, word = _LAYOUTS[library[4]]
    try:
        (first,) = struct.unpack_from(word, library, place)
        size, number = (struct.unpack_from("<H", library, at)[0] for at in (entry_size, count))
        headers = [first + i * size for i in range(number)]
        loaded = [at for at in headers if struct.unpack_from("<I", library, at)[0] == _LOAD]
        return min(struct.unpack_from(word, library, at + alignment)[0] for at in loaded)
    except (struct.error, ValueError) as error:
        raise ValueError("damaged program headers") from error


def describe_alignments(alignments: Mapping[str, int]) -> str:
    """One line on libraries of an APK, by name there: which are not aligned to 16 KB, and what that
    means.
    """
    small = {name: size for name, size in alignments.items() if size < PAGE_BYTES}
    if not small:
        return f"all {len(alignments)} native libraries are aligned to 16 KB"
    names = ", ".join(f"{name} ({size // 1024} KB)" for name, size in sorted(small.items()))
    return (
        f"not aligned to 16 KB: {names}; on phones with pages of 16 KB the networks don't run, and "
        "Google Play refuses them; for a store, build with Gradle: docs/publish.md"
    )
