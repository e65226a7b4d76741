"""Photos of any size through a fixed-size file: tiles equal the whole, files keep what they should."""

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
import tensorflow as tf
from exported_models import SIZE, converted, exported, smooth_image, student
from PIL import Image, ImageCms

from export.metadata import with_metadata
from export.recipes import RECIPES
from export.stylize import main
from export.tiling import Tiling, mirrored_indices, plan
from tf_i2i.errors import UserError
from tf_i2i.lite_model import LiteModel
from tf_i2i.model_reach import block_reach
from tf_i2i.model_resizing import resized
from tf_i2i.pixels import to_float, to_uint8


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


def levels_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def tiled(
    data: bytes, tile: int | tuple[int, int], image: np.ndarray, networks: int = 1, margin: int = 20
) -> np.ndarray:
    height, width = tile if isinstance(tile, tuple) else (tile, tile)
    models = [LiteModel(resized(data, height, width)).run_uint8 for _ in range(networks)]
    result = image.copy()
    Tiling(height, width, margin).translate(result, models)
    return result


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_mirror_is_that_of_numpy(length):
    axis = np.arange(length)
    assert np.array_equal(
        mirrored_indices(-7, length + 20, length), np.pad(axis, (7, 13), "reflect" if length > 1 else "edge")
    )


@pytest.mark.parametrize(("height", "width"), [(101, 75), (33, 130), (5, 3)])
def test_float_tiles_equal_the_keras_network_on_the_whole_mirrored_photo(height, width):
    image, margin = smooth_image(height, width, seed=1), 24
    rows = mirrored_indices(-margin, 2 * margin + height + -height % 4, height)
    columns = mirrored_indices(-margin, 2 * margin + width + -width % 4, width)
    whole = student()(to_float(image[np.ix_(rows, columns)])[None], training=False)[0]
    wanted = to_uint8(whole)[margin : margin + height, margin : margin + width]
    assert levels_apart(tiled(converted("float32"), SIZE, image), wanted) <= 1


@pytest.mark.parametrize("variant", ["float32", "float16", "int8"])
@pytest.mark.parametrize("tile", [60, (60, 124), (160, 72)])
def test_tiles_of_any_shape_equal_one_inference_on_the_whole_photo(variant, tile):
    image, data = smooth_image(101, 75, seed=2), converted(variant)
    # One tile; a margin of twice what the network sees.
    whole = tiled(data, (104 + 96, 76 + 96), image, margin=48)
    apart = levels_apart(tiled(data, tile, image), whole)
    assert apart == 0 if variant == "int8" else apart <= 1


def test_parallel_tiles_equal_serial_ones_whatever_order_they_end_in():
    """Written in place: a tile that ends before its neighbours begin must not be what they see."""
    data, image = converted("int8"), smooth_image(300, 220, seed=6)
    waits = iter([0.02, 0, 0.01, 0, 0] * 100)

    def unevenly(network):
        return lambda tile: (time.sleep(next(waits)), network(tile))[1]

    models = [unevenly(LiteModel(resized(data, 60)).run_uint8) for _ in range(3)]
    parallel = image.copy()
    Tiling(60, 60, 20).translate(parallel, models)
    assert np.array_equal(parallel, tiled(data, 60, image))


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_reach_of_a_block_is_what_the_network_shows(variant):
    """The graph's answer against the Keras network: turning a pixel row's sign changes no block further away."""
    network = student()
    image = np.random.default_rng(0).uniform(-1, 1, [1, 120, 120, 3]).astype(np.float32)
    start, reach = network(image, training=False).numpy(), 0
    for place in range(56, 56 + network.stride):
        moved = image.copy()
        moved[:, place] = -moved[:, place]
        rows = np.nonzero(np.abs(network(moved, training=False).numpy() - start).max((0, 2, 3)) > 1e-7)[0]
        first, last = rows.min() // 4 * 4, rows.max() // 4 * 4
        # A block ends beside the row that its last pixel sees; both ways.
        reach = max(reach, place - (first + 3), last - place)
    assert block_reach(converted(variant), network.stride) == reach == 20


def test_reach_of_a_network_with_statistics_is_not_known():
    function = tf.function(lambda x: tf.tanh(x - tf.reduce_mean(x, [1, 2], keepdims=True)))
    signature = function.get_concrete_function(tf.TensorSpec([1, 32, 32, 3], tf.float32))
    data = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    assert block_reach(data, 4) is None


@pytest.mark.parametrize(("height", "width"), [(1, 1), (50, 37), (3000, 4000), (4001, 333), (100, 12000)])
@pytest.mark.parametrize("workers", [1, 2])
def test_planned_tiles_cover_the_photo_and_keep_their_limits(height, width, workers):
    tiling = plan(height, width, margin=32, stride=4, workers=workers, most_pixels=700_000)
    rows, columns = tiling.grid(height, width)
    assert tiling.height % 4 == tiling.width % 4 == 0
    assert tiling.height * tiling.width <= 700_000
    # No more than the rounding up to the stride hangs over the photo's edge in each tile.
    least = 4 if min(height, width) >= 32 else 32
    assert 0 <= rows * tiling.step[0] - height < rows * least
    assert 0 <= columns * tiling.step[1] - width < columns * least


