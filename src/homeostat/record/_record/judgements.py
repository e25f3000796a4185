"""What happened in a record and what was judged: its events and findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core import Finding
from homeostat.record._ledger import Ledger

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Judgements"]


class Judgements:
    """What a record can tell of events and findings."""

    _ledger: Ledger

    def events(
        self, kind: str | None = None, run: str | None = None, system: str | None = None
    ) -> pl.DataFrame:
        """Return domain events by the time they happened; an argument not None must match.

        Returns:
            Columns run, system, kind, at (when it happened), time (when it was written), payload
            (JSON).
        """
        where = {"kind": kind, "run": run, "system": system}
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.events(self._ledger.index, where)

    def findings(
        self,
        run: str | None = None,
        check: str | None = None,
        verdict: str | None = None,
        system: str | None = None,
    ) -> pl.DataFrame:
        """Return judgements by the time they are about; an argument not None must match.

        Args:
            run: Id of a run.
            check: Name of a check, or a shell pattern such as ``"shift.*"``.
            verdict: ``"ok"``, ``"warn"``, ``"fail"`` or ``"unknown"``.
            system: Name of a system.

        Returns:
            Columns id, run, system, at, time, check, subject, verdict, summary, statistic,
            threshold, p_value, effect, evidence (JSON).
        """
        where = {"run": run, "check": check, "verdict": verdict, "system": system}
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.findings(self._ledger.index, where)

    def found(
        self,
        run: str | None = None,
        check: str | None = None,
        verdict: str | None = None,
        system: str | None = None,
    ) -> list[Finding]:
        """Return the same as :meth:`findings`, as objects."""
        from homeostat.record._query import frames as _query  # noqa: PLC0415 - Polars, where one reads

        return _query.to_findings(self.findings(run, check, verdict, system))
