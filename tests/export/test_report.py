from __future__ import annotations

import base64
import html
import io
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command_lines import require_parsed
from encoded_clips import drawn_frames, encode
from PIL import Image
from random_runs import make_run

from export import report
from export.html_report.report_record import commands, read_record, recorded
from export.html_report.report_sections import duration, write_report
from tf_i2i.command_line import as_flags
from tf_i2i.errors import UserError
from training import evaluate
from training.options.trainer_options import CycleGANOptions
from training.reporting.html_page import data_uri

SECTIONS = ["overview", "pictures", "zoom", "scores", "files", "losses", "commands"]
EXPORTED = "export/ab-48-int8.tflite"


class Page(HTMLParser):
    """What a test asks of a page: its images, ids, tags left open, text, and every attribute's
    value.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.images, self.ids, self.open, self.text, self.values = [], [], [], "", []
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.values += [str(value) for value in found.values()]
        self.ids += [found["id"]] if "id" in found else []
        if tag == "img":
            self.images.append(found)
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.values += [str(value) for _, value in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> tuple[Page, Path]:
    """A run with a student, its int8 file and the teacher's file, made up latencies and scores,
    reported.
    """
    from export import tflite

    run = make_run(tmp_path_factory.mktemp("runs") / "full & <more>")
    assert not tflite.main(["--run", str(run), "--int8", "--size", "48", "--min-psnr", "0"])
    assert not tflite.main(
        ["--run", str(run), "--float32", "--model", "teacher", "--size", "48", "--min-psnr", "0"]
    )
    speeds = {"ab-48-int8.tflite": 2.0, "teacher-ab-48-float32.tflite": 80.0}
    latencies = [
        {"file": f"{run}/export/{f}", "threads": t, "median_ms": ms / t}
        for f, ms in speeds.items()
        for t in (1, 2)
    ]
    latencies += [
        {
            "file": "peers/peer & co.tflite",
            "device": "CPU",
            "threads": t,
            "median_ms": 60 / t,
            "us_per_pixel": 0.5,
        }
        for t in (1, 2)
    ]
    speed = {"file": latencies[0]["file"], "threads": None, "median_ms": 7.5}
    latencies += [
        {**speed, "device": "Abacus 3 GPU"},
        {**speed, "device": "SwiftShader", "emulated": True},
    ]
    (run / "export" / "benchmark.json").write_text(
        json.dumps(
            {
                "results": latencies,
                "machine": {"processor": "Abacus 3", "cores": 2, "packages": {"x": "1"}},
            }
        )
    )
    (run / "evaluation.json").write_text(
        json.dumps({"student": {"validation": {"ab": {"images": 14, "ssim": 0.6294}}}})
    )
    report.main(["--run", str(run)])
    return Page(run / "report.html"), run


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> tuple[Page, Path]:
    """A run as it stands before distillation, export, evaluation and benchmark."""
    run = make_run(tmp_path_factory.mktemp("runs") / "bare", student=False)
    return Page(write_report(run)), run


def test_another_run_is_shown_beside(tmp_path, bare):
    """Its pictures have a column; where it has no network, a sentence says so."""
    run = make_run(tmp_path / "one")
    report.main(["--run", str(run), "--beside", str(bare[1]), str(make_run(tmp_path / "other"))])
    page = Page(run / "report.html")
    # Photo, teacher, student, run other, truth; two details without the photo.
    assert len(page.images) == 5 * 5 + 2 * 4
    assert "run other" in page.text and "There is no picture of the run bare: " in page.text
    with pytest.raises(UserError, match="nowhere"):
        report.main(["--run", str(run), "--beside", str(tmp_path / "nowhere")])


def test_every_picture_is_in_the_page_and_described(full):
    page, _ = full
    assert (
        len(page.images) == 5 * 5 + 2 * 4
    )  # photo, teacher, student, int8, truth; two details without the photo
    for image in page.images:
        head, data = image["src"].split(",", 1)
        assert head == "data:image/webp;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        picture.load()
        assert picture.size == (int(image["width"]), int(image["height"]))
        assert len(image["alt"]) > 10
    assert {image["alt"].rsplit(": ")[-1] for image in page.images} == {
        "photo",
        "teacher",
        "student",
        "int8 file",
        "truth",
    }


def test_pictures_are_what_the_networks_make(full):
    from training.evaluation.scoring import keras_translator
    from training.runs.finished_run import FinishedRun

    page, run = full
    photo = FinishedRun(run).data().val_a.image(0)
    for label, want in (
        ("photo", photo),
        ("student", keras_translator(FinishedRun(run).network("student", "ab"))(photo)),
    ):
        image = next(image for image in page.images if image["alt"].endswith(label))
        encoded = base64.b64decode(image["src"].split(",")[1])
        np.testing.assert_array_equal(
            np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")), want
        )


def test_page_needs_nothing_from_outside(full):
    page, _ = full
    for reference in ("<script", "@import", "url(", "xlink:href"):
        assert reference not in page.source
    assert "default-src 'none'" in page.source
    assert not [value for value in page.values if re.match(r"(https?:)?//", value)]
    assert not re.search(r"https?://", page.source)
    assert len(page.source) < 8_000_000
    assert not page.open


@pytest.mark.parametrize("which", ["full", "bare"])
def test_sections_stand_in_order(which, request):
    page, _ = request.getfixturevalue(which)
    assert page.ids == SECTIONS, "and no id of a chart"


def test_tables_tell_scores_size_speed_and_ratio(full):
    page, run = full
    assert "0.629" in page.text and "Measured on: Abacus 3, cores 2." in page.text
    cells = re.findall(r'<th scope="row">ab-48-int8.tflite</th>(.*?)</tr>', page.source)[0]
    values = re.findall("<td>(.*?)</td>", cells)
    size = (run / "export" / "ab-48-int8.tflite").stat().st_size
    assert values[:2] == ["int8", f"{size / 1e6:.2f}"]
    int8 = next(
        e
        for e in json.loads((run / "export" / "export.json").read_text())
        if e["variant"] == "int8"
    )
    assert values[4] == ("yes" if int8["gpu_resident"] else "?")
    # 2 ms on 48 x 48 pixels are 0.868 us a pixel; the teacher takes 40 times as long with either
    # count of threads.
    assert values[5:] == ["2.0", "0.868", "40.0×", "1.0", "0.434", "40.0×"]


def test_a_peer_is_shown_without_scores_and_its_time_is_drawn(full):
    page, run = full
    cells = re.findall(r'<th scope="row">peer &amp; co.tflite</th>(.*?)</tr>', page.source)[0]
    assert re.findall("<td>(.*?)</td>", cells) == [
        "",
        "",
        "",
        "",
        "",
        "60.0",
        "0.500",
        "",
        "30.0",
        "0.500",
        "",
    ]
    assert "timed beside it: peer & co.tflite." in page.text
    # Two files and the peer with two counts of threads, and the phone's GPU; not the emulated one.
    chart = page.source.split("Time of one inference")[1].split("</svg>")[0]
    label = html.unescape(re.search('aria-label="([^"]*)"', chart)[1])
    assert len(label.split("; ")) == 3 * 2 + 1 and "peer & co.tflite, 2 threads 30" in label
    assert chart.count(">peer &amp; co.tflite, ") == 2
    assert "Abacus 3 GPU" in page.text and "SwiftShader" not in page.text
    command = next(line for line in commands(read_record(run)) if "export.benchmark" in line)
    assert command.startswith("python -m export.benchmark 'peers/peer & co.tflite' --run ")
    assert command.endswith(" --threads 1 2")


def test_names_are_escaped(full):
    page, _ = full
    assert "full &amp; &lt;more&gt;" in page.source and "<more>" not in page.source


def test_missing_parts_are_said_with_their_command(bare):
    page, run = bare
    for command in ("training.distill", "training.evaluate", "export.tflite"):
        assert f"python -m {command} --run {run}" in page.text
    assert len(page.images) == 5 * 3 + 2 * 2
    assert "400 steps from 62 + 64 pictures" in page.text and "float32: a test" in page.text


def test_a_run_with_nothing_but_its_configuration(bare, tmp_path):
    _, run = bare
    config = json.loads((run / "config.json").read_text())
    assert "that training never saw" in Page(run / "report.html").text
    config["data"]["fingerprint"]["val_a"] = config["data"]["fingerprint"]["train_a"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    page = Page(write_report(tmp_path))
    assert page.ids == SECTIONS and not page.images
    assert (
        "There is no picture of the teacher" in page.text
        and "No losses were logged yet" in page.text
    )
    assert (
        "Domain A was too small to hold pictures out" in page.text and "never saw" not in page.text
    )
    with pytest.raises(UserError, match="no run there"):
        write_report(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_commands_name_what_is_unlike_the_defaults(full):
    _, run = full
    record = read_record(run)
    record.config["options"]["minutes"] = 8.0  # in which the 400 steps fitted
    lines = [shlex.split(line) for line in commands(record)]
    assert lines[0][:5] == ["python", "-m", "training.cyclegan", "--run", str(run)]
    flags = "--load-size 64 --crop-size 64 --steps 400 --generator shallow --ngf 4 --ndf 4"
    flags += " --discriminator patch --no-residual --learning-rate 0.0002"
    flags += " --lambda-cycle 10.0 --lambda-identity 0.5 --lambda-colour 20.0"
    flags += " --gan-loss lsgan --student-steps 3000"
    assert sorted(lines[0][5:]) == sorted(flags.split())
    modules = [line[2] for line in lines]
    assert modules == [
        "training.cyclegan",
        "training.distill",
        "export.tflite",
        "export.tflite",
        "training.evaluate",
        "export.benchmark",
        "export.report",
    ]
    assert lines[2][5:] == ["--size", "48", "--int8"] and "--model" in lines[3]
    for line in lines:
        require_parsed(line)


def test_commands_of_a_run_that_was_trained_on(full):
    _, run = full
    record = read_record(run)
    record.config["lengths"] = [{"steps": 100, "extend": "append"}]
    first, second = (shlex.split(line) for line in commands(record)[:2])
    assert first[first.index("--steps") + 1] == "100" and "--resume" not in first
    assert second[5:] == ["--resume", "--steps", "400", "--extend", "append"]
    require_parsed(second)


def test_options_as_flags():
    options = {"flip": False, "ngf": 64, "seed": 2, "resume": True, "of_old": 1, "face_range": []}
    assert " ".join(as_flags(recorded(options, CycleGANOptions))) == "--no-flip --seed 2"
    options = {"x": "a b", "y": None, "z": True, "t": [1, 2]}
    assert " ".join(as_flags(recorded(options, None))) == "--x 'a b' --z --t 1 2"


def test_the_robustness_of_a_run_on_pairs_is_a_section(full, tmp_path):
    _, run = full
    row = {"set": "bold", "name": "x", "l1": 70.0, "groups": []}
    scores = {"trained_on": False, "images": 2, "l1": 75.0, "kid": None, "groups": {}}
    grey = {"grey": {"images": 1, "l1": 70.0}}
    result = {
        "side": 64,
        "features": "offline",
        "segmentation_model": None,
        "sets": {"bold": {**scores, "groups": grey}, "a <style>": scores | {"trained_on": True}},
        "pictures": [row, {**row, "l1": 80.0}, {**row, "set": "a <style>"}],
    }
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "robustness.json").write_text(json.dumps(result))
    Image.new("RGB", (90, 60)).save(tmp_path / "run" / "robustness.png")
    page = Page(write_report(tmp_path / "run"))
    assert page.ids == [*SECTIONS[:4], "robustness", *SECTIONS[4:]]
    section = page.source.split('id="robustness"')[1].split("</section>")[0]
    assert re.findall('<th scope="row">([^<]*)</th><td>([^<]*)', section) == [
        ("bold", "2"),
        ("  grey", "1"),
        ("a &lt;style&gt; (trained on)", "2"),
    ]
    assert (
        section.count("<svg") == 1 and 'aria-label="L1: bold 75.00; a &lt;style&gt; 75' in section
    )
    assert "too few pictures for KID: bold, a &lt;style&gt;" in section
    assert page.images[-1]["width"] == "90"


def test_the_flicker_of_clips_is_a_section(full, tmp_path):
    """With what training.evaluate wrote, and after that without its figures."""
    run = shutil.copytree(full[1], tmp_path / "run")
    file, clip = run / "export" / "ab-48-int8.tflite", tmp_path / "a b.mp4"
    encode(clip, drawn_frames(4, 66, 82))
    made = ["--model", str(file), "--most-clips", "2"]
    for words in (made, ["--clip", str(clip)]):
        evaluate.main(["--run", str(run), "--video", *words])
    page = Page(write_report(run))
    assert page.ids == [*SECTIONS[:4], "stability", *SECTIONS[4:]]
    scores, section = page.source.split('id="stability"')
    assert "noise gain" not in scores and "clip" not in scores.split('id="scores"')[1]
    heads = ["noise gain", "warping error", "of the clip&#39;s"]
    assert re.findall('<th scope="col">([^<]+)', section.split("</section>")[0]) == 2 * heads
    rows = re.findall('<th scope="row">([^<]*)</th><td>(.*?)</td></tr>', section.split("<h3>")[1])
    rows = dict(rows)
    assert rows.keys() == {"untouched clip", "teacher", "student", EXPORTED}
    assert re.fullmatch("1.000</td><td>[0-9.]+</td><td>1.00", rows["untouched clip"])
    recorded = json.loads((run / "evaluation.json").read_text())
    own = recorded[EXPORTED]["validation, clips"]["ab"]
    texts = f"{own['noise_gain']:.3f}", f"{own['warping_error']:.2f}", f"{own['warping_ratio']:.2f}"
    assert rows[EXPORTED] == "</td><td>".join(texts)
    for title in ("validation, clips, A to B: 2 clips<", f"{clip}, A to B: 1 clip<"):
        assert f"<h3>{title}" in page.source
    for figure in ("png", "svg"):
        assert len(list(run.glob(f"stability-*.{figure}"))) == 2
    curve, strips, *_ = page.images[-4:]
    head, data = curve["src"].split(",")
    assert head == "data:image/svg+xml;base64"
    figure = (run / "stability-validation-clips-ab.svg").read_bytes()
    assert base64.b64decode(data) == figure and b"untouched" in figure
    with Image.open(run / "stability-validation-clips-ab.png") as sheet:
        assert (strips["width"], strips["height"]) == tuple(map(str, sheet.size))
    lines = [line for line in commands(read_record(run)) if "training.evaluate" in line]
    assert [shlex.split(line)[5:] for line in lines] == [
        [],
        ["--video"],
        ["--video", "--clip", str(clip)],
        ["--model", str(file), "--video"],
    ]
    for line in lines:
        require_parsed(shlex.split(line))
    for figure in run.glob("stability-*"):
        figure.unlink()
    assert len(Page(write_report(run)).images) == len(page.images) - 4


def test_small_pictures_are_lossless_large_ones_bounded():
    image = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)

    def decode(uri: str) -> np.ndarray:
        data = base64.b64decode(uri.split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    np.testing.assert_array_equal(decode(data_uri(image)), image)
    large = np.random.default_rng(2).integers(0, 256, (384, 384, 3), np.uint8)
    assert len(data_uri(large)) < 384 * 384 * 3


def test_durations():
    assert [duration(s) for s in (4.4, 372, 11100)] == ["4 s", "6 min 12 s", "3 h 5 min"]
