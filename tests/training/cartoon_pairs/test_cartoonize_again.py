"""training.cartoonize killed, interrupted, run again, and on a TensorFlow dataset."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pair_folders
import pytest
from conftest import draw_pictures
from pair_folders import COMMAND, record, results, times, tree
from PIL import Image

import training
from tf_i2i.data.image_files import read_image
from tf_i2i.errors import UserError
from training.cartoon_pairs.pair_folder import RECORD
from training.cartoonize import main

# Its fixtures, under names that pytest finds.
photos, made, mixed = pair_folders.photos, pair_folders.made, pair_folders.mixed


def test_other_limits_add_and_remove_only_the_difference(mixed, tmp_path):
    out = tmp_path / "out"
    main([str(mixed), "--out", str(out)])
    before = times(out)
    main([str(mixed), "--out", str(out), "--min-face-ratio", "0.1", "--duplicate-bits", "-1"])
    assert {name for name, result in results(out).items() if result == "kept"} == {
        "face.png",
        "again.jpg",
    }
    after = times(out)
    assert set(after) == {
        f"{part}/{name}.png" for part in ("cartoon", "photo") for name in ("face", "again")
    }
    assert all(
        after[f"{part}/face.png"] == before[f"{part}/face.png"] for part in ("cartoon", "photo")
    )


def test_a_changed_new_or_removed_photo_is_noticed(photos, tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    shutil.copytree(photos, src)
    command = [str(src), "--out", str(out), "--workers", "1"]
    main(command)
    before = times(out)
    shutil.rmtree(src / "people")
    (src / "01.png").rename(src / "new.png")
    Image.fromarray(read_image(src / "02.png")[::-1]).save(src / "02.png")
    (out / "photo" / "03.png").unlink()
    main(command)
    after = times(out)
    assert {name.partition("/")[2] for name in after} == {
        "00.png",
        "new.png",
        "02.png",
        "03.png",
        "04.png",
        "05.png",
    }
    unchanged = {name for name in before if before[name] == after.get(name)}
    assert {name.partition("/")[2] for name in unchanged} == {"00.png", "04.png", "05.png"}
    np.testing.assert_array_equal(read_image(out / "photo" / "02.png"), read_image(src / "02.png"))
    assert not (out / "photo" / "people").exists()


def workers_of(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"PPid:\t{parent}\n" in status.read_text():
                found.append(int(status.parent.name))
        except OSError:  # it has just ended
            continue
    return found


def started(src: Path, out: Path, pictures: int) -> subprocess.Popen:
    """The command at work, as soon as `pictures` cartoons are there."""
    command = [
        *COMMAND,
        str(src),
        "--out",
        str(out),
        "--style",
        "painting",
        "--size",
        "300",
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while len(list((out / "cartoon").glob("[!.]*.png"))) < pictures:
        assert process.poll() is None and time.monotonic() < end, process.communicate(timeout=5)
        time.sleep(0.02)
    return process


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes in /proc")
def test_killed_at_work_and_run_again_makes_only_what_is_missing(tmp_path):
    src = draw_pictures(tmp_path / "src", 16, seed=9, size=(200, 160))
    out, whole = tmp_path / "out", tmp_path / "whole"
    process = started(src, out, 4)
    workers = workers_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.05)
    assert not record(out)["finished"]
    done = {p.name for p in (out / "cartoon").glob("[!.]*.png")} & {
        p.name for p in (out / "photo").glob("[!.]*.png")
    }
    assert 3 <= len(done) < 16
    before = {name: when for name, when in times(out).items() if name.partition("/")[2] in done}
    for name in before:
        read_image(out / name)
    for left in ("photo/.left.partial", ".left.partial"):
        (out / left).write_bytes(b"half of a file")
    arguments = [str(src), "--style", "painting", "--size", "300"]
    assert main([*arguments, "--out", str(out)]) is None
    after = times(out)
    assert {name: after[name] for name in before} == before
    main([*arguments, "--out", str(whole)])
    assert tree(out) == tree(whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_saves_and_says_so(tmp_path, number, status):
    src = draw_pictures(tmp_path / "src", 16, seed=9, size=(200, 160))
    process = started(src, tmp_path / "out", 2)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert (
        process.returncode == status
        and "the same command resumes from here" in error
        and "Traceback" not in error
    )
    assert not record(tmp_path / "out")["finished"]
    assert all(photo["width"] for photo in record(tmp_path / "out")["pictures"].values())


def test_two_at_once_are_refused(tmp_path):
    src = draw_pictures(tmp_path / "src", 16, seed=9, size=(200, 160))
    process = started(src, tmp_path / "out", 1)
    try:
        with pytest.raises(UserError, match="another cartoonize is writing here"):
            main([str(src), "--out", str(tmp_path / "out")])
    finally:
        process.kill()
        process.communicate()


def test_other_options_are_refused_or_redone(photos, made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made, out)
    for extra, named in (
        (["--style", "pencil"], "style cartoon, not pencil"),
        ([], "size 80, not None"),
        (["--size", "80", "--level-step", "64"], "strengths"),
    ):
        with pytest.raises(UserError, match=f"{named}.*--redo"):
            main([str(photos), "--out", str(out), *extra])
    assert tree(out) == tree(made)
    main([str(photos), "--out", str(out), "--layout", "pairs", "--style", "pencil", "--redo"])
    assert {p.name for p in out.iterdir()} == {"pairs", "contact-sheet.png", RECORD}
    assert len(list((out / "pairs").rglob("*.png"))) == 7


TFDS_RUN = """
import sys
import numpy as np
import tensorflow_datasets as tfds

class DrawnPictures(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({"image": tfds.features.Image()}))

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(5):
            yield i, {"image": np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8).repeat(12, 0).repeat(12, 1)}
"""


def test_prepared_tensorflow_dataset(tmp_path):
    # As in test_sources: a package, as the builder looks for its folder, and a process of its own.
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "__init__.py").touch()
    (tmp_path / "drawn" / "pictures.py").write_text(TFDS_RUN)
    script = (
        "import sys; from drawn.pictures import DrawnPictures; from training.cartoonize import main\n"
        "DrawnPictures(data_dir=sys.argv[1]).download_and_prepare()\n"
        "for limit in '0', '64': main(['tfds:drawn_pictures:train', '--out', sys.argv[2], '--min-size', limit])"
    )
    prepared, out = tmp_path / "prepared", tmp_path / "out"
    paths = os.pathsep.join([str(tmp_path), str(Path(training.__file__).parents[1])])
    environment = {
        **os.environ,
        "TFDS_DATA_DIR": str(prepared),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": paths,
    }
    command = [sys.executable, "-c", script, str(prepared), str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((out / "photo" / "drawn_pictures" / "train").iterdir())) == 5
    assert "5 drawn now" in done.stdout and "0 drawn now" in done.stdout
