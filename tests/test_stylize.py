"""Photos of any size through a fixed-size file: tiles equal the whole, files keep what they should."""

from __future__ import annotations

import numpy as np
import pytest
from exported_models import SIZE, converted, exported, smooth_image, student
from PIL import Image

from export.metadata import with_metadata
from export.recipes import RECIPES
from export.stylize import main
from export.tiling import Tiling, mirrored_indices
from tf_i2i.errors import UserError
from tf_i2i.lite_model import LiteModel
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


def tiled(data: bytes, tile: int, image: np.ndarray) -> np.ndarray:
    return Tiling(tile, student().halo, student().stride).translate(image, LiteModel(resized(data, tile)).run_uint8)


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


@pytest.mark.parametrize("variant", ["float16", "int8"])
def test_size_of_tiles_changes_nothing(variant):
    image = smooth_image(101, 75, seed=2)
    data = converted(variant)
    small, large = tiled(data, 56, image), tiled(data, 160, image)
    assert levels_apart(small, large) <= 1
    assert np.mean(small != large) < 0.01


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
    with pytest.raises(UserError, match="--tile 48: must be a multiple of 4 and at least 52"):
        main([model("float32"), photo("a.png"), "--out", str(tmp_path / "out"), "--tile", "48"])


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


def test_turned_photo_comes_out_upright_with_its_exif(model, photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    path = photo("turned.jpg", 40, 60, exif=exif)
    main([model("int8"), path, "--out", str(tmp_path / "out"), "--tile", "64"])
    with Image.open(tmp_path / "out" / "turned.jpg") as result:
        assert result.size == (40, 60)
        assert (result.getexif()[0x0112], result.getexif()[0x010F]) == (1, "Camera")


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
