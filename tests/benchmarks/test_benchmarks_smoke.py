"""The benchmarks' arithmetic, tables and command lines; no speed is judged here."""

import importlib
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from encoded_clips import drawn_frames, encode

from benchmarks import phone_model, video
from benchmarks.results import BenchmarkOptions, Results, Target, other_work_line
from benchmarks.step_worker import StepWorker
from benchmarks.timing import OtherWork, Timing, interleave, ratio
from benchmarks.training_step import check_same_networks, compare
from export.videos.clip_reader import Clip
from tf_i2i.errors import UserError

COMMANDS = ("training_step", "phone_model", "full_resolution", "quantizers", "video")
REFERENCES = Path(__file__).resolve().parents[1] / "references"
STUDENT = REFERENCES / "run-840e232" / "cyclegan" / "export" / "ab-64-int8.tflite"


def test_ratio_is_of_medians_and_its_range_of_single_rounds():
    slow = Timing(((2.0, 4.0, 6.0), (3.0, 3.0, 3.0)))
    fast = Timing(((1.0, 1.0, 1.0), (2.0, 2.0, 2.0)))
    result = ratio(slow, fast)
    assert (result.value, result.low, result.high) == (3.0 / 1.5, 1.5, 4.0)
    halved = ratio(slow, fast, scale=0.5)
    assert (halved.value, halved.low, halved.high) == (1.0, 0.75, 2.0)


def test_percentiles():
    timing = Timing(
        (tuple(float(i) for i in range(100, 50, -1)), tuple(float(i) for i in range(1, 51)))
    )
    assert (timing.percentile(10), timing.median, timing.percentile(90)) == (11.0, 50.5, 91.0)
    assert Timing(((7.0,),)).percentile(90) == 7.0


def test_everybody_runs_once_a_round_and_the_order_turns():
    calls = []
    timings = interleave(
        {name: name for name in "abc"}, lambda name: calls.append(name) or [len(calls)], 3
    )
    assert calls == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert timings["a"].blocks == ((1,), (6,), (8,))


@pytest.mark.parametrize(
    ("value", "at_most", "met"),
    [(2.0, False, True), (1.99, False, False), (2.0, True, True), (2.01, True, False)],
)
def test_target(value, at_most, met):
    assert Target("x", value, 2.0, at_most).met is met


