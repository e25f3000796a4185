"""What people define of a metric: its x axis, and what the summary makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from homeostat.core import InputError, Json, suggest

__all__ = ["Metric", "Metrics"]

_MODES = ("min", "max", "mean", "last", "best", "first", "copy", "none")


@dataclass(frozen=True, slots=True)
class Metric:
    """A definition of one metric, or of all that a pattern fits.

    Args:
        name: The metric, or a pattern such as ``"val/*"``.
        step_metric: The metric that is its x axis.
        step_sync: Whether the last value of that axis is written beside each point that lacks it.
        summary: What the summary shows: any of min, max, mean, last, best, first; or none.
        goal: Whether less or more is better; for ``best``.
        hidden: Whether pages leave it out.
    """

    name: str
    step_metric: str | None = None
    step_sync: bool = True
    summary: tuple[str, ...] = ()
    goal: Literal["minimize", "maximize"] | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"A metric is defined by its name or a pattern, got {self.name!r}.")
        for mode in self.summary:
            if mode not in _MODES:
                raise InputError(f"A summary has no `{mode}`.{suggest(mode, _MODES)}")
        if self.goal not in {None, "minimize", "maximize"}:
            raise InputError(f"A goal is 'minimize' or 'maximize', got {self.goal!r}.")
        if "best" in self.summary and self.goal is None:
            raise InputError(f"The best of `{self.name}` needs goal='minimize' or goal='maximize'.")

    def to_json(self) -> dict[str, Json]:
        """Return it as the record keeps it."""
        return {
            "step_metric": self.step_metric,
            "step_sync": self.step_sync,
            "summary": list(self.summary),
            "goal": self.goal,
            "hidden": self.hidden,
        }

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Json]) -> Metric:
        """Rebuild from what the record keeps; what it lacks is as if not said."""
        said = {key: value for key, value in data.items() if key in cls.__slots__}
        modes = said.pop("summary", None) or ()
        return cls(name, summary=modes_of(modes), **said)  # type: ignore[arg-type]  # checked above


def modes_of(summary: object) -> tuple[str, ...]:
    """Read ``"min,max"`` or ``["min", "max"]``."""
    parts = summary.split(",") if isinstance(summary, str) else summary
    if parts is None:
        return ()
    if not isinstance(parts, Iterable):
        raise InputError(f"`summary` is a text such as 'min,max', got {summary!r}.")
    return tuple(dict.fromkeys(str(part).strip().lower() for part in parts if str(part).strip()))


class Metrics:
    """The definitions of one run, and the running results they ask for."""

    def __init__(self) -> None:
        self._defined: dict[str, Metric] = {}
        self._found: dict[str, Metric | None] = {}
        self._tallies: dict[str, _Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._defined)

    def define(self, metric: Metric, *, overwrite: bool = False) -> Metric:
        """Take in a definition; without ``overwrite`` it adds to an earlier one of that name."""
        known = self._defined.get(metric.name)
        if known is not None and not overwrite:
            metric = replace(
                metric,
                step_metric=metric.step_metric or known.step_metric,
                summary=metric.summary or known.summary,
                goal=metric.goal or known.goal,
                hidden=metric.hidden or known.hidden,
            )
        self._defined[metric.name] = metric
        self._found.clear()
        return metric

    def of(self, name: str) -> Metric | None:
        """Return what holds for a metric: its own definition, or the last pattern it fits."""
        if name not in self._found:
            fitting = [
                self._defined[pattern] for pattern in self._defined if fnmatchcase(name, pattern)
            ]
            self._found[name] = self._defined.get(name) or (fitting[-1] if fitting else None)
        return self._found[name]

    def axes(self, names: Iterable[str]) -> list[str]:
        """Return the x axes that points of these names want beside them."""
        wanted = [metric for name in names if (metric := self.of(name)) is not None]
        return [metric.step_metric for metric in wanted if metric.step_metric and metric.step_sync]

    def take(self, points: Mapping[str, float]) -> None:
        """Count new points in."""
        for name, value in points.items():
            metric = self.of(name)
            if metric is not None and metric.summary:
                self._tallies.setdefault(name, _Tally()).take(float(value))

    def result(self, name: str, last: Json) -> Json | None:
        """Return what the summary shows of a metric; None is nothing."""
        metric = self.of(name)
        if metric is None or not metric.summary or set(metric.summary) <= {"last", "copy"}:
            return last
        if "none" in metric.summary:
            return None
        tally = self._tallies.get(name)
        if tally is None:
            return last
        return {mode: tally.result(mode, metric.goal) for mode in metric.summary if mode != "copy"}


class _Tally:
    """Least, greatest, mean, first and last of one metric; NaN counts for the last only."""

    __slots__ = ("count", "first", "last", "least", "most", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.least, self.most = math.inf, -math.inf
        self.first = self.last = math.nan

    def take(self, value: float) -> None:
        self.last = value
        if math.isnan(value):
            return
        self.first = value if self.count == 0 else self.first
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def result(self, mode: str, goal: str | None) -> float:
        if mode == "last":
            return self.last
        if self.count == 0:
            return math.nan
        found = {
            "min": self.least,
            "max": self.most,
            "mean": self.total / self.count,
            "first": self.first,
            "best": self.least if goal == "minimize" else self.most,
        }
        return found[mode]
