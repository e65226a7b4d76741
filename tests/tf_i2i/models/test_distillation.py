"""Distillation: named losses, what each reaches, and that a student learns its labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.distillation_model import Distillation
from tf_i2i.models.mobile_generator import MobileGenerator


def images(seed: int, count: int = 2):
    coarse = tf.random.stateless_uniform([count, 4, 4, 3], [seed, 0], -1, 1)
    return tf.image.resize(coarse, [32, 32])


def make(**options) -> Distillation:
    keras.utils.set_random_seed(2)
    student = MobileGenerator(stem=8, width=8, blocks=1, drawing=1)
    distillation = Distillation(student, **{"lambda_colour": 0.0, "lambda_truth": 0.0} | options)
    distillation.compile(keras.optimizers.Adam(3e-3))
    return distillation


def test_losses_are_what_they_are_called():
    distillation = make(lambda_gradient=0.5, lambda_truth=4.0, lambda_colour=3.0)
    photo, label, real = images(1), images(2), images(3)
    output = distillation.student(photo, training=False)
    distance = lambda b: losses.l1(output, b) + 0.5 * losses.gradient_difference(output, b)  # noqa: E731
    expected = {
        "distill_l1": losses.l1(output, label),
        "distill_gradient": 0.5 * losses.gradient_difference(output, label),
        "distill_truth": 4.0 * distance(real),
        "distill_colour": 3.0 * losses.coarse_chroma(photo, output),
    }
    expected["distill"] = sum(expected.values())
    named = distillation.train_step((photo, label, real), update_bn=False)
    assert named.keys() == expected.keys()
    for name, value in expected.items():
        assert float(named[name]) == pytest.approx(float(value), rel=1e-3), name


def test_fixed_statistics_do_not_move():
    distillation = make()
    moving = distillation.student.non_trainable_variables
    before = [v.numpy() for v in moving]
    distillation.train_step((images(1), images(2), images(3)), update_bn=False)
    assert all(np.array_equal(b, v.numpy()) for b, v in zip(before, moving, strict=True))
    distillation.train_step((images(1), images(2), images(3)), update_bn=True)
    assert any(not np.array_equal(b, v.numpy()) for b, v in zip(before, moving, strict=True))


def test_a_student_learns_its_labels():
    """300 steps towards a darkened copy: ten times nearer than at the start."""
    distillation = make()
    step = tf.function(distillation.train_step)
    batches = [(images(seed), 0.5 * images(seed) - 0.3, images(99)) for seed in range(8)]
    first = float(step(batches[0])["distill_l1"])
    for number in range(300):
        last = float(step(batches[number % 8])["distill_l1"])
    assert last < 0.1 * first


def test_label_is_the_median_of_aligned_views():
    """An equivariant network's views agree with its plain output; odd ones out are outvoted."""
    from training.trainers.teacher_outputs import median_translation

    picture, *partners = np.random.default_rng(1).integers(0, 256, [4, 24, 28, 3], np.uint8)
    plain = median_translation(lambda view: -view, picture, partners, 1)
    np.testing.assert_array_equal(plain, 255 - picture)
    np.testing.assert_array_equal(
        median_translation(lambda view: -view, picture, partners, 8), plain
    )

    calls = []

    def sometimes_wrong(view):
        calls.append(view.shape)
        return np.ones_like(view) if len(calls) in (2, 5, 7) else -view

    np.testing.assert_array_equal(median_translation(sometimes_wrong, picture, partners, 8), plain)
    assert calls.count((1, 24, 28, 3)) == 1 and calls.count((1, 28, 32, 3)) == 3
    assert calls.count((1, 48, 56, 3)) == 1 and calls.count((1, 52, 60, 3)) == 3


