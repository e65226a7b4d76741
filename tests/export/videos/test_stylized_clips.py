"""python -m export.stylize on real encoded clips: what a player shows and hears of the results."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from encoded_clips import contents, drawn_frames, encode

from export.stylize import main
from export.videos.frame_pipeline import translated
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import psnr

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "tests" / "references" / "run-840e232" / "cyclegan" / "export" / "ab-64-int8.tflite"
FRAMES = drawn_frames(30, 48, 64)


def stylize(tmp_path: Path, source: Path, *options: object) -> Path:
    """The folder of the results."""
    out = tmp_path / "out"
    assert main([str(MODEL), str(source), "--out", str(out), *map(str, options)]) == 0
    return out


def as_it_was(tmp_path: Path, source: Path):
    """What the clip becomes where strength 0 leaves the frames as they are."""
    (result,) = stylize(tmp_path, source, "--strength", 0, "--crf", 0).iterdir()
    return contents(result)


def grey(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array([0.299, 0.587, 0.114])


def run_command(*words: object, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "export.stylize", *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


@pytest.mark.parametrize(
    ("suffix", "sound"), [("mp4", "aac"), ("mkv", "libopus"), ("mov", "pcm_s16le")]
)
def test_sound_is_kept_bit_by_bit_and_frames_their_times(tmp_path, suffix, sound):
    """At a variable rate too; sound that MP4 has no place for goes into Matroska."""
    times = [900 * n for n in itertools.accumulate([0, 4, 4, 1, 9, 4, 30, 2] + [4] * 22)]
    time_base = Fraction(1, 1000 if suffix == "mkv" else 90000)
    times = [int(Fraction(t, 90000) / time_base) for t in times]
    clip = encode(tmp_path / f"a.{suffix}", FRAMES, times, sound=sound, time_base=time_base)
    (result,) = stylize(tmp_path, clip).iterdir()
    assert result.name == ("a.mkv" if suffix == "mov" else "a.mp4")
    before, after = contents(clip), contents(result)
    assert [data for data, _ in after.sound] == [data for data, _ in before.sound] != []
    # Matroska's clock has milliseconds.
    assert np.allclose([t for _, t in after.sound], [t for _, t in before.sound], atol=6e-4)
    assert np.allclose(list(map(float, after.times)), list(map(float, before.times)), atol=6e-4)
    assert after.seconds == pytest.approx(before.seconds, abs=0.04)
    assert after.codec == "h264"


def test_frames_are_the_network_s(tmp_path):
    clip = encode(tmp_path / "a.mp4", drawn_frames(3, 64, 64))
    (result,) = stylize(tmp_path, clip, "--crf", 0).iterdir()
    network = LiteModel(MODEL.read_bytes())
    for before, after in zip(contents(clip).frames, contents(result).frames, strict=True):
        middle = (slice(26, 38), slice(26, 38))  # what the network sees no border in
        # Neighbours share a colour in H.264, so greys.
        expected = grey(network.run_uint8(before)[middle])
        assert psnr(grey(after[middle]), expected) > 30 > 25 > psnr(grey(before[middle]), expected)


@pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_rotation"),
    reason="PyAV 17, the last for Python 3.10, writes no turned clips",
)
@pytest.mark.parametrize("turned", [(90, False), (180, False), (270, False), (0, True), (90, True)])
def test_turned_and_mirrored_clips_come_out_upright(tmp_path, turned):
    clip = encode(tmp_path / "a.mp4", FRAMES[:3], turned=turned)
    after = as_it_was(tmp_path, clip)
    for shown, stored in zip(after.frames, contents(clip).frames, strict=True):
        upright = np.rot90(stored, turned[0] // 90)
        upright = upright[:, ::-1] if turned[1] else upright
        assert psnr(shown, np.ascontiguousarray(upright)) > 32
    with av.open(str(next((tmp_path / "out").iterdir()))) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size", "facts"),
    [
        ("libx264", "yuv420p", (48, 64), {"color_range": 1, "colorspace": 1}),
        ("libx264", "yuv420p", (48, 64), {"color_range": 2, "colorspace": 1}),
        ("libx264", "yuv444p", (47, 63), {"color_range": 1, "colorspace": 6}),
        ("ffv1", "yuv420p10le", (48, 64), {"color_range": 1, "colorspace": 9}),
        ("ffv1", "bgr0", (47, 63), {}),
        ("mjpeg", "yuvj420p", (48, 64), {"color_range": 2}),
        ("ffv1", "bgr0", (2, 3), {}),
    ],
)
def test_ranges_depths_and_odd_sizes(tmp_path, codec, pix_fmt, size, facts):
    frames = [np.ascontiguousarray(f[: size[0], : size[1]]) for f in FRAMES[:3]]
    clip = encode(tmp_path / "a.mkv", frames, codec=codec, pix_fmt=pix_fmt, **facts)
    after = as_it_was(tmp_path, clip)
    assert after.pix_fmt in ("yuv420p", "yuvj420p")
    assert (after.color_range == 2) == (facts.get("color_range") == 2)
    for shown, before in zip(after.frames, contents(clip).frames, strict=True):
        height, width = before.shape[:2]
        assert shown.shape == (height + height % 2, width + width % 2, 3)
        # A wrong matrix or range moves the means.
        kept = shown[:height, :width]
        assert np.abs(kept.mean((0, 1)) - before.mean((0, 1))).max() < 3.5
        assert psnr(kept, before) > 24
        assert np.array_equal(shown[-1, :width] if height % 2 else kept[-1], kept[-1])


def test_a_part_begins_at_zero(tmp_path):
    clip = encode(tmp_path / "a.mp4", FRAMES, sound="aac")
    whole = contents(clip)
    (result,) = stylize(tmp_path, clip, "--start", 0.4, "--end", 0.8).iterdir()
    after = contents(result)
    assert after.times == [Fraction(n, 25) for n in range(10)]
    packets = [data for data, at in whole.sound if 0.4 <= at < 0.8]
    assert [data for data, _ in after.sound] == packets
    assert after.seconds == pytest.approx(0.4, abs=0.04)


def test_parts_that_are_not_there(tmp_path):
    clip = encode(tmp_path / "a.mp4", FRAMES[:5])
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(UserError, match="none of 1 files"):
        main([str(MODEL), str(clip), *out, "--start", "7"])
    with pytest.raises(UserError, match="--end 1: nothing is left between --start 2 and it"):
        main([str(MODEL), str(clip), *out, "--start", "2", "--end", "1"])
    photo = str(next((ROOT / "docs" / "pictures").glob("*.png")))
    for option in ("--start", "--end", "--crf"):
        with pytest.raises(UserError, match=f"{option} has no effect without a video"):
            main([str(MODEL), photo, *out, option, "7"])
    with pytest.raises(UserError, match="--quality has no effect on MP4 files"):
        main([str(MODEL), str(clip), *out, "--quality", "80"])


def test_unusable_files_are_named_and_the_others_done(tmp_path, capsys):
    folder = tmp_path / "clips"
    folder.mkdir()
    encode(folder / "good [1] %d ж.mp4", FRAMES[:4], sound="aac")
    whole = encode(tmp_path / "w.mkv", FRAMES, sound="aac").read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    whole = encode(tmp_path / "w.mp4", FRAMES).read_bytes()
    (folder / "endless.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/x.ts\n")
    (folder / "empty.mp4").write_bytes(b"")
    os.mkfifo(folder / "pipe.mp4")
    with av.open(str(folder / "sound.m4v"), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=44100)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
        tone.sample_rate = 44100
        container.mux([*audio.encode(tone), *audio.encode()])
    out = stylize(tmp_path, folder)
    assert {path.name for path in out.iterdir()} == {"good [1] %d ж.mp4", "cut.mp4"}
    assert 3 < len(contents(out / "cut.mp4").frames) < 30
    said = capsys.readouterr().err
    for name, reason in {
        "cut.mkv": "damaged or cut off",
        "endless.mp4": "can't be read",
        "list.mp4": "can't be read",
        "empty.mp4": "can't be read",
        "pipe.mp4": "not a regular file",
        "sound.m4v": "has no video stream",
    }.items():
        assert f"{name}: {reason}" in said
    assert len(said.splitlines()) == 6


def test_a_full_disk_ends_the_command_in_one_line(tmp_path):
    """Files may grow to 16 KiB here."""
    clip = encode(tmp_path / "a.mp4", FRAMES)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))  # noqa: E731
    out = tmp_path / "out"
    process = run_command(MODEL, clip, "--out", out, "--crf", 0, preexec_fn=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1 and "a.mp4: can't be written (File too large)" in errors
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_no_part_of_a_clip(tmp_path, number, status):
    encode(tmp_path / "a.mp4", FRAMES[:2])
    encode(tmp_path / "b.mp4", drawn_frames(200, 240, 320))
    out = tmp_path / "out"
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = run_command(
        MODEL, tmp_path / "a.mp4", tmp_path / "b.mp4", "--out", out, preexec_fn=heard
    )
    deadline = time.monotonic() + 60
    while not list(out.glob(".*.mp4")) or not list(out.glob("a.mp4")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (status, False)
    assert [path.name for path in out.iterdir()] == ["a.mp4"]


def test_without_pyav_the_message_says_how_to_install_it(tmp_path):
    clip = encode(tmp_path / "a.mp4", FRAMES[:2])
    code = "import sys; sys.modules['av'] = None; sys.argv[0] = 'x'\n"
    code += "from export.stylize import main; from tf_i2i.command_line import run_command\n"
    command = [
        sys.executable,
        "-c",
        code + "run_command(main)",
        MODEL,
        clip,
        "--out",
        tmp_path / "o",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    missing = "videos need PyAV, which is not installed; install it with: pip install av"
    assert f"a.mp4: {missing}" in done.stderr


def test_frames_keep_their_order_and_few_are_taken_ahead():
    taken, given = itertools.count(), 0

    def work(frame: int, translate) -> int:
        time.sleep(0.01 * (frame % 3 == 0))
        return translate(frame)

    endless = (next(taken) for _ in itertools.count())
    for result in itertools.islice(translated(endless, work, [lambda n: n, lambda n: n]), 40):
        assert result == given
        given += 1
    assert next(taken) <= given + 5
