"""training.evaluate --video: scores of flicker whose true values are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from encoded_clips import drawn_frames, encode
from exported_models import smooth_image
from PIL import Image
from random_runs import make_run

from tf_i2i.errors import UserError
from training import evaluate
from training.evaluation.stability import score_clips, strip_sheet
from training.evaluation.stability_clips import NOISE_LEVELS, made_clip


@pytest.fixture(scope="module")
def clips():
    return [made_clip(f"{n}", smooth_image(128, 160, n), 4, None, seed=n) for n in range(3)]


def test_made_clips_move_and_their_flow_is_exact(clips):
    for clip in clips:
        assert len(clip.frames) == len(clip.flows) + 1 == 24
        assert {frame.shape for frame in clip.frames} == {(96, 120, 3)}
        shifts = [places - places.round() for places, _ in clip.flows]
        assert max(np.abs(shift).mean() for shift in shifts) > 0.1  # not by whole pixels
        assert min(visible.mean() for _, visible in clip.flows) > 0.8
        assert np.abs(clip.frames[5].astype(int) - clip.frames[0]).mean() > 5
    scores = score_clips({}, clips).scores["untouched"]
    # Noise of both frames, and little from interpolation: the flow is exact.
    assert NOISE_LEVELS < scores["warping_error"] < 1.6 * NOISE_LEVELS
    assert (scores["noise_gain"], scores["warping_ratio"]) == (1, 1)


def test_what_translators_add_is_what_is_scored(clips):
    count = iter(range(10**6))
    translators = {
        "still": lambda frame: np.full_like(frame, 90),
        "flickering": lambda frame: np.full_like(frame, 90 + 20 * (next(count) % 2)),
        "half": lambda frame: frame // 2,
    }
    result = score_clips(translators, clips)
    assert result.scores["still"] == {
        "images": 3,
        "noise_gain": 0,
        "warping_error": 0,
        "warping_ratio": 0,
    }
    assert result.scores["flickering"]["warping_error"] == 20
    assert result.errors["flickering"] == [20] * 23
    assert result.scores["half"]["noise_gain"] == pytest.approx(0.5, abs=0.05)
    assert result.scores["half"]["warping_ratio"] == pytest.approx(0.5, abs=0.05)
    # Time goes to the right: flicker is stripes.
    strip = result.strips["flickering"][0][40].astype(int)
    assert set(np.abs(np.diff(strip[:, 0]))) == {0, 20}
    assert strip_sheet(result).shape[1] > 4 * 192


def test_a_run_s_networks_on_made_and_real_clips(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    evaluate.main(["--run", str(run), "--video", "--most-clips", "1"])
    scores = json.loads((run / "evaluation.json").read_text())
    for model in ("untouched", "teacher", "student"):
        assert scores[model]["validation, clips"]["ab"]["images"] == 1
        assert scores[model]["validation, clips"]["ab"]["noise_gain"] > 0
    with Image.open(run / "stability-validation-clips-ab.png") as sheet:
        assert sheet.width > 3 * 192
    assert "<svg" in (run / "stability-validation-clips-ab.svg").read_text()
    clip = encode(tmp_path / "a b.mp4", drawn_frames(4, 66, 82))
    evaluate.main(["--run", str(run), "--video", "--clip", str(clip)])
    scores = json.loads((run / "evaluation.json").read_text())
    assert "validation, clips" in scores["student"]
    own = scores["untouched"][str(clip)]["ab"]
    assert own["warping_error"] < 8 and scores["student"][str(clip)]["ab"]["images"] == 1
    assert "of the clip's" in capsys.readouterr().out
    (tmp_path / "text.mp4").write_text("no video")
    for words, message in {
        ("--clip", str(tmp_path / "text.mp4")): "no two frames of it can be read",
        ("--clip", str(tmp_path / "none.mp4")): "no such file",
        ("--robustness",): "--video takes",
    }.items():
        with pytest.raises(UserError, match=message):
            evaluate.main(["--run", str(run), "--video", *words])
    with pytest.raises(UserError, match="--clip has no effect without --video"):
        evaluate.main(["--run", str(run), "--clip", str(clip)])
