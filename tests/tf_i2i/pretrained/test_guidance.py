"""Guidance losses: known values, where gradients go and where not, faces that take no part, what a
model saves.
"""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import entropy

from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.errors import UserError
from tf_i2i.models.cyclegan_model import CycleGAN
from tf_i2i.models.losses import class_divergence, embedding_distance
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.resnet_generator import ResNetGenerator
from tf_i2i.pretrained.face_networks import load_face_network
from tf_i2i.pretrained.guidance_losses import Guidance, jittered, visible_share, with_limited_pull
from tf_i2i.pretrained.segmentation_networks import load_segmentation_network
from training.runs.saved_state import checkpoint
from training.trainers.guidance_builder import guide, measured_cost, require_guidance

keras = tf.keras
SIDE = 32


def pictures(seed: int, count: int = 2):
    return tf.random.stateless_uniform([count, SIDE, SIDE, 3], [seed, 7], -1, 1)


@pytest.fixture(scope="module")
def network_files(tmp_path_factory):
    """Small smooth networks: a finite difference across a kink says nothing of a gradient."""
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(3)
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.Conv2D(8, 5, strides=2, activation="tanh")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="tanh")(x))
    keras.Model(inputs, keras.layers.Dense(6)(x)).save(folder / "face.keras")
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="tanh")(inputs)
    keras.Model(inputs, keras.layers.Conv2D(3, 1)(x)).save(folder / "segmentation.keras")
    return folder


@pytest.fixture(scope="module")
def guidance(network_files) -> Guidance:
    return Guidance(
        load_face_network(str(network_files / "face.keras")),
        5.0,
        load_segmentation_network(str(network_files / "segmentation.keras")),
        2.0,
        temperature=1.5,
    )


SEED = [7, 0]
BOXES = tf.constant([[4.0, 6.0, 20.0, 20.0], [0.0, 0.0, 32.0, 32.0]])


def test_divergence_is_scipys():
    rng = np.random.default_rng(0)
    wanted, found = rng.normal(0, 2, (2, 3, 4, 5)), rng.normal(0, 2, (2, 3, 4, 5))

    def softmax(x):
        e = np.exp(x / 3)
        return e / e.sum(-1, keepdims=True)

    reference = entropy(softmax(wanted), softmax(found), axis=-1).mean()
    assert float(class_divergence(wanted, found, 3.0)) == pytest.approx(reference, rel=1e-5)
    assert float(class_divergence(wanted, wanted, 3.0)) == pytest.approx(0, abs=1e-6)


def test_embedding_distance_counts_faces_only():
    a, b = tf.constant([[1.0, 2.0], [0.0, 0.0]]), tf.constant([[4.0, 6.0], [9.0, 9.0]])
    assert float(embedding_distance(a, b, tf.constant([1.0, 0.0]))) == 12.5  # 25 over two pictures


@pytest.mark.parametrize(
    "box, share",
    [
        ((0, 0, 10, 10), 1),
        ((-5, 0, 10, 10), 0.5),
        ((27, 27, 10, 10), 0.25),
        ((40, 0, 9, 9), 0),
        ((3, 3, 0, 0), 0),
    ],
)
def test_visible_share(box, share):
    assert float(visible_share(tf.constant([box], tf.float32), SIDE, SIDE)[0]) == pytest.approx(
        share
    )


def test_jitter_moves_and_scales_within_its_share_and_repeats():
    boxes = tf.tile(tf.constant([[10.0, 20.0, 40.0, 40.0]]), [500, 1])
    moved = jittered(boxes, 0.1, SEED).numpy()
    assert (moved == jittered(boxes, 0.1, SEED).numpy()).all() and (
        moved != jittered(boxes, 0.1, [8, 0]).numpy()
    ).any()
    np.testing.assert_allclose(moved[:, 2], moved[:, 3])
    assert 36 <= moved[:, 2].min() < 37 and 43 < moved[:, 2].max() <= 44.001
    for axis, middle in ((0, 30), (1, 40)):
        middles = moved[:, axis] + moved[:, axis + 2] / 2
        assert -4.001 <= (middles - middle).min() < -3.5 and 3.5 < (middles - middle).max() <= 4.001


def test_losses_and_their_names(guidance):
    real, fake = pictures(1), pictures(2)
    named = guidance.losses(real, fake, fake, real, BOXES, BOXES, step=3)
    assert list(named) == ["face_A", "face_B", "segmentation_A", "segmentation_B"]
    embeddings = [guidance.face.embed_boxes(x, BOXES).numpy() for x in (real, fake)]
    assert float(named["face_A"]) == pytest.approx(
        5 * np.mean(np.sum((embeddings[0] - embeddings[1]) ** 2, 1)), rel=1e-5
    )
    assert float(named["face_B"]) == pytest.approx(
        float(named["face_A"]), rel=1e-5
    )  # a distance is symmetric
    assert all(float(loss) > 0 for loss in named.values())
    same = guidance.losses(real, real, fake, fake, BOXES, BOXES, step=3)
    assert all(float(loss) == pytest.approx(0, abs=1e-5) for loss in same.values())


