"""TensorBoard's events as items of a foreign run.

Field numbers are those of tensorflow/core/util/event.proto and core/framework/summary.proto; the
hparams plugin's those of tensorboard/plugins/hparams/plugin_data.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from homeostat.compat.importers._foreign import (
    Content,
    End,
    Facts,
    Item,
    Point,
    Problems,
    Rewind,
    Row,
)
from homeostat.compat.importers._hparams import Session, session
from homeostat.compat.importers._tensors import Tensor, tensor
from homeostat.compat.importers._values import unix_ns
from homeostat.compat.importers._wire import (
    WireError,
    blob,
    doubles,
    fields,
    number,
    signed,
    text,
)

__all__ = ["Event", "Reader", "event"]

_START = 1  # of a session: what was written of later steps before it does not count
_FEW = 10_000
_PLACEHOLDER = "_hparams_/"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: when, at which step, and what it holds."""

    wall_time: float
    step: int
    summary: bytes
    session: int


def event(data: bytes) -> Event:
    """Read an event; raises WireError if it is none."""
    wall_time, step, summary, status = 0.0, 0, b"", 0
    for field, value in fields(data):
        match field:
            case 1:
                wall_time = number(value)
            case 2:
                step = signed(value)
            case 5:
                summary = blob(value)
            case 7:
                status = next((signed(v) for f, v in fields(blob(value)) if f == 1), 0)
    return Event(wall_time, step, summary, status)


class Reader:
    """Reads one run's events; numbers of one step and one instant become one point.

    Args:
        where: What to call the run in problems.
        problems: Where to count what cannot be taken over.
    """

    def __init__(self, where: str, problems: Problems) -> None:
        self._where, self._problems = where, problems
        self._plugins: dict[str, str] = {}  # said with a tag's first value only
        self._step, self._now = -1, 0
        self._numbers: dict[str, float] = {}
        self._session = Session()

    def take(self, found: Event) -> Iterator[Item]:
        """Give what an event holds, and first what the ones before it did."""
        at = unix_ns(found.wall_time)
        if (found.step, at) != (self._step, self._now):
            yield from self._flush()
            self._step, self._now = found.step, at
        if found.session == _START and found.step > 0:
            yield from self._flush()
            yield Rewind(found.step - 1)
        rest: dict[str, object] = {}
        for field, value in fields(found.summary):
            if field != 1:
                continue
            try:
                rest |= self._value(blob(value))
            except WireError as error:
                self._problems.add(self._where, f"a value cannot be read: {error}")
        if rest:
            yield Row(found.step, at, rest)

    def end(self) -> Iterator[Item]:
        """Give what is left, the settings of the hparams plugin, and how it ended."""
        yield from self._flush()
        if self._session.config:
            yield Facts(config=self._session.config)
        ended = self._session.ended_ns or self._now
        if self._session.failed:
            yield End(ended, "failed", "TensorBoard's hparams say that it failed.")
        else:
            yield End(ended)

    def _flush(self) -> Iterator[Item]:
        if self._numbers:
            yield Point(self._step, self._now, self._numbers)
            self._numbers = {}

    def _value(self, data: bytes) -> dict[str, object]:
        """Keep a value that is a number; return any other by its tag."""
        tag, kind, body = "", 0, b""
        for field, value in fields(data):
            match field:
                case 1:
                    tag = text(value)
                case 2:
                    kind, simple = field, number(value)
                case 4 | 5 | 6 | 8:
                    kind, body = field, blob(value)
                case 9:
                    self._describe(tag, blob(value))
        if kind == 2:
            self._numbers[tag] = simple
            return {}
        if tag.startswith(_PLACEHOLDER) or not kind:
            return {}
        shown = _READERS[kind](body) if kind in _READERS else self._tensor(tag, tensor(body))
        return {} if shown is None else {tag: shown}

    def _describe(self, tag: str, data: bytes) -> None:
        for field, value in fields(data):
            if field != 1:
                continue
            plugin = dict(fields(blob(value)))
            name = text(plugin.get(1, b""))
            self._plugins[tag] = name
            if name == "hparams":
                self._session = session(blob(plugin.get(2, b"")), self._session)

    def _tensor(self, tag: str, values: Tensor) -> object:
        plugin = self._plugins.get(tag, "")
        if isinstance(values, list):
            return _texts(plugin, values)
        if values.size == 1:
            self._numbers[tag] = float(values.reshape(-1)[0])
            return None
        if plugin == "histograms" and values.ndim == 2 and values.shape[1] == 3:
            return _buckets(values.astype(np.float64))
        if values.size <= _FEW:
            return values.tolist()
        raise WireError(f"a tensor of {values.size} values (plugin {plugin or 'unknown'})")


def _texts(plugin: str, values: list[bytes]) -> object:
    if plugin == "images":
        width, height = values[:2]
        size = {"width": int(width), "height": int(height)}
        form = _format(values[2] if len(values) > 2 else b"")
        facts = {"_type": "image-file", "format": form, **size}
        return _single([Content(data, facts) for data in values[2:]])
    if plugin == "audio":
        return _single([Content(data, {"_type": "audio-file"}) for data in values[::2]])
    return _single([value.decode("utf-8", "backslashreplace") for value in values])


def _single(values: list[object] | list[Content] | list[str]) -> object:
    return values[0] if len(values) == 1 else values


def _format(image: bytes) -> str:
    if image.startswith(b"\x89PNG"):
        return "png"
    if image.startswith(b"GIF8"):
        return "gif"
    return "jpg" if image.startswith(b"\xff\xd8") else "bin"


def _buckets(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, object]:
    """Return a histogram from rows of left edge, right edge and count."""
    edges = [*values[:, 0].tolist(), float(values[-1, 1])]
    return {"_type": "histogram", "values": values[:, 2].tolist(), "bins": edges}


def _image(data: bytes) -> object:
    found = dict(fields(data))
    content = blob(found.get(4, b""))
    facts = {"_type": "image-file", "format": _format(content)}
    sizes = {"width": signed(found.get(2, 0)), "height": signed(found.get(1, 0))}
    return Content(content, {**facts, **sizes})


def _audio(data: bytes) -> object:
    found = dict(fields(data))
    facts: dict[str, object] = {"_type": "audio-file"}
    if 1 in found:
        facts["sample_rate"] = number(found[1])
    return Content(blob(found.get(4, b"")), facts)


def _histogram(data: bytes) -> object:
    """Return a HistogramProto; its outer edges are the least and the largest value."""
    limits: list[float] = []
    counts: list[float] = []
    least = most = 0.0
    for field, value in fields(data):
        match field:
            case 1:
                least = number(value)
            case 2:
                most = number(value)
            case 6:
                limits.extend(doubles(value).tolist())
            case 7:
                counts.extend(doubles(value).tolist())
    if len(limits) != len(counts) or not limits:
        raise WireError("a histogram's limits and counts do not agree")
    edges = [min(least, limits[0]), *limits[:-1], max(min(most, limits[-1]), *limits[-2:-1], least)]
    return {"_type": "histogram", "values": counts, "bins": edges}


_READERS: Mapping[int, Callable[[bytes], object]] = {4: _image, 5: _histogram, 6: _audio}
