"""Engine: the one seam through which work is spread over partitions or trials."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Literal, Protocol, TypeVar, runtime_checkable

from homeostat.core._errors import HomeostatError, InputError

__all__ = ["Engine", "LocalEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Engine(Protocol):
    """Spreads calls of one function over many items."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items, as each becomes ready."""

    def cancel(self) -> None:
        """Drop what has not started."""


class LocalEngine:
    """Threads or processes of this machine.

    Threads suit work that releases the GIL (Polars, NumPy, LightGBM). Processes are started
    by fork server; what is shipped to them must be small, so hand them paths and row ranges.

    Args:
        workers: How many at a time; None takes one a core.
        kind: ``"threads"``, ``"processes"``, or ``"serial"`` (in the caller, for debugging).

    Raises:
        InputError: If ``workers`` is not positive.

    Example:
        >>> list(LocalEngine(workers=2).map(abs, [-1, 2, -3]))
        [1, 2, 3]
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        kind: Literal["threads", "processes", "serial"] = "threads",
    ) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"An engine needs at least one worker, got {workers}.")
        self.workers = workers or os.cpu_count() or 1
        self.kind = kind
        self._cancelled = False

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items, as each becomes ready."""
        self._cancelled = False
        if self.kind == "serial":
            yield from self._unless_cancelled(map(function, items))
            return
        try:
            with self._executor() as executor:
                futures = [executor.submit(function, item) for item in items]
                yield from self._unless_cancelled(future.result() for future in futures)
        except BrokenProcessPool as error:
            raise HomeostatError(
                "A worker process died. If this is a script, put what it runs under "
                "`if __name__ == '__main__':`, since workers import it; if not, see whether memory "
                "ran out, and take fewer workers or kind='threads'."
            ) from error

    def cancel(self) -> None:
        """Drop what has not started; results already asked for still come."""
        self._cancelled = True

    def _unless_cancelled(self, results: Iterator[Result]) -> Iterator[Result]:
        for result in results:
            yield result
            if self._cancelled:
                return

    @contextmanager
    def _executor(self) -> Iterator[Executor]:
        executor: Executor
        if self.kind == "processes":
            context = multiprocessing.get_context("forkserver")
            executor = ProcessPoolExecutor(self.workers, mp_context=context)
        else:
            executor = ThreadPoolExecutor(self.workers)
        try:
            yield executor
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def __repr__(self) -> str:
        return f"LocalEngine({self.workers}, kind={self.kind!r})"
