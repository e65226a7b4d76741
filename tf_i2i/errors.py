"""The one exception type for what a user can fix; every other exception is a bug and shows its
traceback.
"""

from __future__ import annotations

import os


class UserError(Exception):
    """Wrong usage or unusable data.

    Its message is one line that names the file or option and says what to do. The entry point of
    each command catches it, prints that line and exits with status 2.
    """


def one_line(value: object) -> str:
    """Text of `value` (a message or a file name) that fits on one line and prints on any terminal.

    File names may hold line breaks, or bytes that are not UTF-8 (Python keeps those as lone
    surrogates).
    """
    try:
        text = os.fsencode(str(value)).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a letter of UTF-16, as JSON may hold it
        text = str(value).encode("utf-8", "backslashreplace").decode()
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    ).strip()
