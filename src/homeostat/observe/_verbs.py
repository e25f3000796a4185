"""Counts, gauges, distributions and unusual events from inside user code, one line each."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, ParamSpec, Self, TypeVar

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.observe._book import add, key_of, put, sample
from homeostat.observe._missing import columns_of, missing
from homeostat.observe._to_run import current

__all__ = ["UNUSUAL", "InProgress", "count", "gauge", "histogram", "latest", "unusual"]

P = ParamSpec("P")
R = TypeVar("R")

UNUSUAL = "unusual"
_FIRST = 10
_EVENTS = 1000
_latest: dict[str, dict[str, Json]] = {}


class Count:
    """Count something: see `count`."""

    __slots__ = ()

    def __call__(self, name: str, what: Any = 1, /, **labels: object) -> int:  # noqa: ANN401 - a number, or data of any library
        """Count something, and return the count by now in this process.

        With a run, the count becomes the metric ``count/NAME`` of its next row once it is not 0.
        Costs about 1 us for a number.

        Args:
            name: What is counted.
            what: How many more, from 0 on; or data, whose missing values (null, NaN, infinite)
                are counted: a number that is not whole, an array, a series, a tensor. Of a frame,
                or a dict of columns, they are counted by column, with the label ``column``.
            labels: Such as ``endpoint="/predict"``; of few different values.

        Returns:
            The count with these labels; of a frame, the missing values of all columns by now.

        Example:
            >>> from homeostat.observe import observed
            >>> count("long inputs"), count("long inputs", 2)
            (1, 3)
            >>> import numpy
            >>> count("missing", {"delay": numpy.array([1.0, numpy.nan]), "carrier": ["UA", None]})
            2
            >>> observed().count("missing", column="carrier")
            1
        """
        if type(what) is int:
            total = add((name, tuple(labels.items())) if labels else name, what)
        else:
            total = _count_missing(name, what, labels)
        run = current()
        if run is not None and total:
            run.aboard.put(f"count/{name}", total)
        return total

    def calls(self, name: str, /, **labels: object) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Count the calls of a function, as its decorator; `timer` counts those that fail too."""
        key = key_of(name, labels)

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(function)
            def call(*args: P.args, **settings: P.kwargs) -> R:
                add(key, 1)
                return function(*args, **settings)

            return call

        return decorate


count = Count()


def _count_missing(name: str, data: Any, labels: dict[str, object]) -> int:  # noqa: ANN401 - as above
    if getattr(data, "ndim", 0) == 0 and hasattr(data, "__index__"):
        with suppress(TypeError):  # an array of one number that is not whole has the method too
            return add(key_of(name, labels), operator.index(data))
    columns = columns_of(data)
    if columns is None:
        return add(key_of(name, labels), missing(data))
    for column, more in columns.items():
        if more:
            total = add(key_of(name, labels | {"column": column}), more)
            run = current()
            if run is not None:
                run.aboard.put(f"count/{name}/{column}", total)
    return add(key_of(name, labels), sum(columns.values()))


