"""Chroma, hashes, near-duplicates and faces, on drawn pictures and on the one bundled portrait."""

import io
import random

import cv2
import numpy as np
import pytest
from conftest import draw_pictures
from PIL import Image

from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.faces import face_boxes, face_ratio
from tf_i2i.data.image_files import read_image
from tf_i2i.data.screening import (
    GREY,
    NO_FACE,
    TOO_SMALL,
    Features,
    Limits,
    difference_hash,
    drop_reason,
    drop_reasons,
    hamming,
    mean_chroma,
    near_duplicates,
)

PHOTOS = bundled_photographs()
ASTRONAUT, CHELSEA = PHOTOS.read(0), PHOTOS.read(1)


def recompressed(image: np.ndarray, quality: int, scale: float = 1.0) -> np.ndarray:
    picture, file = Image.fromarray(image), io.BytesIO()
    picture = picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
    )
    picture.save(file, "JPEG", quality=quality)
    return read_image(io.BytesIO(file.getvalue()))


def test_chroma_tells_grey_from_colour():
    grey = np.repeat(cv2.cvtColor(ASTRONAUT, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    assert mean_chroma(grey) == 0
    noisy = (grey + np.random.default_rng(0).normal(0, 6, grey.shape)).clip(0, 255).astype(np.uint8)
    assert mean_chroma(recompressed(noisy, 60)) < 3
    assert all(mean_chroma(PHOTOS.read(i)) > 5 for i in range(len(PHOTOS)))
    # Cb and Cr of pure red by BT.601: -0.1687 and 0.5 of 255.
    assert mean_chroma(np.full((8, 8, 3), (255, 0, 0), np.uint8)) == pytest.approx(
        255 * np.hypot(0.1687, 0.5), rel=0.02
    )


def test_hash_survives_compression_and_size_but_not_another_photo():
    hashes = [difference_hash(PHOTOS.read(i)) for i in range(len(PHOTOS))]
    assert all(0 <= code < 2**128 for code in hashes)
    for index, code in enumerate(hashes):
        image = PHOTOS.read(index)
        for quality, scale in ((30, 1.0), (80, 0.5), (90, 1.7)):
            assert hamming(code, difference_hash(recompressed(image, quality, scale))) <= 8
        assert hamming(code, difference_hash(np.ascontiguousarray(image[:, ::-1]))) > 20
    apart = [hamming(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 16


def test_hash_of_known_slopes():
    slope = np.repeat(np.arange(0, 250, 2, dtype=np.uint8)[None, :, None], 3, -1).repeat(80, 0)
    assert difference_hash(slope) == (2**64 - 1) << 64
    assert difference_hash(np.ascontiguousarray(slope.transpose(1, 0, 2))) == 2**64 - 1
    assert difference_hash(np.zeros((3, 5, 3), np.uint8)) == 0


def near(pictures: dict[str, tuple[int, int]], max_bits: int) -> dict[str, str]:
    """near_duplicates of name -> (hash, pixels): name -> why."""
    features = {
        name: Features(pixels, 1, 0.0, 0.0, f"{code:032x}")
        for name, (code, pixels) in pictures.items()
    }
    return {name: detail for name, (_, detail) in near_duplicates(features, max_bits).items()}


def test_near_duplicates_do_not_depend_on_order():
    # A chain: b is near a and near c, but a and c are not near each other.
    far = (1 << 60) - 1 << 60
    chain = {
        "a": (0b0, 100),
        "b": (0b111, 100),
        "c": (0b111111, 100),
        "d": (far, 100),
        "e": (far, 400),
    }
    same = {"d": "of e, 0 bits apart"}
    for seed in range(20):
        names = list(chain)
        random.Random(seed).shuffle(names)
        assert near({name: chain[name] for name in names}, 3) == same | {"b": "of a, 3 bits apart"}
    larger = chain | {"b": (0b111, 101)}
    assert near(larger, 3) == same | dict.fromkeys("ac", "of b, 3 bits apart")
    assert near(chain, 0) == same


@pytest.mark.parametrize("max_bits", [0, 1, 7, 8, 32])
def test_near_duplicates_equal_the_comparison_of_all_with_all(max_bits):
    generator = random.Random(max_bits)
    bases = [generator.getrandbits(128) for _ in range(12)]
    pictures = {}
    for number in range(300):
        code = generator.choice(bases)
        for _ in range(generator.randrange(2 * max_bits + 2)):
            code ^= 1 << generator.randrange(128)
        pictures[f"{number:03}"] = (code, generator.choice((10, 20)))
    kept, dropped = [], {}
    for name in sorted(pictures, key=lambda name: (-pictures[name][1], name)):
        distances = [(hamming(pictures[name][0], pictures[other][0]), other) for other in kept]
        bits, other = min(distances, default=(128, ""))
        if bits <= max_bits:
            dropped[name] = f"of {other}, {bits} bits apart"
        else:
            kept.append(name)
    assert near(pictures, max_bits) == dropped and dropped
    with pytest.raises(ValueError, match="max_bits"):
        near(pictures, 33)


def test_the_astronaut_has_one_face_and_its_place_scales():
    (box,) = face_boxes(ASTRONAUT)
    left, top, width, height = box
    assert left < 224 < left + width and top < 115 < top + height  # between her eyes
    assert face_ratio(ASTRONAUT) == pytest.approx(100 / 512, rel=0.25)
    face = np.ascontiguousarray(ASTRONAUT[20:240, 110:330])
    assert 0.35 < face_ratio(face) < 0.65
    large = cv2.resize(ASTRONAUT, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(face_boxes(large)[0], box * 2, atol=24)


def test_no_face_where_there_is_none(tmp_path):
    assert face_ratio(CHELSEA) == 0
    for file in draw_pictures(tmp_path / "discs", 4, seed=3).iterdir():
        assert face_ratio(read_image(file)) == 0
    for shape in ((1, 1), (3, 900), (900, 3)):
        assert face_boxes(np.zeros((*shape, 3), np.uint8)).shape == (0, 4)


def test_boxes_of_a_wide_picture_are_in_its_own_pixels():
    wide = np.full((512, 4000, 3), 128, np.uint8)
    wide[:, 1700:2212] = ASTRONAUT
    np.testing.assert_allclose(
        face_boxes(wide)[0], face_boxes(ASTRONAUT)[0] + [1700, 0, 0, 0], atol=16
    )


def test_reasons_in_order_and_limits_of_zero():
    features = Features(width=60, height=80, chroma=1.5, face_ratio=0.1, hash="0" * 32)
    reason, detail = drop_reason(features, Limits(min_size=64))
    assert reason == TOO_SMALL and "60x80" in detail and "64" in detail
    assert drop_reason(features, Limits(min_size=60)).reason == GREY
    reason, detail = drop_reason(features, Limits(min_size=60, min_chroma=1.5, min_face_ratio=0.2))
    assert reason == NO_FACE and "0.100" in detail
    assert drop_reason(features, Limits(0, 0, 0.1)) is None
    same = {"b": features, "a": features}
    assert drop_reasons(same, Limits(0, 0, 0), 0)["b"].detail == "of a, 0 bits apart"
    assert drop_reasons(same, Limits(0, 0, 0), -1) == {}
    assert {reason for reason, _ in drop_reasons(same, Limits(), 0).values()} == {TOO_SMALL}
