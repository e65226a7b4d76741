"""Writes report.html: what a run's record says, as the plain data that report.html.j2 shows."""

import base64
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from export.html_report.report_pictures import make_gallery
from export.html_report.report_record import RunRecord, commands, read_record
from tf_i2i.console import say
from tf_i2i.data.image_files import UnreadableImage, read_image
from tf_i2i.files import write_text
from training.evaluation.robustness_result import MEANINGS, notes, quartiles
from training.evaluation.robustness_result import table as robustness_table
from training.evaluation.score_table import CLIPS, SCORES, columns_of, score_text
from training.evaluation.scoring import UNTOUCHED
from training.evaluation.stability import stability_files
from training.reporting.charts import Bar, bar_chart, latency_chart, loss_chart, loss_names
from training.reporting.html_page import render
from training.runs.finished_run import FinishedRun
from training.runs.run_folder import RunFolder

_MODELS = {"cyclegan": "CycleGAN", "onesided": "One-sided", "pix2pix": "Pix2Pix"}
_NOT_CHARTED = ("verdict_of_truth", "kid_error", "fid")
_SCORE_COLUMNS = (
    *("l1", "psnr_db", "ssim", "outline_f1", "colour_error", "grid", "grid_truth"),
    *("to_teacher_psnr_db", "to_teacher_ssim", "to_student_psnr_db", "to_student_ssim"),
    *("photo_ssim", "cycle_l1", "kid", "fid", "identity_distance", "identity_accuracy", "mask_iou"),
)
_CLIP_COLUMNS = tuple(name for name, score in SCORES.items() if score.table == CLIPS)


def write_report(root: Path, beside: Sequence[Path] = ()) -> Path:
    """Reads a run, translates some held-out pictures, writes report.html and returns its path.

    beside: runs whose networks for phones translate the same photos. Raises UserError when one of
    the runs is no run folder, or `root` can't be written to.
    """
    others = [FinishedRun(path) for path in beside]
    record = read_record(root)
    for line in record.stale.values():
        say(f"warning: {line}")
    path = RunFolder(root).path("report.html")
    text = render(
        "export/html_report/report.html.j2",
        title=f"{root.name}: report",
        run=shlex.quote(str(root)),
        record=record,
        overview=overview(record),
        in_training=in_training(record.config.get("data", {})),
        held_out=_held_out(record.config.get("data", {})),
        galleries=[make_gallery(record, direction, others) for direction in record.directions],
        scores=scores(record),
        files=files(record),
        robustness=robustness(record),
        stability=stability(record),
        losses=losses(record),
        commands=commands(record),
    )
    write_text(path, text)
    return path