def test_labels_of_all_photos_of_several_shapes():
    from tf_i2i.data.image_cache import ImageCache
    from training.trainers.teacher_outputs import crisp, translate_all

    rng = np.random.default_rng(2)
    cache = ImageCache.from_images(
        (str(i), rng.integers(0, 256, [20 + i, 26, 3], np.uint8)) for i in range(3)
    )
    photos, labels = translate_all(lambda image, training: -image, [cache], views=8, seed=1)
    assert photos.names == labels.names == ["0", "1", "2"]
    for i in range(3):
        assert photos.image(i).shape == (20, 24, 3)
        np.testing.assert_array_equal(labels.image(i), crisp(255 - photos.image(i)))


def test_copies_are_for_the_large_student_on_few_photos():
    from training.trainers.teacher_outputs import default_copies

    assert [default_copies("mobile-hq", photos) for photos in (1, 399, 400, 10**6)] == [1, 1, 0, 0]
    assert default_copies("mobile", 1) == 0


def test_augmented_copies_repeat_and_keep_what_differs_different():
    from tf_i2i.data.image_cache import ImageCache
    from training.trainers.teacher_outputs import augment, augmented_copies

    photo = np.random.default_rng(3).integers(0, 256, [20, 28, 3], np.uint8)
    cache = ImageCache.from_images([("a", photo), ("b", photo)])
    first, again, other = (augmented_copies(cache, 2, seed) for seed in (1, 1, 2))
    assert first.names == ["a, copy 1", "a, copy 2", "b, copy 1", "b, copy 2"]
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len({first.pixel_sum(i) for i in range(4)}) == 4, "each copy is another"

    shapes = {augment(photo, np.random.default_rng(seed)).shape for seed in range(20)}
    assert shapes == {(20, 28, 3), (28, 20, 3)}
    steps = np.repeat(np.arange(0, 256, 15, np.uint8), 3).reshape(1, -1, 3)
    for seed in range(20):
        grey = augment(steps, np.random.default_rng(seed)).reshape(-1, 3).astype(int)
        assert np.ptp(grey, axis=1).max() <= 1, "grey stays grey"
        assert (np.diff(grey.mean(1)) > 0).all() and grey.min() == 0 and grey.max() == 255, (
            "darker stays darker"
        )


def test_distillation_data_with_copies(tiny_run, capsys):
    """By default for the large student alone, by number for any; the teacher labels them like
    photos.
    """
    from tf_i2i.console import say
    from training.options.trainer_options import DistillOptions
    from training.runs.finished_run import FinishedRun
    from training.trainers.student_trainer import prepare_distillation_data

    run = FinishedRun(tiny_run)
    teacher, data = run.teacher("ab"), run.data(say)
    photos = len(data.train_a)

    def prepared(**asked):
        return prepare_distillation_data(
            teacher, data, DistillOptions(run=str(tiny_run), label_views=1, **asked), run
        )

    assert (
        len(prepared().inputs)
        == len(prepared(student="mobile-hq", label_copies=0).inputs)
        == photos
    )
    assert "copies" not in capsys.readouterr().err
    large = prepared(student="mobile-hq")
    assert (
        f"{photos} augmented copies of {photos} photos (--label-copies)" in capsys.readouterr().err
    )
    assert large.inputs.names == large.outputs.names and large.inputs.names[photos].endswith(
        ", copy 1"
    )
    assert len(prepared(label_copies=2).inputs) == 3 * photos
    assert large.crop_size % 4 == 0 and large.crop_size <= large.inputs.shapes.min()


def test_crisp_steepens_edges_without_a_halo():
    from training.trainers.teacher_outputs import crisp

    ramp = np.array([20] * 6 + [60, 180] + [220] * 6, np.uint8)
    edge = np.broadcast_to(ramp[None, :, None], (9, 14, 3))
    done = crisp(edge)
    assert done[4, 6, 0] < 60 - 5 and done[4, 7, 0] > 180 + 5
    assert done.min() == 20 and done.max() == 220, (
        "nothing darker or lighter than the edge's own sides"
    )
    np.testing.assert_array_equal(crisp(np.full((5, 7, 3), 90, np.uint8)), 90)
