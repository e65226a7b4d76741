"""Video files: frames as upright RGB with their times, sound as it is stored, by PyAV (FFmpeg)."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line

try:
    import av
except ImportError:  # an extra
    av = None

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts")
SUFFIXES += (".m2ts", ".3gp", ".wmv", ".flv", ".ogv")
# Sound that players expect in an MP4 file; a Matroska file holds any.
_MP4_SOUND = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
# AVColorSpace, AVColorRange and AVColorTransferCharacteristic.
_RGB, _UNSPECIFIED, _LIMITED, _FULL, _HDR = 0, 2, 1, 2, (16, 18)
# Players take unmarked pictures from this height on for high definition.
_HIGH_DEFINITION_ROWS = 576
_BT709, _BT601 = 1, 6
# The same as arguments of libswscale.
_SWS_MATRIX = {_BT709: 1, 4: 4, 5: 5, _BT601: 5, 7: 7, 9: 9}
# Each pixel's own colour from its neighbours' smooth one, rounded exactly.
_TO_RGB, _TO_YUV = ("BICUBIC", "FULL_CHR_H_INT", "ACCURATE_RND"), ("AREA", "ACCURATE_RND")
_MUXER_FACTS = ("major_brand", "minor_version", "compatible_brands", "encoder")


def result_suffix(path: Path) -> str:
    """ ".mp4", or ".mkv" where a video's sound is none for MP4."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            names = {stream.codec_context.name for stream in container.streams.audio}
    except (AttributeError, OSError, av.error.FFmpegError):  # Clip will say what is wrong with it
        return ".mp4"
    return ".mp4" if names.issubset(_MP4_SOUND) else ".mkv"


class UnreadableClip(UserError):
    """A video that can't be used."""

    def __init__(self, path: Path, reason: str, fix: str = "replace this video or leave it out"):
        super().__init__(f"{one_line(path)}: {one_line(reason)}; {fix}")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableClip(path, f"can't be read ({reason})") from error


