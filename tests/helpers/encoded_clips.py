"""Short encoded clips, and what is in a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from exported_models import smooth_image

SOUND_RATE = 48000
_SOUND_SAMPLES = 1024


def drawn_frames(count: int, height: int, width: int) -> list[np.ndarray]:
    """uint8 [height, width, 3]: a window that moves over a picture, 2 pixels a frame."""
    scene = smooth_image(height, width + 2 * count, seed=5)
    return [scene[:, 2 * n : 2 * n + width] for n in range(count)]


def encode(
    path: Path,
    frames: Sequence[np.ndarray],
    times: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound: str | None = None,
    time_base: Fraction = Fraction(1, 25),
    turned: tuple[int, bool] = (0, False),
    options: dict[str, str] | None = None,
    **context,
) -> Path:
    """Writes frames, uint8 RGB [H, W, 3], as a clip.

    Args:
        times: of the frames, in units of time_base; by default one each.
        sound: codec of a tone as long as the frames, none by default.
        turned: counterclockwise degrees, and whether it is mirrored after that, as cameras note it.
        options: of the container.
        context: attributes of the codec context, such as color_range.
    """
    times = range(len(frames)) if times is None else times
    tones = []
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codec, rate=25)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = time_base
        for name, value in context.items():
            setattr(video.codec_context, name, value)
        if turned != (0, False):
            video.set_display_rotation(turned[0], hflip=turned[1])
        if sound:
            audio = container.add_stream(sound, rate=SOUND_RATE)
            audio.layout = "stereo"
            tones = list(_tones(float((times[-1] + 1) * time_base)))
        for pixels, time in zip(frames, times, strict=True):
            while tones and tones[0].time < time * time_base:
                container.mux(audio.encode(tones.pop(0)))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base = time, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for tone in tones:
            container.mux(audio.encode(tone))
        if sound:
            container.mux(audio.encode())
    return path


def _tones(seconds: float):
    for first in range(0, int(seconds * SOUND_RATE), _SOUND_SAMPLES):
        wave = np.sin(0.05 * np.arange(first, first + _SOUND_SAMPLES))
        samples = np.repeat(np.rint(8000 * wave).astype(np.int16), 2)[None]
        tone = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        tone.sample_rate, tone.pts, tone.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield tone


@dataclass(frozen=True, eq=False)
class Contents:
    """What a player shows: uint8 RGB frames, their times and the whole length in seconds, and the
    bytes of the sound's packets with their times.
    """

    frames: list[np.ndarray]
    times: list[Fraction]
    seconds: float
    sound: list[tuple[bytes, float]]
    codec: str
    pix_fmt: str
    color_range: int


def contents(path: Path) -> Contents:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        shown = list(container.decode(video))
        context = video.codec_context
        facts = container.duration / av.time_base, context.name, video.pix_fmt, context.color_range
    with av.open(str(path)) as container:
        packets = list(container.demux(container.streams.audio)) if container.streams.audio else []
    sound = [(bytes(p), float(p.pts * p.time_base)) for p in packets if p.pts is not None]
    times = [frame.pts * frame.time_base for frame in shown]
    frames = [frame.to_ndarray(format="rgb24") for frame in shown]
    return Contents(frames, times, facts[0], sound, *facts[1:])
