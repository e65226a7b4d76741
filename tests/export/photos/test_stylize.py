"""python -m export.stylize: files keep what they should, whatever kind of picture comes in and
whatever goes wrong.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from exported_models import SIZE, add_file, converted, exported, smooth_image, tiled
from PIL import Image, ImageCms

from export.conversion.metadata import with_metadata
from export.conversion.variants import VARIANTS
from export.stylize import main
from tf_i2i.errors import UserError


@pytest.fixture
def model(tmp_path):
    def write(variant: str):
        path = tmp_path / f"{variant}.tflite"
        path.write_bytes(exported(variant))
        return str(path)

    return write


@pytest.fixture
def photo(tmp_path):
    def write(name: str, height: int = 50, width: int = 37, **extra):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(smooth_image(height, width, seed=9)).save(path, **extra)
        return str(path)

    return write


def test_a_tile_that_keeps_nothing_is_refused(model, photo, tmp_path):
    with pytest.raises(UserError, match="--tile 59: must be at least 60 for this network"):
        main([model("float32"), photo("a.png"), "--out", str(tmp_path / "out"), "--tile", "59"])


def test_the_model_of_a_run(photo, tmp_path, capsys):
    """--run, as in the other commands, takes what was exported: int8, of ab."""
    with pytest.raises(UserError, match="no exported file; write it"):
        main(["--run", str(tmp_path), photo("a.png"), "--out", str(tmp_path / "out")])
    for direction in ("ab", "ba"):
        add_file(tmp_path, exported("int8"), direction=direction)
    words = [photo("a.png", 70, 90), "--tile", "64", "--out"]
    main(["--run", str(tmp_path), *words, str(tmp_path / "run")])
    main([str(tmp_path / "export" / "ab-64-int8.tflite"), *words, str(tmp_path / "file")])
    one, other = ((tmp_path / name / "a.png").read_bytes() for name in ("run", "file"))
    assert one == other
    main(["--run", str(tmp_path), "--direction", "ba", *words, str(tmp_path / "ba")])
    with pytest.raises(UserError, match="both name a model"):
        main(["--run", str(tmp_path), "x.tflite", *words, str(tmp_path / "out")])
    with pytest.raises(UserError, match="PHOTO is missing"):
        main(["x.tflite", "--out", str(tmp_path / "out")])


def test_names_kinds_and_sizes_are_kept(model, photo, tmp_path, capsys):
    photo("a.png"), photo("b.jpg", 64, 64), photo("c.webp", 21, 40), photo("c.jpg", 30, 40)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    status = main(
        [model("int8"), str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--tile", "64"]
    )
    assert status == 0
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "out").iterdir()}
    assert sizes == {"a.png": (37, 50), "b.jpg": (64, 64), "c.jpg": (40, 30), "c-2.jpg": (40, 21)}
    assert Image.open(tmp_path / "out" / "a.png").format == "PNG"
    assert "broken.jpg" in capsys.readouterr().err


def test_png_result_is_the_network_s_and_strength_blends(model, photo, tmp_path):
    path = photo("a.png")
    results = {}
    for strength in ("0", "0.5", "1"):
        out = tmp_path / strength
        main([model("int8"), path, "--out", str(out), "--tile", "64", "--strength", strength])
        results[strength] = np.asarray(Image.open(out / "a.png"))
    original = np.asarray(Image.open(path))
    assert np.array_equal(results["1"], tiled(converted("int8"), SIZE, original))
    assert np.array_equal(results["0"], original)
    middle = (original.astype(float) + results["1"]) / 2
    assert np.abs(results["0.5"] - middle).max() <= 0.5


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_turned_photo_comes_out_upright_with_its_exif_and_profile(model, photo, tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0xA002: 60, 0xA003: 40})
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = photo(f"turned.{suffix}", 40, 60, exif=exif, icc_profile=profile)
    main([model("int8"), path, "--out", str(tmp_path / "out"), "--tile", "64"])
    with Image.open(tmp_path / "out" / f"turned.{suffix}") as result:
        assert result.size == (40, 60)
        kept = result.getexif()
        assert (kept[0x0112], kept[0x010F]) == (1, "Camera")
        assert dict(kept.get_ifd(0x8769)) == {0x9003: "2024:05:06 07:08:09", 0xA002: 40, 0xA003: 60}
        assert kept.get_ifd(0x8825)[1] == "N"
        assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(result.info["icc_profile"]))


def test_a_maker_note_too_long_for_a_jpeg_is_left_out_and_the_rest_kept(model, photo, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0x927C: bytes(70_000)})
    path = photo("long.png", 40, 60, exif=exif)
    main([model("int8"), path, "--out", str(tmp_path / "out")])
    with Image.open(tmp_path / "out" / "long.png") as result:
        assert dict(result.getexif().get_ifd(0x8769)) == {0x9003: "2024:05:06 07:08:09"}


def test_odd_pictures_all_come_out_in_rgb(model, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    rgb = Image.fromarray(smooth_image(50, 37, seed=4))
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    rgb.convert("L").save(folder / "grey.png")
    rgb.quantize(16).save(folder / "palette.png")
    rgb.resize((1, 1)).save(folder / "one.png")
    rgb.resize((1, 90)).save(folder / "thin.jpg")
    rgb.save(folder / "moving.webp", save_all=True, append_images=[rgb.rotate(180)])
    Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(folder / "deep.png")
    (folder / "cut.jpg").write_bytes((folder / "cmyk.jpg").read_bytes()[:-400])
    assert main([model("int8"), str(folder), "--out", str(tmp_path / "out")]) == 0
    results = {path.name: Image.open(path) for path in (tmp_path / "out").iterdir()}
    assert {name: (image.size, image.mode) for name, image in results.items()} == {
        **{
            name: ((37, 50), "RGB")
            for name in ("cmyk.jpg", "grey.png", "palette.png", "moving.webp", "deep.png")
        },
        "one.png": ((1, 1), "RGB"),
        "thin.jpg": ((1, 90), "RGB"),
    }
    assert np.array_equal(np.asarray(results["grey.png"]), np.asarray(results["deep.png"]))


def run_command(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "export.stylize", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        **options,
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_whole_results_only(model, photo, tmp_path, number, status):
    for count in range(40):
        photo(f"{count:02}.png", 700, 500)
    out = tmp_path / "out"
    # What runs in the background of a shell inherits that SIGINT is ignored.
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = run_command(
        model("int8"), str(tmp_path / "photos"), "--out", str(out), preexec_fn=heard
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (status, False)
    left = list(out.iterdir())
    assert 0 < len(left) < 40
    for path in left:
        assert Image.open(path).convert("RGB").size == (500, 700) and path.suffix == ".png"


def test_a_full_folder_ends_the_command_in_one_line(model, photo, tmp_path):
    """Files may grow to 64 KiB here, as on a disk that is nearly full; the first result is larger,
    the second not.
    """
    photo("1.png", 300, 300), photo("2.png", 20, 20)
    out = tmp_path / "out"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))  # noqa: E731
    process = run_command(
        model("int8"), str(tmp_path / "photos"), "--out", str(out), preexec_fn=limit
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1 and "1.png: can't be written" in errors
    assert list(out.iterdir()) == []


def test_a_large_damaged_photo_is_one_warning(model, tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 9_000)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    process = run_command(model("int8"), str(path), "--out", str(tmp_path / "out"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    warning, error = errors.splitlines()
    assert "large.png" in warning and "none of 1 photos" in error


def test_a_folder_that_can_not_be_made_is_named(model, photo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file/out: can't be written \(Not a directory\)"):
        main([model("int8"), photo("a.png"), "--out", str(tmp_path / "file" / "out")])


def test_no_usable_photo_is_an_error(model, tmp_path):
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(UserError, match="none of 1 photos"):
        main(
            [model("int8"), str(tmp_path / "x.jpg"), "--out", str(tmp_path / "out"), "--tile", "64"]
        )


def test_photos_are_never_overwritten(model, photo, tmp_path):
    with pytest.raises(UserError, match="would overwrite"):
        main([model("int8"), photo("a.png"), "--out", str(tmp_path / "photos")])


def test_a_teacher_takes_small_photos_whole_and_refuses_large_ones(photo, tmp_path, capsys):
    path = tmp_path / "teacher.tflite"
    # Whether a network can be tiled is told by the facts, so any network will do.
    facts = {
        "model": "teacher",
        "direction": "ab",
        "training_data": "?",
        "version": "0",
        "stride": 4,
        "halo_px": None,
    }
    path.write_bytes(with_metadata(converted("float32"), VARIANTS["float32"], facts))
    out = tmp_path / "out"
    assert (
        main(
            [
                str(path),
                photo("small.png", 20, SIZE),
                photo("large.png", 20, SIZE + 1),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert [p.name for p in out.iterdir()] == ["small.png"]
    assert Image.open(out / "small.png").size == (SIZE, 20)
    assert "sees all of a picture at once" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1c\x00\x00\x00TFL3" + bytes(64)])
def test_a_damaged_model_is_one_line(content, photo, tmp_path):
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.tflite"):
        main([str(path), photo("a.png"), "--out", str(tmp_path / "out")])


def test_a_model_without_facts_is_refused(photo, tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(converted("float32"))
    with pytest.raises(UserError, match=r"export it with export\.tflite"):
        main([str(path), photo("a.png"), "--out", str(tmp_path / "out")])


def test_what_pictures_have_besides(model, photo, tmp_path, capsys):
    """PNG results keep the transparency, turned as the photo is; what is lost is told once per file."""
    pixels = smooth_image(40, 60, seed=9)
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:10, :20] = 0
    folder, exif = tmp_path / "photos", Image.Exif()
    folder.mkdir()
    exif[0x0112] = 6
    picture = Image.fromarray(np.dstack([pixels, alpha]))
    picture.save(folder / "turned.png", exif=exif)
    picture.save(folder / "pale.webp", lossless=True)
    Image.fromarray(np.dstack([pixels, np.full((40, 60), 255, np.uint8)])).save(folder / "full.png")
    frames = [Image.fromarray(smooth_image(40, 60, seed)) for seed in range(3)]
    frames[0].save(folder / "moving.tif", save_all=True, append_images=frames[1:])
    out = tmp_path / "out"
    assert main([model("int8"), str(folder), "--out", str(out)]) == 0
    result = np.asarray(Image.open(out / "turned.png"))
    assert np.array_equal(result[..., 3], np.rot90(alpha, -1))
    assert Image.open(out / "full.png").mode == "RGB"
    said = capsys.readouterr().err
    assert said.count("moving.tif: has several frames, only the first is used") == 1
    assert said.count("pale.webp: has transparent parts, which become white") == 1
    assert "turned" not in said and "full" not in said


def test_results_among_the_photos_are_refused(model, photo, tmp_path, capsys):
    path = photo("a.png")
    for out in (tmp_path / "photos", tmp_path / "photos" / "styled"):
        with pytest.raises(UserError, match=r"--out .*: is inside PHOTO"):
            main([model("int8"), str(tmp_path / "photos"), "--out", str(out)])
    with pytest.raises(SystemExit):
        main([model("int8"), path, "--out", str(tmp_path / "res.JPG")])
    assert "res.JPG: this is a file's name; name a folder" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "photos").iterdir()] == ["a.png"]
    with pytest.raises(UserError, match="--quality has no effect on PNG files"):
        main([model("int8"), path, "--out", str(tmp_path / "out"), "--quality", "80"])