@pytest.mark.parametrize("part", ["face", "segmentation"])
def test_gradient_is_that_of_finite_differences_and_none_for_the_real(guidance, part):
    loss, real, fake = guidance.parts[part], pictures(1), pictures(2)
    direction = pictures(3)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        value = loss(real, fake, BOXES, SEED)
    to_real, to_fake = tape.gradient(value, [real, fake])
    assert to_real is None
    step = 1e-2
    difference = (
        loss(real, fake + step * direction, BOXES, SEED)
        - loss(real, fake - step * direction, BOXES, SEED)
    ) / (2 * step)
    slope = float(tf.reduce_sum(to_fake * direction))
    assert slope == pytest.approx(float(difference), rel=0.02) and abs(slope) > 1e-4


def test_a_pull_is_limited_picture_by_picture_and_keeps_value_and_direction():
    """Slopes of 2 and 40 an L1 loss's, limited to 5 times; also under a loss scale, as float16 has
    it.
    """
    pictures = tf.random.stateless_normal([2, 4, 4, 3], [1, 2])
    slopes = tf.random.stateless_normal([2, 4, 4, 3], [3, 4])
    slopes *= (
        tf.reshape([2.0, 40.0], [2, 1, 1, 1])
        / tf.norm(tf.reshape(slopes, [2, -1]), axis=1)[:, None, None, None]
        / (2 * 48**0.5)
    )

    def loss(x):
        return tf.reduce_sum(slopes * x) + 3.0

    for scale in (1.0, 1024.0):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            value = with_limited_pull(loss, pictures, 5.0)
            scaled = scale * value
        assert float(value) == pytest.approx(float(loss(pictures)), rel=1e-6)
        gradient = tape.gradient(scaled, pictures) / scale
        np.testing.assert_allclose(gradient[0], slopes[0], rtol=1e-5)
        np.testing.assert_allclose(gradient[1], slopes[1] * 5 / 40, rtol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        value = with_limited_pull(lambda x: tf.reduce_sum(x * 0.0), pictures, 5.0)
    assert not tape.gradient(value, pictures).numpy().any()


def test_segmentation_looks_through_a_window_that_moves(network_files):
    network = load_segmentation_network(str(network_files / "segmentation.keras"))
    still, moving = (
        Guidance(segmentation=network, lambda_segmentation=1.0, segmentation_jitter=share)
        for share in (0, 0.2)
    )
    real, fake = pictures(1), pictures(2)

    def loss(guidance, step):
        return float(guidance.losses(real, fake, real, fake, step=step)["segmentation_A"])

    assert loss(still, 1) == loss(still, 2) != loss(moving, 1)
    assert loss(moving, 1) == loss(moving, 1) != loss(moving, 2)
    same = moving.losses(real, real, fake, fake, step=1)
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in same.values())


