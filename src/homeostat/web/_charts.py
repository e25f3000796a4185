"""The charts of a run's metrics: which there are, by the part of the name before the slash."""

from __future__ import annotations

from collections.abc import Iterable

from homeostat.record import SeriesFacts
from homeostat.web._links import query
from homeostat.web._page import Ask
from homeostat.web._words import number, title

__all__ = ["charts", "grouped", "known_name"]


def known_name(name: str) -> tuple[str, str]:
    """Return the group of a metric and its name in there.

    Example:
        >>> known_name("train/loss"), known_name("auc"), known_name("system.gpu.0.temp")
        (('train', 'loss'), ('', 'auc'), ('gpu.0', 'temp'))
    """
    if name.startswith("system."):
        group, _, rest = name.removeprefix("system.").rpartition(".")
        return group, rest
    group, slash, rest = name.partition("/")
    return (group, rest) if slash else ("", name)


def grouped(drawn: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Put charts that have a group together: the ungrouped first, then by name."""
    found: dict[str, list[dict[str, object]]] = {}
    for chart in drawn:
        found.setdefault(known_name(str(chart["name"]))[0], []).append(chart)
    return [{"name": name, "charts": found[name]} for name in sorted(found)]


def charts(ask: Ask, run: str, series: Iterable[SeriesFacts]) -> list[dict[str, object]]:
    """Return, for each series, what its points come to and where they are."""
    base = f"{ask.link.run(run)}/series"
    return [
        {
            "name": one.name,
            "title": title(known_name(one.name)[1]),
            "last": one.last,
            "min": one.low,
            "max": one.high,
            "n": one.count,
            "nans": one.nans,
            "src": query(base, name=one.name, stream=_stream(one)),
            "csv": query(base, name=one.name, stream=_stream(one), form="csv"),
            "words": f"{title(one.name)}: {one.count} values from {number(one.low)} to "
            f"{number(one.high)}, the last {number(one.last)}"
            + (f"; {one.nans} are NaN" if one.nans else ""),
        }
        for one in series
    ]


def _stream(one: SeriesFacts) -> str | None:
    return None if one.stream == "history" else one.stream
