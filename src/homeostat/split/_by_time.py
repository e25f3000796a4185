"""Splits by time: what was learned from lies before what it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, TrackedRows, duration
from homeostat.split._copies import Copies
from homeostat.split._identity import NONE, PARTS, TRAIN, Codes, Identity
from homeostat.split._splits import Splits
from homeostat.split._timeline import Timeline, left_out, microseconds, only_side, span

__all__ = ["TimeSplit", "by_time", "length_of"]

_VALIDATION, _TEST = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """Training, then a gap, then validation, then a gap, then the test: called on a frame.

    Args:
        validation: Length of the validation part: a duration, or a share of the rows.
        test: Length of the test part, which ends with the last row.
        gap: Left out before validation and before the test. With the embargo it must be at least
            the delay of the label, else training uses outcomes that were not there yet;
            `leakage.check_split` checks.
        train: Length of the training part; None takes everything before.
        embargo: Left out besides the gap.
        label_until: When a label is known, such as ``"landed_at"`` or ``"day + 7d"``: rows whose
            label came only after the next part began are purged, one by one.
        groups: Columns of identifiers that come into one part only.
        keep: Which rows of a group in several parts stay: those of its ``"later"`` part or of
            its ``"earlier"`` one; the others are left out.
        key: Columns that say which row it is.
    """

    validation: timedelta | float
    test: timedelta | float
    gap: timedelta = timedelta()
    train: timedelta | None = None
    embargo: timedelta = timedelta()
    label_until: str | None = None
    groups: tuple[str, ...] = ()
    keep: str = "later"
    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = [self.validation, self.test, *([self.train] if self.train is not None else [])]
        times = [one for one in lengths if isinstance(one, timedelta)]
        shares = [one for one in lengths if not isinstance(one, timedelta)]
        if min(times, default=timedelta(1)) <= timedelta() or min(self.gap, self.embargo) < (
            timedelta()
        ):
            raise InputError("Parts must be longer than nothing and the gap not negative.")
        if any(not 0 < share < 1 for share in shares) or sum(shares) >= 1:
            raise InputError(f"Shares must be positive and leave rows for training, got {shares}.")

    def __call__(
        self,
        frame: pl.DataFrame | TrackedRows,
        *,
        time: str = "",
        end: datetime | None = None,
        copies: Copies | Sequence[Copies] = (),
    ) -> Splits:
        """Split the rows of a frame.

        Args:
            frame: In any order; rows of one instant always come into one part.
            time: The column with the time of prediction; may be left out where the frame has
                one column of dates or times only.
            end: The instant after which rows are left out; None takes all rows.
            copies: Copies that count as groups.

        Raises:
            InputError: If a part would be empty, a row has no time, or groups cannot be kept.
            SchemaError: If there is no such column or it is no time.
        """
        identity = Identity.of(frame, self.key)
        line = Timeline.of(identity.frame, time, self.label_until)
        cut = self._cut(line, line.end(end))
        codes, findings = self._purged(line, cut)
        links = [copies] if isinstance(copies, Copies) else list(copies)
        if self.groups or links:
            whole = codes
            codes = only_side(whole, identity.frame, self.groups, links, keep=self.keep)
            self._none_lost(whole, codes)
            words = f"so that a group is in its {self.keep} part only"
            findings.append(left_out("split.groups", whole, codes, words))
        bounds = {
            part: line.bounds(codes == code)
            for code, part in enumerate(PARTS, 1)
            if (codes == code).any()
        }
        return Splits.of_codes(
            identity.spread(codes[None, :])[0],
            "time",
            boundaries=bounds,
            gap=self.gap + self.embargo,
            time=line.name,
            identity=identity,
            findings=tuple(findings),
        )

    def _cut(self, line: Timeline, last: int) -> Codes:
        at, room = line.at, microseconds(self.gap + self.embargo)
        test = span(self.test, at, last)
        validation = span(self.validation, at, test - room)
        train = validation - room
        codes = np.full(at.size, NONE, np.uint8)
        first = None if self.train is None else train - microseconds(self.train)
        codes[(at <= train) & (first is None or at > (first or 0))] = TRAIN
        codes[(at > validation) & (at <= test - room)] = _VALIDATION
        codes[(at > test) & (at <= last)] = _TEST
        return codes

    def _purged(self, line: Timeline, codes: Codes) -> tuple[Codes, list[Finding]]:
        """Leave out rows whose label came only after the next part began."""
        if self.label_until is None:
            return codes, []
        purged = codes.copy()
        for code in (TRAIN, _VALIDATION):
            later = line.at[codes == code + 1]
            held = codes == code
            if later.size:
                purged[held & ~line.before(int(later.min()), held)] = NONE
        words = "because their label came after the next part began"
        return purged, [left_out("split.purged", codes, purged, words)]

    def _none_lost(self, before: Codes, after: Codes) -> None:
        for code, part in enumerate(PARTS, 1):
            if (before == code).any() and not (after == code).any():
                raise InputError(
                    f"Time and groups cannot both be kept: every group of {part} has rows in "
                    f"{'a later' if self.keep == 'later' else 'an earlier'} part. Split by time "
                    "alone if groups come back when the model is live, by groups alone if not."
                )


def by_time(
    *,
    validation: str | timedelta | float = "14d",
    test: str | timedelta | float = "14d",
    gap: str | timedelta = "1d",
    train: str | timedelta | None = None,
    embargo: str | timedelta = timedelta(),
    label_until: str | None = None,
    groups: Sequence[str] = (),
    keep: str = "later",
    key: Sequence[str] = (),
) -> TimeSplit:
    """Return a split by time; lengths are durations such as ``"14d"``, or shares of the rows.

    The arguments are those of :class:`TimeSplit`.

    Example:
        >>> from datetime import date
        >>> days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 1, 31),
        ...                                           eager=True)})
        >>> splits = by_time(validation="7d", test="7d", gap="1d")(days, time="day")
        >>> [int(splits.masks[part].sum()) for part in ("train", "validation", "test")]
        [15, 7, 7]
    """
    return TimeSplit(
        validation=length_of(validation),
        test=length_of(test),
        gap=duration(gap),
        train=None if train is None else duration(train),
        embargo=duration(embargo),
        label_until=label_until,
        groups=tuple(groups),
        keep=keep,
        key=tuple(key),
    )


def length_of(length: str | timedelta | float) -> timedelta | float:
    """Read a duration; a number is a share and stays one."""
    return length if isinstance(length, (int, float)) else duration(length)
