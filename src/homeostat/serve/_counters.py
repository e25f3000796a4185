"""Operational counters: requests, errors and latencies by version and arm, exact and cheap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from homeostat.core import Finding
from homeostat.serve._sla import Limit, Sla

__all__ = ["Counters", "Latencies", "Tally"]

_FINE = 5  # bits kept of a latency: its bucket is at most 3 % wide
_SIZE = 32 << _FINE


@dataclass(slots=True)
class Latencies:
    """A histogram of microseconds in buckets at most 3 % wide, from 1 us to an hour.

    Args:
        counts: By bucket.
        total_us: Sum of all.

    Example:
        >>> latencies = Latencies()
        >>> for us in [100, 200, 5000]:
        ...     latencies.add(us)
        >>> latencies.quantile(0.5), latencies.over(1.0)
        (0.204, 1)
    """

    counts: list[int] = field(default_factory=lambda: [0] * _SIZE)
    total_us: int = 0

    def add(self, us: int) -> None:
        """Count one latency."""
        self.total_us += us
        shift = us.bit_length() - _FINE - 1
        bucket = us if shift <= 0 else (shift << _FINE) + (us >> shift)
        self.counts[min(bucket, _SIZE - 1)] += 1

    @property
    def n(self) -> int:
        """How many."""
        return sum(self.counts)

    def quantile(self, q: float) -> float | None:
        """Return the latency in ms that a share ``q`` of all stays below; None of none."""
        rank, n = 0, self.n
        for bucket, count in enumerate(self.counts):
            rank += count
            if count and rank >= q * n:
                return _upper(bucket) / 1000
        return None

    def over(self, ms: float) -> int:
        """Return how many took longer, to the width of a bucket."""
        return sum(c for bucket, c in enumerate(self.counts) if _upper(bucket) > ms * 1000)


def _upper(bucket: int) -> int:
    """Return the first microsecond beyond a bucket."""
    shift = (bucket >> _FINE) - 1
    if shift <= 0:
        return bucket + 1
    return ((bucket & ((1 << _FINE) - 1)) + (1 << _FINE) + 1) << shift


@dataclass(slots=True)
class Tally:
    """What one version did in one arm.

    Args:
        requests: Answered.
        rows: Predictions in them.
        errors: Requests that failed because of the model.
        latencies: Of the answered requests.
    """

    requests: int = 0
    rows: int = 0
    errors: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    def broken(self, limit: Limit) -> tuple[int, int]:
        """Return how many requests broke a limit, and how many there were."""
        if limit.over_ms is None:
            return self.errors, self.requests + self.errors
        return self.latencies.over(limit.over_ms), self.requests


@dataclass(slots=True)
class Counters:
    """All that a serving process counts; two states of it subtract to a window.

    Args:
        statuses: Answers by HTTP status.
        tallies: By version and arm.
        feedback: By what became of it: accepted, repeated, conflict, unknown.
        mirrored: Rows that the other arm was scored on.
        mirror_dropped: Rows it was not scored on, because it did not keep up.
        mirror_errors: Rows it failed on.
        swaps: Routes that took effect.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    feedback: Counter[str] = field(default_factory=Counter)
    mirrored: int = 0
    mirror_dropped: int = 0
    mirror_errors: int = 0
    swaps: int = 0

    def tally(self, version: str, arm: str) -> Tally:
        """Return the tally of a version in an arm."""
        found = self.tallies.get((version, arm))
        if found is None:
            found = self.tallies[version, arm] = Tally()
        return found

    def copy(self) -> Counters:
        """Return the present state, which later counts do not change; for any thread."""
        kept = {key: _less(tally, Tally()) for key, tally in list(self.tallies.items())}
        return replace(
            self,
            statuses=Counter(self.statuses),
            tallies=kept,
            feedback=Counter(self.feedback),
        )

    def since(self, earlier: Counters) -> Counters:
        """Return what was counted after an earlier state."""
        tallies = {
            key: _less(now, earlier.tallies.get(key, Tally())) for key, now in self.tallies.items()
        }
        return Counters(
            self.statuses - earlier.statuses,
            tallies,
            self.feedback - earlier.feedback,
            self.mirrored - earlier.mirrored,
            self.mirror_dropped - earlier.mirror_dropped,
            self.mirror_errors - earlier.mirror_errors,
            self.swaps - earlier.swaps,
        )

    def judge(self, promised: Sla) -> list[Finding]:
        """Judge each version and arm by an SLA over all that was counted; see `Sla.judge`."""
        findings = []
        for (version, arm), tally in sorted(self.tallies.items()):
            broken = {limit.name: tally.broken(limit) for limit in promised.limits}
            findings += promised.judge(broken, f"{version} as {arm}")
        return findings

    def metrics(self, live: Sequence[tuple[str, str]]) -> str:
        """Return the counters in Prometheus' text format.

        Args:
            live: Versions that are live now, with their arms.
        """
        return "".join(f"{line}\n" for line in self._lines(live))

    def _lines(self, live: Sequence[tuple[str, str]]) -> Iterator[str]:
        yield from _family("requests_total", "counter", "Answers by HTTP status.")
        for status, n in sorted(self.statuses.items()):
            yield f'homeostat_requests_total{{status="{status}"}} {n}'
        yield from _family("predictions_total", "counter", "Rows predicted.")
        for labels, tally in self._labelled():
            yield f"homeostat_predictions_total{{{labels}}} {tally.rows}"
        yield from _family("prediction_errors_total", "counter", "Requests the model failed on.")
        for labels, tally in self._labelled():
            yield f"homeostat_prediction_errors_total{{{labels}}} {tally.errors}"
        yield from _family("request_seconds", "histogram", "From the whole request to its answer.")
        for labels, tally in self._labelled():
            yield from _histogram(labels, tally.latencies)
        yield from _family("request_quantile_seconds", "gauge", "Half and 99 % were quicker.")
        for labels, tally in self._labelled():
            for q in (0.5, 0.99):
                ms = tally.latencies.quantile(q)
                if ms is not None:
                    name = f'homeostat_request_quantile_seconds{{{labels},quantile="{q:g}"}}'
                    yield f"{name} {ms / 1000:g}"
        yield from _family("feedback_total", "counter", "Outcomes sent in.")
        for result, n in sorted(self.feedback.items()):
            yield f'homeostat_feedback_total{{result="{result}"}} {n}'
        for name in ("mirrored", "mirror_dropped", "mirror_errors", "swaps"):
            yield from _family(f"{name}_total", "counter", _HELP[name])
            yield f"homeostat_{name}_total {getattr(self, name)}"
        yield from _family("model_info", "gauge", "Which versions are live.")
        for version, arm in live:
            yield f'homeostat_model_info{{version="{_escape(version)}",arm="{arm}"}} 1'

    def _labelled(self) -> Iterator[tuple[str, Tally]]:
        for (version, arm), tally in sorted(self.tallies.items()):
            yield f'version="{_escape(version)}",arm="{arm}"', tally


