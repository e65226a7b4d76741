"""Tiles of any shape, one after the other or side by side, equal one inference on the whole photo."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf
from exported_models import SIZE, converted, smooth_image, student, tiled

from export.photos.tiling import Tiling, mirrored_indices, plan
from tf_i2i.data.pixels import to_float, to_uint8
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.receptive_field import block_receptive_field


def levels_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_mirror_is_that_of_numpy(length):
    axis = np.arange(length)
    assert np.array_equal(
        mirrored_indices(-7, length + 20, length),
        np.pad(axis, (7, 13), "reflect" if length > 1 else "edge"),
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


@pytest.mark.parametrize(("height", "width"), [(300, 220), (21, 400), (400, 30)])
def test_parallel_tiles_equal_serial_ones_whatever_order_they_end_in(height, width):
    """Written in place: a tile that ends before its neighbours begin must not be what they see."""
    data, image = converted("int8"), smooth_image(height, width, seed=6)
    waits = iter([0.02, 0, 0.01, 0, 0] * 100)

    def unevenly(network):
        return lambda tile: (time.sleep(next(waits)), network(tile))[1]

    models = [unevenly(LiteModel(resized(data, 60)).run_uint8) for _ in range(3)]
    parallel = image.copy()
    Tiling(60, 60, 20).translate(parallel, models)
    # One tile; one that keeps less than its margin is refused.
    whole = tiled(
        data,
        (max(height + 3, 48) // 4 * 4 + 96, max(width + 3, 48) // 4 * 4 + 96),
        image,
        margin=48,
    )
    assert np.array_equal(parallel, whole) and np.array_equal(tiled(data, 60, image), whole)


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_reach_of_a_block_is_what_the_network_shows(variant):
    """The graph's answer against the Keras network: turning a pixel row's sign changes no block
    further away.
    """
    network = student()
    image = np.random.default_rng(0).uniform(-1, 1, [1, 120, 120, 3]).astype(np.float32)
    start, reach = network(image, training=False).numpy(), 0
    for place in range(56, 56 + network.stride):
        moved = image.copy()
        moved[:, place] = -moved[:, place]
        rows = np.nonzero(
            np.abs(network(moved, training=False).numpy() - start).max((0, 2, 3)) > 1e-7
        )[0]
        first, last = rows.min() // 4 * 4, rows.max() // 4 * 4
        # A block ends beside the row that its last pixel sees; both ways.
        reach = max(reach, place - (first + 3), last - place)
    assert block_receptive_field(ModelFile(converted(variant)), network.stride) == reach == 20


@pytest.mark.parametrize(("window", "padding", "reach"), [(4, "VALID", 4), (8, "SAME", 6)])
def test_reach_of_a_smoothed_photo(window, padding, reach):
    """A cell of 4 pixels blends with its neighbours when it is enlarged, and with no others; a cell
    that overlaps them sees 2 pixels more.
    """
    enlarge = tf.keras.layers.UpSampling2D(2, interpolation="bilinear")
    function = tf.function(lambda x: enlarge(enlarge(tf.nn.avg_pool2d(x, window, 4, padding))))
    signature = function.get_concrete_function(tf.TensorSpec([1, 32, 32, 3], tf.float32))
    data = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    assert ModelFile(data).ops["AVERAGE_POOL_2D"] == 1
    assert block_receptive_field(ModelFile(data), 4) == reach


def test_reach_of_a_network_with_statistics_is_not_known():
    function = tf.function(lambda x: tf.tanh(x - tf.reduce_mean(x, [1, 2], keepdims=True)))
    signature = function.get_concrete_function(tf.TensorSpec([1, 32, 32, 3], tf.float32))
    data = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    assert block_receptive_field(ModelFile(data), 4) is None


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (50, 37), (3000, 4000), (4001, 333), (100, 12000)]
)
@pytest.mark.parametrize("workers", [1, 2])
def test_planned_tiles_cover_the_photo_and_keep_their_limits(height, width, workers):
    tiling = plan(height, width, margin=32, stride=4, workers=workers, max_pixels=700_000)
    rows, columns = tiling.grid(height, width)
    assert tiling.height % 4 == tiling.width % 4 == 0
    assert tiling.height * tiling.width <= 700_000
    # No more than the rounding up to the stride hangs over the photo's edge in each tile.
    least = 4 if min(height, width) >= 32 else 32
    assert 0 <= rows * tiling.step[0] - height < rows * least
    assert 0 <= columns * tiling.step[1] - width < columns * least


def test_a_plan_for_12_megapixels_wastes_little_and_keeps_what_is_built():
    tiling = plan(3000, 4000, margin=32, stride=4, workers=2, max_pixels=900_000)
    rows, columns = tiling.grid(3000, 4000)
    assert rows * columns * tiling.height * tiling.width < 1.18 * 3000 * 4000
    assert rows * columns % 2 == 0
    assert (
        plan(2990, 3990, margin=32, stride=4, workers=2, max_pixels=900_000, ready=tiling) == tiling
    )
    assert max(plan(3000, 4000, 32, 4, 2, 900_000, max_side=256).step) <= 192


def test_nothing_outside_the_halo_changes_a_pixel_and_the_halo_is_not_idle():
    network, halo = student(), student().halo
    image = np.random.default_rng(0).uniform(-1, 1, [1, 120, 120, 3]).astype(np.float32)
    start, nearest = network(image, training=False).numpy(), []
    for place in range(56, 56 + network.stride):
        moved = image.copy()
        moved[:, place] = -moved[:, place]
        rows = np.nonzero(
            np.abs(network(moved, training=False).numpy() - start).max((0, 2, 3)) > 1e-7
        )[0]
        nearest.append(max(place - rows.min(), rows.max() - place))
    assert max(nearest) <= halo
    assert max(nearest) >= halo - network.stride - 4
