"""Table: what each endpoint and version did, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.observe._observed import Observed, observed

if TYPE_CHECKING:
    import polars as pl

__all__ = ["operations"]


def operations(name: str, *by: str, seen: Observed | None = None) -> pl.DataFrame:
    """Return what a timer saw: calls, throughput, failures and latencies, by some of its labels.

    Args:
        name: The timer.
        by: Labels to tell apart, such as ``"endpoint", "version"``.
        seen: What to look at, such as ``now.since(before)`` for a window; all unless told.

    Returns:
        A row for each value of the labels: ``calls`` (failed ones included), ``per_second``,
        ``failed``, ``error_share``, ``available`` (share that succeeded), and in seconds
        ``median``, ``p90``, ``p99``, ``largest``; the shares are null of no call, the latencies of
        none that succeeded.

    Example:
        >>> from homeostat.observe import timer
        >>> for version, seconds in [("v1", 0.1), ("v1", 0.3), ("v2", 0.2)]:
        ...     timer("reply", version=version).add(seconds)
        >>> timer("reply", version="v2").fail()
        >>> operations("reply", "version").select("version", "calls", "error_share", "p99").rows()
        [('v1', 2, 0.0, 0.3), ('v2', 2, 0.5, 0.2)]
    """
    import polars as pl  # noqa: PLC0415 - loaded where first used

    seen = seen or observed()
    groups = seen.by(name, *by) if by else {(): seen.times(name)}
    rows = []
    for key, times in groups.items():
        n = times.n + times.failed
        rows.append(
            [
                *key,
                n,
                n / seen.seconds_passed if seen.seconds_passed else None,
                times.failed,
                times.failed / n if n else None,
                times.n / n if n else None,
                *(times.quantile(q) for q in (0.5, 0.9, 0.99, 1.0)),
            ]
        )
    figures = {
        "calls": pl.Int64,
        "per_second": pl.Float64,
        "failed": pl.Int64,
        "error_share": pl.Float64,
        "available": pl.Float64,
        "median": pl.Float64,
        "p90": pl.Float64,
        "p99": pl.Float64,
        "largest": pl.Float64,
    }
    return pl.DataFrame(rows, {**dict.fromkeys(by, pl.String), **figures}, orient="row")
