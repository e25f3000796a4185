"""Arrivals: rows that come twice, come late, or come from a clock that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.monitor._windows._calendar import aware

__all__ = ["Arrivals"]


@dataclass(slots=True)
class Arrivals:
    """Watches how batches of rows arrive, and lets none be counted twice.

    Networks deliver again what they are not sure to have delivered, phones send what they kept
    while there was no network, and clocks are set. `take` answers whether a batch is new.

    Args:
        lateness: How long after the newest row seen rows may come and be on time still.
        ahead: How far a row's time may lie after its arrival: clocks differ a little.
        remembered: How long keys of batches are kept, in time of the rows.

    Example:
        >>> from datetime import UTC
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> arrivals = Arrivals(lateness="1h")
        >>> arrivals.take(noon, 100, batch="a"), arrivals.take(noon, 100, batch="a")
        (True, False)
        >>> arrivals.take(noon - timedelta(hours=5), 50, batch="b")
        True
        >>> [finding.check for finding in arrivals.findings()]
        ['window.duplicate', 'window.late']
    """

    lateness: str | timedelta = "1h"
    ahead: str | timedelta = "5m"
    remembered: str | timedelta = "8d"
    rows: int = field(default=0, init=False)
    late: int = field(default=0, init=False)
    latest_by: timedelta = field(default=timedelta(), init=False)
    duplicates: int = field(default=0, init=False)
    duplicate_rows: int = field(default=0, init=False)
    early: int = field(default=0, init=False)
    earliest_by: timedelta = field(default=timedelta(), init=False)
    backwards: int = field(default=0, init=False)
    backwards_by: timedelta = field(default=timedelta(), init=False)
    _newest: datetime | None = field(default=None, init=False, repr=False)
    _now: datetime | None = field(default=None, init=False, repr=False)
    _seen: dict[str, datetime] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.lateness, self.ahead = duration(self.lateness), duration(self.ahead)
        self.remembered = duration(self.remembered)

    def take(
        self, at: datetime, rows: int, *, batch: str | None = None, now: datetime | None = None
    ) -> bool:
        """Note a batch, and return whether it is to be counted: False for one that came before.

        Args:
            at: The time of its rows, with a zone.
            rows: How many they are.
            batch: What identifies the batch, such as a message id; None is never a duplicate.
            now: When it arrived, by the clock of who receives it; None leaves clocks unchecked.

        Raises:
            InputError: If a time has no zone, or there are fewer than no rows.
        """
        if rows < 0:
            raise InputError(f"A batch has at least 0 rows, got {rows}.")
        aware(at)
        if now is not None:
            self._check_clock(aware(now))
        if batch is not None and batch in self._seen:
            self.duplicates += 1
            self.duplicate_rows += rows
            return False
        if batch is not None:
            self._remember(batch, at)
        self.rows += rows
        self._place(at, rows, now)
        return True

    def _check_clock(self, now: datetime) -> None:
        if self._now is not None and now < self._now:
            self.backwards += 1
            self.backwards_by = max(self.backwards_by, self._now - now)
        self._now = now

    def _place(self, at: datetime, rows: int, now: datetime | None) -> None:
        """Tell a late batch by the newest row so far; one from the future moves that not."""
        if now is not None and at - now > duration(self.ahead):
            self.early += rows
            self.earliest_by = max(self.earliest_by, at - now)
            return
        if self._newest is not None and self._newest - at > duration(self.lateness):
            self.late += rows
            self.latest_by = max(self.latest_by, self._newest - at)
        self._newest = at if self._newest is None else max(self._newest, at)

    def _remember(self, batch: str, at: datetime) -> None:
        self._seen[batch] = at
        if len(self._seen) % 4096 == 0 and self._newest is not None:
            oldest = self._newest - duration(self.remembered)
            self._seen = {key: then for key, then in self._seen.items() if then >= oldest}

    def findings(self) -> list[Finding]:
        """Return a warning for each thing that was not as it should be; [] if all was."""
        total = max(self.rows, 1)
        again = (
            f"{self.duplicates} batches ({self.duplicate_rows} rows) came again and were not "
            "counted again"
        )
        late = (
            f"{self.late} of {self.rows} rows came more than {self.lateness} late, the latest by "
            f"{self.latest_by}: windows that were judged before lacked them"
        )
        early = (
            f"{self.early} of {self.rows} rows are dated after they arrived, by up to "
            f"{self.earliest_by}: a sender's clock or time zone is wrong"
        )
        back = (
            f"The clock went backwards {self.backwards} times, by up to {self.backwards_by}: it "
            "was set, or two hosts disagree"
        )
        repeated = self.duplicate_rows / max(self.rows + self.duplicate_rows, 1)
        facts = [
            ("window.duplicate", self.duplicates, again, repeated),
            ("window.late", self.late, late, self.late / total),
            ("window.future", self.early, early, self.early / total),
            ("window.clock", self.backwards, back, float(self.backwards)),
        ]
        return [
            Finding(
                check=check,
                subject="arrivals",
                verdict=Verdict.WARN,
                summary=f"{said}.",
                statistic=float(count),
                threshold=0.0,
                effect=share,
                evidence={"rows": self.rows},
            )
            for check, count, said, share in facts
            if count
        ]