_HELP = {
    "mirrored": "Rows that the other arm was scored on.",
    "mirror_dropped": "Rows that the other arm did not keep up with.",
    "mirror_errors": "Rows that the other arm failed on.",
    "swaps": "Routes that took effect.",
}
_BOUNDS_MS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


def _family(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP homeostat_{name} {text}"
    yield f"# TYPE homeostat_{name} {kind}"


def _histogram(labels: str, latencies: Latencies) -> Iterator[str]:
    n = latencies.n
    for bound in _BOUNDS_MS:
        within = n - latencies.over(bound)
        yield f'homeostat_request_seconds_bucket{{{labels},le="{bound / 1000:g}"}} {within}'
    yield f'homeostat_request_seconds_bucket{{{labels},le="+Inf"}} {n}'
    yield f"homeostat_request_seconds_sum{{{labels}}} {latencies.total_us / 1e6:g}"
    yield f"homeostat_request_seconds_count{{{labels}}} {n}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _less(now: Tally, before: Tally) -> Tally:
    counts = [a - b for a, b in zip(now.latencies.counts, before.latencies.counts, strict=True)]
    return Tally(
        now.requests - before.requests,
        now.rows - before.rows,
        now.errors - before.errors,
        Latencies(counts, now.latencies.total_us - before.latencies.total_us),
    )
