"""Video files read by PyAV (FFmpeg): upright RGB frames with their times, sound as it is stored."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line

try:
    import av
except ImportError:  # an extra
    av = None

# Sound that players expect in an MP4 file; a Matroska file holds any.
_MP4_SOUND = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
# AVColorSpace, AVColorRange and AVColorTransferCharacteristic.
_LIMITED, FULL, _HDR = 1, 2, (16, 18)
# Players take unmarked pictures from this height on for high definition.
_HIGH_DEFINITION_ROWS = 576
_BT709, _BT601 = 1, 6
# The same as arguments of libswscale.
_SWS_MATRIX = {_BT709: 1, 4: 4, 5: 5, _BT601: 5, 7: 7, 9: 9}
# SWS_BICUBIC, SWS_FULL_CHR_H_INT and SWS_ACCURATE_RND, which PyAV 17 has no names for.
_TO_RGB = 0x4 | 0x2000 | 0x40000
# Seconds; the last frame's duration is often unknown.
_MAX_MISSING = 0.5
_MUXER_FACTS = ("major_brand", "minor_version", "compatible_brands", "encoder")


def _open(path: Path):
    # From the root, as a name may begin like a protocol's; and a file may be a list of addresses.
    only_files = {"protocol_whitelist": "file"}
    return av.open(str(path.absolute()), options=only_files, metadata_errors="replace")


def result_suffix(path: Path) -> str:
    """ ".mp4", or ".mkv" where a video's sound is none for MP4."""
    if av is None or not path.is_file():
        return ".mp4"
    try:
        with _open(path) as container:
            sound = container.streams.audio
            names = {stream.codec_context.name for stream in sound if stream.codec_context}
    except av.error.FFmpegError:  # Clip will say what is wrong with it
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
        raise UnreadableClip(path, f"can't be read ({reason_of(error)})") from error


def reason_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


class Clip:
    """A video file, read once from front to back, from `start` to `end` (seconds).

    Attributes:
        height, width: of the upright frames, pixels.
        num_frames: about how many frames there will be; None if unknown.
        sound: its streams of sound.
        notes: what a result will lack.
        ends_early: after `frames` has ended: why not all could be read, else None.

    Raises UnreadableClip: no video file, no frame in it, or nothing from `start` on.
    """

    def __init__(self, path: Path, start: float = 0.0, end: float = math.inf):
        if av is None:
            raise UnreadableClip(path, "videos need PyAV, which is not installed", _install())
        if not path.is_file():
            raise UnreadableClip(path, "not a regular file" if path.exists() else "no such file")
        self.path, self._start, self._end = path, start, end
        self.ends_early: str | None = None
        with _reading(path):
            self._container, self._stream = self._open_stream()
            self._first = self._first_frame()
        container, stream = self._container, self._stream
        self.time_base: Fraction = stream.time_base
        self.rate: Fraction | None = stream.average_rate or stream.guessed_rate
        self._offset = max(0, container.start_time or 0) / av.time_base
        self._seconds = container.duration / av.time_base if container.duration else None
        self.num_frames = None
        if self._seconds:
            seconds = min(end, self._seconds) - start
            if seconds <= 0:
                reason = f"nothing is left from --start {start:g} on"
                raise UnreadableClip(path, reason, f"it has {self._seconds:g} seconds")
            self.num_frames = round(seconds * self.rate) if self.rate else None
        self.sound = [stream for stream in container.streams.audio if stream.codec_context]
        self._is_turned, self._steps = _orientation(self._first)
        size = self._first.height, self._first.width
        self.height, self.width = size[::-1] if self._is_turned else size
        self.notes = []
        if container.streams.subtitles:
            self.notes.append("subtitles, which are left out")
        if self._first.color_trc in _HDR:
            self.notes.append("a high dynamic range, of which 8 bits per channel are left")

    def _open_stream(self):
        container = _open(self.path)
        stream = container.streams.best("video")
        is_cover = stream and stream.disposition & av.stream.Disposition.attached_pic
        if stream is None or is_cover or stream.codec_context is None:
            container.close()
            raise UnreadableClip(self.path, "has no video stream")
        stream.thread_type = "AUTO"
        return container, stream

    def _first_frame(self):
        """By a reader of its own: the turn of the picture and its colours stand in frames."""
        container, stream = self._open_stream()
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
        is_full = self.colours["color_range"] == FULL or self._first.format.name.startswith("yuvj")
        return FULL if is_full else _LIMITED

    def frames(self, keep_sound: Callable[[object], object]) -> Iterator:
        """Frames in PyAV's form, pts counted from `start`; meanwhile packets of sound of the same
        time go to `keep_sound`, with time stamps that are counted likewise.
        """
        origin = self._start + self._offset
        if self._start:
            with _reading(self.path):
                self._container.seek(round(origin * av.time_base))
        # Less than a tick, so that 0.8 - 0.4 is not more than 0.4.
        length, last, is_past = self._end - self._start - 1e-7, -1, False
        sounding = {stream.index for stream in self.sound}
        for packet, frames in self._packets():
            if packet.stream is not self._stream:
                if packet.pts is None:
                    continue
                _shift(packet, origin)
                time = packet.pts * packet.time_base
                if time >= length:
                    sounding.discard(packet.stream.index)
                elif time >= 0 or not self._start:
                    keep_sound(packet)
            for frame in frames:
                if frame.pts is None:
                    pts = last + (frame.duration or 1)
                else:
                    pts = frame.pts - round(origin / self.time_base)
                is_past = is_past or pts * self.time_base >= length
                if not is_past and (pts >= 0 or not self._start):
                    # Encoders take rising times alone.
                    frame.pts = last = max(pts, last + 1) if last >= 0 else pts
                    frame.time_base = self.time_base
                    yield frame
            if is_past and not sounding:
                return

    def _packets(self) -> Iterator[tuple]:
        """Each packet and the frames that it completes, as far as the file can be read."""
        damaged, reached = 0, 0
        packets = self._container.demux(self._stream, *self.sound)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode() if packet.stream is self._stream else ()
            except av.error.EOFError:
                break
            except av.error.InvalidDataError:
                damaged += 1
                continue
            except av.error.FFmpegError as error:
                self.ends_early = error.strerror
                return
            if packet.pts is not None:
                reached = max(reached, (packet.pts + (packet.duration or 0)) * packet.time_base)
            yield packet, frames
        missing = (self._seconds or 0) + self._offset - reached
        if missing > _MAX_MISSING:
            self.ends_early = f"{missing:.1f} of {self._seconds:.1f} seconds are missing"
        elif damaged:
            self.ends_early = f"{damaged} damaged parts are missing"

    def pixels(self, frame) -> np.ndarray:
        """uint8 RGB [H, W, 3] in 0..255, upright, of `height` and `width`; its own memory."""
        # Of the first frame: a stream may change its size.
        rgb = frame.reformat(
            self._first.width,
            self._first.height,
            "rgb24",
            src_colorspace=None if frame.format.is_rgb else self.matrix,
            src_color_range=None if frame.format.is_rgb else self.range,
            dst_color_range=FULL,
            interpolation=_TO_RGB,
            threads=1,
        )
        stored = rgb.to_ndarray()
        upright = stored.swapaxes(0, 1) if self._is_turned else stored
        return np.ascontiguousarray(upright[:: self._steps[0], :: self._steps[1]])


def _shift(packet, seconds: float) -> None:
    ticks = round(seconds / packet.time_base)
    packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks


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


def _install() -> str:
    return "install it with: pip install av"
