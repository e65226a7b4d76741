"""The report's two tables: scores against the truth, and exported files with what they cost."""

from __future__ import annotations

import shlex
from pathlib import Path

from export.latency_chart import latency_chart
from export.report_record import RunRecord
from export.report_sections import machine
from training import html_page as html
from training.score_names import SCORES, columns_of, score_text

_NAMES = {"untouched": "untouched picture", "teacher": "teacher", "student": "student"}
_SCORES = (
    "l1",
    "psnr_db",
    "ssim",
    "outline_f1",
    "colour_error",
    "grid",
    "grid_truth",
    "to_teacher_psnr_db",
    "to_teacher_ssim",
    "to_student_psnr_db",
    "to_student_ssim",
    "photo_ssim",
    "cycle_l1",
    "kid",
    "fid",
    "identity_distance",
    "identity_accuracy",
    "mask_iou",
)


def scores(record: RunRecord) -> str:
    """evaluation.json, a table for each set of pictures and direction."""
    run = shlex.quote(str(record.root))
    if not record.evaluation:
        return html.section(
            "scores",
            "Scores",
            html.missing(
                [f"Nothing was scored yet; do it with: python -m training.evaluate --run {run}"]
            ),
        )
    parts = [
        html.paragraph(
            "Means over the pictures. Better is higher for PSNR, SSIM and outline F1, lower for L1 (of 255) and colour error (CIE76); "
            "grid (checkerboard, x 1e4) should be near that of the truth. Cycle: there and back, L1. KID, FID (less is better): to real "
            "pictures of the style. Identity: distance of face embeddings of photo and translation.",
            "note",
        )
    ]
    for split, direction in _splits(record.evaluation):
        rows = {
            m: by[split][direction]
            for m, by in record.evaluation.items()
            if direction in by.get(split, {})
        }
        images = next(iter(rows.values())).get("images", "?")
        title = f"{split}, {direction[0].upper()} to {direction[1].upper()}: {images} pictures"
        names = columns_of(rows.values(), _SCORES)
        body = [
            [
                _NAMES.get(m, m),
                *(score_text(n, row[n], absent="∞") if n in row else "" for n in names),
            ]
            for m, row in rows.items()
        ]
        parts += [
            f"<h3>{html.escape(title)}</h3>",
            html.table(["", *(SCORES[n].head for n in names)], body, f"Scores on {title}"),
        ]
    return html.section("scores", "Scores", *parts)


def files(record: RunRecord) -> str:
    """export.json beside benchmark.json."""
    run = shlex.quote(str(record.root))
    if not record.exports:
        absent = [
            f"Nothing was exported yet; do it with: python -m export.tflite --run {run} --int8"
        ]
        return html.section("files", "Exported files", html.missing(absent))
    threads = sorted({entry["threads"] for entry in record.latencies})
    heads = ["file", "variant", "MB", "PSNR, dB", "SSIM", "GPU"]
    for count in threads:
        label = "1 thread" if count == 1 else f"{count} threads"
        heads += [f"ms, {label}", "µs a pixel", "against teacher"]
    body = []
    for entry in sorted(
        record.exports,
        key=lambda e: (e.get("model") == "teacher", e.get("direction", ""), e.get("bytes", 0)),
    ):
        row = [
            Path(entry["file"]).name,
            str(entry.get("variant", "")),
            _text(entry.get("bytes", 0) / 1e6, 2),
            _text(entry.get("psnr_db", ""), 1),
            _text(entry.get("ssim", ""), 4),
            _gpu_cell(entry),
        ]
        for count in threads:
            row += _latency_cells(record, entry, count)
        body.append(row)
    body += [_peer_row(record, peer, threads) for peer in record.peers]
    note = (
        "PSNR and SSIM: against the float32 Keras network of the same weights, on held-out pictures. Time: median of one "
        "picture by LiteRT on the CPU; against teacher: how many times faster than the float32 teacher at this size and thread count. "
        "GPU: whether LiteRT's GPU accelerator runs every operation, and computes what the CPU does."
    )
    if record.peers:
        note += f" Not of this run, timed beside it: {', '.join(Path(peer).name for peer in record.peers)}."
    if record.latencies and record.measured_on:
        note += f" Measured on: {machine(record.measured_on)}."
    absent = []
    if not record.latencies:
        path = shlex.quote(str(record.root / "export" / "benchmark.json"))
        absent.append(
            f"Their speed was not measured yet; do it with: python -m export.benchmark --run {run} --json {path}"
        )
    elif not any(
        e.get("model") == "teacher" and e.get("variant") == "float32" for e in record.exports
    ):
        absent.append(
            f"To compare with the teacher's speed, export it and measure again: python -m export.tflite --run {run} --model teacher --float32"
        )
    return html.section(
        "files",
        "Exported files",
        html.table(heads, body, "Exported files"),
        _chart(record),
        html.paragraph(note, "note"),
        *_gpu_notes(record.exports),
        html.missing(absent),
    )


