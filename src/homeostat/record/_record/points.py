"""What the runs of a record logged: their points, as frames and for drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from homeostat.record._ledger import Ledger

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Points"]


class Points:
    """What a record can tell of the points of its runs."""

    _ledger: Ledger

    def metrics(self, run: str | Sequence[str], names: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the points of one run or several, one a row.

        Args:
            run: Ids.
            names: Of which metrics; None is all.

        Returns:
            Columns run, name, step, time, value; by run, name and step. NaN and infinities are
            what was logged; of points of one name and step the last counts.
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.metrics(self._ledger.index, _listed(run), names)

    def history(
        self,
        run: str | Sequence[str],
        names: Sequence[str] | None = None,
        *,
        stream: Literal["history", "system"] = "history",
        x: str = "step",
    ) -> pl.DataFrame:
        """Return what runs logged, a row a step and a column a metric.

        Args:
            run: Ids.
            names: Of which metrics; None is all.
            stream: ``"history"``, or ``"system"`` for what the machine did.
            x: What the rows are ordered by: ``"step"``, ``"time"``, or a metric; then only rows
                that have it.

        Returns:
            Columns run, step, time, and one a metric: null where it was not logged at that step,
            JSON texts for what is no number. A metric that is itself called run, step or time is
            in the column "metric.run", ...
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.history(self._ledger.index, _listed(run), names, stream=stream, x=x)

    def follow(self, run: str, *, after: str = "") -> tuple[pl.DataFrame, str]:
        """Return the points of a run that are new, and the cursor to ask with the next time.

        It costs as much as there is new, however long the history is.

        Args:
            run: Its id.
            after: The cursor that the last call returned; empty for all.

        Returns:
            Columns run, name, step, time, value, as they were written; and the next cursor.
        """
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.follow(self._ledger.index, run, after)

    def chart(
        self,
        run: str | Sequence[str],
        name: str,
        *,
        columns: int = 1000,
        low: int | None = None,
        high: int | None = None,
        stream: Literal["history", "system"] = "history",
    ) -> pl.DataFrame:
        """Return a metric as at most so many columns, for drawing; exact, whatever the length.

        Args:
            run: Ids.
            name: Of the metric.
            columns: How many columns a run has at most; at least half as many, if there are
                points enough. (Where that would take over a million points, of many runs, they
                may be fewer: one for 128 points.)
            low: The first step; None is from the start. For the system stream, nanoseconds.
            high: The last step; None is up to the end.
            stream: As for :meth:`history`.

        Returns:
            Columns run, x0 and x1 (first and last step of the column), min, max (NaN left out,
            infinities kept), first, last, count, nans; by run and step. Every point is in one
            column.
        """
        from homeostat.record._history import pyramid_chart as _pyramid_chart  # noqa: PLC0415 - Polars, where one reads

        return _pyramid_chart.chart(
            self._ledger.index,
            _listed(run),
            name,
            columns=columns,
            low=low,
            high=high,
            stream=stream,
        )

    def console(self, run: str) -> pl.DataFrame:
        """Return what a run printed: columns time, stream, text."""
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.console(self._ledger.index, run)

    def system_metrics(self, run: str) -> pl.DataFrame:
        """Return what the machine did during a run: columns as :meth:`metrics`, by time."""
        from homeostat.record._history import history as _history  # noqa: PLC0415 - Polars, where one reads

        return _history.system_metrics(self._ledger.index, run)


def _listed(runs: str | Sequence[str]) -> list[str]:
    return [runs] if isinstance(runs, str) else list(runs)
