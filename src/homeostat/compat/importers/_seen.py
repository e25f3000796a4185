"""What a run holds already: an import of a source that has grown adds only what is new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from homeostat.compat.importers._past import nanoseconds_of
from homeostat.record import Record

__all__ = ["Seen"]


class Seen:
    """Knows the content of a run as hashes of 64 bits; empty for a new run.

    Times are compared to the microsecond. What the source holds twice, alike in step, time and
    value, counts as one.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, set[int]] = {}  # by step
        self._values: dict[int, set[int]] = {}  # likewise
        self._other: set[int] = set()

    @classmethod
    def of(cls, record: Record, run: str) -> Seen:
        """Return what the record has of a run."""
        seen = cls()
        points = record.metrics(run).select("name", "step", "time", "value")
        for name, step, time, value in points.iter_rows():
            seen._numbers.setdefault(step, set()).add(_number(name, _ns(time), value))
        history = record.history(run).drop("run", strict=False)
        texts = [name for name, type_ in history.schema.items() if type_ == pl.String]
        for row in history.select("step", *texts).iter_rows(named=True):
            step = row.pop("step")
            held = {_value(name, json.loads(text)) for name, text in row.items() if text}
            seen._values.setdefault(step, set()).update(held)
        for name, time, value in _columns(record.system_metrics(run), "name", "time", "value"):
            seen._other.add(_fact("system", _ns(time), {name: value}))
        for time, stream, text in _columns(record.console(run), "time", "stream", "text"):
            seen._other.add(_fact("line", _ns(time), [stream, text]))
        for kind, at, payload in _columns(record.events(run=run), "kind", "at", "payload"):
            seen._other.add(_fact("event", _ns(at), [kind, json.loads(str(payload))]))
        return seen

    def new_numbers(
        self, step: int, time_ns: int, metrics: Mapping[str, float]
    ) -> Mapping[str, float]:
        """Return the numbers that are not there yet."""
        held = self._numbers.get(step)
        if not held:
            return metrics
        return {n: v for n, v in metrics.items() if _number(n, time_ns, v) not in held}

    def new_values(self, step: int, values: Mapping[str, object]) -> Mapping[str, object]:
        """Return the values that are not there yet."""
        held = self._values.get(step)
        if not held:
            return values
        return {name: value for name, value in values.items() if _value(name, value) not in held}

    def new_system(self, time_ns: int, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Return the numbers about the machine that are not there yet."""
        if not self._other:
            return metrics
        return {n: v for n, v in metrics.items() if self.is_new("system", time_ns, {n: v})}

    def is_new(self, kind: str, time_ns: int, what: object) -> bool:
        """Say whether something else is not there yet."""
        return not self._other or _fact(kind, time_ns, what) not in self._other

    def rewind(self, step: int) -> None:
        """Forget what was of later steps: it counts no more, so it has to be written again."""
        for held in (self._numbers, self._values):
            for later in [key for key in held if key > step]:
                del held[later]


def _columns(frame: pl.DataFrame, *names: str) -> list[tuple[object, ...]]:
    return frame.select(names).rows()


def _ns(moment: object) -> int:
    """Return an instant as nanoseconds, whichever of the two ways a frame has it."""
    return nanoseconds_of(moment) if isinstance(moment, datetime) else int(str(moment))


def _number(name: str, time_ns: int, value: float) -> int:
    return hash((name, time_ns // 1000, float(value).hex()))


def _value(name: str, value: object) -> int:
    return hash((name, _canonical(value)))


def _fact(kind: str, time_ns: int, what: object) -> int:
    return hash((kind, time_ns // 1000, _canonical(what)))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
