"""training.cartoonize by its command line: what it writes, what it drops, what it refuses."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pair_folders
import pytest
from conftest import draw_pictures
from pair_folders import record, results, tree
from PIL import Image

from tf_i2i.command_line import run_command
from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import read_image, resize_short_side
from tf_i2i.data.screening import Features
from tf_i2i.errors import UserError
from training.cartoon_pairs.pair_folder import RECORD, output_names
from training.cartoon_pairs.photo_pair import Drawing, Pair, draw, measure
from training.cartoonize import main

# Its fixtures, under names that pytest finds.
photos, made, mixed = pair_folders.photos, pair_folders.made, pair_folders.mixed


def test_folders_hold_the_photo_resized_and_its_cartoon_under_one_name(photos, made):
    names = [*(f"{i:02}.png" for i in range(6)), "people/astronaut.png"]
    for part in ("cartoon", "photo"):
        assert (
            sorted(p.relative_to(made / part).as_posix() for p in (made / part).rglob("*.png"))
            == names
        )
    for name, source in ((names[0], "00.png"), (names[-1], "people/astronaut.jpg")):
        photo = resize_short_side(read_image(photos / source, max_side=320), 80)
        np.testing.assert_array_equal(read_image(made / "photo" / name), photo)
        np.testing.assert_array_equal(read_image(made / "cartoon" / name), STYLES["cartoon"](photo))
    assert read_image(made / "contact-sheet.png").shape[1] > 3 * 2 * 128
    found = record(made)
    assert found["finished"] and found["summary"]["kept"] == 7
    assert found["pictures"]["people/astronaut.jpg"]["face_ratio"] == pytest.approx(0.2, abs=0.03)
    assert (found["pictures"]["00.png"]["width"], found["pictures"]["00.png"]["height"]) == (
        120,
        90,
    )


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
    main(
        [
            str(photos),
            "--out",
            str(out),
            "--style",
            "poster",
            "--colours",
            "4",
            "--outline-block",
            "15",
        ]
    )
    photo = read_image(photos / "03.png")
    wanted = STYLES["poster"](photo, colours=4, outline_block=15)
    np.testing.assert_array_equal(read_image(out / "cartoon" / "03.png"), wanted)
    assert record(out)["options"]["strengths"] == {"colours": 4, "outline_block": 15}


def test_every_photo_is_kept_or_has_its_reason(mixed, tmp_path, capsys):
    out = tmp_path / "out"
    main([str(mixed), "--out", str(out)])
    wanted = dict.fromkeys(
        ("00.png", "01.png", "face.png", "cmyk.jpg", "palette.png", "animated.webp", "turned.jpg"),
        "kept",
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
        "kept": "7",
        "dropped: too small": "2",
        "dropped: near-grey": "2",
        "dropped: no face or too small a face": "0",
        "dropped: near-duplicate": "1",
        "unreadable": "3",
    }


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
        "is inside SRC": [str(photos), "--out", str(photos / "out")],
        "did not make": [str(photos), "--out", str(foreign)],
        "damaged": [str(photos), "--out", str(damaged)],
        "no photo is left": [str(grey), "--out", str(tmp_path / "left")],
        "can't be written": [str(photos), "--out", str(tmp_path / "file" / "out")],
        "--colours: no strength of --style cartoon": [
            str(photos),
            "--out",
            "x",
            "--colours",
            "3",
        ],
        "must be an odd number": [str(photos), "--out", "x", "--outline-block", "8"],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            main(arguments)
        assert "\n" not in str(caught.value)
    shutil.rmtree(foreign / "photo")  # a refusal lets go of the folder
    assert main([str(photos), "--out", str(foreign), "--style", "pencil"]) is None
    assert not Path("x").exists()


def test_read_only_folder_exits_with_2(capsys):
    import training.cartoon_pairs.cartoonize_job  # noqa: F401 - nobody may not be allowed to read the installed packages

    superuser = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "list.txt")
        listed.write_text("a.jpg\n")
        Path(folder, "a.jpg").touch()
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
    assert (
        end.value.code == 2
        and "can't be written (Permission denied)" in shown
        and shown.count("\n") == 1
    )


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
    assert all(
        p.is_relative_to(tmp_path / "out" / "photo")
        for p in (tmp_path / "out" / "photo").rglob("*.png")
    )
    assert record(tmp_path / "out")["pictures"]["gone.jpg"]["detail"] == "no such file"


def test_names_are_safe_and_unique():
    names = [
        "a.jpg",
        "a.png",
        "A.webp",
        "b/a.jpg",
        "../x/../y.jpg",
        "/etc/é ü.jpeg",
        ".hidden.png",
        "c:\\d*?.bmp",
        "new\nline.jpg",
        "bad\udc80byte.png",
        "...",
        "a.png/z.jpg",
        "tiny/train[:10%]/000001",
        "v1.2.png",
        "x" * 300 + ".jpg",
        "字" * 100 + ".jpg",
    ]
    outputs = output_names(names)
    assert (
        outputs["a.jpg"] == "a.png"
        and outputs["b/a.jpg"] == "b/a.png"
        and outputs["v1.2.png"] == "v1.2.png"
    )
    assert outputs["../x/../y.jpg"] == "x/y.png" and outputs["/etc/é ü.jpeg"] == "etc/é ü.png"
    assert outputs["tiny/train[:10%]/000001"] == "tiny/train__10__/000001.png"
    assert len({output.casefold() for output in outputs.values()}) == len(names)
    folders = {str(parent) for output in outputs.values() for parent in Path(output).parents}
    assert not folders & set(outputs.values())
    for output in outputs.values():
        assert output.isprintable() and all(
            0 < len(part.encode()) <= 140 for part in output.split("/")
        )
        assert not output.startswith(("/", ".")) and "/." not in output and "\\" not in output


def test_one_picture_as_path_bytes_or_url(photos):
    file = photos / "people" / "astronaut.jpg"
    features, pair = measure(file), draw(file, Drawing(size=64))
    assert isinstance(features, Features) and isinstance(pair, Pair)
    assert pair.photo.shape == (64, 64, 3)
    for other in (file.read_bytes(), f"file://{file}"):
        assert measure(other) == features
        np.testing.assert_array_equal(draw(other, Drawing(size=64)).cartoon, pair.cartoon)
    for other in (photos / "gone.jpg", f"file://{photos}/gone.jpg"):
        assert measure(other) == draw(other, Drawing()) == ("unreadable", "no such file")


def test_help_and_wrong_usage_need_no_heavy_import():
    script = (
        "import sys, training.cartoonize as command\n"
        "try: command.main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, {'tensorflow', 'cv2', 'numpy'} & set(sys.modules))\n"
    )
    for arguments, status in ((["--help"], 0), (["--workers", "0"], 2), (["--style", "oil"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"{status} set()"
