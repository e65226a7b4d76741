"""The one exception type for what a user can fix; every other exception is a bug."""

import os


class UserError(Exception):
    """Wrong usage or unusable data; the message is one line with the file or option, and the fix.

    Each command's entry point catches it, prints that line and exits with status 2.
    """


def one_line(value: object) -> str:
    """`value` on one line for any terminal: file names may hold line breaks, or no UTF-8."""
    try:
        text = os.fsencode(str(value)).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a letter of UTF-16, as JSON may hold it
        text = str(value).encode("utf-8", "backslashreplace").decode()
    letters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(letters).strip()
