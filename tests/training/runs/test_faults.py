"""What goes wrong on real machines: each ends with a clear line and loses nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import TINY
from training_processes import checkpoint_sum, finish, newest_checkpoint, start, untimed_lines

from tf_i2i.errors import UserError
from training.cyclegan import main

SHORT = [*TINY, "--steps", "8", "--student", "none"]


@pytest.fixture(scope="module")
def folders(picture_folders) -> list[str]:
    return ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]


@pytest.fixture(scope="module")
def complete(tmp_path_factory, folders) -> Path:
    """Eight steps without any trouble, a checkpoint each four."""
    run = tmp_path_factory.mktemp("complete") / "run"
    assert main([*SHORT, *folders, "--run", str(run)]) is None
    return run


def copied(run: Path, to: Path) -> Path:
    shutil.copytree(run, to)
    return to


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path, complete, capsys):
    """One flipped bit in the newest: named, the one before is used, the end is the same."""
    run = copied(complete, tmp_path / "run")
    data = next((run / "checkpoints").glob("ckpt-8.data*"))
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    assert main(["--run", str(run), "--resume"]) is None
    said = capsys.readouterr().err
    assert f"{data.name} is damaged" in said and "resuming at step 4 of 8" in said
    assert untimed_lines(run / "metrics.jsonl") == untimed_lines(complete / "metrics.jsonl")
    ours, theirs = (checkpoint_sum(one / "checkpoints") for one in (run, complete))
    assert ours == theirs


def test_a_record_without_its_data_is_passed_over(tmp_path, complete, capsys):
    run = copied(complete, tmp_path / "run")
    (run / "checkpoints" / "ckpt-8.index").unlink()
    (run / "checkpoints" / "ckpt-4.json").write_text("{")
    assert main(["--run", str(run), "--resume", "--steps", "2"]) is None
    assert capsys.readouterr().err.count("is damaged") == 2


def test_a_checkpoint_of_another_network(tmp_path, complete, folders):
    run = copied(complete, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["options"]["ngf"] = 8
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="ckpt-8: is of another network"):
        main(["--run", str(run), "--resume", "--steps", "9"])


def test_two_processes_on_one_run(tmp_path, folders):
    """The second is refused and says who is there; a killed one's lock does not last."""
    run = tmp_path / "run"
    first = start([*SHORT, *folders, "--run", str(run), "--steps", "100000"])
    while not newest_checkpoint(run / "checkpoints"):
        assert first.poll() is None
        time.sleep(0.05)
    with pytest.raises(UserError, match=rf"process {first.pid} on .* is training there"):
        main(["--run", str(run), "--resume"])
    first.kill()
    first.communicate()
    stands = newest_checkpoint(run / "checkpoints")
    assert main(["--run", str(run), "--resume", "--steps", str(stands)]) is None


def test_pictures_that_vanish(tmp_path, picture_folders):
    """They were decoded at the start, so a running training does not mind; a resumed one says which
    domain changed.
    """
    photos = tmp_path / "photos"
    shutil.copytree(picture_folders[0], photos)
    run = tmp_path / "run"

    def remove():
        while not (run / "metrics.jsonl").exists():
            time.sleep(0.01)
        for path in sorted(photos.iterdir())[:4]:
            path.unlink()

    thread = threading.Thread(target=remove)
    thread.start()
    assert (
        main(
            [
                *SHORT,
                "--domain-a",
                str(photos),
                "--domain-b",
                str(picture_folders[1]),
                "--run",
                str(run),
            ]
        )
        is None
    )
    thread.join()
    with pytest.raises(UserError, match=r"pictures of train_a changed .*12 then, \d+ now"):
        main(["--run", str(run), "--resume", "--steps", "9"])


def test_a_clock_that_jumps(tmp_path, folders, complete, monkeypatch):
    """The time of day goes back and forth by days: durations come from another clock, checkpoints
    go by their step.
    """
    days = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + 86400.0 * ((7 * next(days)) % 5))
    run = tmp_path / "run"
    assert main([*SHORT, *folders, "--run", str(run), "--steps", "4"]) is None
    for path in (run / "checkpoints").glob("ckpt-4*"):
        os.utime(path, (4e9, 4e9))
    assert main(["--run", str(run), "--resume", "--steps", "8"]) is None
    assert newest_checkpoint(run / "checkpoints") == 8
    times = [
        json.loads(line)["time_s"] for line in (run / "metrics.jsonl").read_text().splitlines()
    ]
    assert times == sorted(times) and 0 < times[-1] < 600


def test_divergence_goes_back_once(tmp_path, folders, capsys):
    """Pictures are fine until step 5, then the rate explodes: one retry from step 4 with half the
    rate, then the end.
    """
    arguments = [*SHORT, *folders, "--run", str(tmp_path / "r"), "--on-nan", "retry"]
    assert main([*arguments, "--steps", "4", "--decay-fraction", "0"]) is None
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    config["options"]["learning_rate"] = 1e30
    (tmp_path / "r" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"step \d: loss \w+ is (nan|inf)"):
        main(["--run", str(tmp_path / "r"), "--resume", "--steps", "12"])
    assert (
        capsys.readouterr().err.count(
            "going back to step 4, continuing at 0.5 of the learning rate"
        )
        == 1
    )
    assert newest_checkpoint(tmp_path / "r" / "checkpoints") == 4


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 9 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system takes root: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.timeout(600)
def test_a_full_disk(small_disk, folders, complete):
    """The disk fills up after the first checkpoint: exit status 2 and a line; with room again it
    goes on to the same end.
    """
    run = small_disk / "run"
    process = start(
        [*SHORT, *folders, "--run", str(run), "--steps", "100000", "--sample-every", "100000"]
    )
    while not newest_checkpoint(run / "checkpoints"):
        assert process.poll() is None, process.communicate()[1][-2000:]
        time.sleep(0.02)
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    said = process.communicate(timeout=120)[1]
    errors = [line for line in said.splitlines() if line.startswith("error:")]
    assert (
        process.returncode == 2
        and len(errors) == 1
        and "--resume" in errors[0]
        and "Traceback" not in said
    ), said[-2000:]
    filler.unlink()
    stands = newest_checkpoint(run / "checkpoints")
    assert stands >= 4
    assert main(["--run", str(run), "--resume", "--steps", str(stands + 4)]) is None
    steps = [line["step"] for line in untimed_lines(run / "metrics.jsonl")]
    assert steps == sorted(set(steps)) and steps[-1] == stands + 4


def test_a_read_only_disk(small_disk, folders):
    (small_disk / "run").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(
        UserError, match=r"--run .*run: can't write there \(Read-only file system\)"
    ):
        main([*SHORT, *folders, "--run", str(small_disk / "run")])


def test_finished_process_leaves_the_lock(tmp_path, folders):
    """After a whole run in another process the folder is free; and what that said was ours alone."""
    run = tmp_path / "run"
    said = finish(start([*SHORT, *folders, "--run", str(run)]))
    assert said.count("training on ") == 1 and "compiling the training step" in said
    assert not re.search(r": [IWE] |TensorRT|deprecated", said), said
    assert main(["--run", str(run), "--resume"]) is None