class Clip:
    """A video file, read once from front to back, from `start` to `end` (seconds).

    Attributes:
        height, width: of the upright frames, pixels.
        seconds: how long it is by the container, as far as `end`; None if unknown.
        num_frames: about how many frames there will be; None if unknown.
        sound: its streams of sound.
        notes: what a result will lack.
        ends_early: after `frames` has ended: why not all could be read, else None.

    Raises UnreadableClip: no video file, no frame in it, or nothing from `start` on.
    """

    def __init__(self, path: Path, start: float = 0.0, end: float = math.inf, threads: int = 2):
        if av is None:
            raise UnreadableClip(path, "videos need PyAV, which is not installed", _install())
        if not path.is_file():
            raise UnreadableClip(path, "not a regular file" if path.exists() else "no such file")
        self.path, self._threads = path, threads
        self._start, self._end = start, end
        self.ends_early: str | None = None
        with _reading(path):
            self._container, self._stream = self._open()
            self._first = self._first_frame()
        container, stream = self._container, self._stream
        self.time_base: Fraction = stream.time_base
        self.rate: Fraction | None = stream.average_rate or stream.guessed_rate
        self._offset = max(0, container.start_time or 0)
        self.seconds = self.num_frames = None
        if container.duration:
            self.seconds = max(0.0, min(end, container.duration / av.time_base) - start)
            self.num_frames = round(self.seconds * self.rate) if self.rate else None
            if self.seconds == 0:
                long = f"it has {container.duration / av.time_base:g} seconds"
                raise UnreadableClip(path, f"nothing is left from --start {start:g} on", long)
        self.sound = list(container.streams.audio)
        self._is_turned, self._steps = _orientation(self._first)
        size = self._first.height, self._first.width
        self.height, self.width = size[::-1] if self._is_turned else size
        self.notes = []
        if container.streams.subtitles:
            self.notes.append("subtitles, which are left out")
        if self._first.color_trc in _HDR:
            self.notes.append("a high dynamic range, of which 8 bits per channel are left")

    def _open(self):
        # Of other streams (data, attachments) nothing is decoded.
        container = av.open(str(self.path), metadata_errors="replace")
        stream = container.streams.best("video")
        if stream is None or stream.codec_context is None:
            container.close()
            raise UnreadableClip(self.path, "has no video stream")
        stream.thread_type, stream.thread_count = "AUTO", self._threads
        return container, stream

    def _first_frame(self):
        """By a reader of its own: the turn of the picture and its colours stand in frames."""
        container, stream = self._open()
        with container:
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        return frame
                except av.error.FFmpegError:
                    continue
        self._container.close()
        raise UnreadableClip(self.path, "no frame of it can be decoded")

    def close(self) -> None:
        self._container.close()

    @property
    def metadata(self) -> dict[str, str]:
        return {k: v for k, v in self._container.metadata.items() if k not in _MUXER_FACTS}

    @property
    def sample_aspect_ratio(self) -> Fraction | None:
        ratio = self._stream.sample_aspect_ratio
        return 1 / ratio if ratio and self._is_turned else ratio

    @property
    def colours(self) -> dict[str, int]:
        """How the numbers of its frames are meant, by the names that a codec context has for it."""
        frame = self._first
        space = _BT709 if frame.format.is_rgb else frame.colorspace
        names = ("color_primaries", "color_trc")
        return {name: getattr(frame, name) for name in names} | {
            "colorspace": space,
            "color_range": _LIMITED if frame.format.is_rgb else frame.color_range,
        }

    @property
    def matrix(self) -> int:
        """Of Y'CbCr, as libswscale numbers it; where the file says nothing, what players guess."""
        guess = _BT709 if min(self.height, self.width) > _HIGH_DEFINITION_ROWS else _BT601
        return _SWS_MATRIX.get(self.colours["colorspace"], _SWS_MATRIX[guess])

    @property
    def range(self) -> int:
        is_full = self.colours["color_range"] == _FULL or self._first.format.name.startswith("yuvj")
        return _FULL if is_full else _LIMITED

    def frames(self, keep_sound: Callable[[object], object]) -> Iterator:
        """Frames in PyAV's form, pts counted from `start`; meanwhile packets of sound of the same
        time go to `keep_sound`, with time stamps that are counted likewise.
        """
        origin = self._start + self._offset / av.time_base
        if self._start:
            with _reading(self.path):
                self._container.seek(round(origin * av.time_base))
        last, damaged, is_done = -1, 0, False
        waiting = {stream.index for stream in self.sound}
        packets = self._container.demux(self._stream, *self.sound)
        while not (is_done and not waiting):
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                decoded = packet.decode() if packet.stream is self._stream else ()
            except av.error.EOFError:
                break
            except av.error.InvalidDataError:
                damaged += 1
                continue
            except av.error.FFmpegError as error:
                self.ends_early = error.strerror
                break
            if packet.stream is not self._stream:
                shift = round(origin / packet.time_base)
                if packet.pts is None:
                    continue
                packet.pts -= shift
                if packet.dts is not None:
                    packet.dts -= shift
                time = packet.pts * packet.time_base
                if time >= self._end - self._start:
                    waiting.discard(packet.stream.index)
                elif time >= 0 or not self._start:
                    keep_sound(packet)
                continue
            for frame in decoded:
                step = frame.duration or 1
                pts = last + step if frame.pts is None else frame.pts
                pts -= round(origin / self.time_base) if frame.pts is not None else 0
                if pts * self.time_base >= self._end - self._start:
                    is_done = True
                elif pts >= 0 or not self._start:
                    # Encoders take rising times alone.
                    frame.pts = last = max(pts, last + 1) if last >= 0 else pts
                    frame.time_base = self.time_base
                    yield frame
        if damaged and not self.ends_early:
            self.ends_early = f"{damaged} damaged parts were left out"

    def pixels(self, frame) -> np.ndarray:
        """uint8 RGB [H, W, 3] in 0..255, upright, of `height` and `width`; its own memory."""
        # Of the first frame: a stream may change its size.
        rgb = frame.reformat(
            self._first.width,
            self._first.height,
            "rgb24",
            src_colorspace=None if frame.format.is_rgb else self.matrix,
            src_color_range=None if frame.format.is_rgb else self.range,
            dst_color_range=_FULL,
            interpolation=_flags(_TO_RGB),
            threads=1,
        )
        stored = rgb.to_ndarray()
        upright = stored.swapaxes(0, 1) if self._is_turned else stored
        return np.ascontiguousarray(upright[:: self._steps[0], :: self._steps[1]])


