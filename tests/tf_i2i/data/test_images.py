from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from tf_i2i.data.image_files import (
    UnreadableImage,
    read_image,
    resize_short_side,
    write_jpeg,
    write_png,
)
from tf_i2i.files import remove_partial_files


def encoded(image: Image.Image, format: str, **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return file


def quadrants() -> np.ndarray:
    """uint8 [48, 64, 3]: red, green over blue, white."""
    image = np.empty((48, 64, 3), np.uint8)
    image[:24, :32], image[:24, 32:] = (220, 30, 30), (30, 200, 30)
    image[24:, :32], image[24:, 32:] = (30, 30, 220), (250, 250, 250)
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    upright = quadrants()
    # What a camera stores: the inverse of how the picture has to be shown.
    stored = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, 1),
        7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
        8: lambda x: np.rot90(x, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for format, tolerance in (("PNG", 0), ("JPEG", 8)):
        options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
        file = encoded(
            Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif.tobytes(), **options
        )
        got = read_image(file)
        assert got.shape == (48, 64, 3)
        assert np.abs(got[12::24, 16::32].astype(int) - upright[12::24, 16::32]).max() <= tolerance


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_keeps_the_picture():
    file = encoded(
        Image.fromarray(quadrants()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"
    )
    assert read_image(file).shape == (48, 64, 3)


def test_grey_palette_and_one_bit():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = read_image(encoded(Image.fromarray(ramp), "PNG"))
    np.testing.assert_array_equal(grey, np.repeat(ramp[..., None], 3, -1))
    palette = Image.fromarray(quadrants()).quantize(8)
    np.testing.assert_allclose(read_image(encoded(palette, "PNG")), quadrants(), atol=4)
    bits = Image.fromarray((ramp > 127).astype(np.uint8) * 255).convert("1")
    assert np.unique(read_image(encoded(bits, "PNG"))).tolist() == [0, 255]


def test_16_bit_grey_is_scaled_not_clipped():
    values = np.linspace(0, 65535, 400).round().astype(np.uint16).reshape(20, 20)
    for format in ("PNG", "TIFF"):
        got = read_image(encoded(Image.fromarray(values), format))
        np.testing.assert_allclose(got[..., 1], values / 257, atol=0.51)


def test_16_bit_rgb_is_scaled():
    values = np.linspace(0, 65535, 8 * 8 * 3).round().astype(np.uint16).reshape(8, 8, 3)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    got = read_image(io.BytesIO(png_file(8, 8, depth=16, colour=2, data=zlib.compress(rows))))
    np.testing.assert_allclose(got, values / 257, atol=1)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_twelve_bits_in_sixteen_are_named(tmp_path, capsys, suffix, channels):
    """They load as black: white of 12 bits is 4095, of 16 bits 65535."""
    ramp = np.linspace(0, 4095, 400).round().astype(np.uint16).reshape(20, 20, 1)
    file = tmp_path / f"scan.{suffix}"
    cv2.imwrite(str(file), ramp.repeat(channels, axis=2))
    assert read_image(file).max() <= 16
    assert capsys.readouterr().err == (
        f"warning: {file}: its values end at 4095 of 65535; scale them if it looks too dark\n"
    )
    for whole in (ramp * 16, ramp * 0):
        cv2.imwrite(str(file), whole.repeat(channels, axis=2))
        read_image(file)
        assert capsys.readouterr().err == ""


def png_file(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_cmyk_jpeg():
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow: red
    np.testing.assert_allclose(
        read_image(encoded(ink, "JPEG", quality=95))[8, 8], (255, 0, 0), atol=4
    )


def test_profile_of_other_channels_is_ignored():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ink = encoded(
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95, icc_profile=srgb
    )
    np.testing.assert_allclose(read_image(ink)[8, 8], (255, 0, 0), atol=4)
    broken = encoded(Image.fromarray(quadrants()), "PNG", icc_profile=b"not a profile at all")
    np.testing.assert_array_equal(read_image(broken), quadrants())


def test_alpha_lies_on_white():
    image = np.zeros((4, 4, 4), np.uint8)
    image[..., 0], image[:, 2:, 3], image[:, 1, 3] = 255, 255, 128
    got = read_image(encoded(Image.fromarray(image), "PNG"))
    assert got[0, 0].tolist() == [255, 255, 255]
    assert got[0, 2].tolist() == [255, 0, 0]
    np.testing.assert_allclose(got[0, 1], (255, 127, 127), atol=1)
    clear = encoded(Image.new("P", (4, 4), 0), "PNG", transparency=0)
    assert (read_image(clear) == 255).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if format == "WEBP" else {}
    file = encoded(
        frames[0], format, save_all=True, append_images=frames[1:], duration=50, **options
    )
    got = read_image(file)
    assert got.shape == (10, 20, 3)
    np.testing.assert_allclose(got[5, 10], (255, 0, 0), atol=2)


def swapped_primaries() -> bytes:
    """sRGB's profile with the tags of the red and the green primary exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    for i in range(count):
        at = 132 + 12 * i
        tag = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(tag, tag)
    return bytes(profile)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_icc_profile_is_converted_to_srgb(format):
    file = encoded(Image.new("RGB", (16, 16), (255, 0, 0)), format, icc_profile=swapped_primaries())
    np.testing.assert_allclose(read_image(file)[8, 8], (0, 255, 0), atol=6)


def test_one_pixel():
    assert read_image(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).tolist() == [[[1, 2, 3]]]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_giant_is_refused_by_its_header(tmp_path):
    path = tmp_path / "giant.png"
    for width, height in ((30_000, 20_000), (100_000, 90_000)):
        path.write_bytes(png_file(width, height, 8, 2, zlib.compress(b"")))
        with pytest.raises(UnreadableImage, match=r"giant\.png"):
            read_image(path)


def test_unreadable_files_name_file_and_reason(tmp_path):
    whole = encoded(Image.fromarray(quadrants()), "JPEG").getvalue()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    png = encoded(Image.fromarray(noise), "PNG").getvalue()
    cases = {
        "truncated.jpg": (whole[: len(whole) // 2], "truncated"),
        "truncated.png": (png[: len(png) // 2], "."),
        "flipped.png": (png[:200] + bytes(b ^ 255 for b in png[200:260]) + png[260:], "."),
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"<html>not found</html>", "not a picture"),
    }
    for name, (data, reason) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableImage, match=reason) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UnreadableImage, match="no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableImage, match="not a regular file"):
        read_image(tmp_path)


def test_max_side_reduces_and_keeps_thin_pictures_usable():
    y, x = np.mgrid[0:1200, 0:1600]
    image = np.stack([x * 255 // 1600, y * 255 // 1200, 0 * x], -1).astype(np.uint8)
    for format in ("JPEG", "PNG"):
        got = read_image(encoded(Image.fromarray(image), format), max_side=320)
        assert got.shape == (240, 320, 3)
        np.testing.assert_allclose(got[::60, ::80], image[2::300, 2::400], atol=6)
    assert read_image(encoded(Image.fromarray(image[:24]), "PNG"), max_side=320).shape == (
        24,
        1600,
        3,
    )
    assert read_image(encoded(Image.fromarray(image[:160]), "PNG"), max_side=320).shape == (
        80,
        800,
        3,
    )


def test_resize_short_side():
    photo = np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8)
    assert resize_short_side(photo, 30).shape == (40, 30, 3)
    assert resize_short_side(photo, 180).shape == (240, 180, 3)
    np.testing.assert_array_equal(resize_short_side(photo, 90), photo)
    assert resize_short_side(np.zeros((1, 5000, 3), np.uint8), 64).shape == (64, 256, 3)
    assert abs(int(resize_short_side(photo, 30).mean()) - int(photo.mean())) <= 1


def test_written_files_replace_whole_and_read_back(tmp_path):
    image = quadrants()
    write_png(tmp_path / "deep" / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "a.png"), image)
    exif = Image.Exif()
    exif[0x0112] = 3
    write_jpeg(tmp_path / "b.jpg", image, 95, exif=exif.tobytes(), icc_profile=swapped_primaries())
    np.testing.assert_allclose(read_image(tmp_path / "b.jpg")[4, 4], (250, 250, 250), atol=8)
    with pytest.raises(ValueError, match="float32"):
        write_png(tmp_path / "c.png", image.astype(np.float32))
    with pytest.raises(ValueError):
        write_jpeg(tmp_path / "b.jpg", np.zeros((0, 4, 3), np.uint8))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.png", "b.jpg", "deep"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    """os.replace as the last thing that a killed process came to."""
    kept = ("step-1.png", ".lock", "mine.partial")
    for name in kept:
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setattr("os.replace", lambda *paths: None)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *path, **options: None)
    write_png(tmp_path / "step-2.png", np.zeros((2, 2, 3), np.uint8))
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 4
    remove_partial_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_partial_files(tmp_path / "absent")
