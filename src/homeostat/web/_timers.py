"""Timers: latencies and other distributions, as rows, and drawn on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homeostat.observe import Distribution, Kind, Observed, Series
from homeostat.web._words import number, span

__all__ = ["TIMER_COLUMNS", "groups", "labels_of", "series_of", "timers_of"]

TIMER_COLUMNS = (
    "name", "unit", "labels", "calls", "per_second", "failed", "error_share", "median", "p90",
    "p99", "largest", "refused",
)  # fmt: skip
_BINS = 32

Timer = tuple[dict[str, object], Distribution]


def labels_of(series: Series) -> str:
    """Return the labels of a series in words."""
    return ", ".join(f"{label} {value}" for label, value in series.labels)


def series_of(seen: Observed, kind: Kind) -> list[Series]:
    """Return the series of a kind, by name and labels."""
    found = (series for series in seen.state if series.kind is kind)
    return sorted(found, key=lambda series: (series.name, series.labels))


def timers_of(seen: Observed) -> list[Timer]:
    """Return each timer or histogram with its labels as a row, without what nothing is in."""
    found = []
    for series in series_of(seen, Kind.TIMES):
        times = seen.state[series]
        assert isinstance(times, Distribution)  # noqa: S101 - what a series of this kind holds
        if times.n or times.failed or times.refused:
            found.append((_row(series, times, seen.seconds_passed), times))
    return found


def groups(timers: Sequence[Timer]) -> list[dict[str, object]]:
    """Return timers by name, each with its distribution drawn on the name's own scale."""
    found: dict[tuple[object, object], list[Timer]] = {}
    for row, times in timers:
        found.setdefault((row["name"], row["unit"]), []).append((row, times))
    return [
        {
            "name": name,
            "unit": unit,
            "words": _latency if unit == "seconds" else number,
            "rows": list(zip((r for r, _ in pairs), _outlines([t for _, t in pairs]), strict=True)),
        }
        for (name, unit), pairs in found.items()
    ]


def _row(series: Series, times: Distribution, seconds: float) -> dict[str, object]:
    n = times.n + times.failed
    quantiles = zip(("median", "p90", "p99", "largest"), (0.5, 0.9, 0.99, 1.0), strict=True)
    return {
        "name": series.name,
        "unit": series.unit,
        "labels": labels_of(series),
        "calls": n,
        "per_second": n / seconds if seconds else None,
        "failed": times.failed,
        "error_share": times.failed / n if n else None,
        "refused": times.refused,
    } | {name: times.quantile(q) for name, q in quantiles}


def _latency(seconds: object) -> str:
    """Write a latency: below 10 ms with its fractions.

    Example:
        >>> _latency(0.00042), _latency(0.0042), _latency(0.42)
        ('0.42 ms', '4.2 ms', '420 ms')
    """
    if isinstance(seconds, float) and 0 < seconds < 0.01:
        return f"{1000 * seconds:.2g} ms"
    return span(seconds)


def _outlines(distributions: Sequence[Distribution]) -> list[str]:
    """Return the outline of each distribution, 32 wide and 10 high, over the buckets of them all.

    A height is the share of the fullest bin; of no value it is empty.
    """
    filled = np.flatnonzero(np.sum([one.counts for one in distributions], axis=0))
    if not len(filled):
        return ["" for _ in distributions]
    first, width = int(filled[0]), max(-(-int(filled[-1] - filled[0] + 1) // _BINS), 1)
    outlines = []
    for one in distributions:
        part = np.zeros(width * _BINS)
        cut = one.counts[first : first + len(part)]
        part[: len(cut)] = cut
        bins = part.reshape(_BINS, width).sum(axis=1)
        tops = 10 - (10 * bins / max(bins.max(), 1)).round(1)
        outlines.append("M0 10" + "".join(f"V{top:g}h1" for top in tops) + "V10z")
    return outlines
