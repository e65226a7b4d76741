"""Rows of export.timing.latency and of export.timing.operation_profile as aligned text."""

from __future__ import annotations

from tf_i2i.console import text_table


def table(rows: list[dict], columns: tuple[str, ...]) -> str:
    """One line a row under a line of heads; below them each note once, with the rows that it is
    about.
    """
    lines = [[*columns], *([_shown(column, row[column]) for column in columns] for row in rows)]
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row["note"]:
            notes.setdefault(f"{row['device']}: {row['note']}", []).append(row["file"])
    said = [f"note: {', '.join(dict.fromkeys(files))}: {note}" for note, files in notes.items()]
    return "\n".join([text_table(lines), *said])


def operations_table(operations: list[dict], most: int) -> str:
    """The first `most` operations; the rest of them in one line."""
    shown, rest = operations[:most], operations[most:]
    if rest:
        total = {key: sum(row[key] for row in rest) for key in ("count", "ms", "share")}
        shown = [*shown, {"operation": f"{len(rest)} other kinds", **total}]
    columns = ("operation", "count", "ms", "share")
    return text_table(
        [[*columns], *([_shown(column, row[column]) for column in columns] for row in shown)]
    )


def _shown(column: str, value) -> str:
    if value is None:
        return "-"
    if "share" in column:
        return f"{100 * value:.1f} %"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
