"""Timers, counts and unusual events from inside user code, one line each, with or without a run."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ContextDecorator
from dataclasses import dataclass, field
from typing import Any

from homeostat.core import Cost, Finding, Json, Verdict, measure

__all__ = ["Observed", "count", "observed", "timer", "unusual"]

_FIRST = 10


@dataclass(slots=True)
class Observed:
    """What was seen in this process.

    Args:
        calls: How often each timer ran.
        seconds: How long, all calls of a timer together.
        counts: Each count.
        unusual: How often each unusual event was reported.
    """

    calls: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    unusual: dict[str, int] = field(default_factory=dict)


_seen = Observed()
_lock = threading.Lock()


def observed() -> Observed:
    """Return what timers, counts and unusual events have added up to in this process."""
    with _lock:
        return Observed(
            dict(_seen.calls), dict(_seen.seconds), dict(_seen.counts), dict(_seen.unusual)
        )


class timer(ContextDecorator):  # noqa: N801 - used like a function
    """Time a block, or each call of a function.

    With a run, seconds become the metric ``time/NAME`` of the open row.

    Args:
        name: What is timed.

    Example:
        >>> @timer("double")
        ... def double(x):
        ...     return 2 * x
        >>> double(2), observed().calls["double"]
        (4, 1)
        >>> with timer("load") as cost:
        ...     pass
        >>> cost.wall_s < 60
        True
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._running = threading.local()

    def __enter__(self) -> Cost:
        block = measure()
        stack = self._running.__dict__.setdefault("stack", [])
        cost = block.__enter__()
        stack.append((block, cost))
        return cost

    def __exit__(self, *error: object) -> None:
        block, cost = self._running.stack.pop()
        block.__exit__(None, None, None)
        with _lock:
            _seen.calls[self._name] = _seen.calls.get(self._name, 0) + 1
            _seen.seconds[self._name] = _seen.seconds.get(self._name, 0.0) + cost.wall_s
        _log({f"time/{self._name}": cost.wall_s})


def count(name: str, what: Any = 1) -> int:  # noqa: ANN401 - a number, or an array of any library
    """Count something, and return the count by now.

    With a run, the count becomes the metric ``count/NAME`` of the open row; a count of nothing is
    logged only once something was counted.

    Args:
        name: What is counted.
        what: How many more; or an array, a series or a tensor, whose missing values (NaN, null)
            and infinities are counted.

    Example:
        >>> count("long inputs")
        1
        >>> import numpy
        >>> count("nan in features", numpy.array([1.0, float("nan"), float("inf")]))
        2
    """
    more = int(what) if isinstance(what, (int, bool)) else _missing(what)
    with _lock:
        total = _seen.counts[name] = _seen.counts.get(name, 0) + more
    if total:
        _log({f"count/{name}": float(total)})
    return total


def unusual(what: str, **facts: Json) -> None:
    """Report something unusual, such as a very long input.

    With a run, it becomes a finding of the check ``"unusual"``; of the same event the first ten,
    then the hundredth, the thousandth and so on, each with how often it was seen.

    Args:
        what: The event, in words that stay the same.
        facts: What was the matter this time; JSON.

    Example:
        >>> unusual("very long input", characters=20_000)
        >>> observed().unusual["very long input"]
        1
    """
    with _lock:
        times = _seen.unusual[what] = _seen.unusual.get(what, 0) + 1
    run = _current()
    if run is not None and (times <= _FIRST or _is_power_of_ten(times)):
        shown = ", ".join(f"{key} {value!r}" for key, value in facts.items())
        run.find(
            Finding(
                check="unusual",
                subject=what,
                verdict=Verdict.WARN,
                summary=f"{what}: seen {times} times{f', now with {shown}' if shown else ''}.",
                statistic=float(times),
                evidence=facts,
            )
        )


def _missing(values: Any) -> int:  # noqa: ANN401 - as above
    import numpy as np  # noqa: PLC0415 - whoever has an array has it loaded

    if hasattr(values, "null_count") and hasattr(values, "is_nan"):  # a Polars series
        floats = values.dtype.is_float()
        return int(values.null_count()) + (int((~values.is_finite()).sum()) if floats else 0)
    if hasattr(values, "isna"):  # a pandas series or frame
        return int(np.asarray(values.isna()).sum())
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    if hasattr(values, "__float__") and not hasattr(values, "shape"):
        values = float(values)
    array = np.asarray(values)
    if array.dtype.kind in "fc":
        return int(array.size - np.isfinite(array).sum())
    return sum(item is None for item in array.reshape(-1).tolist())


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"


def _log(values: Mapping[str, float]) -> None:
    run = _current()
    if run is not None:
        run.log(values, commit=False)


def _current() -> Any:  # noqa: ANN401 - a Run; its module loads this one
    from homeostat.track import _session  # noqa: PLC0415 - it is asked, not imported

    run = _session._run  # noqa: SLF001 - of this very room
    return run if run is not None and not run.ended else None
