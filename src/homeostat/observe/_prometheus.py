"""Prometheus: what was counted, in the text format that a scrape reads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from homeostat.observe._buckets import Distribution
from homeostat.observe._families import Family, families
from homeostat.observe._observed import Observed, observed
from homeostat.observe._page import Kind
from homeostat.observe._state import Level, Value

__all__ = ["CONTENT_TYPE", "prometheus"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


def prometheus(seen: Observed | None = None, *, prefix: str = "") -> str:
    """Return what was counted in Prometheus' text format, version 0.0.4.

    A count is ``NAME_total``; a timer is the histogram ``NAME_seconds``, with
    ``NAME_seconds_failed_total`` and, once there are any, ``NAME_seconds_refused_total``; what is
    not allowed in a name is ``_``. The bounds of buckets are met to within 0.6 %.

    Args:
        seen: What to tell; that of now, over all processes that share a folder, unless told.
        prefix: Before each name.

    Example:
        >>> from homeostat.observe import count
        >>> count("pages served", path="/")
        1
        >>> [line for line in prometheus().splitlines() if "pages" in line]
        ['# HELP pages_served_total pages served', '# TYPE pages_served_total counter', \
'pages_served_total{path="/"} 1']
    """
    state = (seen or observed()).state
    return "".join(f"{line}\n" for family in families(state, prefix) for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    if family.kind is Kind.COUNT:
        yield from _counter(f"{family.name}_total", family.said, family.series)
    elif family.kind is Kind.GAUGE:
        yield from _head(family.name, "gauge", family.said)
        for labels, value in family.series:
            if isinstance(value, Level):
                yield f"{family.name}{_braces(labels)} {_number(value.value)}"
    elif family.kind is Kind.TIMES:
        yield from _histograms(family)


def _histograms(family: Family) -> Iterator[str]:
    yield from _head(family.name, "histogram", family.said)
    bounds = np.asarray(family.bounds)
    for labels, value in family.series:
        if not isinstance(value, Distribution):
            continue
        for bound, n in zip(family.bounds, value.within(bounds).tolist(), strict=True):
            yield f"{family.name}_bucket{_braces((*labels, ('le', _number(bound))))} {n}"
        yield f"{family.name}_bucket{_braces((*labels, ('le', '+Inf')))} {value.n}"
        yield f"{family.name}_sum{_braces(labels)} {_number(value.total)}"
        yield f"{family.name}_count{_braces(labels)} {value.n}"
    for what in ("failed", "refused"):
        counts: list[tuple[Labels, Value]] = [
            (labels, getattr(value, what))
            for labels, value in family.series
            if isinstance(value, Distribution)
        ]
        if (what == "failed" and family.unit == "seconds") or any(n for _, n in counts):
            name, text = f"{family.name}_{what}_total", f"{family.said}, {what}"
            yield from _counter(name, text, counts)


def _counter(name: str, said: str, series: list[tuple[Labels, Value]]) -> Iterator[str]:
    yield from _head(name, "counter", said)
    for labels, value in series:
        yield f"{name}{_braces(labels)} {value}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {escaped}"
    yield f"# TYPE {name} {kind}"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(int(value)) if value.is_integer() and abs(value) < 1 << 53 else repr(value)
