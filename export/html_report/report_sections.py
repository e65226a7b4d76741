"""The report's sections: what a run's record says, in words, curves and tables."""

from __future__ import annotations

import shlex
from pathlib import Path

from export.html_report.report_charts import loss_chart, loss_names
from export.html_report.report_pictures import Gallery, details
from export.html_report.report_record import RunRecord, commands
from export.timing.latency_chart import latency_chart
from training.evaluation.score_table import SCORES, columns_of, score_text
from training.reporting import html_page as html

_MODELS = {"cyclegan": "CycleGAN", "pix2pix": "Pix2Pix"}


def overview(record: RunRecord) -> str:
    """Headline, one paragraph, and the facts of the run."""
    config, options = record.config, record.config.get("options", {})
    data = config.get("data", {})
    kind = _MODELS.get(config.get("model"), str(config.get("model", "model")))
    source, target = data.get("domain_a", "domain A"), data.get("domain_b", "domain B")
    counts = data.get("counts", {})
    steps = record.metrics[-1]["step"] if record.metrics else 0
    planned = options.get("steps") or steps
    said = f"A {kind} teacher learned this translation in {steps:,} steps"
    said += f" (of {planned:,} planned)" if steps < planned else ""
    said += (
        f" from {_how_many(counts, record.in_pairs)}"
        if {"train_a", "train_b"} <= set(counts)
        else ""
    )
    time = _training_time(record)
    said += f", in {duration(time)}." if time else "."
    for direction, student in record.students.items():
        parameters = student.scores.get("parameters")
        size = f" of {parameters:,} parameters" if parameters else ""
        said += f" A student for phones{size} was distilled from it (direction {direction})."
    return (
        f'<header id="overview">\n<p class="kind">{html.escape(kind)} · {html.escape(str(record.root))}</p>\n'
        f"<h1>{html.escape(_capital(str(source)))}\u00a0→ {html.escape(str(target))}</h1>\n"
        + html.paragraph(said, "lead")
        + "\n"
        + html.definitions(_facts(record))
        + "\n</header>"
    )


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    config, options = record.config, record.config.get("options", {})
    data, counts = config.get("data", {}), config.get("data", {}).get("counts", {})
    last = record.metrics[-1] if record.metrics else {}
    facts = [
        ("Input" if record.in_pairs else "Domain A", _domain(data, counts, "a")),
        ("Target" if record.in_pairs else "Domain B", _domain(data, counts, "b")),
        ("Validation", _held_out(data, counts)),
        (
            "Sizes",
            f"shorter side {options.get('load_size')} px, random crops of {options.get('crop_size')} px",
        ),
        ("Teacher", _teacher(config, options)),
        (
            "Batch, seed",
            f"{options.get('batch_size')} {'pairs' if record.in_pairs else 'of each domain'} a step, seed {options.get('seed')}",
        ),
        ("Precision", _precision(config)),
    ]
    if last.get("step_s"):
        wait = last.get("data_wait_share")
        waiting = f", {100 * wait:.1f} % of it waiting for data" if wait is not None else ""
        facts.append(("Speed", f"{last['step_s']:.3g} s a step at the end{waiting}"))
    for direction, student in record.students.items():
        facts.append((f"Student {direction}", _student(student)))
    if skipped := data.get("skipped"):
        facts.append(
            (
                "Left out",
                "; ".join(": ".join(map(str, item)) for item in skipped[:5])
                + (" …" if len(skipped) > 5 else ""),
            )
        )
    packages = config.get("packages", {})
    facts += [
        ("Machine", machine(config.get("machine"))),
        (
            "Versions",
            ", ".join(
                [f"Python {config.get('python', '?')}", *(f"{k} {v}" for k, v in packages.items())]
            ),
        ),
        ("Revision", str(config.get("git_revision") or "not in a git checkout")),
        ("Recorded", str(config.get("created", "")).replace("T", " ").replace("+00:00", " UTC")),
    ]
    fingerprint = data.get("fingerprint")
    if isinstance(fingerprint, dict):
        facts.append(
            (
                "Data fingerprint",
                ", ".join(f"{name} {str(value)[:12]}" for name, value in fingerprint.items()),
            )
        )
    return [(name, value) for name, value in facts if value]


