"""Pictures in pairs: two folders or side by side, the same place in both, and what can't be used is
named.
"""

import numpy as np
import pytest
from PIL import Image

from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.image_cache import ImageCache, split_held_out
from tf_i2i.data.paired_images import load_named_pairs, load_side_by_side, matching
from tf_i2i.data.pixels import to_uint8
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError


def save(folder, name: str, colour, size=(48, 32)):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(folder / name)


def colours(cache) -> list[tuple]:
    return [tuple(int(v) for v in cache.image(i)[0, 0]) for i in range(len(cache))]


def named_pairs(tmp_path, warn=lambda message: None):
    sources = (open_source(str(tmp_path / name), f"--{name}") for name in ("input", "target"))
    return load_named_pairs(*sources, 32, options=("--input", "--target"), warn=warn)


def side_by_side(folder, warn=lambda message: None):
    return load_side_by_side(open_source(str(folder), "--pairs"), 32, option="--pairs", warn=warn)


def test_names_make_the_pairs_whatever_the_suffix(tmp_path):
    for i in range(4):
        save(tmp_path / "input", f"{i}.png", (i, 0, 0))
        save(tmp_path / "target", f"{3 - i}.bmp", (0, 3 - i, 0))
    inputs, targets = named_pairs(tmp_path)
    assert colours(inputs) == [(i, 0, 0) for i in range(4)]
    assert colours(targets) == [(0, i, 0) for i in range(4)]


def test_a_file_without_partner_is_named_and_left_out(tmp_path):
    for i in range(5):
        save(tmp_path / "input", f"{i}.png", (i, 0, 0))
    for i in (0, 1, 3, 4, 9):
        save(tmp_path / "target", f"{i}.png", (0, i, 0))
    said = []
    inputs, targets = named_pairs(tmp_path, said.append)
    assert [name for name in inputs.names] == ["0.png", "1.png", "3.png", "4.png"]
    assert said == [
        "--input: left out 2.png: no picture of this name in --target",
        "--target: left out 9.png: no picture of this name in --input",
    ]
    assert ("2.png", "no picture of this name in --target") in inputs.skipped
    assert targets.skipped == [("9.png", "no picture of this name in --input")]


def test_letters_in_two_spellings_are_one_and_case_is_named(tmp_path):
    """macOS writes é in two parts; cameras write IMG_1.JPG, converters img_1.png."""
    for i, (ours, theirs) in enumerate(
        [
            ("caf\u00e9.png", "cafe\u0301.png"),
            ("IMG_1.png", "IMG_1.bmp"),
            ("IMG_2.PNG", "img_2.png"),
        ]
    ):
        save(tmp_path / "input", ours, (i, 0, 0))
        save(tmp_path / "target", theirs, (0, i, 0))
    said = []
    inputs, targets = named_pairs(tmp_path, said.append)
    assert sorted(zip(colours(inputs), colours(targets), strict=True)) == [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (0, 1, 0)),
    ]
    assert (
        said[0]
        == "--input: left out IMG_2.PNG: no picture of this name in --target; img_2.png differs in case"
    )


def test_places_in_a_dataset_are_no_names():
    """Example 3 of one set has nothing to do with example 3 of another, unless it is the same one."""
    places = [f"horses/{split}/{i:06d}" for split in ("testA", "testB") for i in range(3)]
    assert matching(places[:3], places[3:]) == []
    assert matching(places[:3], places[:3]) == [(0, 0), (1, 1), (2, 2)]
    assert matching(["a/0.png", "a/1.png"], ["b/1.jpg", "b/0.jpg"]) == [(0, 1), (1, 0)]


def test_more_than_half_without_partner_is_an_error(tmp_path):
    for i in range(5):
        save(tmp_path / "input", f"{i}.png", (i, 0, 0))
    for i in range(2):
        save(tmp_path / "target", f"{i}.png", (0, i, 0))
    with pytest.raises(
        UserError,
        match=r"--input .*: 3 of 5 pictures have no partner in --target \(first 2\.png: no ",
    ):
        named_pairs(tmp_path)


def test_a_broken_picture_takes_its_partner_with_it(tmp_path):
    for i in range(4):
        save(tmp_path / "input", f"{i}.png", (i, 0, 0))
        save(tmp_path / "target", f"{i}.png", (0, i, 0))
    (tmp_path / "target" / "1.png").write_bytes(b"no picture")
    said = []
    inputs, targets = named_pairs(tmp_path, said.append)
    assert inputs.names == targets.names == ["0.png", "2.png", "3.png"]
    assert len(said) == 1 and "1.png" in said[0] and said[0].startswith("--target")


