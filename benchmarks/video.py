"""Times export.stylize on a clip against a copy, which is decoded and encoded alone; compares its
peak memory with that for the first quarter of the clip.
"""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.full_resolution import mosaic, run_apart
from benchmarks.results import BenchmarkOptions, Results, Target, parse_options, table
from benchmarks.timing import interleave, ratio
from tf_i2i.command_line import option, run_command
from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line

HEIGHT, WIDTH, RATE = 720, 1280, 25
_LONGER = 4
# As export.stylize, but for the network.
_COPY = """
import sys
from pathlib import Path
from export.videos.stylize_clip import stylize_clip
source, target, end, threads = sys.argv[1:]
idle = [lambda frame: None] * int(threads)
stylize_clip(Path(source), Path(target), lambda *size: idle, crf=18, end=float(end))
"""


@dataclasses.dataclass(frozen=True)
class VideoOptions(BenchmarkOptions):
    model: str | None = option(
        None, "a student's file, from export.tflite (required)", metavar="MODEL", positional=True
    )
    clip: str | None = option(
        None,
        f"a video; default {WIDTH}x{HEIGHT}, made from the bundled photographs",
        metavar="CLIP",
        positional=True,
    )
    frames: int = option(60, "of the first quarter of what is translated", minimum=1)
    threads: int = option(2, "of the CPU", minimum=1)
    repeats: int = option(3, "rounds", minimum=1)


def main(argv: list[str] | None = None) -> None:
    options = parse_options(VideoOptions, argv, "video", __doc__)
    results = Results(options.json)
    if not options.model:
        raise UserError("MODEL is missing: name a file that export.tflite wrote")
    with tempfile.TemporaryDirectory() as folder:
        if options.clip:
            clip = Path(options.clip)
        else:
            clip = make_clip(Path(folder, "made.mp4"), _LONGER * options.frames)
        results.start_timing()
        measure(options, results, clip, Path(folder))


def make_clip(path: Path, count: int) -> Path:
    """H.264 of `count` frames: a camera in a hand over the bundled photographs, there and back,
    with noise.
    """
    from export.videos.clip_reader import av
    from training.evaluation.stability_clips import made_clip

    if av is None:
        raise UserError("videos need PyAV, which is not installed; pip install av")
    say(f"{count} frames of {WIDTH}x{HEIGHT} are made")
    # A frame shows three quarters of a side.
    photo = mosaic(HEIGHT * 4 // 3, WIDTH * 4 // 3 + 2)
    frames = made_clip(path.name, photo, 4, None, seed=0).frames
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        for pixels in itertools.islice(itertools.cycle(frames + frames[-2:0:-1]), count):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(video.encode())
    return path


def measure(options: VideoOptions, results: Results, source: Path, folder: Path) -> None:
    """Runs the commands in turn, each on the beginning of the clip, and reports."""
    from export.videos.clip_reader import Clip, result_suffix

    with closing(Clip(source)) as clip:
        size, known, rate = f"{clip.width}x{clip.height}", clip.num_frames or 0, clip.rate
    short, long = options.frames, _LONGER * options.frames
    if known < long:
        fix = f"name a longer clip, or fewer --frames than {short}"
        raise UserError(f"{one_line(source)}: has {known} frames, {long} are needed; {fix}")
    out, counts, peaks = folder / "out", {}, {}
    out.mkdir()
    result = out / source.with_suffix(result_suffix(source)).name

    def run(name: str) -> list[float]:
        # Half a frame early: before another one begins.
        end = float(((short if name == beginning else long) - 0.5) / rate)
        if name == alone:
            words = ["-c", _COPY, source, result, end, options.threads]
        else:
            words = ["-m", "export.stylize", options.model, source, "--out", out]
            words += ["--threads", options.threads, "--end", end]
        seconds, peak = run_apart(words)
        with closing(Clip(result)) as clip:
            counts[name] = clip.num_frames
        peaks[name] = max(peak / 1e6, peaks.get(name, 0))
        return [seconds]

    beginning, whole, alone = "export.stylize, beginning", "export.stylize", "copy"
    timings = interleave({name: name for name in (beginning, whole, alone)}, run, options.repeats)
    speeds = {name: counts[name] / timing.median for name, timing in timings.items()}
    rows = [
        (name, counts[name], f"{timings[name].median:.2f}", f"{speed:.2f}", f"{peaks[name]:.0f}")
        for name, speed in speeds.items()
    ]
    claim = f"peak memory of {counts[whole]} to {counts[beginning]} frames"
    targets = [Target(claim, peaks[whole] / peaks[beginning], 1.05, at_most=True)]
    if not options.clip:
        targets.append(Target(f"{size}: frames per second", speeds[whole], 6))
    results.report(
        options,
        [table((f"{size}, whole command", "frames", "s", "frames/s", "peak MB"), rows)],
        [(f"{whole} to {alone}", ratio(timings[whole], timings[alone]))],
        targets,
        timings=timings,
        frames=counts,
        peak_mb=peaks,
    )


if __name__ == "__main__":
    run_command(main)
