"""Writing points: the binary frames of a run's numbers, a few microseconds each."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from homeostat.core import InputError, Json
from homeostat.record._artifact.names import checked_text
from homeostat.record._index.tables import Kind, layout_id, point_struct
from homeostat.record._ledger import Ledger
from homeostat.record._time import nanoseconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

__all__ = ["PointWriter", "Series"]

Series = Mapping[str, "ArrayLike"]
_MAX_LAYOUTS = 1000
_MAX_FRAME_BYTES = 1 << 20
_ONE = struct.Struct("d")


class PointWriter:
    """Writes the points of one stream of one run.

    The names of a point are written once, as a LAYOUT frame, before the first point that has
    them; each point then holds only the layout's number.
    """

    def __init__(self, ledger: Ledger, run: str, stream: str) -> None:
        self._ledger = ledger
        self._append, self._now = ledger.log.append, ledger.clock.time_ns
        self._run, self._stream = run, stream
        self._layouts: dict[tuple[str, ...], tuple[int, Callable[..., bytes]]] = {}

    def write(self, metrics: Mapping[str, float], step: int, at: datetime | None = None) -> None:
        """Write one point."""
        names = tuple(metrics)
        number, pack = self._layouts.get(names) or self._announce(names)
        time = self._now() if at is None else nanoseconds(at)
        try:
            point = pack(number, step, time, *metrics.values())
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            raise _bad_point(metrics, step) from error
        self._append(Kind.POINT, point)

    def write_many(self, metrics: Series, steps: ArrayLike, times: ArrayLike | None) -> int:
        """Write a whole column a metric, and return the last step."""
        columns, step, time = _columns(metrics, steps, times, self._now)
        names = tuple(columns)
        number, _ = self._layouts.get(names) or self._announce(names)
        table = _table(columns, step, time)
        head = struct.pack("<q", number)
        rows = max(1, _MAX_FRAME_BYTES // table.dtype.itemsize)
        for start in range(0, len(table), rows):
            self._append(Kind.POINT, head + table[start : start + rows].tobytes())
        return int(step[-1]) if len(step) else -1

    def forget(self) -> None:
        """Announce the names anew, as a forked child does in the log of its own."""
        self._layouts.clear()

    def _announce(self, names: tuple[str, ...]) -> tuple[int, Callable[..., bytes]]:
        kept = [checked_text(name, "A metric's name") for name in names]
        if len(self._layouts) >= _MAX_LAYOUTS:
            self._layouts.clear()
        number = layout_id(self._run, self._stream, kept)
        about: dict[str, Json] = {"stream": self._stream, "names": [*kept]}
        self._ledger.write(Kind.LAYOUT, self._run, about)
        layout = number, point_struct(len(kept)).pack
        self._layouts[names] = layout
        return layout


def _columns(
    metrics: Series, steps: ArrayLike, times: ArrayLike | None, now: Callable[[], int]
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    import numpy as np  # noqa: PLC0415 - a run that logs one point at a time needs no NumPy

    try:
        step = np.asarray(steps, np.int64)
        time = np.full(step.shape, now()) if times is None else np.asarray(times, np.int64)
        columns = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"Points must be arrays of numbers and of whole steps: {error}."
        ) from error
    for name, column in [*columns.items(), ("times", time)]:
        if column.shape != step.shape or step.ndim != 1:
            raise InputError(
                f"`{name}` must have one value a step, got shape {column.shape} for "
                f"{step.shape} steps."
            )
    return columns, step, time


def _table(columns: Mapping[str, np.ndarray], step: np.ndarray, time: np.ndarray) -> np.ndarray:
    import numpy as np  # noqa: PLC0415 - as above

    form = np.dtype([("step", "<i8"), ("time", "<i8"), ("values", "<f8", (len(columns),))])
    table = np.empty(len(step), form)
    table["step"], table["time"] = step, time
    for place, column in enumerate(columns.values()):
        table["values"][:, place] = column
    return table


def _bad_point(metrics: Mapping[str, object], step: object) -> InputError:
    for name, value in metrics.items():
        try:
            _ONE.pack(value)
        except (struct.error, TypeError, ValueError, OverflowError):
            return InputError(
                f"Metric `{name}` must be a number, got {value!r} of type "
                f"{type(value).__name__}: pass a float, or use `run.log_row` for other values."
            )
    return InputError(f"A step must be an integer of at most 64 bits, got {step!r}.")
