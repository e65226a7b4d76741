"""Rows of export.timing.latency as aligned text."""

from __future__ import annotations

from tf_i2i.console import text_table


def table(rows: list[dict], columns: tuple[str, ...]) -> str:
    """A line per row under a line of heads; below them each note once, with the files that it is
    about.
    """
    lines = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row["note"]:
            notes.setdefault(f"{row['device']}: {row['note']}", []).append(row["file"])
    texts = [f"note: {', '.join(dict.fromkeys(files))}: {note}" for note, files in notes.items()]
    return "\n".join([text_table(lines), *texts])


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