def test_another_size_is_resized_and_another_shape_left_out(tmp_path):
    for i, size in enumerate([(48, 32), (96, 64), (49, 32), (64, 32)]):
        save(tmp_path / "input", f"{i}.png", (i, 0, 0))
        save(tmp_path / "target", f"{i}.png", (0, i, 0), size)
    said = []
    inputs, targets = named_pairs(tmp_path, said.append)
    assert inputs.names == ["0.png", "1.png", "2.png"]
    np.testing.assert_array_equal(inputs.shapes, targets.shapes)
    assert (
        len(said) == 1
        and "left out 3.png: its target has another shape (48x32 and 64x32" in said[0]
    )


def two_halves(folder, name: str, left, right, width=64):
    folder.mkdir(exist_ok=True)
    picture = np.zeros((32, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = left, right
    Image.fromarray(picture).save(folder / name)


def test_side_by_side_halves(tmp_path):
    for i in range(3):
        two_halves(tmp_path / "p", f"{i}.png", (10 + i, 0, 0), (0, 20 + i, 0))
    left, right = side_by_side(tmp_path / "p")
    assert colours(left) == [(10 + i, 0, 0) for i in range(3)]
    assert colours(right) == [(0, 20 + i, 0) for i in range(3)]
    assert left.shapes.tolist() == right.shapes.tolist() == [[32, 32]] * 3


def test_halves_are_not_mirrored(tmp_path):
    columns = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (32, 64, 3))
    (tmp_path / "p").mkdir()
    for i in range(2):
        Image.fromarray(columns).save(tmp_path / "p" / f"{i}.png")
    left, right = side_by_side(tmp_path / "p")
    assert left.image(0)[0, :, 0].tolist() == list(range(32))
    assert right.image(0)[0, :, 0].tolist() == list(range(32, 64))


def test_odd_width_is_named_and_left_out_once(tmp_path):
    for i in range(3):
        two_halves(tmp_path / "p", f"{i}.png", (10, 0, 0), (0, 20, 0), 65 if i == 1 else 64)
    said = []
    left, right = side_by_side(tmp_path / "p", said.append)
    assert left.names == right.names == ["0.png", "2.png"]
    assert len(said) == 1 and "1.png: its width of 65 pixels is odd" in said[0]


def test_mostly_odd_widths_are_an_error(tmp_path):
    for i in range(5):
        two_halves(tmp_path / "p", f"{i}.png", (10, 0, 0), (0, 20, 0), 65 if i < 3 else 64)
    with pytest.raises(
        UserError, match=r"3 of 5 pictures can't be read .*its width of 65 pixels is odd"
    ):
        side_by_side(tmp_path / "p")


def markers(count: int) -> tuple[ImageCache, ImageCache]:
    """Pairs that tell which picture (red) and where in it (green: column, blue: row) a pixel comes
    from; B is 255 - A.
    """
    rows, columns = np.mgrid[:24, :36].astype(np.uint8)
    images = [np.stack([np.full_like(rows, i), columns, rows], -1) for i in range(count)]
    named = [
        [(f"{i}", image if a else 255 - image) for i, image in enumerate(images)]
        for a in (True, False)
    ]
    return tuple(ImageCache.from_images(one) for one in named)


def test_augmentation_keeps_pairs_aligned():
    places, mirrored = set(), set()
    for a, b in augmented_batches([markers(5)], 16, 2, flip=True, seed=4).take(40):
        a, b = to_uint8(a), to_uint8(b)
        np.testing.assert_array_equal(a, 255 - b)
        places |= {(int(one[0, :, 1].min()), int(one[0, 0, 2])) for one in a}
        mirrored |= {bool(one[0, 0, 1] > one[0, -1, 1]) for one in a}
    assert len(places) > 40 and mirrored == {True, False}


def test_several_workers_see_the_batches_of_one():
    whole = [
        np.asarray(a) for a, _ in augmented_batches([markers(5)], 16, 4, flip=True, seed=4).take(3)
    ]
    shares = [
        [
            np.asarray(a)
            for a, _ in augmented_batches(
                [markers(5)], 16, 4, flip=True, seed=4, shard=(w, 2), replicas=2
            ).take(3)
        ]
        for w in range(2)
    ]
    for batch, first, second in zip(whole, *shares, strict=True):
        np.testing.assert_array_equal(batch, np.concatenate([first, second]))


def test_pairs_stay_together_when_some_are_held_out():
    (train_a, train_b), (val_a, val_b) = split_held_out(markers(20), seed=1)
    assert (len(train_a), len(val_a)) == (18, 2)
    for a, b in ((train_a, train_b), (val_a, val_b)):
        for i in range(len(a)):
            np.testing.assert_array_equal(a.image(i), 255 - b.image(i))
    assert sorted(train_a.names + val_a.names, key=int) == [str(i) for i in range(20)]