def overview(record: RunRecord) -> dict:
    """kind, heading, lead (a paragraph) and facts (name, text) of the run."""
    data, options = record.config.get("data", {}), record.config.get("options", {})
    kind = _MODELS.get(record.run.model, record.run.model)
    source, target = (str(data.get(f"domain_{x}", f"domain {x.upper()}")) for x in "ab")
    # Recorded with their whole paths, which the facts below show.
    source, target = (Path(of).name or of if of.startswith("/") else of for of in (source, target))
    steps = record.metrics[-1]["step"] if record.metrics else 0
    planned, counts = options.get("steps") or steps, data.get("counts", {})
    learner = f"A {kind} teacher" if record.run.has_teacher else "A network for phones"
    lead = f"{learner} learned this translation in {steps:,} steps"
    lead += f" (of {planned:,} planned)" if steps < planned else ""
    if {"train_a", "train_b"} <= counts.keys():
        a, b = counts["train_a"], counts["train_b"]
        lead += f" from {a:,} pairs" if record.run.paired else f" from {a:,} + {b:,} pictures"
    seconds = _training_seconds(record.metrics)
    lead += f", in {duration(seconds)}." if seconds else "."
    for direction, student in record.students.items():
        parameters = student.scores.get("parameters")
        size = f" of {parameters:,} parameters" if parameters else ""
        if record.run.has_teacher:
            lead += f" A student for phones{size} was distilled from it (direction {direction})."
    capital = source if "/" in source else source[:1].upper() + source[1:]
    heading = f"{capital}\u00a0→ {target}"
    return {"kind": kind, "heading": heading, "lead": lead, "facts": _facts(record)}


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    config, paired = record.config, record.run.paired
    options, data = config.get("options", {}), config.get("data", {})
    last = record.metrics[-1] if record.metrics else {}
    waiting = last.get("data_wait_share")
    waiting = "" if waiting is None else f", {100 * waiting:.1f} % of it waiting for data"
    skipped = [": ".join(map(str, item)) for item in data.get("skipped") or ()]
    fingerprint = data.get("fingerprint")
    fingerprint = fingerprint if isinstance(fingerprint, dict) else {}
    versions = {"Python": config.get("python", "?"), **config.get("packages", {})}
    facts = {
        "Input" if paired else "Domain A": _domain(data, "a"),
        "Target" if paired else "Domain B": _domain(data, "b"),
        "Validation": _held_out(data),
        "Sizes": f"shorter side {options.get('load_size')} px, "
        f"random crops of {options.get('crop_size')} px",
        "Teacher" if record.run.has_teacher else "Network": _teacher(config, options),
        "Batch, seed": f"{options.get('batch_size')} {'pairs' if paired else 'of each domain'} "
        f"per step, seed {options.get('seed')}",
        "Precision": _precision(config),
        "Speed": last.get("step_s") and f"{last['step_s']:.3g} s per step at the end{waiting}",
        **{f"Student {direction}": _student(found) for direction, found in record.students.items()},
        "Left out": "; ".join(skipped[:5]) + (" …" if len(skipped) > 5 else ""),
        "Machine": machine(config.get("machine")),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "Revision": str(config.get("git_revision") or "not in a git checkout"),
        "Recorded": str(config.get("created", "")).replace("T", " ").replace("+00:00", " UTC"),
        "Data fingerprint": ", ".join(f"{name} {str(v)[:12]}" for name, v in fingerprint.items()),
    }
    return [(name, text) for name, text in facts.items() if text]


def _domain(data: dict, letter: str) -> str:
    count, name = data.get("counts", {}).get(f"train_{letter}"), data.get(f"domain_{letter}", "")
    return f"{name} ({count:,} pictures for training)" if name and count else str(name)


def _held_out(data: dict) -> str:
    counts = data.get("counts", {})
    sets = [
        f"{counts[f'val_{letter}']:,} of {letter.upper()} ({data.get(f'val_{letter}', '')})"
        for letter in "ab"
        if f"val_{letter}" in counts
    ]
    paired = ", scored as true pairs" if sets and data.get("paired_validation") else ""
    return ", ".join(sets) + paired


def _teacher(config: dict, options: dict) -> str:
    network = options.get("network") or f"{options.get('generator')}, ngf {options.get('ngf')}"
    in_features = "network" in options or options.get("discriminator") == "projected"
    judged = f"judged in the features of {options.get('features')}"
    text = f"{network}, {judged}" if in_features else f"{network}, ndf {options.get('ndf')}"
    parameters = config.get("parameters")
    if not parameters or not isinstance(parameters, dict):
        return text
    counts = ", ".join(f"{name} {count:,}" for name, count in parameters.items())
    return f"{text} (parameters: {counts})"


def _precision(config: dict) -> str:
    precision = config.get("precision") or config.get("options", {}).get("precision")
    if isinstance(precision, dict):
        return f"{precision.get('chosen')}: {precision.get('reason')}"
    return str(precision or "")


def _student(student) -> str:
    results, parts = student.scores, []
    if results.get("parameters"):
        parts.append(f"{results['parameters']:,} parameters")
    if student.metrics:
        last = student.metrics[-1]
        parts.append(f"{last['step']:,} steps in {duration(last.get('time_s') or 0)}")
    if psnr := results.get("student_to_teacher_psnr_db"):
        ssim = results.get("student_to_teacher_ssim", 0)
        parts.append(f"{psnr:.2f} dB and SSIM {ssim:.3f} to its teacher")
    return ", ".join(parts)


def in_training(data: dict) -> str:
    """The domains whose validation pictures are training pictures, "" if they were held out."""
    prints = data.get("fingerprint")
    prints = prints if isinstance(prints, dict) else {}
    seen = [x for x in "ab" if (v := prints.get(f"val_{x}")) and v == prints.get(f"train_{x}")]
    return " and ".join(map(str.upper, seen))


