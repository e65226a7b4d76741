"""Augmented batches: new each epoch, the same for a seed, from any first step."""

import numpy as np

from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.pixels import to_uint8


def cache(first: int, count: int, side: int = 24) -> ImageCache:
    """Pictures that tell who they are (red), and where a pixel lay (green: column, blue: row)."""
    rows, columns = np.mgrid[:side, : side + 4].astype(np.uint8)
    return ImageCache.from_images(
        (f"{i}", np.stack([np.full_like(rows, i), columns, rows], -1))
        for i in range(first, first + count)
    )


def draw(steps, first_step=0, seed=1, flip=True, count=5):
    domains = [(cache(0, count),), (cache(100, 7),)]
    drawn = augmented_batches(domains, 16, 1, flip=flip, seed=seed, first_step=first_step).take(
        steps
    )
    return [(to_uint8(a)[0], to_uint8(b)[0]) for a, b in drawn]


def test_each_epoch_shows_every_picture_once_in_another_order():
    who = [int(a[0, 0, 0]) for a, _ in draw(50)]
    epochs = [tuple(who[i : i + 5]) for i in range(0, 50, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(epochs)) > 5


def test_domains_are_shuffled_apart():
    pairs = {(int(a[0, 0, 0]), int(b[0, 0, 0])) for a, b in draw(140)}
    assert len(pairs) > 30


def test_crops_differ_between_epochs_and_repeat_for_a_seed():
    first, again, other = draw(60), draw(60), draw(60, seed=2)
    assert all(
        np.array_equal(x, y)
        for p, q in zip(first, again, strict=True)
        for x, y in zip(p, q, strict=True)
    )
    assert any(not np.array_equal(p[0], q[0]) for p, q in zip(first, other, strict=True))
    corners = {(int(a[0, :, 1].min()), int(a[0, 0, 2])) for a, _ in first if a[0, 0, 0] == 2}
    assert len(corners) > 8, "one picture is cut at many places"


def test_positions_cover_the_picture_and_mirroring_is_a_coin():
    crops = [a for a, _ in draw(400)]
    tops = np.array([a[0, 0, 2] for a in crops])
    lefts = np.array([a[0, :, 1].min() for a in crops])
    assert (tops.min(), tops.max()) == (0, 24 - 16)
    assert (lefts.min(), lefts.max()) == (0, 28 - 16)
    mirrored = np.mean([a[0, 0, 1] > a[0, -1, 1] for a in crops])
    assert 0.4 < mirrored < 0.6
    assert not any(a[0, 0, 1] > a[0, -1, 1] for a, _ in draw(50, flip=False))


def test_any_first_step_continues_the_same_stream():
    whole = draw(12)
    rest = draw(5, first_step=7)
    for (a, b), (c, d) in zip(whole[7:], rest, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_pairs_keep_place_and_mirroring():
    source = cache(0, 5)
    label = ImageCache.from_images(
        (name, source.image(i)[..., ::-1]) for i, name in enumerate(source.names)
    )
    who = set()
    domains = [(source, label), (cache(100, 7),)]
    for image, target, other in augmented_batches(domains, 16, 4, flip=True, seed=3).take(30):
        np.testing.assert_array_equal(image, target[..., ::-1])
        who |= set(
            zip(
                to_uint8(image)[:, 0, 0, 0].tolist(),
                to_uint8(other)[:, 0, 0, 0].tolist(),
                strict=True,
            )
        )
    assert len(who) > 20, "the others are drawn by themselves"


def test_zoom_shows_pictures_at_several_sizes():
    """Windows of 16 to 24 pixels, scaled to 16, with the boxes in them; drawn again alike."""
    boxes = np.tile(np.array([[4, 5, 8, 10]], np.float32), [5, 1])

    def drawn(first_step=0):
        options = dict(flip=False, seed=1, zoom=1.5, boxes=(boxes, None), first_step=first_step)
        return augmented_batches([(cache(0, 5),), (cache(100, 7),)], 16, 1, **options)

    scales = []
    for a, _, box in drawn().take(30):
        columns = to_uint8(a)[0, 0, :, 1].astype(int)
        scale = (columns[-1] - columns[0]) / 15  # columns of the picture per column of the crop
        scales.append(scale)
        width = 16 * scale
        np.testing.assert_allclose(box[0, 2], 8 / scale, atol=0.3)
        assert columns[0] >= 0 and columns[-1] <= 27 and width < 26
        # The box begins where the crop shows column 4 of the picture.
        np.testing.assert_allclose(columns[0] + float(box[0, 0]) * scale, 4 + scale / 2, atol=1.2)
    assert min(scales) < 1.1 and 1.35 < max(scales) < 1.6
    for one, other in zip(drawn().skip(7).take(3), drawn(first_step=7).take(3), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
