"""Observed: what was counted, by name and labels; two of them subtract to a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from homeostat.core import RealClock, suggest
from homeostat.observe._book import book
from homeostat.observe._bucket import SIZE
from homeostat.observe._buckets import Distribution
from homeostat.observe._page import Kind, Page, Series, header
from homeostat.observe._shelf import Shelf
from homeostat.observe._state import Level, State, difference, read_state, total
from homeostat.observe._verbs import UNUSUAL

__all__ = ["Observed", "observed"]

_clock = RealClock()


@dataclass(frozen=True, slots=True)
class Observed:
    """What timers, counts and gauges have added up to, over all processes that share a folder.

    Args:
        state: Values by series.
        at_ns: When it was looked at.
        since_ns: Since when it was counted.
    """

    state: State = field(repr=False)
    at_ns: int
    since_ns: int

    @classmethod
    def of(cls, *pages: Page, shelf: Shelf | None = None, at_ns: int) -> Observed:
        """Return what pages of this process, and those on a shelf, add up to.

        Args:
            pages: Of memory; a page on the shelf is read there.
            shelf: Where processes share what they count.
            at_ns: The time.

        Example:
            >>> from homeostat.observe import Kind, Page, Series
            >>> page = Page()
            >>> page.ints[page.allot(Series(Kind.COUNT, "rows"))] += 7
            >>> Observed.of(page, at_ns=0).counts
            {'rows': 7}
        """
        state, since_ns = ({}, at_ns) if shelf is None else shelf.read()
        states = [state, *(read_state(page.content()) for page in pages)]
        since = [since_ns, *(header(page.content())[1] for page in pages)]
        return cls(total(states), at_ns, min(since))

    @property
    def seconds_passed(self) -> float:
        """How long was counted."""
        return max(self.at_ns - self.since_ns, 0) / 1e9

    @property
    def counts(self) -> dict[str, int]:
        """Each count without labels."""
        return {
            s.name: value
            for s, value in self._of(Kind.COUNT)
            if isinstance(value, int) and not s.labels
        }

    @property
    def unusual(self) -> dict[str, int]:
        """How often each unusual event was reported."""
        return {
            s.labels[0][1]: value
            for s, value in self._of(Kind.COUNT)
            if s.name == UNUSUAL and s.labels and isinstance(value, int)
        }

    @property
    def calls(self) -> dict[str, int]:
        """How often each timer ran to its end, whatever its labels; failures not included."""
        return {name: self.times(name).n for name in self.names(Kind.TIMES)}

    @property
    def seconds(self) -> dict[str, float]:
        """How long, all calls of a timer together."""
        return {name: self.times(name).total for name in self.names(Kind.TIMES)}

    def names(self, kind: Kind) -> list[str]:
        """Return the names of all series of a kind."""
        return sorted({series.name for series, _ in self._of(kind)})

    def count(self, name: str, /, **labels: object) -> int:
        """Return a count with exactly these labels; 0 if there is none."""
        value = self._exactly(Kind.COUNT, name, labels)
        return value if isinstance(value, int) else 0

    def gauge(self, name: str, /, **labels: object) -> float | None:
        """Return a gauge with exactly these labels; None if it was never set."""
        value = self._exactly(Kind.GAUGE, name, labels)
        return value.value if isinstance(value, Level) else None

    def times(self, name: str, /, **labels: object) -> Distribution:
        """Return the distribution of a timer or histogram, over all labels that are not named."""
        wanted = {(key, str(value)) for key, value in labels.items()}
        found = [
            value
            for s, value in self._of(Kind.TIMES)
            if s.name == name and wanted <= set(s.labels) and isinstance(value, Distribution)
        ]
        return reduce(Distribution.__add__, found, Distribution(np.zeros(SIZE, dtype=np.int64)))

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], Distribution]:
        """Return the distributions of a timer by the values of some labels.

        Example:
            >>> from homeostat.observe import timer
            >>> timer("predict", endpoint="/predict", version="v1").add(0.1)
            >>> timer("predict", endpoint="/predict", version="v2").add(0.3)
            >>> list(observed().by("predict", "version"))
            [('v1',), ('v2',)]
        """
        found: dict[tuple[str, ...], Distribution] = {}
        for series, value in self._of(Kind.TIMES):
            has = dict(series.labels)
            if series.name == name and isinstance(value, Distribution) and has.keys() >= {*labels}:
                key = tuple(has[label] for label in labels)
                found[key] = found[key] + value if key in found else value
        return dict(sorted(found.items()))

    def per_second(self, name: str, /, **labels: object) -> float | None:
        """Return the throughput of a timer, or of a count; None before any time has passed."""
        times = self.times(name, **labels)
        n = times.n + times.failed or self.count(name, **labels)
        return n / self.seconds_passed if self.seconds_passed > 0 else None

    def error_share(self, name: str, /, **labels: object) -> float | None:
        """Return the share of a timer's blocks that raised; None of none."""
        times = self.times(name, **labels)
        n = times.n + times.failed
        return times.failed / n if n else None

    def since(self, earlier: Observed) -> Observed:
        """Return what was counted after an earlier look; gauges are as they are now."""
        state = difference(self.state, earlier.state)
        return Observed(state, self.at_ns, earlier.at_ns)

    def missing_name(self, name: str) -> str:
        """Say which timer is nearest to a name that there is none of."""
        return suggest(name, self.names(Kind.TIMES))

    def _of(self, kind: Kind) -> Iterator[tuple[Series, int | Level | Distribution]]:
        return ((s, value) for s, value in self.state.items() if s.kind is kind)

    def _exactly(
        self, kind: Kind, name: str, labels: dict[str, object]
    ) -> int | Level | Distribution | None:
        wanted = tuple(sorted((key, str(value)) for key, value in labels.items()))
        fits: Callable[[Series], bool] = lambda s: s.name == name and s.labels == wanted  # noqa: E731
        return next((value for s, value in self._of(kind) if fits(s)), None)


def observed() -> Observed:
    """Return what timers, counts, gauges and unusual events have added up to.

    It is that of this process, or of all processes that share a folder (`share`), dead ones
    included.

    Example:
        >>> from homeostat.observe import count
        >>> before = observed()
        >>> count("rows", 3) and observed().since(before).counts["rows"]
        3
    """
    state, since_ns = book.look()
    return Observed(state, _clock.time_ns(), since_ns)
