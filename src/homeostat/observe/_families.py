"""Families: series under the names that Prometheus and OpenTelemetry allow, each name once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from homeostat.observe._page import Kind, Series
from homeostat.observe._state import State, Value

__all__ = ["BOUNDS", "Family", "families"]

BOUNDS = {
    "seconds": (
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0,
        2.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ),
}  # fmt: skip
_WIDE = tuple(float(4**power) for power in range(16))
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Family:
    """Series of one name.

    Args:
        name: Base name, without ``_total``.
        kind: What they are.
        unit: Their unit, which the name ends in.
        said: The names as users wrote them.
        series: Labels and value of each.
    """

    name: str
    kind: Kind
    unit: str
    said: str
    series: list[tuple[tuple[tuple[str, str], ...], Value]]

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bounds of the buckets that a histogram is told in."""
        return BOUNDS.get(self.unit, _WIDE)


def families(state: State, prefix: str = "") -> Iterator[Family]:
    """Yield the series by name.

    A character that is not allowed becomes ``_``, and a unit is appended. Names that would so
    become the same are told apart by a number at their end, in the order of the names.
    """
    by_name: dict[tuple[str, Kind, str, str], list[Series]] = defaultdict(list)
    for series in state:
        by_name[series.name, series.kind, series.unit, series.over].append(series)
    taken: set[str] = set()
    for (said, kind, unit, _), members in sorted(by_name.items()):
        name = _free(_named(f"{prefix}{said}", unit, kind), taken)
        yield Family(name, kind, unit, said, sorted((_labels(s.labels), state[s]) for s in members))


def _named(said: str, unit: str, kind: Kind) -> str:
    name = _NOT_NAME.sub("_", said).strip("_") or "unnamed"
    name = f"_{name}" if name[0].isdigit() else name
    if kind is Kind.COUNT:
        return name.removesuffix("_total")
    suffix = _NOT_NAME.sub("_", unit).strip("_")
    return name if not suffix or name.endswith(f"_{suffix}") else f"{name}_{suffix}"


_ENDINGS = ("", "_total", "_bucket", "_sum", "_count", "_failed", "_failed_total", "_refused_total")


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 2, name
    while any(f"{candidate}{ending}" in taken for ending in _ENDINGS):
        candidate, number = f"{name}_{number}", number + 1
    taken.update(f"{candidate}{ending}" for ending in _ENDINGS)
    return candidate


def _labels(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return labels under names that are allowed; `le` and names of `__` are others'."""
    found: dict[str, str] = {}
    for label, value in labels:
        name = _NOT_NAME.sub("_", label) or "_"
        name = f"_{name}" if name[0].isdigit() else name
        name = f"label_{name.lstrip('_')}" if name == "le" or name.startswith("__") else name
        number, free = 2, name
        while free in found:
            free, number = f"{name}{number}", number + 1
        found[free] = value
    return tuple(found.items())