def pictures(record: RunRecord, galleries: list[Gallery]) -> str:
    """Rows of held-out photos and what each network makes of them."""
    seen = _seen(record.config.get("data", {}))
    parts = [html.paragraph(seen or "Photos that training never saw, at the size of training.")]
    for gallery in galleries:
        parts += [_direction_title(gallery, galleries)]
        parts += [
            html.picture_row(row.name, row.pictures, "row", "Photo" if seen else "Held-out photo")
            for row in gallery.rows
        ]
        parts += [html.missing(gallery.missing)]
    return html.section("pictures", "Pictures" if seen else "Held-out pictures", *parts)


def zoomed(galleries: list[Gallery]) -> str:
    """Details of student and teacher, pixel by pixel."""
    parts = [
        html.paragraph(
            "Two spots with much detail, each pixel drawn as 2x2, nothing smoothed: strokes should be "
            "crisp, colours kept, with no checkerboard and no blotches."
        )
    ]
    shown = False
    for gallery in galleries:
        for row in details(gallery):
            parts.append(html.picture_row(row.name, row.pictures, "zoom", "Detail at 2x of"))
            shown = True
    if not shown:
        parts = [html.missing(["There is no picture to enlarge (see above)."])]
    return html.section("zoom", "At 2x zoom", *parts)


def losses(record: RunRecord) -> str:
    """Curves of every logged loss: generators, discriminators, distillation."""
    names = loss_names(record.metrics)
    chances = [name for name in names if name in ("D_real", "D_fake")]
    groups = {
        "Generators, each term as weighted": [
            name for name in names if not name.startswith("D") and name not in ("G", "val_score")
        ],
        "Discriminators": [name for name in names if name.startswith("D") and name not in chances],
        "Probability of being real, says the discriminator": chances,
        "Generators, sum": [name for name in names if name == "G"],
        "Validation score at checkpoints": [name for name in names if name == "val_score"],
    }
    charts = [loss_chart(title, record.metrics, group) for title, group in groups.items() if group]
    absent = []
    for direction, student in record.students.items():
        if found := loss_names(student.metrics):
            charts.append(loss_chart(f"Distillation, {direction}", student.metrics, found))
    if not charts:
        absent.append(f"No losses were logged yet; continue the training with: {_resume(record)}")
    if not record.students:
        absent.append(
            f"There is no student; distil one with: python -m training.distill --run {_quoted(record)}"
        )
    note = "Faint: as logged; strong: sliding mean, whose last value the legend tells. Solid and dashed: the two directions."
    return html.section(
        "losses",
        "Losses",
        html.paragraph(note, "note") if charts else "",
        f'<div class="charts">{"".join(charts)}</div>' if charts else "",
        html.missing(absent),
    )


def how_made(record: RunRecord) -> str:
    """The commands, and what was held out."""
    data = record.config.get("data", {})
    held = _held_out(data, data.get("counts", {}))
    unseen = "No training step, distillation step or calibration picture comes from them."
    text = f"For validation: {held}. {_seen(data) or unseen}" if held else ""
    note = "Options that are not named had their defaults; the full list is in config.json."
    return html.section(
        "commands",
        "How it was made",
        html.paragraph(text) if text else "",
        html.code(commands(record)),
        html.paragraph(note, "note"),
    )