def scores(record: RunRecord) -> list[dict]:
    """evaluation.json as tables (title, heads, rows), one for each set of pictures and direction."""
    return [table for *_, table in _score_tables(record, _SCORE_COLUMNS, "picture")]


def stability(record: RunRecord) -> list[dict]:
    """The same of clips, each with its curve (a data URI, or "") and its strips (or None)."""
    found = []
    for split, direction, table in _score_tables(record, _CLIP_COLUMNS, "clip"):
        strips, curve = stability_files(record.root, split, direction)
        # As a picture: what is in the file of a run from elsewhere can't change the page.
        data = base64.b64encode(curve.read_bytes()).decode() if curve.is_file() else ""
        uri = f"data:image/svg+xml;base64,{data}" if data else ""
        found.append({**table, "curve": uri, "strips": _picture(strips)})
    return found


def _score_tables(
    record: RunRecord, columns: Sequence[str], what: str
) -> Iterator[tuple[str, str, dict]]:
    """(split, direction, table) of each set that has some of these scores; what: one of the set."""
    of_models = [item for splits in record.evaluation.values() for item in splits.items()]
    sets = dict.fromkeys((split, direction) for split, scores in of_models for direction in scores)
    for split, direction in sets:
        models = {
            {UNTOUCHED: f"untouched {what}"}.get(model, model): splits[split][direction]
            for model, splits in record.evaluation.items()
            if direction in splits.get(split, {})
        }
        names = columns_of(models.values(), columns)
        if not names:
            continue
        images = next(iter(models.values())).get("images", "?")
        rows = [
            [model, *(score_text(n, row[n], absent="∞") if n in row else "" for n in names)]
            for model, row in models.items()
        ]
        count = f"{images} {what}" if images == 1 else f"{images} {what}s"
        title = f"{split}, {direction[0].upper()} to {direction[1].upper()}: {count}"
        heads = ["", *(SCORES[name].head for name in names)]
        yield split, direction, {"title": title, "heads": heads, "rows": rows}


def files(record: RunRecord) -> dict:
    """export.json beside benchmark.json for report.html.j2; chart: "" before a benchmark."""
    heads = ["file", "variant", "MB", "PSNR, dB", "SSIM", "GPU"]
    for threads in record.threads:
        label = "1 thread" if threads == 1 else f"{threads} threads"
        heads += [f"ms, {label}", "µs per pixel", "vs teacher"]
    exports = sorted(record.exports, key=lambda e: (e.get("direction", ""), e.get("bytes", 0)))
    exports.sort(key=lambda e: e.get("model") == "teacher")
    rows, gpu_notes = [], {}
    for entry in exports:
        gpu = {True: "yes", False: "no"}.get(entry.get("gpu_resident"), "?")
        gpu = "wrong" if entry.get("gpu_agrees") is False else gpu
        if entry.get("gpu_note") and gpu != "yes":
            gpu_notes.setdefault(entry["gpu_note"], []).append(entry["file"])
        facts = [
            entry["file"],
            str(entry.get("variant", "")),
            f"{entry.get('bytes', 0) / 1e6:.2f}",
            _number(entry, "psnr_db", 1),
            _number(entry, "ssim", 4),
            gpu,
        ]
        rows.append(facts + _latency_cells(record, entry))
    peers = record.peers
    rows += [[Path(p).name, *[""] * 5, *_latency_cells(record, {"file": p})] for p in peers]
    return {
        "heads": heads,
        "rows": rows,
        "chart": latency_chart(record.benchmark) if record.benchmark else "",
        "peers": [Path(peer).name for peer in peers],
        "machine": machine(record.machine),
        "gpu_notes": gpu_notes,
        "has_teacher": any(_is_reference(entry) for entry in record.exports),
    }


