"""Damaged and foreign .tflite files and photos, the same for a seed."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from exported_models import exported, smooth_image
from PIL import Image


def damaged_models(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(file name, bytes): exported students cut off, with bits flipped, ranges overwritten or
    fields swapped, and files that were never ours.
    """
    random = np.random.default_rng(seed)
    wholes = [exported(variant) for variant in ("int8", "float32", "float16", "dynamic")]
    foreign = list(_foreign_models())
    ways = (
        _cut,
        _flip_everywhere,
        _flip_tables,
        _flip_one,
        _overwrite,
        _swap_words,
        _flip_end,
        _insert,
    )
    for number in range(count):
        whole, way = wholes[number % len(wholes)], ways[number // len(wholes) % len(ways)]
        if number < len(foreign):
            name, data = foreign[number]
            yield f"{number:03}-{name}.tflite", data
        else:
            yield f"{number:03}{way.__name__.replace('_', '-')}.tflite", way(whole, random)


def damaged_photos(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(file name, bytes): photos of every kind that are broken, odd, or another kind than their
    name says.
    """
    random = np.random.default_rng(seed)
    odd, wholes = list(_odd_photos()), _whole_photos()
    ways = (_cut, _flip_everywhere, _flip_one, _overwrite, _insert, _swap_words, _flip_start)
    for number in range(count):
        if number < len(odd):
            name, data = odd[number]
            yield f"{number:03}-{name}", data
            continue
        kind = sorted(wholes)[number % len(wholes)]
        way = ways[number // len(wholes) % len(ways)]
        suffix = (
            kind if random.random() < 0.8 else ("jpg", "png", "webp", "bmp")[random.integers(4)]
        )
        yield (
            f"{number:03}{way.__name__.replace('_', '-')}-{kind}.{suffix.split('-')[0]}",
            way(wholes[kind], random),
        )


def _cut(data: bytes, random) -> bytes:
    return data[: int(random.integers(len(data)))]


def _flip(data: bytes, places, random) -> bytes:
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _flip_one(data: bytes, random) -> bytes:
    return _flip(data, random.integers(8, len(data), 1), random)


def _flip_everywhere(data: bytes, random) -> bytes:
    return _flip(data, random.integers(8, len(data), int(random.integers(2, 60))), random)


def _flip_start(data: bytes, random) -> bytes:
    return _flip(data, random.integers(0, min(200, len(data)), int(random.integers(1, 6))), random)


def _flip_end(data: bytes, random) -> bytes:
    """Of a .tflite file: in the packed facts and their directory."""
    return _flip(
        data, random.integers(len(data) - 600, len(data), int(random.integers(1, 12))), random
    )


def _flip_tables(data: bytes, random) -> bytes:
    """Of a .tflite file: where the tables of operations and tensors lie, behind the weights."""
    low = len(data) // 2
    return _flip(data, random.integers(low, len(data), int(random.integers(1, 8))), random)


def _overwrite(data: bytes, random) -> bytes:
    start, length = int(random.integers(8, len(data))), int(random.integers(1, 400))
    middle = bytes([random.choice([0, 0, 255, 127])]) * min(length, len(data) - start)
    return data[:start] + middle + data[start + length :]


def _insert(data: bytes, random) -> bytes:
    place = int(random.integers(8, len(data)))
    return data[:place] + random.bytes(int(random.integers(1, 100))) + data[place:]


def _swap_words(data: bytes, random) -> bytes:
    """A few 32-bit fields get one another's values, or extreme ones: shapes, offsets, sizes,
    counts.
    """
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").copy()
    for _ in range(int(random.integers(1, 6))):
        one, other = random.integers(2, len(words), 2)
        words[one] = random.choice([words[other], 0, 1, 5, 2**31 - 1, 2**32 - 1, 2**20])
    return words.tobytes() + data[len(words) * 4 :]


def _foreign_models() -> Iterator[tuple[str, bytes]]:
    """Valid networks that translate no pictures, or not as ours do; and files that are no networks."""
    import tensorflow as tf

    functions = {
        "two-inputs": (lambda a, b: a + b, [[1, 8, 8, 3]] * 2, tf.float32),
        "rank-one": (lambda a: a * 2.0, [[5]], tf.float32),
        "scalar": (lambda a: a + 1.0, [[]], tf.float32),
        "rank-five": (lambda a: a * 2.0, [[1, 2, 3, 4, 5]], tf.float32),
        "one-channel": (lambda a: a * 2.0, [[1, 16, 16, 1]], tf.float32),
        "oblong": (lambda a: tf.nn.tanh(a), [[1, 16, 32, 3]], tf.float32),
        "batch-of-two": (lambda a: tf.nn.tanh(a), [[2, 16, 16, 3]], tf.float32),
        "integers": (lambda a: a + 1, [[1, 16, 16, 3]], tf.int32),
        "bytes": (lambda a: tf.maximum(a, 3), [[1, 16, 16, 3]], tf.uint8),
        "classifier": (
            lambda a: tf.nn.softmax(tf.reduce_mean(a, [1, 2])),
            [[1, 16, 16, 3]],
            tf.float32,
        ),
        "halved": (lambda a: tf.nn.avg_pool2d(a, 2, 2, "SAME"), [[1, 16, 16, 3]], tf.float32),
        "open-size": (lambda a: tf.nn.tanh(a), [[1, None, None, 3]], tf.float32),
        "strings": (lambda a: tf.strings.length(a), [[3]], tf.string),
        "truths": (lambda a: tf.logical_not(a), [[1, 16, 16, 3]], tf.bool),
    }
    for name, (function, shapes, dtype) in functions.items():
        signature = tf.function(function).get_concrete_function(
            *(tf.TensorSpec(shape, dtype) for shape in shapes)
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions([signature])
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
        yield name, converter.convert()
    whole = exported("int8")
    yield "empty", b""
    yield "identifier-alone", whole[:8]
    yield "zeros", bytes(4096)
    yield "text", b"not a network\n" * 100
    yield "picture", _encoded(smooth_image(40, 40, 1), "PNG")
    yield "other-identifier", whole[:4] + b"TFL2" + whole[8:]
    yield "other-facts", _with_facts(whole, {"halo_px": -7, "stride": 4, "size": 64})
    yield "huge-halo", _with_facts(whole, {"halo_px": 10**12, "stride": 4, "size": 64})
    yield "huge-stride", _with_facts(whole, {"halo_px": 24, "stride": 10**9, "size": 64})
    yield "facts-of-text", _with_facts(whole, {"halo_px": "24", "stride": "4", "size": None})
    yield "true-halo", _with_facts(whole, {"halo_px": True, "stride": True, "size": 64})
    yield "odd-stride", _with_facts(whole, {"halo_px": 24, "stride": 3, "size": 64})
    yield "no-halo", _with_facts(whole, {"halo_px": None, "stride": 4, "size": 64})


def _with_facts(whole: bytes, facts: dict) -> bytes:
    import json
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.json", json.dumps(facts))
    return whole[: whole.index(b"PK\3\4")] + packed.getvalue()


@functools.cache
def _whole_photos() -> dict[str, bytes]:
    photo = smooth_image(90, 120, 7)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    return {
        "bmp": _encoded(photo, "BMP"),
        "jpg": _encoded(photo, "JPEG", quality=85, exif=exif),
        "jpg-progressive": _encoded(photo, "JPEG", progressive=True, icc_profile=_profile()),
        "png": _encoded(photo, "PNG", exif=exif, icc_profile=_profile()),
        "png-palette": _encoded(Image.fromarray(photo).quantize(60), "PNG"),
        "webp": _encoded(photo, "WEBP", quality=80, exif=exif),
    }


def _odd_photos() -> Iterator[tuple[str, bytes]]:
    photo = smooth_image(72, 88, 8)
    picture, whole = Image.fromarray(photo), _encoded(photo, "PNG")
    yield "empty.jpg", b""
    yield "text.png", b"no picture\n" * 50
    yield "zeros.webp", bytes(5000)
    yield "network.jpg", exported("int8")
    yield "png-as.jpg", whole
    yield (
        "animation-as.jpg",
        _encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(90)] * 3),
    )
    yield (
        "animated.webp",
        _encoded(picture, "WEBP", save_all=True, append_images=[picture.rotate(9)] * 3),
    )
    yield "tiff-as.png", _encoded(picture, "TIFF")
    yield "ico-as.bmp", _encoded(picture.resize((32, 32)), "ICO")
    yield "postscript-as.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 80 80\nshowpage\n"
    yield "svg-as.png", b'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80"/>'
    yield "pdf-as.jpg", _encoded(picture, "PDF")
    yield "sixteen-bit.png", _encoded(Image.fromarray(photo[..., 0].astype(np.uint16) * 257), "PNG")
    yield "cmyk.jpg", _encoded(picture.convert("CMYK"), "JPEG")
    yield "grey-alpha.png", _encoded(picture.convert("LA"), "PNG")
    yield "one-bit.png", _encoded(picture.convert("1"), "PNG")
    yield "float-as.png", _encoded(Image.fromarray(photo[..., 0].astype(np.float32) * 9), "TIFF")
    yield "one-pixel.png", _encoded(photo[:1, :1], "PNG")
    yield "one-row.png", _encoded(photo[:1], "PNG")
    yield "one-column.jpg", _encoded(photo[:, :1], "JPEG")
    yield "bad-checksum.png", whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]
    yield "no-end.png", whole[:-12]
    yield "huge-sides.png", _png(2**31 - 1, 2**31 - 1)
    yield "large-sides.png", _png(30_000, 30_000)
    yield "zero-sides.png", _png(0, 0)
    yield "text-bomb.png", _png(64, 64, [(b"zTXt", b"x\0\0" + zlib.compress(bytes(80_000_000), 9))])
    yield (
        "profile-bomb.png",
        _png(64, 64, [(b"iCCP", b"x\0\0" + zlib.compress(bytes(80_000_000), 9))]),
    )
    yield "wrong-profile.jpg", _encoded(picture.convert("L"), "JPEG", icc_profile=_profile())
    yield "no-profile.jpg", _encoded(picture, "JPEG", icc_profile=b"none" * 200)
    yield (
        "odd-exif.jpg",
        _encoded(picture, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x02\0" * 90),
    )
    jpeg = _encoded(picture, "JPEG")
    yield "no-tables.jpg", jpeg.replace(b"\xff\xdb", b"\xff\xfe")
    yield "two-starts.jpg", jpeg[:2] + jpeg
    yield "early-end.jpg", jpeg[: len(jpeg) // 2] + b"\xff\xd9"
    yield (
        "restart-markers.jpg",
        jpeg[: len(jpeg) // 2] + b"\xff\xd0\xff\xd3" * 20 + jpeg[len(jpeg) // 2 :],
    )


def _png(width: int, height: int, chunks=()) -> bytes:
    """A PNG file whose header is right and whose pixels are missing (but for 64x64: black)."""
    rows = b"" if (width, height) != (64, 64) else bytes(64 * 193)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _encoded(picture, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
