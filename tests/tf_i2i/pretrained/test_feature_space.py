"""EfficientNet-Lite0 rebuilt from its PyTorch file, and other networks to compare pictures in."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

from tf_i2i.errors import UserError
from tf_i2i.pretrained.efficientnet_lite import efficientnet_lite0, read_torch_weights
from tf_i2i.pretrained.feature_space import EFFICIENTNET_LITE0, load_feature_space

# ImageNet's numbers.
EGYPTIAN_CAT, ESPRESSO = 285, 967
# Deviations of the maps for coffee.png at 128 pixels, from this code when it recognised both.
STORED = [9.958, 8.761, 7.4133]


@pytest.fixture(scope="module")
def features():
    return load_feature_space(EFFICIENTNET_LITE0)


def pixels(name: str, side: int) -> np.ndarray:
    picture = Image.fromarray(getattr(data, name)()).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32)


@pytest.mark.parametrize(("name", "label"), [("chelsea", EGYPTIAN_CAT), ("coffee", ESPRESSO)])
def test_recognises_photos(name, label):
    """A transposed kernel or a wrong padding would not."""
    logits = efficientnet_lite0(top=True)((pixels(name, 224)[None] - 127) / 128)
    assert int(np.argmax(logits)) == label
    assert float(tf.nn.softmax(logits)[0, label]) > 0.5


def test_features_are_the_stored_ones(features):
    """Deviations of the maps for a photo: a change of any layer moves them."""
    maps = features(pixels("coffee", 128)[None] / 127.5 - 1)
    assert [tuple(m.shape) for m in maps] == [
        (1, 32, 32, 24),
        (1, 16, 16, 40),
        (1, 8, 8, 112),
    ]
    deviations = [float(tf.math.reduce_std(m)) for m in maps]
    np.testing.assert_allclose(deviations, STORED, rtol=2e-3)


def test_gradient_reaches_the_picture_and_no_weight(features):
    image = tf.Variable(tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1))
    with tf.GradientTape() as tape:
        total = tf.add_n([tf.reduce_sum(m**2) for m in features(image)])
    assert not features._network.trainable_weights and len(features._network.weights) > 60
    assert float(tf.reduce_max(tf.abs(tape.gradient(total, image)))) > 0


def test_another_network_of_keras(tmp_path):
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNetV2(weights=None, include_top=False, alpha=1.0)
    network.save_weights(tmp_path / "v2.weights.h5")
    space = load_feature_space(f"MobileNetV2:{tmp_path / 'v2.weights.h5'}")
    maps = space(tf.zeros([2, 128, 96, 3]))
    assert [m.shape[1:3] for m in maps] == [(32, 24), (16, 12), (8, 6)]
    assert space.channels == tuple(m.shape[-1] for m in maps)
    # The network's own last map of stride 16.
    last = keras.Model(network.input, network.get_layer("block_13_expand_relu").output)
    image = tf.random.stateless_uniform([1, 128, 128, 3], [3, 4], -1, 1)
    np.testing.assert_allclose(space(image)[-1], last(image, training=False), atol=1e-5)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Resnet", "or the name of a network"),
        ("MobileNetV2", "and its weights"),
        ("MobileNetV2:nowhere.h5", "no such file"),
        ("MobileNetV2:{garbage}", "not weights of MobileNetV2"),
    ],
)
def test_wrong_sources(source, message, tmp_path):
    (tmp_path / "garbage.h5").write_bytes(b"no weights")
    with pytest.raises(UserError, match=message):
        load_feature_space(source.format(garbage=tmp_path / "garbage.h5"))


def test_a_pickle_with_code_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return eval, ("1/0",)

    path = tmp_path / "attack.pth"
    path.write_bytes(pickle.dumps(1) + pickle.dumps(2) + pickle.dumps(3) + pickle.dumps(Attack()))
    with pytest.raises(pickle.UnpicklingError, match="not part of a file of tensors"):
        read_torch_weights(path)
