"""training.cartoonize by its command line: what it writes, drops, resumes, and refuses."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_pictures
from PIL import Image

import training
from tf_i2i.cartoon_styles import STYLES
from tf_i2i.demo_data import bundled_photographs
from tf_i2i.errors import UserError
from tf_i2i.images import read_image, resize_short_side
from tf_i2i.photo_pairs import Drawing, Dropped, Features, Limits, Pair, make_pair
from training.cartoonize import main
from training.options import run_command
from training.pair_folder import output_names
from training.pair_record import RECORD

COMMAND = [sys.executable, "-m", "training.cartoonize"]


def record(out: Path) -> dict:
    return json.loads((out / RECORD).read_text())


def results(out: Path) -> dict[str, str]:
    return {name: photo["reason"] or photo["result"] for name, photo in record(out)["pictures"].items()}


def tree(out: Path) -> dict[str, bytes]:
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()}


def times(out: Path) -> dict[str, int]:
    return {file.relative_to(out).as_posix(): file.stat().st_mtime_ns for file in out.rglob("*/**/*.png")}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Six drawn pictures in colour, and the astronaut in a folder of its own."""
    folder = draw_pictures(tmp_path_factory.mktemp("src") / "photos", 6, seed=5, size=(120, 90))
    (folder / "people").mkdir()
    Image.fromarray(bundled_photographs().read(0)).save(folder / "people" / "astronaut.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory) -> Path:
    """The pairs of `photos` by one worker. Read only."""
    out = tmp_path_factory.mktemp("made") / "pairs"
    assert main([str(photos), "--out", str(out), "--size", "80", "--workers", "1"]) is None
    return out


def test_folders_hold_the_photo_resized_and_its_cartoon_under_one_name(photos, made):
    names = [*(f"{i:02}.png" for i in range(6)), "people/astronaut.png"]
    for part in ("cartoon", "photo"):
        assert sorted(p.relative_to(made / part).as_posix() for p in (made / part).rglob("*.png")) == names
    for name, source in ((names[0], "00.png"), (names[-1], "people/astronaut.jpg")):
        photo = resize_short_side(read_image(photos / source, max_side=320), 80)
        np.testing.assert_array_equal(read_image(made / "photo" / name), photo)
        np.testing.assert_array_equal(read_image(made / "cartoon" / name), STYLES["cartoon"](photo))
    assert read_image(made / "contact-sheet.png").shape[1] > 3 * 2 * 128
    found = record(made)
    assert found["finished"] and found["summary"]["kept"] == 7
    assert found["pictures"]["people/astronaut.jpg"]["face_ratio"] == pytest.approx(0.2, abs=0.03)
    assert (found["pictures"]["00.png"]["width"], found["pictures"]["00.png"]["height"]) == (120, 90)


def test_results_do_not_depend_on_the_number_of_workers(photos, made, tmp_path):
    out = tmp_path / "out"
    main([str(photos), "--out", str(out), "--size", "80", "--workers", "3"])
    assert tree(out) == tree(made)


def test_pairs_lie_side_by_side_cartoon_left(photos, made, tmp_path):
    out = tmp_path / "out"
    main([str(photos), "--out", str(out), "--size", "80", "--layout", "pairs", "--workers", "2"])
    assert {p.name for p in out.iterdir()} == {"pairs", "contact-sheet.png", RECORD}
    left, right = np.split(read_image(out / "pairs" / "people" / "astronaut.png"), 2, axis=1)
    np.testing.assert_array_equal(left, read_image(made / "cartoon" / "people" / "astronaut.png"))
    np.testing.assert_array_equal(right, read_image(made / "photo" / "people" / "astronaut.png"))


def test_strengths_reach_the_style(photos, tmp_path):
    out = tmp_path / "out"
    main([str(photos), "--out", str(out), "--style", "poster", "--colours", "4", "--outline-block", "15"])
    photo = read_image(photos / "03.png")
    wanted = STYLES["poster"](photo, colours=4, outline_block=15)
    np.testing.assert_array_equal(read_image(out / "cartoon" / "03.png"), wanted)
    assert record(out)["options"]["strengths"] == {"colours": 4, "outline_block": 15}


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Pictures that pass, that each limit drops, of odd kinds, and that can't be read."""
    src = draw_pictures(tmp_path / "src", 2, seed=8, size=(120, 90))
    photo = Image.fromarray(bundled_photographs().read(0)).resize((256, 256))
    photo.save(src / "face.png")
    photo.resize((128, 128)).save(src / "again.jpg", quality=70)
    photo.convert("L").save(src / "grey.png")
    drawn = Image.open(src / "00.png")
    drawn.resize((60, 45)).save(src / "small.png")
    Image.new("RGB", (1, 1), "red").save(src / "pixel.png")
    others = [
        Image.open(file) for file in sorted(draw_pictures(tmp_path / "others", 6, seed=20, size=(120, 90)).iterdir())
    ]
    others[0].convert("CMYK").save(src / "cmyk.jpg", quality=90)
    others[1].quantize(16).save(src / "palette.png")
    others[2].save(src / "animated.webp", save_all=True, append_images=[drawn], duration=50)
    exif = Image.Exif()
    exif[0x0112] = 6
    others[3].save(src / "turned.jpg", exif=exif)
    Image.fromarray(np.asarray(others[4].convert("L")).astype(np.uint16) * 257).save(src / "deep.png")
    file = io.BytesIO()
    others[5].save(file, "JPEG")
    (src / "cut.jpg").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    (src / "text.jpg").write_text("<html>")
    (src / "empty.png").write_bytes(b"")
    return src


def test_every_photo_is_kept_or_has_its_reason(mixed, tmp_path, capsys):
    out = tmp_path / "out"
    main([str(mixed), "--out", str(out)])
    wanted = dict.fromkeys(
        ("00.png", "01.png", "face.png", "cmyk.jpg", "palette.png", "animated.webp", "turned.jpg"), "kept"
    )
    wanted |= {"again.jpg": "near-duplicate", "small.png": "too small", "pixel.png": "too small"}
    wanted |= dict.fromkeys(("grey.png", "deep.png"), "near-grey")
    wanted |= dict.fromkeys(("cut.jpg", "text.jpg", "empty.png"), "unreadable")
    assert results(out) == wanted
    assert len(list((out / "photo").iterdir())) == len(list((out / "cartoon").iterdir())) == 7
    photos = record(out)["pictures"]
    assert photos["again.jpg"]["detail"].startswith("of face.png, ")
    assert read_image(out / "photo" / "turned.png").shape == (120, 90, 3)
    shown = capsys.readouterr()
    assert all(f"left out {name}: " in shown.err for name in ("cut.jpg", "text.jpg", "empty.png"))
    table = dict(line.rsplit(maxsplit=1) for line in shown.out.splitlines()[:6])
    assert table == {
        "kept": "7", "dropped: too small": "2", "dropped: near-grey": "2",
        "dropped: no face or too small a face": "0", "dropped: near-duplicate": "1", "unreadable": "3",
    }  # fmt: skip


def test_other_limits_add_and_remove_only_the_difference(mixed, tmp_path):
    out = tmp_path / "out"
    main([str(mixed), "--out", str(out)])
    before = times(out)
    main([str(mixed), "--out", str(out), "--min-face-ratio", "0.1", "--duplicate-bits", "-1"])
    assert {name for name, result in results(out).items() if result == "kept"} == {"face.png", "again.jpg"}
    after = times(out)
    assert set(after) == {f"{part}/{name}.png" for part in ("cartoon", "photo") for name in ("face", "again")}
    assert all(after[f"{part}/face.png"] == before[f"{part}/face.png"] for part in ("cartoon", "photo"))


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
    assert {name.partition("/")[2] for name in after} == {"00.png", "new.png", "02.png", "03.png", "04.png", "05.png"}
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
    command = [*COMMAND, str(src), "--out", str(out), "--style", "painting", "--size", "300", "--workers", "2"]
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
    done = {p.name for p in (out / "cartoon").glob("[!.]*.png")} & {p.name for p in (out / "photo").glob("[!.]*.png")}
    assert 3 <= len(done) < 16
    before = {name: when for name, when in times(out).items() if name.partition("/")[2] in done}
    for name in before:
        read_image(out / name)
    for left in ("photo/.left.partial", ".left.partial", f".{RECORD}.1"):
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
    assert process.returncode == status and "the same command goes on" in error and "Traceback" not in error
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
    for extra, named in ((["--style", "pencil"], "style cartoon, not pencil"), ([], "size 80, not None"),
                         (["--size", "80", "--level-step", "64"], "strengths")):  # fmt: skip
        with pytest.raises(UserError, match=f"{named}.*--redo"):
            main([str(photos), "--out", str(out), *extra])
    assert tree(out) == tree(made)
    main([str(photos), "--out", str(out), "--layout", "pairs", "--style", "pencil", "--redo"])
    assert {p.name for p in out.iterdir()} == {"pairs", "contact-sheet.png", RECORD}
    assert len(list((out / "pairs").rglob("*.png"))) == 7


def test_what_a_user_can_mend_is_one_line(photos, made, tmp_path, capsys):
    foreign = tmp_path / "foreign"
    draw_pictures(foreign / "photo", 1, seed=1)
    damaged = tmp_path / "damaged"
    shutil.copytree(made, damaged)
    (damaged / RECORD).write_text(
        '{"version": 1, "options": {"layout": "folders"}, "pictures": {"a": {"output": "../a.png"}}}'
    )
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.new("L", (99, 99), 60).save(grey / "a.png")
    (tmp_path / "file").write_text("")
    cases = {
        "--out is missing": [str(photos)],
        "no such folder or file": [str(tmp_path / "none"), "--out", str(tmp_path / "out")],
        "lies in SRC": [str(photos), "--out", str(photos / "out")],
        "did not make": [str(photos), "--out", str(foreign)],
        "damaged": [str(photos), "--out", str(damaged)],
        "no photo is left": [str(grey), "--out", str(tmp_path / "left")],
        "can't be written": [str(photos), "--out", str(tmp_path / "file" / "out")],
        "--colours is no strength of --style cartoon": [str(photos), "--out", "x", "--colours", "3"],
        "give an odd number": [str(photos), "--out", "x", "--outline-block", "8"],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            main(arguments)
        assert "\n" not in str(caught.value)
    shutil.rmtree(foreign / "photo")  # a refusal lets go of the folder
    assert main([str(photos), "--out", str(foreign), "--style", "pencil"]) is None
    assert not Path("x").exists()


def test_read_only_folder_exits_with_2(capsys):
    import training.pair_making  # noqa: F401 - nobody may not be allowed to read the installed packages

    superuser = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "list.txt")
        listed.write_text("a.jpg\n")
        os.chmod(listed, 0o444)
        os.chmod(folder, 0o555)
        try:
            if superuser:  # who may write anywhere
                os.seteuid(65534)
            with pytest.raises(SystemExit) as end:
                run_command(lambda: main([str(listed), "--out", str(Path(folder, "out"))]))
        finally:
            if superuser:
                os.seteuid(0)
            os.chmod(folder, 0o755)
    shown = capsys.readouterr().err
    assert end.value.code == 2 and "can't be written (Permission denied)" in shown and shown.count("\n") == 1


def test_bundled_photographs_are_the_default(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "out"), "--size", "64", "--style", "pencil"]) is None
    assert set(results(tmp_path / "out")) == set(bundled_photographs().names)
    assert "bundled photographs" in capsys.readouterr().out


