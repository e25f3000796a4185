"""Cap: at most so many pages a week, met by raising the bar for the next one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from homeostat.alerts._words import span
from homeostat.core import InputError, duration

__all__ = ["Candidate", "Cap"]


_FAR = 2.0  # times the highest score of late


class Candidate(NamedTuple):
    """Something that would be a page: when, how far beyond its threshold, and whether it was."""

    at: datetime
    score: float
    paged: bool


@dataclass(frozen=True, slots=True)
class Cap:
    """How many pages there may be: a hard limit over any stretch of time, and a bar before it.

    The bar is a score that few of the recent candidates exceed, fewer the more pages are spent
    (with `n` pages left, `n` of them), so in a noisy week the thresholds rise by themselves and
    what does page is what stands out. A score is how far a finding is beyond its own threshold,
    as a ratio (of logarithms for p-values), so that rules of different scale compare. The last
    ``reserve`` pages are kept for plain failures (a missing column has no scale and meets no bar)
    and for what is twice as far out as anything else of late.

    Args:
        pages: Most pages in any stretch of `within`; each message that pages counts once,
            however many alerts are in it, and so does its repetition.
        within: The length of the stretch.
        reserve: How many of them are kept for what is plain or far out.

    Raises:
        InputError: If there is no page at all, or none left beside the reserve.

    Example:
        >>> from datetime import UTC
        >>> now, cap = datetime(2026, 1, 8, tzinfo=UTC), Cap(3, reserve=1)
        >>> noisy = [Candidate(now - timedelta(hours=h), 1 + h / 10, paged=False) for h in range(5)]
        >>> cap.bar(now, noisy), cap.refusal(now, 2.0, noisy)
        (1.3, '')
        >>> cap.refusal(now, 1.2, noisy)
        'it is 1.2 times beyond its threshold; only 1.3 times pages, to keep to 3 pages in 7 d'
    """

    pages: int = 5
    within: str | timedelta = timedelta(days=7)
    reserve: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "within", duration(self.within))
        if self.pages < 1 or not 0 <= self.reserve < self.pages:
            raise InputError(
                "A cap needs at least one page, and fewer in reserve than there are; got "
                f"pages={self.pages}, reserve={self.reserve}."
            )

    def bar(self, now: datetime, candidates: Iterable[Candidate]) -> float:
        """Return the score that a page must exceed; 1 is the rules' own thresholds."""
        recent = self._recent(now, candidates)
        left = max(self.pages - self.reserve - sum(one.paged for one in recent), 1)
        scores = sorted((one.score for one in recent if math.isfinite(one.score)), reverse=True)
        return scores[left - 1] if len(scores) >= left else 1.0

    def refusal(self, now: datetime, score: float, candidates: Iterable[Candidate]) -> str:
        """Return why there may be no page for a score; empty where there may."""
        recent = self._recent(now, candidates)
        used = sum(one.paged for one in recent)
        limit = f"{self.pages} pages in {span(duration(self.within))}"
        if used >= self.pages:
            return f"there have been {limit}"
        if math.isinf(score):
            return ""
        bar = self.bar(now, recent)
        if used >= self.pages - self.reserve:
            if score >= _FAR * bar:
                return ""
            return f"of {limit} the last {self.reserve} are kept for what is plain or far out"
        if score > bar or bar == 1.0:
            return ""
        return (
            f"it is {score:.3g} times beyond its threshold; only {bar:.3g} times pages, to keep to "
            f"{limit}"
        )

    def _recent(self, now: datetime, candidates: Iterable[Candidate]) -> list[Candidate]:
        start = now - duration(self.within)
        return [one for one in candidates if one.at > start]
