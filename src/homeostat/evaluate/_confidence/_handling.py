"""Handling: what becomes of predictions below the threshold, what it costs, who waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Verdict
from homeostat.evaluate._confidence._score import ConfidenceScore, confidence, losses_of
from homeostat.stats import Floats, floats, mean_interval

__all__ = ["Handling", "HandlingTable", "cheapest_threshold", "handling"]

_BUSY = 0.85  # from this share of capacity on a small surge makes a long queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """One way to handle an item that the model is not sure of.

    Args:
        name: What people call it.
        cost: Of each item handled so.
        resolves: Share of items that it answers.
        error_rate: Share of its answers that are wrong.
        unresolved: Cost of an item that it does not answer.
        per_day: Items that one person does a day; None is without limit.
        people: How many there are.
    """

    name: str
    cost: float
    resolves: float = 1.0
    error_rate: float = 0.0
    unresolved: float = 0.0
    per_day: float | None = None
    people: int = 1

    def __post_init__(self) -> None:
        for name in ("resolves", "error_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"`{name}` lies in [0, 1], got {getattr(self, name)}.")
        for name in ("cost", "unresolved"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"`{name}` must be 0 or more, got {getattr(self, name)}.")
        if self.people < 1 or (self.per_day is not None and self.per_day <= 0):
            raise InputError("A queue needs one person or more, each doing more than 0 a day.")

    @classmethod
    def skip(cls, cost: float) -> Self:
        """Give no answer: costs what an answer would have been worth."""
        return cls(name="skip", cost=0.0, resolves=0.0, unresolved=cost)

    @classmethod
    def ask(
        cls,
        cost: float,
        *,
        resolves: float = 1.0,
        error_rate: float = 0.0,
        unresolved: float = 0.0,
    ) -> Self:
        """Ask for more: another input, a second model; some items stay open."""
        return cls(
            name="ask for more",
            cost=cost,
            resolves=resolves,
            error_rate=error_rate,
            unresolved=unresolved,
        )

    @classmethod
    def person(
        cls, cost: float, *, per_day: float, people: int = 1, error_rate: float = 0.0
    ) -> Self:
        """Hand it to a person, who errs too, and has only so many hours: see :func:`to_label`."""
        return cls(name="person", cost=cost, error_rate=error_rate, per_day=per_day, people=people)

    def each(self, error_cost: float) -> float:
        """Return what an item costs: its handling, wrong answers, and those without an answer."""
        wrong = self.resolves * self.error_rate * error_cost
        return self.cost + wrong + (1 - self.resolves) * self.unresolved


@dataclass(frozen=True, slots=True, eq=False)
class HandlingTable:
    """Ways to handle what is below a threshold, beside acting on everything.

    Args:
        frame: One row a way: option, handled (share of rows), cost (mean of all rows) with low
            and high, cost_per_day; of a queue arrivals_per_day, capacity_per_day, busy (share of
            capacity), waiting (mean length of the queue), wait_days (mean, until someone
            starts), backlog_per_day (by which it grows where too few people are there).
        findings: ``confidence.queue`` for each way that has a capacity.
    """

    frame: pl.DataFrame
    findings: tuple[Finding, ...]

    @property
    def cheapest(self) -> str:
        """The option of the least cost among those whose queue does not grow."""
        possible = self.frame.filter(pl.col("backlog_per_day").fill_null(0.0) <= 0)
        return str(possible.sort("cost", maintain_order=True)["option"][0])


def handling(
    label: ArrayLike,
    p: ArrayLike,
    *,
    below: float,
    options: Sequence[Handling],
    error_cost: float = 1.0,
    loss: ArrayLike | None = None,
    rows_per_day: float | None = None,
    score: ConfidenceScore = "max",
    blocks: ArrayLike | None = None,
    level: float = 0.95,
) -> HandlingTable:
    """Compare what to do with predictions below a threshold: its cost, and its queue.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        below: The least confidence to act upon.
        options: Such as ``[Handling.skip(2.0), Handling.person(1.0, per_day=200)]``.
        error_cost: Of a wrong decision; all costs are in the same money.
        loss: What acting costs on each row, shape (n,), where errors differ; None is
            ``error_cost`` for each wrong one.
        rows_per_day: How many predictions are asked for a day; None tells no queue.
        score: What confidence is.
        blocks: Which block (a day) a row is in.
        level: Confidence of the costs' intervals.

    Returns:
        The table. A queue's length is that of random arrivals and times of work, with as many
        people (Erlang 1917, the C formula): more even ones wait less.

    Example:
        >>> p = [0.99] * 90 + [0.6] * 10
        >>> label = [1] * 95 + [0] * 5
        >>> ways = [Handling.skip(0.3), Handling.person(0.2, per_day=150)]
        >>> table = handling(label, p, below=0.9, options=ways, rows_per_day=1000)
        >>> table.frame.select("option", pl.col("cost").round(3)).rows()
        [('act on all', 0.05), ('skip', 0.03), ('person', 0.02)]
        >>> table.findings[0].verdict.value
        'ok'
    """
    lost, sure = _lost(label, p, loss, error_cost), confidence(p, score=score)
    unsure = sure < below
    ways: list[Handling | None] = [None, *options]
    rows = []
    for way in ways:
        costs = lost if way is None else np.where(unsure, way.each(error_cost), lost)
        around = mean_interval(costs, blocks, level=level)
        share = 0.0 if way is None else float(unsure.mean())
        rows.append(
            {
                "option": "act on all" if way is None else way.name,
                "handled": share,
                "cost": float(costs.mean()),
                "low": None if around is None else around.low,
                "high": None if around is None else around.high,
                "cost_per_day": None if rows_per_day is None else costs.mean() * rows_per_day,
                **_queue(way, share, rows_per_day),
            }
        )
    queued = [row for row in rows if row["busy"] is not None]
    return HandlingTable(
        pl.DataFrame(rows, schema=_SCHEMA), tuple(_queue_finding(row) for row in queued)
    )


_SCHEMA = {"option": pl.String} | dict.fromkeys(
    (
        "handled", "cost", "low", "high", "cost_per_day", "arrivals_per_day", "capacity_per_day",
        "busy", "waiting", "wait_days", "backlog_per_day",
    ),
    pl.Float64,
)  # fmt: skip


def cheapest_threshold(
    label: ArrayLike,
    p: ArrayLike,
    option: Handling,
    *,
    error_cost: float = 1.0,
    loss: ArrayLike | None = None,
    score: ConfidenceScore = "max",
) -> float:
    """Return the least confidence to act upon at which the mean cost is lowest.

    Chosen on these rows, so its cost on them is a little too good: judge it by
    :func:`handling` on others. For right probabilities it is 1 less the cost of handling over
    that of an error (Chow 1970). Above 1 means that nothing is worth acting upon.

    Args:
        label: As in :func:`handling`.
        p: Likewise.
        option: How what is below is handled.
        error_cost: Of a wrong decision.
        loss: What acting costs on each row.
        score: What confidence is.
    """
    lost, sure = _lost(label, p, loss, error_cost), confidence(p, score=score)
    order = np.argsort(-sure, kind="stable")
    falling = sure[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(lost) - 1)
    saved = np.cumsum(option.each(error_cost) - lost[order])[ends]
    best = int(saved.argmax())
    return float(falling[ends[best]]) if saved[best] > 0 else float(np.nextafter(1.0, 2.0))


def _lost(label: ArrayLike, p: ArrayLike, loss: ArrayLike | None, error_cost: float) -> Floats:
    if not 0 <= error_cost < np.inf:
        raise InputError(f"`error_cost` must be 0 or more, got {error_cost}.")
    wrong = losses_of(label, p, None)
    return wrong * error_cost if loss is None else floats(loss, "loss", n=len(wrong))


def _queue(
    way: Handling | None, share: float, rows_per_day: float | None
) -> dict[str, float | None]:
    told: dict[str, float | None] = dict.fromkeys(
        ("arrivals_per_day", "capacity_per_day", "busy", "waiting", "wait_days", "backlog_per_day")
    )
    if way is None or rows_per_day is None:
        return told
    if not 0 < rows_per_day < np.inf:
        raise InputError(f"`rows_per_day` must be above 0, got {rows_per_day}.")
    arrivals = share * rows_per_day
    told["arrivals_per_day"] = arrivals
    if way.per_day is None:
        return told
    capacity = way.per_day * way.people
    told |= {"capacity_per_day": capacity, "busy": arrivals / capacity}
    told["backlog_per_day"] = max(arrivals - capacity, 0.0)
    if arrivals < capacity:
        waiting = _waiting(arrivals / way.per_day, way.people)
        told |= {"waiting": waiting, "wait_days": waiting / arrivals if arrivals else 0.0}
    return told


def _waiting(load: float, people: int) -> float:
    """Return the mean number waiting, by the recursion of Erlang's B formula."""
    blocked = 1.0
    for k in range(1, people + 1):
        blocked = load * blocked / (k + load * blocked)
    busy = load / people
    delayed = blocked / (1 - busy * (1 - blocked))
    return delayed * busy / (1 - busy)


def _queue_finding(row: dict[str, object]) -> Finding:
    name, busy = str(row["option"]), float(str(row["busy"]))
    arrivals, capacity = float(str(row["arrivals_per_day"])), float(str(row["capacity_per_day"]))
    if row["waiting"] is None:
        verdict = Verdict.FAIL
        words = f"the queue grows by {arrivals - capacity:.4g} a day"
    else:
        verdict = Verdict.WARN if busy > _BUSY else Verdict.OK
        waiting, wait = float(str(row["waiting"])), float(str(row["wait_days"]))
        words = f"{waiting:.3g} wait on average, for {wait:.3g} days"
    return Finding(
        check="confidence.queue",
        subject=name,
        verdict=verdict,
        summary=f"{name}: {arrivals:.4g} items a day for a capacity of {capacity:.4g}: {words}.",
        statistic=busy,
        threshold=1.0,
        effect=arrivals - capacity,
        evidence={key: value for key, value in row.items() if isinstance(value, float)},
    )
