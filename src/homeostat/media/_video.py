"""Video: frames as GIF, or a file as it is."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from homeostat.core import InputError
from homeostat.media._content import Content, Put, Read, Row, content_of
from homeostat.media._pixels import Pixels, array_of, pillow, to_pixels

__all__ = ["Video"]

_FORMATS = ("gif", "mp4", "webm", "ogg", "mov")


class Video:
    """Moving pictures.

    Args:
        data_or_path: Frames (time, channels, h, w), or a batch (b, time, channels, h, w) shown
            side by side, in uint8 or floats 0..1; or a path, an open file or bytes, which are
            kept as they are.
        caption: A line of text.
        fps: Frames a second of frames; 4 by default, at most 50, which is what a GIF can say.
        format: Of a file without a suffix, such as an open one. Frames are always written as GIF.

    Raises:
        InputError: If the data are no video.
        MissingExtraError: If frames are passed and Pillow is not installed.

    Example:
        >>> import numpy as np
        >>> Video(np.zeros((5, 3, 8, 8), np.uint8), fps=10)
        Video(8 x 8 gif, 5 frames)
    """

    def __init__(
        self,
        data_or_path: object,
        caption: str | None = None,
        fps: float | None = None,
        format: str | None = None,  # noqa: A002 - the name that users know
    ) -> None:
        if format is not None and format not in _FORMATS:
            raise InputError(f"A video's format is one of {', '.join(_FORMATS)}, got {format!r}.")
        self.caption = None if caption is None else str(caption)
        self.fps = fps
        self.width: int | None = None
        self.height: int | None = None
        self.frames: int | None = None
        found = content_of(data_or_path, "A video", _FORMATS)
        if found is not None:
            self.source, suffix = found
            self.format = suffix or format or "gif"
            return
        frames = _frames(data_or_path)
        if format not in {None, "gif"}:
            warnings.warn(
                f"Frames are written as GIF, not as {format}: pass a file for another format.",
                stacklevel=2,
            )
        self.format, self.fps = "gif", 4 if fps is None else fps
        self.frames, self.height, self.width = frames.shape[:3]
        self.source = Content(_gif(frames, self.fps))

    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.source.read()

    def to_row(self, put: Put) -> Row:
        """Put the video and return the row that stands for it."""
        row: Row = {"_type": "video-file", **self.source.put(put), "format": self.format}
        names = ("width", "height", "frames", "fps", "caption")
        return row | {name: found for name in names if (found := getattr(self, name)) is not None}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:
        """Return the video that a row stands for; its content is read when it is used."""
        found = cls.__new__(cls)
        found.source = Content.stored(row, read)
        found.format, found.fps = row.get("format") or "gif", row.get("fps")
        found.width, found.height = row.get("width"), row.get("height")
        found.frames, found.caption = row.get("frames"), row.get("caption")
        return found

    def __repr__(self) -> str:
        if self.frames is None:
            return f"Video({self.format})"
        return f"Video({self.width} x {self.height} {self.format}, {self.frames} frames)"


def _frames(data: object) -> Pixels:
    found = array_of(data)
    array: npt.NDArray[Any] = np.asarray(data) if found is None else found[0]
    if array.ndim == 5:
        array = np.concatenate(list(array), axis=-1)
    if array.ndim != 4 or array.shape[1] not in {1, 3, 4} or not array.size:
        raise InputError(
            "A video is an array (time, channels, height, width) with 1, 3 or 4 channels, or a "
            f"path, got {type(data).__name__} with shape {array.shape}."
        )
    pixels = to_pixels(np.moveaxis(array, 1, -1))
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]


def _gif(frames: Pixels, fps: float) -> bytes:
    if not 0 < fps <= 50:
        raise InputError(f"`fps` of a GIF lies above 0 and up to 50, got {fps}.")
    first, *rest = [pillow().fromarray(frame) for frame in frames]
    out = io.BytesIO()
    # A frame that equals the one before is not stored again: that one is shown for longer.
    first.save(out, "GIF", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
    return out.getvalue()
