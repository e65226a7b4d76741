"""training.prepare: what its Beam pipeline leaves is what training.cartoonize makes, as a dataset
that trains.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pair_folders
import pytest
from conftest import TINY, draw_pictures
from pair_folders import record

from tf_i2i.data.image_cache import load_images
from tf_i2i.data.image_files import read_image
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError
from training import cartoonize
from training.prepare import main

mixed = pair_folders.mixed
COMMAND = [sys.executable, "-m", "training.prepare"]
TWO_PROCESSES = ["--", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(autouse=True)
def quiet_tfds():
    """The command turns tfds's progress bar off, which is global."""
    import tensorflow_datasets as tfds

    yield
    tfds.enable_progress_bar()


def entries(dataset: Path) -> dict[str, dict]:
    """What is told of each photo, without what only files of a folder have."""
    lines = [
        json.loads(line)
        for file in dataset.glob("photos-*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert len(lines) == len({line["name"] for line in lines})
    return {line.pop("name"): line | {"stamp": None} for line in lines}


def examples(dataset: Path) -> dict[str, dict]:
    import tensorflow_datasets as tfds

    found = tfds.builder_from_directory(dataset).as_dataset("train").as_numpy_iterator()
    return {example["name"].decode(): example for example in found}


def assert_equal_content(dataset: Path, pairs: Path) -> None:
    plain = {name: photo | {"stamp": None} for name, photo in record(pairs)["pictures"].items()}
    assert entries(dataset) == plain
    summary = json.loads((dataset / "prepare.json").read_text())
    assert summary["summary"] == summary["counters"] == record(pairs)["summary"]
    found = examples(dataset)
    assert set(found) == {photo["output"] for photo in plain.values() if photo["result"] == "kept"}
    for part in ("cartoon", "photo"):
        assert len(list((pairs / part).rglob("*.png"))) == len(found)
        for name, example in found.items():
            np.testing.assert_array_equal(example[part], read_image(pairs / part / name))


def test_equals_the_plain_path_and_counts_bad_pictures(mixed, tmp_path, capsys):
    (mixed / os.fsdecode(b"caf\xe9.png")).write_bytes((mixed / "01.png").read_bytes())
    options = ["--size", "80", "--smoothings", "2"]
    cartoonize.main([str(mixed), "--out", str(tmp_path / "pairs"), "--workers", "1", *options])
    capsys.readouterr()
    assert main([str(mixed), "--out", str(tmp_path / "data"), "--name", "mine", *options]) is None
    dataset = tmp_path / "data" / "mine" / "1.0.0"
    assert_equal_content(dataset, tmp_path / "pairs")
    counters = json.loads((dataset / "prepare.json").read_text())["counters"]
    assert (
        counters["kept"],
        counters["unreadable"],
        counters["near-duplicate"],
        counters["near-grey"],
    ) == (7, 3, 2, 2)
    shown = capsys.readouterr()
    assert all(f"left out {name}: " in shown.err for name in ("cut.jpg", "text.jpg", "empty.png"))
    assert f"tfds:{tmp_path}/data/mine:train:photo" in shown.out
    assert [path.name for path in (tmp_path / "data").rglob("*")][:2] == ["mine", "1.0.0"]


def test_two_processes_and_a_list_file_make_the_same(mixed, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(
        "".join(
            f"src/{name}\n" for name in ("again.jpg", "face.png", "00.png", "00.png", "gone.jpg")
        )
    )
    cartoonize.main(
        [str(listed), "--out", str(tmp_path / "pairs"), "--size", "64", "--workers", "1"]
    )
    command = [
        *COMMAND,
        str(listed),
        "--out",
        str(tmp_path / "data"),
        "--name",
        "two",
        "--size",
        "64",
        *TWO_PROCESSES,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_equal_content(tmp_path / "data" / "two" / "1.0.0", tmp_path / "pairs")


def test_dataset_is_read_by_its_path_prepared_again_and_trains(tmp_path, monkeypatch):
    photos = draw_pictures(tmp_path / "photos", 14, seed=3)
    common = ["--min-size", "16", "--style", "pencil"]
    assert (
        main([f"file://{photos}", "--out", str(tmp_path / "data"), "--name", "mine", *common])
        is None
    )
    made = examples(tmp_path / "data" / "mine" / "1.0.0")
    source = f"tfds:{tmp_path}/data/mine:train"
    cache = load_images(
        open_source(f"{source}:photo", "--target"), 48, option="--target", warn=print
    )
    assert {cache.image(i).tobytes() for i in range(len(cache))} == {
        one["photo"].tobytes() for one in made.values()
    }
    assert (
        len(open_source(f"tfds:{tmp_path}/data/mine/1.0.0:train[:50%]:cartoon", "--input"))
        == len(made) // 2
    )
    monkeypatch.chdir(tmp_path)
    assert len(open_source("tfds:./data/mine:train:cartoon", "--input")) == len(made)

    # A TensorFlow dataset as the source: bytes, not files, reach the workers.
    listed = ["--out", str(tmp_path / "again"), "--size", "32", *common]
    main([f"{source}:photo", "--name", "again", *listed])
    cartoonize.main(
        [f"{source}:photo", "--workers", "1", *listed[:1], str(tmp_path / "pairs"), *listed[2:]]
    )
    assert_equal_content(tmp_path / "again" / "again" / "1.0.0", tmp_path / "pairs")

    from training.cyclegan import main as train

    domains = ["--domain-a", f"{source}:photo", "--domain-b", f"{source}:cartoon"]
    assert (
        train(
            [*TINY, *domains, "--run", str(tmp_path / "run"), "--steps", "2", "--student", "none"]
        )
        is None
    )
    facts = json.loads((tmp_path / "run" / "config.json").read_text())
    assert json.dumps(facts).count(f"{source}:photo") >= 1


def test_what_a_user_can_mend_is_one_line(tmp_path):
    src = str(draw_pictures(tmp_path / "src", 2, seed=1))
    (tmp_path / "file").write_text("")
    (tmp_path / "there" / "mine" / "1.0.0").mkdir(parents=True)
    out = ["--out", str(tmp_path / "out"), "--name", "mine"]
    cases = {
        "--out is missing": [src, "--name", "mine"],
        "--name: give": [src, "--out", "x", "--name", "My-Pairs"],
        "--colours: no strength of --style cartoon": [src, *out, "--colours", "3"],
        "no such folder or file": [str(tmp_path / "none"), *out],
        "can't be listed": ["nowhere://bucket/photos", *out],
        "no pictures there": [f"file://{tmp_path / 'there'}", *out],
        "is there already": [src, "--out", str(tmp_path / "there"), "--name", "mine"],
        "without them": [src, "--out", str(tmp_path / "a[1]"), "--name", "mine"],
        "Not a directory": [src, "--out", str(tmp_path / "file" / "out"), "--name", "mine"],
        "Unexpected pipeline runner: NoRunner": [src, *out, "--", "--runner=NoRunner"],
        r"no photo is left \(too small 2\); change the limits": [src, *out, "--min-size", "500"],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            main(arguments)
        assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_dataset_that_is_not_there_is_told(tmp_path):
    for version in ("1.0.0", "1.0.1"):
        (tmp_path / "two" / version).mkdir(parents=True)
        (tmp_path / "two" / version / "dataset_info.json").touch()
    cases = {
        f"tfds:{tmp_path}/none:train": "no prepared",
        f"tfds:{tmp_path}/two:train": "which of 1.0.0, 1.0.1",
    }
    for src, message in cases.items():
        with pytest.raises(UserError, match=message):
            open_source(src, "--input")


def test_sigterm_leaves_nothing_half_done(mixed, tmp_path):
    command = [
        *COMMAND,
        str(mixed),
        "--out",
        str(tmp_path / "out"),
        "--name",
        "mine",
        "--size",
        "4000",
    ]
    child = subprocess.Popen([*command, "--style", "painting"], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline().startswith("15 photos of ")
    deadline = time.monotonic() + 120
    while (
        not list((tmp_path / "out").glob("mine/incomplete.*/listing.jsonl"))
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(120) == 143
    child.stdout.close()
    assert list((tmp_path / "out" / "mine").iterdir()) == []


def test_without_beam_one_line_says_how_to_install_it(tmp_path):
    script = (
        "import importlib.abc, sys\n"
        "class Blocker(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'apache_beam': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "from tf_i2i.command_line import run_command\n"
        "from training.prepare import main\n"
        f"run_command(lambda: main(['--out', {str(tmp_path)!r}, '--name', 'mine']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install -e .[beam]" in done.stderr


def test_help_and_wrong_usage_need_no_heavy_import():
    script = (
        "import sys, training.prepare as command\n"
        "try: command.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, {'tensorflow', 'apache_beam', 'numpy'} & set(sys.modules))\n"
    )
    for arguments, status in (
        (["--help"], 0),
        (["--style", "oil"], 2),
        (["--runner=DirectRunner"], 2),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"{status} set()"