class InProgress:
    """How many blocks, or calls of a function, are under way: a gauge with no value given."""

    __slots__ = ("_key",)

    def __init__(self, name: str, labels: dict[str, object]) -> None:
        self._key = key_of(name, labels)

    def __enter__(self) -> Self:
        put(self._key, 1, over="sum", step=True)
        return self

    def __exit__(self, *_: object) -> None:
        put(self._key, -1, over="sum", step=True)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, counted while it runs."""

        @functools.wraps(function)
        def call(*args: P.args, **settings: P.kwargs) -> R:
            with self:
                return function(*args, **settings)

        return call


def gauge(
    name: str,
    value: float | None = None,
    /,
    *,
    over: Literal["last", "sum", "max", "min"] = "last",
    **labels: object,
) -> InProgress | None:
    """Say what a value is now; with no value, count the blocks or calls under way.

    With a run, the value becomes the metric ``gauge/NAME`` of its next row.

    Args:
        name: What it is of, such as ``"queue length"``.
        value: Finite; what is not is refused, and counted as ``observe_refused``.
        over: What several processes' values make: the last one set, or of the processes that
            live, the sum, the largest, the least.
        labels: Of few different values.

    Returns:
        Without a value, a context manager and decorator.

    Example:
        >>> from homeostat.observe import observed
        >>> gauge("queue length", 7, over="sum")
        >>> with gauge("in flight"):
        ...     observed().gauge("in flight"), observed().gauge("queue length")
        (1.0, 7.0)
        >>> observed().gauge("in flight")
        0.0
    """
    if value is None:
        return InProgress(name, labels)
    put(key_of(name, labels), value, over=over)
    run = current()
    if run is not None:
        run.aboard.put(f"gauge/{name}", value)
    return None


def histogram(name: str, value: float, /, *, unit: str = "", **labels: object) -> None:
    """Add a value to a distribution, such as the length of an input.

    Args:
        name: What it is of.
        value: From 0 on; what is not is counted as refused there.
        unit: Such as ``"bytes"``; the exported name ends in it.
        labels: Of few different values.

    Example:
        >>> from homeostat.observe import observed
        >>> for characters in [120, 80, 20_000]:
        ...     histogram("input length", characters)
        >>> observed().times("input length").largest
        20000.0
    """
    sample(key_of(name, labels), value, unit)


class Unusual:
    """Report something unusual: see `unusual`."""

    __slots__ = ()

    def __call__(self, what: str, /, *, when: object = True, **facts: Json) -> bool:
        """Report something unusual, such as a very long input.

        With a run, it becomes a finding of the check ``"unusual"``: of the same event the first
        ten, then the hundredth, the thousandth and so on, each with how often it was seen.

        Args:
            what: The event, in words that stay the same.
            when: Nothing is reported unless this is true.
            facts: What was the matter this time; JSON.

        Returns:
            Whether it was reported.

        Example:
            >>> from homeostat.observe import observed
            >>> text = "a" * 20_000
            >>> unusual("very long input", when=len(text) > 10_000, characters=len(text))
            True
            >>> observed().unusual["very long input"], latest("very long input")
            (1, {'characters': 20000})
        """
        if not when:
            return False
        times = add((UNUSUAL, (("event", what),)), 1)
        if what in _latest or len(_latest) < _EVENTS:
            _latest[what] = facts
        run = current()
        if run is not None and (times <= _FIRST or _is_power_of_ten(times)):
            run.find(_finding(what, times, facts))
        return True

    @contextmanager
    def raised(self, what: str, /, **facts: Json) -> Iterator[None]:
        """Report errors that leave a block or a function, which go on to whoever called.

        Example:
            >>> with unusual.raised("cannot read"):
            ...     int("x")
            Traceback (most recent call last):
            ValueError: invalid literal for int() with base 10: 'x'
            >>> latest("cannot read")["error"]
            "ValueError: invalid literal for int() with base 10: 'x'"
        """
        try:
            yield
        except Exception as error:
            self(what, **(facts | {"error": f"{type(error).__name__}: {error}"}))
            raise


unusual = Unusual()


def latest(what: str) -> dict[str, Json]:
    """Return the facts with which this process last reported an unusual event."""
    return dict(_latest.get(what, {}))


def _finding(what: str, times: int, facts: dict[str, Json]) -> Finding:
    shown = ", ".join(f"{key} {value!r}" for key, value in facts.items())
    make = functools.partial(
        Finding,
        check=UNUSUAL,
        subject=what,
        verdict=Verdict.WARN,
        summary=f"{what}: seen {times} times{f', now with {shown}' if shown else ''}.",
        statistic=float(times),
    )
    try:
        return make(evidence=facts)
    except InputError:  # a report is worth more in poor form than an error in the user's code
        return make(evidence={key: repr(value) for key, value in facts.items()})


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"