class ClipWriter:
    """A video file like a clip: H.264 of 8 bits, with the clip's times, sound and metadata.

    crf: constant rate factor of x264, 0..51. Sides that are odd get another row or column, equal
    to the last, as H.264's colours have half the resolution. Raises OSError: can't be written.
    """

    def __init__(self, path: Path, clip: Clip, crf: int, threads: int):
        self._clip = clip
        options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
        self._container = av.open(str(path), "w", options=options)
        self._container.metadata.update(clip.metadata)
        self._video = self._container.add_stream("libx264", rate=clip.rate)
        self._video.width, self._video.height = (n + n % 2 for n in (clip.width, clip.height))
        self._video.pix_fmt = "yuv420p"
        # As small as with the default preset on brushwork, in a third of the time.
        self._video.options = {"preset": "veryfast", "crf": str(crf)}
        context = self._video.codec_context
        context.time_base, context.thread_count = clip.time_base, threads
        context.flags |= av.codec.context.Flags.frame_duration
        if clip.sample_aspect_ratio:
            context.sample_aspect_ratio = clip.sample_aspect_ratio
        for name, value in clip.colours.items():
            setattr(context, name, value)
        self._sound = {
            stream.index: self._container.add_stream_from_template(stream, opaque=True)
            for stream in clip.sound
        }

    def encodable(self, pixels: np.ndarray, like):
        """uint8 RGB [H, W, 3] as a frame with the time of `like`. May run in any thread."""
        height, width = pixels.shape[:2]
        padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(padded, "rgb24")
        frame = frame.reformat(
            format="yuv420p",
            dst_colorspace=self._clip.matrix,
            src_color_range=_FULL,
            dst_color_range=self._clip.range,
            interpolation=_flags(_TO_YUV),
            threads=1,
        )
        frame.pts, frame.time_base, frame.duration = like.pts, like.time_base, like.duration
        return frame

    def write(self, frame) -> None:
        self._container.mux(self._video.encode(frame))

    def write_sound(self, packet) -> None:
        packet.stream = self._sound[packet.stream.index]
        self._container.mux(packet)

    def finish(self) -> None:
        self._container.mux(self._video.encode())
        self._container.close()

    def close(self) -> None:
        """After an error: the file stays incomplete."""
        with suppress(av.error.FFmpegError, ValueError):
            self._container.close()


def _orientation(frame) -> tuple[bool, tuple[int, int]]:
    """What makes the frame upright: whether rows become columns, then the steps (1 or -1) at which
    rows and columns are taken.
    """
    matrix = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)
    if matrix is None:
        return False, (1, 1)
    # Columns of the result are a x + c y, rows b x + d y (libavutil/display.h).
    (a, b), (c, d) = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2].tolist()
    is_turned = abs(b) > abs(a)
    rows, columns = (b, c) if is_turned else (d, a)
    return is_turned, (-1 if rows < 0 else 1, -1 if columns < 0 else 1)


def _flags(names: tuple[str, ...]) -> int:
    flags = 0
    for name in names:
        flags |= av.video.reformatter.Interpolation[name]
    return flags


def _install() -> str:
    return "install it with: pip install av"