def duration(seconds: float) -> str:
    """42 s, 6 min 12 s, 3 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min {seconds % 60} s" if minutes < 60 else f"{hours} h {minutes % 60} min"


def machine(facts) -> str:
    """Processor, cores and what else is plainly said of a machine (versions stand elsewhere)."""
    if not isinstance(facts, dict):
        return str(facts or "")
    skipped = ("packages", "python", "date")
    plain = {
        k: v
        for k, v in facts.items()
        if k not in skipped and isinstance(v, (str, int, float)) and v != ""
    }
    named = [
        str(v) if k in ("processor", "system") else f"{k.replace('_', ' ')} {v}"
        for k, v in plain.items()
    ]
    return ", ".join(named)


def _training_time(record: RunRecord) -> float:
    """Seconds over all sessions: the clock of metrics.jsonl starts anew when a run is resumed."""
    total, previous = 0.0, 0.0
    for line in record.metrics:
        now = line.get("time_s") or 0.0
        total, previous = (total + previous if now < previous else total), now
    return total + previous


def _how_many(counts: dict, in_pairs: bool) -> str:
    return (
        f"{counts['train_a']:,} pairs"
        if in_pairs
        else f"{counts['train_a']:,} + {counts['train_b']:,} pictures"
    )


def _domain(data: dict, counts: dict, letter: str) -> str:
    count = counts.get(f"train_{letter}")
    said = str(data.get(f"domain_{letter}", ""))
    return f"{said} ({count:,} pictures for training)" if said and count else said


def _held_out(data: dict, counts: dict) -> str:
    shown = [
        f"{counts.get(f'val_{letter}', 0):,} of {letter.upper()} ({data.get(f'val_{letter}', '')})"
        for letter in "ab"
        if f"val_{letter}" in counts
    ]
    return ", ".join(shown) + (
        ", scored as true pairs" if shown and data.get("paired_validation") else ""
    )


def _seen(data: dict) -> str:
    """What has to be said when a domain was too small to hold pictures out; "" otherwise."""
    prints = data.get("fingerprint")
    prints = prints if isinstance(prints, dict) else {}
    domains = [
        x.upper()
        for x in "ab"
        if prints.get(f"val_{x}") and prints.get(f"val_{x}") == prints.get(f"train_{x}")
    ]
    if not domains:
        return ""
    return f"Domain {' and '.join(domains)} was too small to hold pictures out: those shown and scored were trained on."


def _teacher(config: dict, options: dict) -> str:
    parameters = config.get("parameters", {})
    counted = (
        ", ".join(f"{name} {count:,}" for name, count in parameters.items())
        if isinstance(parameters, dict)
        else ""
    )
    said = f"{options.get('generator')}, ngf {options.get('ngf')}, ndf {options.get('ndf')}"
    return f"{said} (parameters: {counted})" if counted else said


def _precision(config: dict) -> str:
    precision = config.get("precision") or config.get("options", {}).get("precision")
    if isinstance(precision, dict):
        return f"{precision.get('chosen')}: {precision.get('reason')}"
    return str(precision or "")


def _student(student) -> str:
    scores, said = student.scores, []
    steps = (
        student.metrics[-1]["step"]
        if student.metrics
        else student.config.get("options", {}).get("steps")
    )
    said += [f"{scores['parameters']:,} parameters"] if scores.get("parameters") else []
    said += (
        [f"{steps:,} steps in {duration(student.metrics[-1].get('time_s') or 0)}"]
        if student.metrics
        else []
    )
    if scores.get("student_to_teacher_psnr_db"):
        said.append(
            f"{scores['student_to_teacher_psnr_db']:.2f} dB and SSIM {scores.get('student_to_teacher_ssim', 0):.3f} to its teacher"
        )
    return ", ".join(said)


def _direction_title(gallery: Gallery, galleries: list[Gallery]) -> str:
    return (
        f"<h3>{gallery.direction[0].upper()} to {gallery.direction[1].upper()}</h3>"
        if len(galleries) > 1
        else ""
    )


def _resume(record: RunRecord) -> str:
    return f"python -m training.{record.config.get('model', 'cyclegan')} --run {_quoted(record)} --resume"


def _quoted(record: RunRecord) -> str:
    return shlex.quote(str(record.root))


def _capital(text: str) -> str:
    """First letter large, unless it is a path."""
    return text[:1].upper() + text[1:] if "/" not in text else text


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
