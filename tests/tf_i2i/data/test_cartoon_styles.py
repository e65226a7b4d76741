"""Styles: the same bytes in any process, each unlike the photo and the others, each with its own
property.
"""

import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_i2i.data.cartoon_styles import (
    STYLES,
    bold,
    cartoon,
    illustration,
    painting,
    pencil,
    poster,
    strengths,
)
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import resize_short_side


def scene() -> np.ndarray:
    """uint8 [96, 96, 3]: a dark disc on a slope of colours."""
    y, x = np.mgrid[0:96, 0:96]
    image = np.stack([60 + x * 2, 255 - y * 2, np.full_like(x, 120)], -1)
    image[(y - 48) ** 2 + (x - 48) ** 2 < 400] = (40, 30, 20)
    return image.clip(0, 255).astype(np.uint8)


def test_cartoon_is_the_same_every_time_and_leaves_its_input():
    image = scene()
    first = cartoon(image)
    np.testing.assert_array_equal(cartoon(image), first)
    np.testing.assert_array_equal(image, scene())
    assert first.shape == image.shape and first.dtype == np.uint8


def test_only_level_middles_and_black():
    got = cartoon(scene())
    outline = (got == 0).all(-1)
    assert set(np.unique(got[~outline])) <= {16, 48, 80, 112, 144, 176, 208, 240}
    assert set(np.unique(cartoon(scene(), level_step=64))) <= {0, 32, 96, 160, 224}


def test_outlines_run_round_the_disc_and_nowhere_else():
    outline = (cartoon(scene()) == 0).all(-1)
    y, x = np.nonzero(outline)
    radius = np.hypot(y - 48, x - 48)
    assert radius.min() > 14.5 and radius.max() < 20.5
    sectors = np.floor(np.degrees(np.arctan2(y - 48, x - 48)) / 10) % 36
    assert len(np.unique(sectors)) == 36


def test_flat_areas_keep_their_colour_and_channel_order():
    got = cartoon(np.full((32, 32, 3), (250, 100, 5), np.uint8))
    assert (got == (240, 112, 16)).all()


def photo() -> np.ndarray:
    """uint8 [160, 160, 3]: the astronaut."""
    return resize_short_side(bundled_photographs().read(0), 160)


def digests() -> dict[str, str]:
    image = photo()
    return {
        name: hashlib.sha256(style(image).tobytes()).hexdigest() for name, style in STYLES.items()
    }


def test_same_bytes_in_other_processes_with_any_number_of_threads():
    script = (
        f"import sys, json, cv2; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
        "cv2.setNumThreads(int(sys.argv[1])); cv2.setRNGSeed(int(sys.argv[1]) + 7); "
        "import test_cartoon_styles; print(json.dumps(test_cartoon_styles.digests()))"
    )
    found = [digests()]
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, threads], capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == len(STYLES)


def test_styles_differ_from_the_photo_and_from_each_other():
    image = photo()
    before = image.copy()
    drawn = {"photo": image, **{name: style(image) for name, style in STYLES.items()}}
    np.testing.assert_array_equal(image, before)
    for (one, a), (other, b) in itertools.combinations(drawn.items(), 2):
        assert a.shape == b.shape == image.shape and a.dtype == b.dtype == np.uint8
        apart = np.abs(a.astype(int) - b).mean()
        assert apart > 8, f"{one} and {other} are {apart:.1f} levels apart"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (40, 3)])
def test_tiny_pictures_and_wrong_input(style, shape):
    assert STYLES[style](np.full((*shape, 3), 77, np.uint8)).shape == (*shape, 3)
    with pytest.raises(ValueError, match="float32"):
        STYLES[style](np.zeros((*shape, 3), np.float32))


def test_bold_draws_a_wider_line_of_fewer_colours():
    thin, wide = (bold(scene(), outline_contrast=3.0, outline_width=width) for width in (1, 5))
    black = [(one == 0).all(-1) for one in (thin, wide)]
    assert (black[1] >= black[0]).all() and black[1].sum() > 1.5 * black[0].sum()
    assert set(np.unique(wide[~black[1]])) <= {32, 96, 160, 224}