def _peer_row(record: RunRecord, peer: str, threads: list[int]) -> list[str]:
    """What is known of a file that is not of this run; its time is not held against the teacher,
    which does another thing.
    """
    row = [Path(peer).name, *[""] * 5]
    for count in threads:
        own = next(
            (one for one in record.latencies if one["file"] == peer and one["threads"] == count),
            None,
        )
        row += (
            [_text(own["median_ms"], 1), _text(own.get("us_per_pixel") or "", 3), ""]
            if own
            else ["", "", ""]
        )
    return row


def _chart(record: RunRecord) -> str:
    """Bars of all that was timed, "" before the first benchmark."""
    if not record.latencies:
        return ""
    chart = latency_chart([*record.latencies, *record.elsewhere])
    return f'<figure class="chart"><figcaption>Time of one inference</figcaption>{chart}</figure>'


def _gpu_cell(entry: dict) -> str:
    if entry.get("gpu_agrees") is False:
        return "wrong"
    return {True: "yes", False: "no"}.get(entry.get("gpu_resident"), "?")


def _gpu_notes(exports: list[dict]) -> list[str]:
    """A line for each file that is not plainly at home on the GPU, files with the same reason
    together.
    """
    by_note: dict[str, list[str]] = {}
    for entry in exports:
        if entry.get("gpu_note") and _gpu_cell(entry) != "yes":
            by_note.setdefault(entry["gpu_note"], []).append(Path(entry["file"]).name)
    return [
        html.paragraph(f"GPU, {', '.join(files)}: {note}.", "note")
        for note, files in by_note.items()
    ]


def _latency_cells(record: RunRecord, entry: dict, threads: int) -> list[str]:
    """Milliseconds, microseconds a pixel, speed against the float32 teacher; blank where not
    measured.
    """
    own = _latency(record, entry, threads)
    if own is None:
        return ["", "", ""]
    size = entry.get("size") or own.get("size") or 0
    per_pixel = own.get("us_per_pixel") or (1e3 * own["median_ms"] / size**2 if size else "")
    same = (entry.get("direction"), entry.get("size"))
    teachers = [
        e
        for e in record.exports
        if e.get("model") == "teacher"
        and e.get("variant") == "float32"
        and (e.get("direction"), e.get("size")) == same
    ]
    teacher = _latency(record, teachers[0], threads) if teachers else None
    ratio = f"{teacher['median_ms'] / own['median_ms']:.1f}×" if teacher else ""
    return [_text(own["median_ms"], 1), _text(per_pixel, 3), ratio]


def _latency(record: RunRecord, entry: dict, threads: int) -> dict | None:
    name = Path(entry["file"]).name
    return next(
        (
            one
            for one in record.latencies
            if Path(one["file"]).name == name and one["threads"] == threads
        ),
        None,
    )


def _splits(evaluation: dict) -> list[tuple[str, str]]:
    found = {
        (split, direction): None
        for by in evaluation.values()
        for split, ways in by.items()
        for direction in ways
    }
    return list(found)


def _text(value, digits: int) -> str:
    if value is None:
        return "∞"
    return value if isinstance(value, str) else f"{value:.{digits}f}"
