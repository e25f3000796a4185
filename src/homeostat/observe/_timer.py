"""Timer: how long a block or each call of a function takes, and how often it fails."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

from homeostat.core import RealClock
from homeostat.observe._book import fail, key_of, sample
from homeostat.observe._to_run import current

__all__ = ["Lap", "timer"]

P = ParamSpec("P")
R = TypeVar("R")

_seconds = RealClock.steady_s


@dataclass(slots=True)
class Lap:
    """One timed block.

    Args:
        wall_s: Seconds that it took; 0 until it ends.
    """

    wall_s: float = 0.0


# Blocks that are open, the innermost first; a thread and an asyncio task each have their own.
_open: ContextVar[tuple[Any, ...]] = ContextVar("open", default=())


class timer:  # noqa: N801 - used like a function
    """Time a block, or each call of a function: plain, async or a generator.

    What raises counts as failed, and its seconds count nowhere: what fails quickly must not make
    the rest look quick. With a run, the mean seconds since its last row become the metric
    ``time/NAME`` of its next row. Costs about 3 us a block.

    Args:
        name: What is timed.
        labels: Such as ``endpoint="/predict", version="v3"``; of few different values.

    Example:
        >>> from homeostat.observe import observed
        >>> @timer("double")
        ... def double(x):
        ...     return 2 * x
        >>> with timer("load", table="flights") as lap:
        ...     double(2)
        4
        >>> timer("query").add(0.2)                                   # measured elsewhere
        >>> lap.wall_s < 60, observed().times("query").quantile(0.5)
        (True, 0.2)
    """

    __slots__ = ("_key", "_name")

    def __init__(self, name: str, /, **labels: object) -> None:
        self._name, self._key = name, key_of(name, labels)

    def add(self, seconds: float) -> None:
        """Add a duration that was measured elsewhere."""
        sample(self._key, seconds, "seconds")
        run = current()
        if run is not None:
            run.aboard.mean(f"time/{self._name}", seconds)

    def fail(self) -> None:
        """Note a failure that was seen elsewhere."""
        fail(self._key)

    def __enter__(self) -> Lap:
        lap = Lap()
        _open.set((self, lap, _seconds(), _open.get()))
        return lap

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        end, entry = _seconds(), _open.get()
        skipped = []
        while entry and entry[0] is not self:  # blocks of generators may end out of their order
            skipped.append(entry)
            entry = entry[3]
        if not entry:  # it was entered in another context, such as a generator's in another task
            return
        _, lap, start, rest = entry
        for other in reversed(skipped):
            rest = (*other[:3], rest)
        _open.set(rest)
        lap.wall_s = end - start
        if kind is None or kind is GeneratorExit:
            self.add(lap.wall_s)
        else:
            fail(self._key)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, timed."""
        make = next((make for is_one, make in _WRAPPERS if is_one(function)), _plain)
        return cast("Callable[P, R]", functools.wraps(function)(make(self, function)))

    def __repr__(self) -> str:
        return f"timer({self._name!r})"


def _plain(timed: timer, function: Callable[P, R]) -> Callable[P, R]:
    def call(*args: P.args, **settings: P.kwargs) -> R:
        start = _seconds()
        try:
            result = function(*args, **settings)
        except BaseException:
            timed.fail()
            raise
        timed.add(_seconds() - start)
        return result

    return call


def _coroutine(timed: timer, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: object, **settings: object) -> Any:  # noqa: ANN401 - the function's own
        with timed:
            return await function(*args, **settings)

    return call


def _generator(timed: timer, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: object, **settings: object) -> Generator[Any, Any, Any]:
        with timed:
            return (yield from function(*args, **settings))

    return call


def _async_generator(timed: timer, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: object, **settings: object) -> AsyncIterator[Any]:
        with timed:
            async for item in function(*args, **settings):
                yield item

    return call


_WRAPPERS: tuple[tuple[Callable[[object], bool], Callable[..., Any]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
)