def test_results_on_paper_and_as_json(tmp_path, capsys):
    path, timing = tmp_path / "out.json", Timing(((1.0, 2.0),))
    Results(str(path)).report(
        BenchmarkOptions(),
        ["a table"],
        [("a / b", ratio(timing, timing))],
        [Target("x", 3, 2), Target("y", 3, 2, at_most=True)],
        timing=timing,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Machine: ") and "tensorflow 2" in lines[0]
    shown = [line.split() for line in lines if line.startswith(("a ", "x", "y"))]
    assert shown == [
        ["a", "table"],
        ["a", "/", "b", "1.00", "(1.00", "to", "1.00)"],
        ["x", "3", ">=", "2", "met"],
        ["y", "3", "<=", "2", "missed"],
    ]
    written = json.loads(path.read_text())
    assert written["timing"] == {"blocks": [[1.0, 2.0]]}
    assert written["ratios"] == {"a / b": {"value": 1.0, "low": 1.0, "high": 1.0}}
    assert written["targets"][0] == {
        "claim": "x",
        "value": 3,
        "bound": 2,
        "at_most": False,
        "met": True,
    }


def test_training_step_compares_our_best_and_wants_equal_networks():
    seconds = {
        "ours float32": 0.3,
        "ours bfloat16": 0.25,
        "PyTorch float32": 0.4,
        "PyTorch bfloat16": 0.24,
    }
    ratios, targets = compare({name: Timing(((s,), (s,))) for name, s in seconds.items()})
    assert [round(value.value, 2) for _, value in ratios] == [1.33, 0.96, 1.6, 0.96]
    assert [target.met for target in targets] == [True, False]
    same = {"generator_parameters": 5, "discriminator_parameters": 3}
    assert check_same_networks({"a": same, "b": same}) == {"generator": 5, "discriminator": 3}
    with pytest.raises(AssertionError, match="different networks"):
        check_same_networks({"a": same, "b": {**same, "generator_parameters": 6}})


def test_phone_model_compares_time_a_pixel_with_the_peer():
    seconds = {
        phone_model.INT8: 0.005,
        phone_model.FLOAT: 0.011,
        phone_model.TEACHER: 0.2,
        phone_model.PEER: 0.1,
    }
    timings = {name: Timing(((s,),)) for name, s in seconds.items()}
    pixels = {name: 512**2 if name == phone_model.PEER else 256**2 for name in seconds}
    _, targets = phone_model.compare(timings, pixels, 200_000)
    assert [round(target.value, 3) for target in targets] == [40.0, 2.2, 0.2, 0.2]
    assert all(target.met for target in targets)
    del timings[phone_model.PEER]
    assert len(phone_model.compare(timings, pixels, 400_000)[1]) == 3


def test_a_worker_answers_and_its_death_is_reported(tmp_path, monkeypatch):
    (tmp_path / "echo_worker.py").write_text(
        "from benchmarks.step_worker import serve\n"
        "def prepare(settings):\n"
        "    print('chatter on standard output')\n"
        "    return (lambda batch: None), [1, 2], {'seen': settings['threads']}\n"
        "serve(prepare)\n"
    )
    monkeypatch.chdir(tmp_path)
    worker = StepWorker(sys.executable, "echo_worker", {"threads": 1, "warm_up": 1})
    assert worker.facts == {"seen": 1}
    assert len(worker.run(3)) == 3
    worker.close()
    with pytest.raises(RuntimeError, match="ended with status 1"):
        StepWorker(sys.executable, "no_such_module", {"threads": 1, "warm_up": 1})


def test_own_work_is_not_other_work():
    others, end = OtherWork(), time.process_time() + 0.5
    while time.process_time() < end:
        pass
    busy = others.cores()
    assert busy is None or 0 <= busy < os.cpu_count()
    assert "quiet enough" in other_work_line(0.1)
    assert "run again" in other_work_line(0.11)


@pytest.mark.parametrize("name", [*COMMANDS, "styles"])
def test_help_and_wrong_usage_need_no_heavy_import(name):
    script = (
        f"import sys, benchmarks.{name} as command\n"
        "try: command.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)\n"
    )
    for arguments, status in ((["--help"], 0), (["--threads", "0"], 2), (["--nonsense"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"{status} False"


@pytest.mark.parametrize("name", COMMANDS)
def test_unwritable_results_are_reported_before_measuring(name, tmp_path, monkeypatch):
    command = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(UserError, match="--json"):
        command.main(["--json", str(tmp_path / "missing" / "out.json")])


def test_peer_that_is_missing_names_its_source(tmp_path):
    with pytest.raises(UserError, match="margaretmz/Cartoonizer-with-TFLite"):
        phone_model.peer_file(str(tmp_path / "none.tflite"))


def test_video_on_a_clip(tmp_path, capsys):
    clip, results = encode(tmp_path / "a b.mp4", drawn_frames(9, 48, 64)), tmp_path / "out.json"
    words = [str(STUDENT), str(clip), "--repeats", "1", "--json", str(results)]
    video.main([*words, "--frames", "2"])
    written = json.loads(results.read_text())
    frames = {"export.stylize, beginning": 2, "export.stylize": 8, "copy": 8}
    assert written["frames"] == frames
    assert min(written["peak_mb"].values()) > 20
    assert [target["claim"] for target in written["targets"]] == ["peak memory of 8 to 2 frames"]
    assert "64x48, whole command" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"a b\.mp4: has 9 frames, 12 are needed"):
        video.main([*words, "--frames", "3"])
    with pytest.raises(UserError, match="MODEL is missing"):
        video.main([])


def test_video_makes_a_clip(tmp_path):
    with closing(Clip(video.make_clip(tmp_path / "made.mp4", 3))) as clip:
        frames = list(map(clip.pixels, clip.frames(lambda packet: None)))
    assert [frame.shape for frame in frames] == 3 * [(720, 1280, 3)]
    moved = np.abs(frames[2].astype(int) - frames[0]).mean()
    assert moved > 5 and clip.rate == 25