def test_levels_of_any_step_stay_in_order():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, -1).repeat(32, 0)
    row = cartoon(ramp, level_step=48, outline_contrast=255.0)[16, :, 0].astype(int)
    assert (np.diff(row) >= 0).all() and set(row) == {24, 72, 120, 168, 216, 255}


def test_poster_has_few_colours_near_the_picture_s_own():
    got = poster(scene(), colours=6)
    assert len(np.unique(got.reshape(-1, 3), axis=0)) <= 7
    outline = (got == 0).all(-1)
    assert 0 < outline.mean() < 0.2
    assert np.abs(got[~outline].astype(int) - scene()[~outline]).mean() < 32
    two = np.full((40, 40, 3), (200, 40, 30), np.uint8)
    two[:, 20:] = (20, 90, 220)
    flat = poster(two, colours=8, outline_contrast=255.0)
    np.testing.assert_array_equal(flat[:, [5, 35]], two[:, [5, 35]])


def test_pencil_leaves_paper_and_draws_the_dark_side_of_an_edge():
    for tone in (5, 128, 250):
        assert (pencil(np.full((24, 24, 3), tone, np.uint8)) == 255).all()
    step = np.full((32, 64, 3), 200, np.uint8)
    step[:, 32:] = 60
    got = pencil(step)
    assert (got[..., 0] == got[..., 1]).all() and (got[..., 0] == got[..., 2]).all()
    assert (got[:, 30] == 255).all() and (got[:, 33] < 80).all() and (got[:, 60] > 250).all()
    assert (
        pencil(step, pressure=5)[16, 33, 0] < got[16, 33, 0] < pencil(step, pressure=1)[16, 33, 0]
    )


def test_painting_smooths_noise_and_keeps_a_strong_edge():
    noise = np.random.default_rng(1).normal(0, 8, (64, 64, 3))
    step = np.full((64, 64, 3), 60.0)
    step[:, 32:] = 200
    got = painting((step + noise).clip(0, 255).astype(np.uint8)).astype(float)
    assert got[:, 4:28].std() < 4 and got[:, 36:60].std() < 4
    assert got[:, 40].mean() - got[:, 24].mean() > 100


def test_illustration_draws_one_smooth_line_along_an_edge_and_flat_areas():
    """A disc of one tone in noise: a closed ring of ink outside of it, even areas, and no ink
    elsewhere."""
    y, x = np.mgrid[0:128, 0:128]
    radius = np.hypot(y - 64, x - 64)
    noisy = np.where(radius < 36, 190, 120) + np.random.default_rng(0).normal(0, 5, radius.shape)
    image = np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, -1)
    got = illustration(image).astype(int).sum(-1) / 3
    inside, outside = got[radius < 30], got[(radius > 46) & (radius < 60)]
    assert inside.std() < 2.5 and outside.std() < 2.5 and inside.mean() - outside.mean() > 40
    ink = got < outside.mean() - 12
    assert radius[ink].min() > 34 and radius[ink].max() < 41
    sectors = np.floor(np.degrees(np.arctan2(y - 64, x - 64))[ink] / 6) % 60
    assert len(np.unique(sectors)) == 60
    # Wider lines, and none where nothing is contrast enough.
    wider = illustration(image, line_width=1.6).astype(int).sum(-1) / 3
    assert (wider < outside.mean() - 12).sum() > 1.3 * ink.sum()
    plain = illustration(image, line_contrast=100.0).astype(int).sum(-1) / 3
    assert plain.min() > outside.mean() - 12


def test_strengths_are_the_keyword_arguments():
    assert strengths("pencil") == {"stroke": 5.0, "pressure": 2.5}
    assert {name for name in STYLES if "level_step" in strengths(name)} == {"cartoon", "bold"}
