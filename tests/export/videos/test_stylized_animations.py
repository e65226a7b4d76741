"""python -m export.stylize on animated GIF and WebP pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoded_clips import drawn_frames
from PIL import Image, ImageSequence
from test_stylized_clips import MODEL

from export.stylize import main
from tf_i2i.metrics.image_metrics import psnr


def animation(path: Path, **options) -> Path:
    """Six frames of 48x64 pixels; the upper left is transparent."""
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:10, :20] = 0
    frames = [Image.fromarray(np.dstack([frame, alpha])) for frame in drawn_frames(6, 48, 64)]
    durations = [40, 80, 120, 40, 40, 200]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, **options)
    return path


def shown(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """uint8 RGBA [H, W, 4] of each frame, and durations in milliseconds."""
    with Image.open(path) as image:
        both = [
            (np.asarray(frame.convert("RGBA")), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]
    return [pixels for pixels, _ in both], [duration for _, duration in both]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_frames_durations_loops_and_transparency_are_kept(tmp_path, suffix):
    source = animation(tmp_path / f"a.{suffix}", loop=3, disposal=2, lossless=True)
    results = {}
    for strength in ("0", "1"):
        out = tmp_path / strength
        assert main([str(MODEL), str(source), "--out", str(out), "--strength", strength]) == 0
        results[strength] = shown(out / source.name)
        with Image.open(out / source.name) as image:
            assert image.info["loop"] == 3
    before, durations = shown(source)
    for frames, kept in results.values():
        assert kept == durations and len(frames) == 6
    for old, same, new in zip(before, results["0"][0], results["1"][0], strict=True):
        assert np.array_equal(same[..., 3], old[..., 3]) and np.array_equal(
            new[..., 3], old[..., 3]
        )
        opaque = old[..., 3] == 255
        assert psnr(same[opaque][..., :3], old[opaque][..., :3]) > 28
        assert psnr(new[opaque][..., :3], old[opaque][..., :3]) < 25


def test_a_part_and_a_cut_off_animation(tmp_path, capsys):
    source = animation(tmp_path / "a.gif")
    main(
        [
            str(MODEL),
            str(source),
            "--out",
            str(tmp_path / "part"),
            "--start",
            "0.1",
            "--end",
            "0.27",
        ]
    )
    assert shown(tmp_path / "part" / "a.gif")[1] == [120, 40]
    whole = source.read_bytes()
    (tmp_path / "cut.gif").write_bytes(whole[: len(whole) * 2 // 3])
    main([str(MODEL), str(tmp_path / "cut.gif"), "--out", str(tmp_path / "cut")])
    assert 1 < len(shown(tmp_path / "cut" / "cut.gif")[0]) < 6
    assert "cut.gif: damaged or cut off" in capsys.readouterr().err
