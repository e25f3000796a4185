"""From which rows failed to a finding: the share with its interval, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._behaviour._outputs import Crashed
from homeostat.stats import Floats, Interval, proportion_interval

__all__ = ["Allowed", "allowed", "any_copy", "crashed", "failure_rate", "judged", "worst_places"]

_FEWEST_BLOCKS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allowed:
    """How many rows may fail, and how sure to be.

    Args:
        max_share: Share of rows that may fail, in [0, 1].
        minimum: Fewer rows than this are ``unknown``, unless they plainly fail.
        level: Confidence of the interval, in (0, 1).
        blocks: Which block (a day, a user) a tested row is in; None takes rows as independent.
    """

    max_share: float = 0.01
    minimum: int = 100
    level: float = 0.95
    blocks: NDArray[np.generic] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise InputError(f"`max_share` is a share of rows in [0, 1], got {self.max_share}.")
        if not 0 < self.level < 1:
            raise InputError(f"`level` lies in (0, 1), got {self.level}.")


def allowed(blocks: ArrayLike | None, n: int, rows: NDArray[np.intp], **settings: float) -> Allowed:
    """Return the bounds with the blocks of the rows that are tested."""
    if blocks is None:
        return Allowed(**settings)  # type: ignore[arg-type]  # each is a field's own type
    given = np.asarray(blocks)
    if given.shape != (n,):
        raise InputError(f"`blocks` must have one value a row: {n} rows, got {given.shape}.")
    return Allowed(blocks=given[rows], **settings)  # type: ignore[arg-type]  # likewise


def failure_rate(
    failed: NDArray[np.bool_], counted: NDArray[np.bool_], within: Allowed
) -> tuple[float, Interval]:
    """Return the share of copies that failed, and its interval clustered by source row.

    Args:
        failed: Shape (c, n).
        counted: Which copies are tried at all, shape (c, n).
        within: The level and blocks; without blocks, copies of a row are one block.
    """
    copies, n = failed.shape
    blocks = within.blocks
    if blocks is None and copies > 1:
        blocks = np.arange(n)
    tiled = None if blocks is None else np.tile(blocks, copies)
    tried = counted.ravel()
    interval = proportion_interval(failed.ravel() & tried, tried, tiled, level=within.level)
    total = int(tried.sum())
    return (float((failed & counted).sum()) / total if total else 0.0), interval


def judged(
    check: str,
    subject: str,
    failed: NDArray[np.bool_],
    within: Allowed,
    *,
    what: str,
    counted: NDArray[np.bool_] | None = None,
    examples: Sequence[Json] = (),
    evidence: Mapping[str, Json] | None = None,
    constant: bool = False,
    complete: bool = False,
) -> Finding:
    """Return a finding of which copies failed, shape (c, n).

    Args:
        check: The finding's check.
        subject: Its subject.
        failed: Which copies of which rows failed.
        within: What is allowed.
        what: What failing is, after "3 of 100".
        counted: Which copies were tried; None is all.
        examples: The worst ones.
        evidence: What else there is to show.
        constant: Whether the model says the same of everything.
        complete: Whether the rows are all there are, so that none is unseen.
    """
    tried = np.ones_like(failed) if counted is None else counted
    share, interval = failure_rate(failed, tried, within)
    n, count = int(tried.sum()), int((failed & tried).sum())
    sources = int(tried.any(axis=0).sum())
    told = f"{share:.2%} {interval} of {n:,} {what} (allowed {within.max_share:.2%})"
    if not n:
        told = f"No row could be changed, so nothing is known: {what}"
    elif constant:
        told += "; every prediction is the same, and a constant cannot move"
    return Finding(
        check=check,
        subject=subject,
        verdict=_verdict(share, interval, sources, within, complete=complete),
        summary=f"{told}.",
        statistic=share if n else None,
        threshold=within.max_share,
        effect=share if n else None,
        evidence={
            "moved": count,
            "n": n,
            "rows": sources,
            "low": interval.low,
            "high": interval.high,
            "level": interval.level,
            "examples": list(examples),
            **(evidence or {}),
        },
    )


def _verdict(
    share: float, interval: Interval, sources: int, within: Allowed, *, complete: bool
) -> Verdict:
    if complete and sources:
        return Verdict.FAIL if share > within.max_share else Verdict.OK
    if interval.low > within.max_share:
        return Verdict.FAIL
    few = within.blocks is not None and len(np.unique(within.blocks)) < _FEWEST_BLOCKS
    if sources < within.minimum or few:
        return Verdict.UNKNOWN
    return Verdict.WARN if share > within.max_share else Verdict.OK


def crashed(check: str, subject: str, error: Crashed, within: Allowed) -> Finding:
    """Return the finding that a model raised on rows it ought to bear."""
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.FAIL,
        summary=f"The model takes the rows as they are and raised on changed ones: {error}.",
        threshold=within.max_share,
        evidence={"raised": str(error)},
    )


def any_copy(failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which rows failed in any copy, (1, n)."""
    return np.asarray(np.any(failed, axis=0), dtype=np.bool_)[None, :]


def worst_places(badness: Floats, most: int = 3) -> list[tuple[int, int]]:
    """Return (copy, row) of the worst rows, one copy a row; what is not above 0 is not bad."""
    if not badness.size:
        return []
    copy = np.argmax(badness, axis=0)
    of_row = badness[copy, np.arange(badness.shape[1])]
    order = np.argsort(-of_row, kind="stable")[:most]
    return [(int(copy[i]), int(i)) for i in order if of_row[i] > 0]
