"""Video files written by PyAV (FFmpeg): H.264, and the sound of another file as it is."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from export.videos.clip_reader import FULL, Clip, UnreadableClip, av, reason_of

# SWS_AREA and SWS_ACCURATE_RND.
_TO_YUV = 0x20 | 0x40000


@contextmanager
def writing(clip: Clip) -> Iterator[None]:
    """What is no error of the disk is one of the clip: its sound or its size is not for the file."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        reason = f"can't be written with its size and sound ({reason_of(error)})"
        raise UnreadableClip(clip.path, reason) from error


class ClipWriter:
    """A video file like a clip: H.264 of 8 bits, with the clip's times, sound and metadata.

    crf: constant rate factor of x264, 0..51. Sides that are odd get another row or column, equal
    to the last, as H.264's colours have half the resolution. Raises OSError: can't be written.
    """

    def __init__(self, path: Path, clip: Clip, crf: int, threads: int):
        self._clip = clip
        options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
        self._container = av.open(str(path.absolute()), "w", options=options)
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
            src_color_range=FULL,
            dst_color_range=self._clip.range,
            interpolation=_TO_YUV,
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