def test_a_picture_without_a_face_takes_no_part(guidance):
    real, fake = pictures(1), pictures(2)
    boxes = tf.constant([[4.0, 6.0, 20.0, 20.0], [0.0, 0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        value = guidance.parts["face"](real, fake, boxes, SEED)
    gradient = tape.gradient(value, fake).numpy()
    assert np.abs(gradient[0]).max() > 0 and not gradient[1].any() and np.isfinite(gradient).all()
    alone = guidance.parts["face"](real[:1], fake[:1], boxes[:1], SEED)
    assert float(value) == pytest.approx(float(alone) / 2, rel=1e-5)


@pytest.fixture(scope="module")
def guided_model(guidance):
    model = CycleGAN(
        *(ResNetGenerator(1, 4, 1) for _ in range(2)),
        *(PatchDiscriminator(4, 1) for _ in range(2)),
        crop_size=SIDE,
        lambda_cycle=10.0,
        lambda_identity=0.5,
        lambda_colour=30.0,
        pool_size=2,
    )
    model.guidance = guidance
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return model


def test_a_step_pays_it_and_leaves_the_networks_alone(guided_model, guidance):
    own = len(guided_model.trainable_variables)
    assert own == len(guided_model.generator_variables) + len(guided_model.discriminator_variables)
    real_a, real_b = pictures(1), pictures(2)
    crops = pictures(9)
    embedded = guidance.face.embed(crops).numpy()
    scores = guidance.segmentation.logits(crops).numpy()
    losses = tf.function(guided_model.train_step)((real_a, real_b, BOXES, BOXES))
    named = ("face_A", "face_B", "segmentation_A", "segmentation_B")
    unguided = [v for k, v in losses.items() if k not in (*named, "G", "D_A", "D_B")]
    assert float(losses["G"]) == pytest.approx(
        float(sum(unguided) + sum(losses[k] for k in named)), rel=1e-5
    )
    # Neither weights nor the moving statistics of the batch normalisation moved.
    assert np.array_equal(guidance.face.embed(crops), embedded)
    assert np.array_equal(guidance.segmentation.logits(crops), scores)


def test_guidance_is_no_part_of_what_is_saved(guided_model, tmp_path):
    checkpoint(model=guided_model).write(str(tmp_path / "guided"))
    guidance, guided_model.guidance = guided_model.guidance, None
    checkpoint(model=guided_model).write(str(tmp_path / "plain"))
    guided_model.guidance = guidance
    guided, plain = (tf.train.load_checkpoint(str(tmp_path / name)) for name in ("guided", "plain"))
    assert guided.get_variable_to_shape_map() == plain.get_variable_to_shape_map()


def test_the_box_goes_through_crop_and_mirroring():
    """Each picture has a white square; wherever a crop has it, the box says so."""
    rng, named, boxes = np.random.default_rng(5), [], []
    for number in range(6):
        image = np.zeros((40, 56, 3), np.uint8)
        left, top = rng.integers(14, 30), rng.integers(8, 20)
        image[top : top + 10, left : left + 10] = 255
        named.append((str(number), image))
        boxes.append([left, top, 10, 10])
    cache, boxes = ImageCache.from_images(named), np.array(boxes, np.float32)
    options = {"flip": True, "seed": 4, "boxes": (boxes, boxes)}
    domains = [(cache,), (cache,)]
    whole = 0
    for real_a, real_b, boxes_a, boxes_b in augmented_batches(domains, SIDE, 3, **options).take(8):
        for image, box in zip([*real_a, *real_b], [*boxes_a, *boxes_b], strict=True):
            rows, columns = np.nonzero(image.numpy()[..., 0] > 0)
            x, y, width, height = box.numpy()
            expected = (max(x, 0), max(y, 0), min(x + width, SIDE), min(y + height, SIDE))
            if len(rows):
                assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == expected
            whole += len(rows) == 100
    assert whole > 20
    plain = next(iter(augmented_batches(domains, SIDE, 3, flip=True, seed=4)))
    with_boxes = next(iter(augmented_batches(domains, SIDE, 3, **options)))
    assert all(np.array_equal(a, b) for a, b in zip(plain, with_boxes[:2], strict=True))


def asked(**changes):
    defaults = {
        "lambda_face": 0.0,
        "face_model": None,
        "face_crop": "fixed",
        "face_share": None,
        "face_shift": None,
        "face_range": (),
        "face_jitter": 0.1,
        "segmentation_jitter": 0.1,
        "lambda_segmentation": 0.0,
        "segmentation_model": None,
        "segmentation_temperature": None,
        "segmentation_size": None,
        "segmentation_range": (),
        "segmentation_output": "auto",
        "crop_size": SIDE,
        "batch_size": 1,
    }
    return types.SimpleNamespace(**{**defaults, **changes})


def test_options_that_lack_others():
    require_guidance(asked(face_model="face-api"))
    with pytest.raises(UserError, match="--lambda-face needs --face-model: face-api"):
        require_guidance(asked(lambda_face=5.0))
    with pytest.raises(UserError, match="--lambda-segmentation needs --segmentation-model: selfie"):
        require_guidance(asked(lambda_segmentation=1.0))
    with pytest.raises(
        UserError, match=r"--segmentation-model keras-cv:no\.h5: no\.h5 is not there"
    ):
        require_guidance(asked(lambda_segmentation=1.0, segmentation_model="keras-cv:no.h5"))
    with pytest.raises(UserError, match="--face-range takes two different values"):
        require_guidance(asked(face_range=(1.0,)))


def test_detected_faces_of_two_domains(network_files, capsys):
    from PIL import Image
    from skimage import data

    face = np.asarray(Image.fromarray(data.astronaut()).resize((128, 128)))
    cache = ImageCache.from_images([("face", face), ("none", np.full_like(face, 90))])
    model = types.SimpleNamespace()
    options = asked(
        lambda_face=5.0, face_model=str(network_files / "face.keras"), face_crop="detected"
    )
    found, cost = guide(model, options, run_data_of(cache))
    assert "a face was found in 1 of 2 pictures" in capsys.readouterr().err
    for boxes in found.face_boxes:
        assert boxes[0, 2] > 10 and not boxes[1].any()
    assert list(cost) == ["face"] and cost["face"] > 0
    blank = ImageCache.from_images([("none", np.full_like(face, 90))] * 2)
    with pytest.raises(UserError, match="no face was found in --domain-a"):
        guide(model, options, run_data_of(blank))


def run_data_of(cache: ImageCache):
    from training.runs.run_data import RunData

    return RunData(cache, cache, cache, cache, False, {})


def test_no_guidance_costs_nothing(guidance):
    model = types.SimpleNamespace()
    data = types.SimpleNamespace()
    assert guide(model, asked(face_model="face-api"), data) == (data, {}) and model.guidance is None
    assert set(measured_cost(guidance, SIDE, 1)) == {"face", "segmentation"}