def test_list_file_may_repeat_a_photo_and_name_one_outside(photos, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"{photos}/00.png\n{photos}/00.png\n{photos}/people/../01.png\ngone.jpg\n")
    main([str(listed), "--out", str(tmp_path / "out")])
    found = results(tmp_path / "out")
    assert list(found.values()) == ["kept", "kept", "unreadable"]
    assert all(p.is_relative_to(tmp_path / "out" / "photo") for p in (tmp_path / "out" / "photo").rglob("*.png"))
    assert record(tmp_path / "out")["pictures"]["gone.jpg"]["detail"] == "no such file"


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
    environment = {**os.environ, "TFDS_DATA_DIR": str(prepared), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": paths}
    command = [sys.executable, "-c", script, str(prepared), str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((out / "photo" / "drawn_pictures" / "train").iterdir())) == 5
    assert "5 drawn now" in done.stdout and "0 drawn now" in done.stdout


def test_names_are_safe_and_unique():
    names = ["a.jpg", "a.png", "A.webp", "b/a.jpg", "../x/../y.jpg", "/etc/é ü.jpeg", ".hidden.png", "c:\\d*?.bmp",
             "new\nline.jpg", "bad\udc80byte.png", "...", "a.png/z.jpg", "tiny/train[:10%]/000001", "v1.2.png", "x" * 300 + ".jpg",
             "字" * 100 + ".jpg"]  # fmt: skip
    outputs = output_names(names)
    assert outputs["a.jpg"] == "a.png" and outputs["b/a.jpg"] == "b/a.png" and outputs["v1.2.png"] == "v1.2.png"
    assert outputs["../x/../y.jpg"] == "x/y.png" and outputs["/etc/é ü.jpeg"] == "etc/é ü.png"
    assert outputs["tiny/train[:10%]/000001"] == "tiny/train__10__/000001.png"
    assert len({output.casefold() for output in outputs.values()}) == len(names)
    folders = {str(parent) for output in outputs.values() for parent in Path(output).parents}
    assert not folders & set(outputs.values())
    for output in outputs.values():
        assert output.isprintable() and all(0 < len(part.encode()) <= 140 for part in output.split("/"))
        assert not output.startswith(("/", ".")) and "/." not in output and "\\" not in output


def test_one_picture_as_bytes_or_path_for_other_runners(photos):
    file = photos / "people" / "astronaut.jpg"
    features, pair = make_pair(file, Drawing(size=64), Limits(min_face_ratio=0.1))
    assert isinstance(features, Features) and isinstance(pair, Pair) and pair.photo.shape == (64, 64, 3)
    again, other = make_pair(file.read_bytes(), Drawing(size=64), Limits(min_face_ratio=0.5))
    assert again == features and isinstance(other, Dropped)


def test_help_and_wrong_usage_need_no_heavy_import():
    script = (
        "import sys, training.cartoonize as command\n"
        "try: command.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, {'tensorflow', 'cv2', 'numpy'} & set(sys.modules))\n"
    )
    for arguments, status in ((["--help"], 0), (["--workers", "0"], 2), (["--style", "oil"], 2)):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == f"{status} set()"
