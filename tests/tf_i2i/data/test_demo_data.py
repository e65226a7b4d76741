from __future__ import annotations

import socket

import numpy as np
import pytest

from tf_i2i.data import demo_data
from tf_i2i.data.cartoon_styles import illustration
from tf_i2i.errors import UserError


@pytest.fixture(scope="module")
def data() -> demo_data.DemoData:
    def refuse(*_):
        raise AssertionError("demo data reached for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        return demo_data.demo_images(96)


def scenes(cache) -> set[str]:
    """Photographs of a cache; both eyes of a stereo pair are one scene."""
    return {name.split("-")[0].removesuffix("_left").removesuffix("_right") for name in cache.names}


def test_counts_and_shapes(data):
    assert len(data.domain_a) >= 60 and len(data.domain_b) >= 60
    assert 12 <= len(data.val_a) == len(data.val_b) <= 16
    for cache in (data.domain_a, data.domain_b, data.val_a, data.val_b):
        assert (cache.shapes == 96).all()
        assert len(set(cache.names)) == len(cache)


def test_every_scene_is_in_one_place(data):
    a, b, val = scenes(data.domain_a), scenes(data.domain_b), scenes(data.val_a)
    assert not a & b and not a & val and not b & val
    assert len(a | b | val) == 7 and len(val) == 2
    assert set(data.sources) == {photo.file.split("/")[-1] for photo in demo_data.PHOTOGRAPHS}
    assert all(data.sources.values())


def test_validation_has_its_true_illustrations(data):
    assert data.val_a.names == data.val_b.names
    for i in range(len(data.val_a)):
        np.testing.assert_array_equal(data.val_b.image(i), illustration(data.val_a.image(i)))


def test_domain_b_is_drawn_and_a_is_not(data):
    """Flat areas: neighbours differ less by half, but for the lines, which are darker."""

    def steps(cache) -> np.ndarray:
        grey = np.stack([cache.image(i).mean(-1) for i in range(len(cache))])
        return np.abs(np.diff(grey, axis=2))

    assert np.median(steps(data.val_b)) < 0.5 * np.median(steps(data.val_a))
    assert np.percentile(steps(data.val_b), 98) > np.percentile(steps(data.val_a), 98)


def test_no_dull_windows(data):
    for cache in (data.domain_a, data.val_a):
        contrast = [cache.image(i).mean(-1).std() for i in range(len(cache))]
        assert min(contrast) > 12


def test_same_every_time(data):
    assert demo_data.demo_images(96).domain_b.fingerprint == data.domain_b.fingerprint


def test_missing_photograph_says_what_to_do(monkeypatch):
    lost = demo_data.Photograph("skimage", "data/no_such.png", "a", 1, "")
    monkeypatch.setattr(demo_data, "PHOTOGRAPHS", (lost,))
    with pytest.raises(UserError, match="pip install"):
        demo_data.demo_images(32)