def _latency_cells(record: RunRecord, entry: dict) -> list[str]:
    """By threads: ms, µs per pixel, speed over the float32 teacher's of this size and direction."""
    like = [*map(entry.get, ("direction", "size"))]
    teachers = filter(_is_reference, record.exports)
    same = (e["file"] for e in teachers if [e.get("direction"), e.get("size")] == like)
    teacher = next(same, None)
    cells = []
    for threads in record.threads:
        row = record.cpu_rows.get((entry["file"], threads))
        reference = record.cpu_rows.get((teacher, threads))
        if row is None:
            cells += ["", "", ""]
            continue
        per_pixel = row.get("us_per_pixel")
        if per_pixel is None and entry.get("size"):
            per_pixel = 1e3 * row["median_ms"] / entry["size"] ** 2
        ratio = f"{reference['median_ms'] / row['median_ms']:.1f}×" if reference else ""
        per_pixel = "" if per_pixel is None else f"{per_pixel:.3f}"
        cells += [f"{row['median_ms']:.1f}", per_pixel, ratio]
    return cells


def _is_reference(entry: dict) -> bool:
    return (entry.get("model"), entry.get("variant")) == ("teacher", "float32")


def _number(row: dict, name: str, digits: int) -> str:
    """∞ for None (a PSNR of equal pictures), "" where there is no such entry."""
    if name not in row:
        return ""
    return "∞" if row[name] is None else f"{row[name]:.{digits}f}"


def robustness(record: RunRecord) -> dict | None:
    """robustness.json and its sheet: side, notes, heads, rows, meanings, charts, sheet; or None."""
    result = record.robustness
    if not result.get("sets"):
        return None
    heads, *rows = robustness_table(result)
    shown = {name: text for name, text in MEANINGS.items() if SCORES[name].head in heads}
    charts = {}
    for name in shown:
        if name in _NOT_CHARTED or all(found[name] is None for found in result["sets"].values()):
            continue
        bars = []
        for set_name, scores in result["sets"].items():
            value, middle = scores[name], quartiles(result, set_name, name)
            text, series = score_text(name, value), int(scores["trained_on"])
            bars.append(Bar(set_name[-40:], value, text, middle, series))
        head = SCORES[name].head
        charts[head] = bar_chart(bars, shown[name], head)
    return {
        "side": result["side"],
        "notes": notes(result),
        "heads": heads,
        "rows": rows,
        "meanings": [(SCORES[name].head, text) for name, text in shown.items()],
        "charts": charts,
        "sheet": _picture(record.root / "robustness.png"),
    }


def _picture(path: Path) -> np.ndarray | None:
    try:
        return read_image(path)
    except UnreadableImage:
        return None


def losses(record: RunRecord) -> dict[str, str]:
    """Title to chart of every logged loss: generators, discriminators, distillation."""
    names = loss_names(record.metrics)
    chances = [name for name in names if name in ("D_real", "D_fake")]
    groups = {
        "Generators, each term as weighted": [
            name for name in names if not name.startswith("D") and name not in ("G", "val_score")
        ],
        "Discriminators": [name for name in names if name.startswith("D") and name not in chances],
        "Discriminator's probability of real": chances,
        "Generators, sum": [name for name in names if name == "G"],
        "Validation score at checkpoints": [name for name in names if name == "val_score"],
    }
    charts = {
        title: loss_chart(title, record.metrics, group) for title, group in groups.items() if group
    }
    for direction, student in record.students.items():
        if found := loss_names(student.metrics):
            title = f"Distillation, {direction}"
            charts[title] = loss_chart(title, student.metrics, found)
    return charts


def duration(seconds: float) -> str:
    """42 s, 6 min 12 s, 3 h 5 min."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def machine(facts) -> str:
    """Processor, cores and what else is plainly said of a machine (versions stand elsewhere)."""
    if not isinstance(facts, dict):
        return str(facts or "")
    return ", ".join(
        str(value) if name in ("processor", "system") else f"{name.replace('_', ' ')} {value}"
        for name, value in facts.items()
        if name not in ("packages", "python", "date")
        and isinstance(value, (str, int, float))
        and value != ""
    )


def _training_seconds(metrics: list[dict]) -> float:
    """Over all sessions: the clock of metrics.jsonl starts anew when a run is resumed."""
    total, previous = 0.0, 0.0
    for line in metrics:
        now = line.get("time_s") or 0.0
        total, previous = (total + previous if now < previous else total), now
    return total + previous
