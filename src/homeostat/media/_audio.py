"""Audio: samples as WAV, or a file as it is."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from homeostat.core import InputError
from homeostat.media._content import Content, Put, Read, Row, content_of
from homeostat.media._pixels import array_of

__all__ = ["Audio"]

_MOST_CHANNELS = 32
_FORMATS = ("wav", "mp3", "ogg", "flac", "m4a", "aac", "opus")


class Audio:
    """A sound.

    Args:
        data_or_path: Samples (n,) or (n, channels): floats in -1..1 (clipped), or 16- or 32-bit
            integers; or a path, an open file or bytes, which are kept as they are.
        sample_rate: Samples a second; needed with samples.
        caption: A line of text.

    Raises:
        InputError: If the data are no sound, or samples come without their rate.

    Example:
        >>> import numpy as np
        >>> Audio(np.zeros(8000), sample_rate=8000)
        Audio(wav, 1.0 s)
    """

    def __init__(
        self, data_or_path: object, sample_rate: int | None = None, caption: str | None = None
    ) -> None:
        self.caption = None if caption is None else str(caption)
        self.sample_rate = sample_rate
        found = content_of(data_or_path, "A sound", _FORMATS)
        if found is None:
            self.format = "wav"
            self.source = Content(_wav(data_or_path, sample_rate))
        else:
            self.source = found[0]
            self.format = found[1] or "wav"
        self.duration_s, rate = _measured(self.source) if self.format == "wav" else (None, None)
        self.sample_rate = sample_rate or rate

    def content(self) -> bytes:
        """Return the bytes of the file."""
        return self.source.read()

    def to_row(self, put: Put) -> Row:
        """Put the sound and return the row that stands for it."""
        row: Row = {"_type": "audio-file", **self.source.put(put), "format": self.format}
        facts = {
            "sample_rate": self.sample_rate,
            "duration_s": self.duration_s,
            "caption": self.caption,
        }
        return row | {name: fact for name, fact in facts.items() if fact is not None}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:
        """Return the sound that a row stands for; its content is read when it is used."""
        found = cls.__new__(cls)
        found.source = Content.stored(row, read)
        found.format = row.get("format") or "wav"
        found.sample_rate, found.duration_s = row.get("sample_rate"), row.get("duration_s")
        found.caption = row.get("caption")
        return found

    def __repr__(self) -> str:
        length = "" if self.duration_s is None else f", {self.duration_s:.1f} s"
        return f"Audio({self.format}{length})"


def _wav(data: object, sample_rate: int | None) -> bytes:
    found = array_of(data)
    array = np.asarray(data) if found is None else found[0]
    if sample_rate is None or not 0 < sample_rate < 2**31:
        raise InputError(
            f"Samples need a `sample_rate` in samples a second, got {sample_rate!r}: "
            "pass Audio(samples, sample_rate=...)."
        )
    if array.ndim not in {1, 2} or not array.size or array.dtype.kind not in "iuf":
        raise InputError(
            "A sound is an array of samples (n,) or (n, channels), or a path, "
            f"got {type(data).__name__} of {array.dtype} with shape {array.shape}."
        )
    array = array.reshape(len(array), -1)
    if array.shape[1] > _MOST_CHANNELS:
        raise InputError(
            f"A sound has at most {_MOST_CHANNELS} channels, got shape {array.shape}: "
            "samples come first, channels second; transpose it."
        )
    samples = _pcm(array)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(samples.dtype.itemsize)
        file.setframerate(int(sample_rate))
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _pcm(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind == "f":
        level = np.nan_to_num(array.astype(np.float64)).clip(-1, 1)
        return np.round(level * 32_767).astype("<i2")
    if array.dtype in {np.dtype(np.uint8), np.dtype(np.int16), np.dtype(np.int32)}:
        return array.astype(array.dtype.newbyteorder("<"))
    low, high = array.min(), array.max()
    if low < -32_768 or high > 32_767:
        raise InputError(f"Samples of {array.dtype} lie in -32768..32767, got {low}..{high}.")
    return array.astype("<i2")


def _measured(content: Content) -> tuple[float | None, int | None]:
    """Return length and rate of a WAV; None for one in a coding that Python does not read."""
    try:
        with wave.open(io.BytesIO(content.read())) as file:
            return file.getnframes() / file.getframerate(), file.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError):
        return None, None
