"""export.stylize --working-size and --brush: where photos are translated, and how they come back to
their own size.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from exported_models import SIZE, converted, described, smooth_image, student, tiled
from PIL import Image

from export.photos.guided_upsampling import upsample
from export.photos.resampling import resized
from export.stylize import main
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import ssim

RECORDED = 48
SHIFT = np.array([9, 20, 31], np.uint8)


@pytest.fixture
def stylized(tmp_path):
    """A photo through the command, by a file with a working size on record (None: an older one)."""

    def run(photo: np.ndarray, *options: str, recorded: object = RECORDED) -> np.ndarray:
        facts = {} if recorded is None else {"working_size_px": recorded}
        data = described(converted("int8"), student(), SIZE, "int8", **facts)
        (tmp_path / "model.tflite").write_bytes(data)
        Image.fromarray(photo).save(tmp_path / "photo.png")
        paths = [str(tmp_path / name) for name in ("model.tflite", "photo.png", "out")]
        assert main([*paths[:2], "--out", paths[2], *options]) == 0
        return np.asarray(Image.open(tmp_path / "out" / "photo.png"))

    return run


def sharp_scene(height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 3]: blobs with bars and lettering before them."""
    scene = smooth_image(height, width, seed=8).copy()
    for i in range(6):
        corner = (width * i // 6, height // 3)
        cv2.rectangle(scene, corner, (corner[0] + width // 15, height), (30 * i, 200, 90), -1)
    at, size = (width // 9, height // 4), height / 150
    cv2.putText(scene, "letters", at, 0, size, (250,) * 3, height // 50, cv2.LINE_AA)
    return scene


def reduced(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("size", [(36, 48), (75, 100), (149, 199), (1, 7), (190, 260)])
def test_pictures_are_resized_as_opencv_does_it(size):
    """But for ties and OpenCV's fixed-point numbers."""
    photo = sharp_scene(150, 200)
    kind = cv2.INTER_CUBIC if size > photo.shape else cv2.INTER_AREA
    wanted = cv2.resize(photo, size[::-1], interpolation=kind)
    assert np.abs(resized(photo, *size).astype(int) - wanted).max() <= 1


def test_a_photo_of_the_working_size_or_far_smaller_is_translated_as_it_is(stylized):
    for height, width in ((RECORDED, 31), (20, RECORDED), (30, 31)):
        photo = smooth_image(height, width, seed=2)
        assert np.array_equal(stylized(photo), tiled(converted("int8"), SIZE, photo))


def test_a_larger_photo_is_translated_at_the_size_on_record(stylized):
    photo = sharp_scene(150, 200)
    small, wanted = resized(photo, 36, RECORDED), photo.copy()
    upsample(wanted, small, tiled(converted("int8"), SIZE, small))
    assert np.array_equal(stylized(photo), wanted)
    # Which is close to the translation itself, not to the photo.
    translated, result = tiled(converted("int8"), SIZE, small), reduced(wanted, RECORDED, 36)
    errors = [np.abs(x.astype(int) - translated).mean() for x in (result, small)]
    assert errors[0] < errors[1] / 4


def test_a_photo_a_little_smaller_is_enlarged_for_its_translation(stylized):
    photo = sharp_scene(24, 40)
    enlarged = resized(photo, 29, RECORDED)
    wanted = resized(tiled(converted("int8"), SIZE, enlarged), 24, 40)
    assert np.array_equal(stylized(photo), wanted)
    middle = (photo.astype(float) + wanted) / 2
    assert np.abs(stylized(photo, "--strength", "0.5") - middle).max() <= 0.5


def test_options_go_before_the_record_and_the_brush_divides_the_size(stylized):
    photo = sharp_scene(150, 200)
    by_size = stylized(photo, "--working-size", str(RECORDED // 2))
    assert np.array_equal(by_size, stylized(photo, "--brush", "2"))
    assert np.array_equal(by_size, stylized(photo, "--working-size", "96", "--brush", "4"))
    assert np.abs(by_size.astype(int) - stylized(photo)).mean() > 2
    assert np.array_equal(
        stylized(photo, "--working-size", "200"), tiled(converted("int8"), SIZE, photo)
    )


def test_an_older_file_translates_at_the_photo_s_size_and_says_so(stylized, capsys):
    photo = sharp_scene(75, 100)
    assert np.array_equal(stylized(photo, recorded=None), tiled(converted("int8"), SIZE, photo))
    assert "no working size on record" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"--brush 2: .* use --working-size PX"):
        stylized(photo, "--brush", "2", recorded=None)
    stylized(photo, "--working-size", "48", "--brush", "2", recorded=None)
    assert "on record" not in capsys.readouterr().out


@pytest.mark.parametrize("recorded", [0, -5, "large", 1.5, True, [48]])
def test_a_record_that_is_no_size_is_refused(stylized, recorded):
    with pytest.raises(UserError, match="working_size_px is not a number of pixels"):
        stylized(sharp_scene(75, 100), recorded=recorded)


@pytest.mark.parametrize("brush", ["0.49", "4.1", "nan", "-1"])
def test_other_brushes_are_refused(stylized, brush, capsys):
    with pytest.raises(SystemExit) as error:
        stylized(sharp_scene(75, 100), f"--brush={brush}")
    assert error.value.code == 2
    assert "--brush must be from 0.5 to 4, not" in capsys.readouterr().err


def test_a_smaller_photo_than_was_asked_for_is_named(stylized, capsys):
    stylized(sharp_scene(40, 63), "--brush", "0.5")
    assert "photo.png: too small for 96 pixels" in capsys.readouterr().out
    stylized(sharp_scene(40, 64), "--brush", "0.5")
    assert "too small" not in capsys.readouterr().out


@pytest.mark.parametrize("size", [(9, 12), (47, 60), (149, 200), (1, 12), (40, 1)])
def test_a_constant_change_is_added_exactly(size):
    noise = np.random.default_rng(0).integers(0, 200, (150, 201, 3), np.uint8)
    small = reduced(noise, *size[::-1])
    result = noise.copy()
    upsample(result, small, small + SHIFT)
    assert np.array_equal(result, noise + SHIFT)
    upsample(result, small, small, strength=0)
    assert np.array_equal(result, noise + SHIFT)


def test_strength_blends_what_came_back(stylized):
    photo = sharp_scene(150, 200)
    middle = (photo.astype(float) + stylized(photo)) / 2
    assert np.abs(stylized(photo, "--strength", "0.5") - middle).max() <= 1


def test_edges_are_as_sharp_as_the_photo_s_without_halos():
    """Brushwork on both sides of an edge between pixels of the reduced photo."""
    photo = np.full((240, 320, 3), 50, np.uint8)
    photo[:, 165:] = 200
    small = reduced(photo, 32, 24)
    work = np.random.default_rng(1).integers(-9, 10, small.shape)
    result = photo.copy()
    upsample(result, small, (small + work).astype(np.uint8))
    change = result.astype(int) - photo
    assert np.abs(change).max() <= 20
    assert np.diff(result.astype(int).mean((0, 2)))[164] > 130
    # Brushwork is there at its size.
    assert change[:, :140].std() > 0.6 * work.std()


def test_texture_too_fine_to_be_painted_gives_way_to_brushwork():
    random = np.random.default_rng(3)
    photo = random.integers(110, 146, (240, 320, 3), np.uint8)
    small = np.full((24, 32, 3), 128, np.uint8)
    result = photo.copy()
    upsample(result, small, random.integers(98, 158, small.shape, np.uint8))
    fine = [image - cv2.blur(image.astype(float), (5, 5)) for image in (photo, result)]
    assert fine[1].std() < 0.3 * fine[0].std()


def test_photos_of_all_sizes_of_a_scene_look_alike(stylized):
    scene, results = sharp_scene(480, 640), []
    for width in (640, 320, 160):
        photo = reduced(scene, width, width * 3 // 4)
        results.append(reduced(stylized(photo, "--working-size", "96"), 128, 96))
    assert min(ssim(results[0], results[1]), ssim(results[0], results[2])) >= 0.9


def test_a_tall_photo_is_not_reduced_to_a_thread(stylized):
    photo = smooth_image(600, 50, seed=5)
    small = resized(photo, 144, 12)  # the shorter side is a quarter of the working size
    wanted = photo.copy()
    upsample(wanted, small, tiled(converted("int8"), SIZE, small))
    assert np.array_equal(stylized(photo), wanted)


def test_a_teacher_takes_large_photos_at_its_own_size(tmp_path):
    facts = {"model": "teacher", "halo_px": None, "working_size_px": SIZE}
    data = described(converted("int8"), student(), SIZE, "int8", **facts)
    (tmp_path / "teacher.tflite").write_bytes(data)
    Image.fromarray(sharp_scene(150, 200)).save(tmp_path / "photo.png")
    arguments = [str(tmp_path / name) for name in ("teacher.tflite", "photo.png")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert Image.open(tmp_path / "out" / "photo.png").size == (200, 150)


def test_bands_leave_no_seam(monkeypatch):
    random = np.random.default_rng(4)
    photo, results = sharp_scene(300, 200), []
    small = reduced(photo, 70, 105)
    translated = random.integers(0, 256, small.shape, np.uint8)
    for band, strip in ((10**9, 10**9), (4000, 3000), (10, 10)):
        monkeypatch.setattr("export.photos.guided_upsampling._BAND_PIXELS", band)
        monkeypatch.setattr("export.photos.guided_upsampling._STRIP_PIXELS", strip)
        results.append(photo.copy())
        upsample(results[-1], small, translated, threads=3)
    assert all(np.array_equal(results[0], result) for result in results[1:])
