"""Points gathered to columns, so that they are written many at a time."""

from __future__ import annotations

from collections.abc import Mapping

from homeostat.compat.importers._foreign import Problems
from homeostat.core import InputError
from homeostat.record import Run

__all__ = ["Columns"]

_MOST = 100_000
_Names = tuple[str, ...]


class _Group:
    """Points of the same names."""

    __slots__ = ("steps", "times", "values")

    def __init__(self, names: _Names) -> None:
        self.steps: list[int] = []
        self.times: list[int] = []
        self.values: dict[str, list[float]] = {name: [] for name in names}


class Columns:
    """Gathers points and writes them when they are many; each metric keeps its order.

    Args:
        run: Where to write.
        where: What to call it in problems.
        problems: Where to count metrics that the record refuses.
    """

    def __init__(self, run: Run, where: str, problems: Problems) -> None:
        self._run, self._where, self._problems = run, where, problems
        self._groups: dict[_Names, _Group] = {}
        self._group_of: dict[str, _Names] = {}
        self._waiting = 0

    def add(self, step: int, time_ns: int, metrics: Mapping[str, float]) -> None:
        """Take a point."""
        names = tuple(metrics)
        group = self._groups.get(names)
        if group is None:
            if any(name in self._group_of for name in names):
                self.flush()  # a metric in two groups would lose its order
            group = self._groups[names] = _Group(names)
            self._group_of |= dict.fromkeys(names, names)
        group.steps.append(step)
        group.times.append(time_ns)
        for name, value in metrics.items():
            group.values[name].append(value)
        self._waiting += len(names)
        if self._waiting >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for group in self._groups.values():
            try:
                self._run.log_many(group.values, steps=group.steps, times_ns=group.times)
            except (InputError, OverflowError):
                self._one_by_one(group)
        self._groups, self._group_of, self._waiting = {}, {}, 0

    def _one_by_one(self, group: _Group) -> None:
        """Write each metric by itself; one of them, or a step, is refused."""
        for name, values in group.values.items():
            try:
                self._run.log_many({name: values}, steps=group.steps, times_ns=group.times)
            except (InputError, OverflowError) as error:
                self._problems.add(self._where, f"metric `{name}` refused: {error}", len(values))
