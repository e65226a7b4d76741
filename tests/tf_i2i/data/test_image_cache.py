from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_i2i.data.image_cache import ImageCache, load_images, split_held_out
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError


def fill(folder, count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    for i in range(count):
        pixels = rng.integers(0, 256, (40 + i, 60, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def load(folder):
    warnings = []
    cache = load_images(
        open_source(str(folder), "--domain-a"),
        32,
        option="--domain-a",
        warn=warnings.append,
    )
    return cache, warnings


def random_cache(count: int) -> ImageCache:
    rng = np.random.default_rng(count)
    return ImageCache.from_images(
        (f"{i}.png", rng.integers(0, 256, (4, 5, 3), np.uint8)) for i in range(count)
    )


def test_layout(tmp_path):
    cache, warnings = load(fill(tmp_path, 9))
    assert not warnings and not cache.skipped
    assert cache.names == [f"{i:03d}.png" for i in range(9)]
    assert cache.shapes[0].tolist() == [32, 48] and cache.shapes.dtype == np.int32
    sizes = cache.shapes.astype(np.int64).prod(1) * 3
    np.testing.assert_array_equal(cache.offsets, np.cumsum(sizes) - sizes)
    assert cache.offsets.dtype == np.int64 and cache.pixels.size == sizes.sum()
    assert min(cache.shapes.min(1)) == max(cache.shapes.min(1)) == 32
    with pytest.raises(ValueError):
        cache.image(0)[0, 0] = 0


def test_over_the_memory_limit_a_temporary_file_holds_the_same(tmp_path, monkeypatch):
    fill(tmp_path, 9)
    in_memory, _ = load(tmp_path)
    monkeypatch.setattr("tf_i2i.data.image_cache.MEMORY_LIMIT_BYTES", 10_000)
    on_disk, _ = load(tmp_path)
    assert isinstance(on_disk.pixels, np.memmap) and not isinstance(in_memory.pixels, np.memmap)
    assert on_disk.fingerprint == in_memory.fingerprint
    for i in range(9):
        np.testing.assert_array_equal(on_disk.image(i), in_memory.image(i))


def test_fingerprint_depends_on_names_and_pixels(tmp_path):
    fill(tmp_path, 3)
    first = load(tmp_path)[0].fingerprint
    assert load(tmp_path)[0].fingerprint == first
    (tmp_path / "000.png").rename(tmp_path / "000b.png")
    renamed = load(tmp_path)[0].fingerprint
    Image.new("RGB", (40, 40)).save(tmp_path / "002.png")
    assert len({first, renamed, load(tmp_path)[0].fingerprint}) == 3


def test_long_pictures_keep_their_ends(tmp_path):
    """As far as memory goes; what loses them is named."""
    fill(tmp_path, 2)
    for name, size in (
        ("report.png", (1800, 64)),
        ("tower.png", (64, 1800)),
        ("thread.png", (2000, 40)),
    ):
        ramp = Image.linear_gradient("L").rotate(90).resize(size)
        Image.merge("RGB", [ramp] * 3).rotate(0).save(tmp_path / name)
    cache, warnings = load(tmp_path)
    shapes = dict(zip(cache.names, cache.shapes.tolist(), strict=True))
    assert shapes["report.png"] == [32, 900] and shapes["tower.png"] == [900, 32]
    assert shapes["thread.png"] == [32, 1024]
    report = cache.image(cache.names.index("report.png"))
    assert report.max() > 250 and report.min() < 5
    assert warnings == [
        "--domain-a: 1 of 5 pictures are longer than 32:1, only their middles are used (such as thread.png)"
    ]


def test_unusable_pictures_are_named_and_left_out(tmp_path):
    fill(tmp_path, 4)
    (tmp_path / "001x.jpg").write_bytes(b"nothing")
    Image.new("RGB", (300, 15)).save(tmp_path / "002x.png")
    cache, warnings = load(tmp_path)
    assert cache.names == [f"{i:03d}.png" for i in range(4)]
    assert [name for name, _ in cache.skipped] == ["001x.jpg", "002x.png"]
    assert "001x.jpg" in warnings[0] and "002x.png" in warnings[1] and "300x15" in warnings[1]


def test_too_little_left(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    (tmp_path / "b.jpg").write_bytes(b"nothing")
    assert len(load(tmp_path)[0]) == 2  # just half of them
    (tmp_path / "c.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"--domain-a .*3 of 5 pictures can't be read"):
        load(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg", "001.png"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="1 of 1 pictures can be used, at least 2"):
        load(tmp_path)


def test_subset_shares_pixels():
    cache = random_cache(6)
    part = cache.subset([4, 1])
    assert part.names == ["4.png", "1.png"] and len(part) == 2 and part.pixels is cache.pixels
    np.testing.assert_array_equal(part.image(0), cache.image(4))
    assert (
        part.fingerprint
        == ImageCache.from_images((n, part.image(i)) for i, n in enumerate(part.names)).fingerprint
    )


@pytest.mark.parametrize(("count", "held_out"), [(12, 2), (60, 2), (100, 4), (800, 32), (2000, 32)])
def test_held_out_share(count, held_out):
    cache = random_cache(count)
    (train,), (held,) = split_held_out([cache], seed=1)
    assert len(held) == held_out and len(train) == count - held_out
    assert sorted(train.names + held.names) == sorted(cache.names)


def test_held_out_is_chosen_by_content_and_seed():
    cache = random_cache(40)
    order = np.random.default_rng(0).permutation(40)

    def held_out(cache: ImageCache, seed: int) -> ImageCache:
        return split_held_out([cache], seed)[1][0]

    def pixels(cache: ImageCache) -> set[bytes]:
        return {cache.image(i).tobytes() for i in range(len(cache))}

    assert pixels(held_out(cache.subset(order), 1)) == pixels(held_out(cache, 1))
    assert held_out(cache, 2).names != held_out(cache, 1).names
    few = random_cache(11)
    assert split_held_out([few], 1) == ((few,), (few,))
