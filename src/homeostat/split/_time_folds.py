"""Folds in time: expanding and sliding windows, and purged blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from homeostat.core import InputError, TrackedRows, duration, suggest
from homeostat.split._by_time import length_of
from homeostat.split._copies import Copies
from homeostat.split._folds import TEST, Folds
from homeostat.split._identity import NONE, TRAIN, Codes, Identity
from homeostat.split._timeline import Timeline, left_out, microseconds, only_side, span

__all__ = ["time_folds"]

_WINDOWS = ("expanding", "sliding", "around")


def time_folds(
    frame: pl.DataFrame | TrackedRows,
    *,
    time: str = "",
    folds: int = 5,
    window: str = "expanding",
    test: str | timedelta | float = "14d",
    gap: str | timedelta = "1d",
    embargo: str | timedelta = timedelta(),
    train: str | timedelta | None = None,
    step: str | timedelta | None = None,
    label_until: str | None = None,
    groups: Sequence[str] = (),
    keep: str = "later",
    copies: Copies | Sequence[Copies] = (),
    key: Sequence[str] = (),
    end: datetime | None = None,
) -> Folds:
    """Part rows into folds in time; rows of one instant always come together.

    ``"expanding"`` learns from all that lies before each test window, ``"sliding"`` from a
    stretch of length ``train`` before it: a rehearsal of live operation. ``"around"`` cuts time
    into as many blocks of about equal rows as there are folds, judges each, and learns from
    both sides of it, purged and with an embargo (Lopez de Prado, Advances in Financial Machine
    Learning, 2018, chapter 7): more data, for when order matters less than overlap.

    Args:
        frame: The rows, in any order.
        time: The column with the time of prediction; may be left out if there is only one.
        folds: How many.
        window: ``"expanding"``, ``"sliding"`` or ``"around"``.
        test: Length of a test window: a duration, or a share of the rows.
        gap: Left out between training and what it is judged on.
        embargo: Left out besides: before a test window, of ``"around"`` also after it.
        train: Length of the training part of ``"sliding"``.
        step: From one test window to the next; None is the length of the window.
        label_until: When a label is known, such as ``"landed_at"`` or ``"day + 7d"``: training
            rows whose time from prediction to label overlaps that of the test are purged.
        groups: Columns of identifiers that come into one part of a fold only.
        keep: ``"later"`` takes groups of the test out of training, ``"earlier"`` those of
            training out of the test.
        copies: Copies that count as groups.
        key: Columns that say which row it is.
        end: The instant after which rows are left out.

    Raises:
        InputError: If a fold would be empty or a row has no time.
        SchemaError: If a column is missing or is no time.

    Example:
        >>> from datetime import date
        >>> days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 1, 31),
        ...                                           eager=True)})
        >>> folds = time_folds(days, folds=3, test="5d", gap="1d")
        >>> [(int(fold.train.sum()), int(fold.test.sum())) for fold in folds]
        [(15, 5), (20, 5), (25, 5)]
    """
    if window not in _WINDOWS:
        raise InputError(f"There is no window `{window}`.{suggest(window, _WINDOWS)}")
    if (window == "sliding") != (train is not None):
        raise InputError("A sliding window needs the length `train`, and only that has one.")
    identity = Identity.of(frame, key)
    line = Timeline.of(identity.frame, time, label_until)
    plan = _Plan(
        line,
        folds,
        microseconds(duration(gap)),
        microseconds(duration(embargo)),
        None if train is None else microseconds(duration(train)),
        line.end(end),
    )
    if window == "around":
        whole = plan.around()
    else:
        whole = plan.forward(length_of(test), None if step is None else duration(step))
    links = [copies] if isinstance(copies, Copies) else list(copies)
    codes, findings = whole, []
    if groups or links:
        sides = [only_side(one, identity.frame, groups, links, keep=keep) for one in whole]
        codes = np.array(sides, np.uint8)
        words = f"so that a group is in its {keep} part only"
        findings.append(left_out("split.groups", whole, codes, words))
    return Folds(identity.spread(codes), f"time, {window}", identity, tuple(findings))


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    line: Timeline
    folds: int
    gap: int
    embargo: int
    train: int | None
    last: int

    def __post_init__(self) -> None:
        if self.folds < 1 or min(self.gap, self.embargo) < 0 or (self.train or 1) <= 0:
            raise InputError("There is at least one fold, and no length is negative.")

    def forward(self, test: timedelta | float, step: timedelta | None) -> Codes:
        """Return windows that end one step after another, the last with the last row."""
        at, codes, end = self.line.at, [], self.last
        for _ in range(self.folds):
            start = span(test, at, end)
            until = start - self.gap - self.embargo
            code = np.full(at.size, NONE, np.uint8)
            code[(at > start) & (at <= end)] = TEST
            learned = at <= until
            if self.train is not None:
                learned &= at > until - self.train
            first = at[code == TEST].min(initial=end)
            code[self.line.before(int(first), learned)] = TRAIN
            codes.append(code)
            end = start if step is None else end - microseconds(step)
        return np.array(codes[::-1], np.uint8)

    def around(self) -> Codes:
        """Return one block after another, with training on both sides of it."""
        at = self.line.at
        times = np.sort(at[at <= self.last])
        place = np.linspace(0, times.size, self.folds + 1)[1:-1].astype(np.int64)
        ends = np.concatenate([times[place] - 1, [self.last]])
        block = np.searchsorted(np.unique(ends), at, side="left")
        codes = []
        for fold in range(self.folds):
            held = block == fold
            if not held.any():
                raise InputError(
                    f"Time cannot be cut into {self.folds} blocks: too many rows share an instant."
                )
            first, last = int(at[held].min()), int(at[held].max())
            if self.line.until is not None:
                known = self.line.until[held]
                last = max(last, int(known[known < np.iinfo(np.int64).max].max(initial=last)))
            before = self.line.before(first, at < first - self.gap - self.embargo)
            after = (at > last + self.gap + self.embargo) & (at <= self.last)
            codes.append(np.where(held, TEST, np.where(before | after, TRAIN, NONE)))
        return np.array(codes, np.uint8)
