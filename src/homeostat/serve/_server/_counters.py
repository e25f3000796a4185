"""Counters: requests, errors and latencies by version, arm and endpoint, over all processes.

They are cells of memory that this process shares with whoever looks (`homeostat.observe`), so
any worker's ``/metrics`` tells the sum, and what a killed worker counted is still in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress

from homeostat.core import Clock, Finding, RealClock
from homeostat.observe import Kind, Observed, Page, Series, Shelf, Sla, bucket_of, prometheus

__all__ = ["REQUEST", "Counters", "Tally"]

REQUEST = "request"  # the timer of all answers that a model gave
_TABLED_US = 1 << 14  # latencies whose bucket is looked up instead of computed
_BUCKETS = array("H", (bucket_of(us * 1e-6) for us in range(_TABLED_US)))
_KINDS = {"mirrored", "mirror_dropped", "mirror_errors", "swaps", "evicted"}
_HELP = {
    "model_info": "Which versions are live.",
    "request_quantile_seconds": "Half and 99 % were quicker.",
}


class Tally:
    """What one version did in one arm at one endpoint.

    Args:
        times: The page of its distribution of latencies, and where that begins.
        rows: The page of its count of rows, and where that is.

    Attributes:
        requests: Answers of this process.
    """

    __slots__ = ("_at", "_floats", "_ints", "_largest", "_least", "_rows", "_rows_at", "requests")

    def __init__(self, times: tuple[Page, int], rows: tuple[Page, int]) -> None:
        (page, self._at), (rows_page, self._rows_at) = times, rows
        self._ints, self._floats, self._rows = page.ints, page.floats, rows_page.ints
        self._least, self._largest = self._floats[self._at + 3], self._floats[self._at + 4]
        self.requests = 0

    def answered(self, us: int, rows: int = 1) -> None:
        """Count an answer.

        Args:
            us: Microseconds from the whole request to its answer.
            rows: Predictions in it.
        """
        at, seconds = self._at, us * 1e-6
        self._ints[at + 5 + (_BUCKETS[us] if us < _TABLED_US else bucket_of(seconds))] += 1
        self._floats[at + 2] += seconds
        if seconds < self._least:
            self._floats[at + 3] = self._least = seconds
        if seconds > self._largest:
            self._floats[at + 4] = self._largest = seconds
        self._rows[self._rows_at] += rows
        self.requests += 1

    def failed(self) -> None:
        """Count a request that failed because of the model."""
        self._ints[self._at] += 1

    @property
    def rows(self) -> int:
        """Predictions of this process."""
        return int(self._rows[self._rows_at])

    @property
    def errors(self) -> int:
        """Requests that failed in this process."""
        return int(self._ints[self._at])


class Counters:
    """All that a serving process counts.

    Args:
        shelf: Where the processes of a service share what they count; None counts for this
            process alone.
        clock: Where the time comes from.

    Attributes:
        statuses: Answers of this process by HTTP status.
        feedback: Outcomes by what became of them: accepted, repeated, conflict, unknown.
    """

    def __init__(self, shelf: Shelf | None = None, *, clock: Clock | None = None) -> None:
        self._clock = clock or RealClock()
        self._shelf = shelf
        self._start_ns = self._clock.time_ns()
        self._pages = [Page(start_ns=self._start_ns)]  # of this process: where others are full
        self._series: dict[Series, tuple[Page, int]] = {}
        self._tallies: dict[tuple[str, str, str], Tally] = {}
        if shelf is not None:
            with suppress(OSError):  # a full disk: this process counts for itself
                self._pages.insert(0, shelf.page(start_ns=self._start_ns))
        self.statuses = _Counts(self, "requests", "status")
        self.feedback = _Counts(self, "feedback", "result")
        self._totals = {name: self.cell(Series(Kind.COUNT, name)) for name in sorted(_KINDS)}

    def tally(self, version: str, arm: str, endpoint: str = "predict") -> Tally:
        """Return the tally of a version in an arm at an endpoint."""
        found = self._tallies.get((version, arm, endpoint))
        if found is None:
            found = self._tallies[version, arm, endpoint] = self._begin(version, arm, endpoint)
        return found

    def _begin(self, version: str, arm: str, endpoint: str) -> Tally:
        labels = (("arm", arm), ("endpoint", endpoint), ("version", version))
        times = self.cell(Series(Kind.TIMES, REQUEST, labels, "seconds"))
        return Tally(times, self.cell(Series(Kind.COUNT, "predictions", labels)))

    def cell(self, series: Series) -> tuple[Page, int]:
        """Return where a series is counted, which it is given now if it has no place yet."""
        found = self._series.get(series)
        for page in self._pages:
            if found is None:
                with suppress(OverflowError, OSError):  # full, or the disk is: the next page
                    found = self._series[series] = page, page.allot(series)
        assert found is not None  # noqa: S101 - memory of our own takes thousands of series
        return found

    @property
    def mirrored(self) -> int:
        """Rows that another arm was scored on."""
        return self._total("mirrored")

    @property
    def mirror_dropped(self) -> int:
        """Rows it was not scored on, because it did not keep up."""
        return self._total("mirror_dropped")

    @property
    def mirror_errors(self) -> int:
        """Rows it failed on."""
        return self._total("mirror_errors")

    @property
    def swaps(self) -> int:
        """Routes that took effect."""
        return self._total("swaps")

    @property
    def evicted(self) -> int:
        """Models that made room for others."""
        return self._total("evicted")

    def add(self, name: str, more: int = 1) -> None:
        """Add to `mirrored`, `mirror_dropped`, `mirror_errors`, `swaps` or `evicted`."""
        page, at = self._totals[name]
        page.ints[at] += more

    def _total(self, name: str) -> int:
        page, at = self._totals[name]
        return int(page.ints[at])

    def seen(self) -> Observed:
        """Return what all processes of the service counted so far, killed ones included.

        Two of them subtract to a window: ``counters.seen().since(earlier)``.
        """
        own = self._pages[-1:]
        return Observed.of(*own, shelf=self._shelf, at_ns=self._clock.time_ns())

    def judge(self, promised: Sla, *, since: Observed | None = None) -> list[Finding]:
        """Judge each version, arm and endpoint by an SLA, over all that was counted or since then.

        Args:
            promised: See `homeostat.observe.sla`.
            since: What was seen earlier.
        """
        seen = self.seen() if since is None else self.seen().since(since)
        return [
            finding
            for (version, arm, endpoint), times in seen.by(
                REQUEST, "version", "arm", "endpoint"
            ).items()
            for finding in promised.judge(times, f"{version} as {arm} at {endpoint}")
        ]

    def metrics(self, live: Sequence[tuple[str, str]]) -> str:
        """Return what all processes counted in Prometheus' text format.

        Args:
            live: Versions that are live now, with their arms.
        """
        seen = self.seen()
        more = "".join(f"{line}\n" for line in _gauges(seen, live))
        return prometheus(seen, prefix="homeostat_") + more

    def close(self) -> None:
        """Count no more; what was counted can still be read here, and others add it up."""
        for page in self._pages:
            page.retire()


class _Counts(MutableMapping[object, int]):
    """Counts by one label, of this process; what was never counted is 0."""

    def __init__(self, counters: Counters, name: str, label: str) -> None:
        self._counters, self._name, self._label = counters, name, label
        self._cells: dict[object, tuple[memoryview, int]] = {}

    def add(self, key: object) -> None:
        """Count one."""
        cell = self._cells.get(key) or self._new(key)
        cell[0][cell[1]] += 1

    def _new(self, key: object) -> tuple[memoryview, int]:
        series = Series(Kind.COUNT, self._name, ((self._label, str(key)),))
        page, at = self._counters.cell(series)
        cell = self._cells[key] = page.ints, at
        return cell

    def __getitem__(self, key: object) -> int:
        ints, at = self._cells.get(key) or self._new(key)
        return int(ints[at])

    def __setitem__(self, key: object, value: int) -> None:
        ints, at = self._cells.get(key) or self._new(key)
        ints[at] = value

    def __delitem__(self, key: object) -> None:
        del self._cells[key]

    def __iter__(self) -> Iterator[object]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def _gauges(seen: Observed, live: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield from _head("request_quantile_seconds")
    for (version, arm, endpoint), times in seen.by(REQUEST, "version", "arm", "endpoint").items():
        labels = {"arm": arm, "endpoint": endpoint, "version": version}
        for q in (0.5, 0.99):
            if (seconds := times.quantile(q)) is not None:
                braces = _braces(labels | {"quantile": f"{q:g}"})
                yield f"homeostat_request_quantile_seconds{braces} {seconds:g}"
    yield from _head("model_info")
    for version, arm in live:
        yield f"homeostat_model_info{_braces({'arm': arm, 'version': version})} 1"


def _head(name: str) -> Iterator[str]:
    yield f"# HELP homeostat_{name} {_HELP[name]}"
    yield f"# TYPE homeostat_{name} gauge"


def _braces(labels: Mapping[str, str]) -> str:
    escaped = (f'{name}="{_escape(value)}"' for name, value in labels.items())
    return "{" + ",".join(escaped) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