def test_a_plan_for_12_megapixels_wastes_little_and_keeps_what_is_built():
    tiling = plan(3000, 4000, margin=32, stride=4, workers=2, most_pixels=900_000)
    rows, columns = tiling.grid(3000, 4000)
    assert rows * columns * tiling.height * tiling.width < 1.18 * 3000 * 4000
    assert rows * columns % 2 == 0
    assert plan(2990, 3990, margin=32, stride=4, workers=2, most_pixels=900_000, ready=tiling) == tiling
    assert max(plan(3000, 4000, 32, 4, 2, 900_000, most_side=256).step) <= 192


def test_nothing_outside_the_halo_changes_a_pixel_and_the_halo_is_not_idle():
    network, halo = student(), student().halo
    image = np.random.default_rng(0).uniform(-1, 1, [1, 120, 120, 3]).astype(np.float32)
    start, nearest = network(image, training=False).numpy(), []
    for place in range(56, 56 + network.stride):
        moved = image.copy()
        moved[:, place] = -moved[:, place]
        rows = np.nonzero(np.abs(network(moved, training=False).numpy() - start).max((0, 2, 3)) > 1e-7)[0]
        nearest.append(max(place - rows.min(), rows.max() - place))
    assert max(nearest) <= halo
    assert max(nearest) >= halo - network.stride - 4


def test_a_tile_that_keeps_nothing_is_refused(model, photo, tmp_path):
    with pytest.raises(UserError, match="--tile 59: must be at least 60 for this network"):
        main([model("float32"), photo("a.png"), "--out", str(tmp_path / "out"), "--tile", "59"])


def test_names_kinds_and_sizes_are_kept(model, photo, tmp_path, capsys):
    photo("a.png"), photo("b.jpg", 64, 64), photo("c.webp", 21, 40), photo("c.jpg", 30, 40)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    status = main([model("int8"), str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--tile", "64"])
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
        **{name: ((37, 50), "RGB") for name in ("cmyk.jpg", "grey.png", "palette.png", "moving.jpg", "deep.png")},
        "one.png": ((1, 1), "RGB"), "thin.jpg": ((1, 90), "RGB"),
    }  # fmt: skip
    assert np.array_equal(np.asarray(results["grey.png"]), np.asarray(results["deep.png"]))


def run_command(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "export.stylize", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}, **options,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_whole_results_only(model, photo, tmp_path, number, status):
    for count in range(40):
        photo(f"{count:02}.png", 700, 500)
    out = tmp_path / "out"
    process = run_command(model("int8"), str(tmp_path / "photos"), "--out", str(out))
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
    """Files may grow to 64 KiB here, as on a disk that is nearly full; the first result is larger, the second not."""
    photo("1.png", 300, 300), photo("2.png", 20, 20)
    out = tmp_path / "out"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))  # noqa: E731
    process = run_command(model("int8"), str(tmp_path / "photos"), "--out", str(out), preexec_fn=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1 and "1.png: can't be written" in errors
    assert list(out.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_named(model, photo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file/out: can't be written \(Not a directory\)"):
        main([model("int8"), photo("a.png"), "--out", str(tmp_path / "file" / "out")])


def test_no_usable_photo_is_an_error(model, tmp_path):
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(UserError, match="none of 1 photos"):
        main([model("int8"), str(tmp_path / "x.jpg"), "--out", str(tmp_path / "out"), "--tile", "64"])


def test_photos_are_never_overwritten(model, photo, tmp_path):
    with pytest.raises(UserError, match="would overwrite"):
        main([model("int8"), photo("a.png"), "--out", str(tmp_path / "photos")])


def test_a_teacher_takes_small_photos_whole_and_refuses_large_ones(photo, tmp_path, capsys):
    path = tmp_path / "teacher.tflite"
    # Whether a network can be tiled is told by the facts, so any network will do.
    facts = {"model": "teacher", "direction": "ab", "training_data": "?", "version": "0", "stride": 4, "halo_px": None}
    path.write_bytes(with_metadata(converted("float32"), RECIPES["float32"], facts))
    out = tmp_path / "out"
    assert main([str(path), photo("small.png", 20, SIZE), photo("large.png", 20, SIZE + 1), "--out", str(out)]) == 0
    assert [p.name for p in out.iterdir()] == ["small.png"]
    assert Image.open(out / "small.png").size == (SIZE, 20)
    assert "takes statistics over the whole picture" in capsys.readouterr().err


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
