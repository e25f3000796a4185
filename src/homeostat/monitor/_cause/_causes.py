"""Causes: a change, split every way, and what to look at first."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from homeostat.core import Finding, Verdict
from homeostat.monitor._cause._attribution import Attribution, FeatureShare
from homeostat.monitor._cause._kinds import Kinds
from homeostat.monitor._cause._mix import Mix
from homeostat.monitor._cause._root import Root
from homeostat.monitor._cause._sources import SourceShare
from homeostat.monitor._cause._spread import Spread
from homeostat.monitor._cause._values import LEAST_ROWS, Values
from homeostat.monitor._windows._change_point import ChangePoint
from homeostat.stats import Interval

__all__ = ["Causes"]

_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Causes:
    """Why a mean changed between a reference and a window.

    Args:
        value: What changed.
        change: Mean of the window less mean of the reference.
        interval: Of the change; None with too few rows or blocks.
        root: What to look at first.
        features: What each feature adds, those that add most first.
        inputs: What features add together.
        on_top: What they do not explain; `inputs + on_top` is the change.
        on_top_interval: Of that part.
        concept: Whether most of the change is on top: the value follows from the features
            otherwise than it did.
        fit: Share of the value's variance that the features explain.
        spread: Whether it is a segment's change or everyone's.
        mixes: How the change splits over the segments of a column, for those of which the mix
            matters most.
        sources: What each source's features add, those that fit what moved best first.
        onset: Since when the value has changed, and how; None where no time was given.
        moves: Since when the root's features have, the earliest first.
        rows: Rows with a value in the reference and in the window.
        left_out: Rows without.
        kinds: How much of it each kind of shift did; None where outcomes are not known.
    """

    value: str
    change: float
    interval: Interval | None
    root: Root
    features: tuple[FeatureShare, ...]
    inputs: float
    on_top: float
    on_top_interval: Interval | None
    concept: bool
    fit: float
    spread: Spread
    mixes: tuple[Mix, ...]
    sources: tuple[SourceShare, ...]
    onset: ChangePoint | None
    moves: tuple[ChangePoint, ...]
    rows: tuple[int, int]
    left_out: int
    kinds: Kinds | None = None

    @classmethod
    def of(
        cls,
        values: Values,
        *,
        attribution: Attribution | None = None,
        mixes: tuple[Mix, ...] = (),
        spread: Spread | None = None,
        sources: tuple[SourceShare, ...] = (),
        root: Root | None = None,
        concept: bool = False,
        onset: ChangePoint | None = None,
        moves: tuple[ChangePoint, ...] = (),
    ) -> Causes:
        """Put together what was found; with values alone, that they are too few."""
        found = attribution
        return cls(
            value=values.name,
            change=values.change,
            interval=values.interval,
            root=root or Root(kind="unknown", why="too few rows have a value"),
            features=() if found is None else found.features,
            inputs=0.0 if found is None else found.inputs,
            on_top=values.change if found is None else found.on_top,
            on_top_interval=None if found is None else found.on_top_interval,
            concept=concept,
            fit=0.0 if found is None else found.fit,
            spread=spread or Spread(kind="unknown", value=values.name, change=values.change),
            mixes=mixes,
            sources=sources,
            onset=onset,
            moves=moves,
            rows=(len(values.then), len(values.now)),
            left_out=values.left_out,
        )

    def findings(self) -> list[Finding]:
        """Return all as findings: `shift.cause`, `.spread`, `.mix`, `.onset`.

        The first is the whole; it warns of a sure change, whatever it is worth: whether it is bad
        is for `accuracy.*` and `shift.feature` to say. Where nothing has surely changed it is ok
        and alone.
        """
        whole = self._whole()
        if whole.verdict is not Verdict.WARN:
            return [whole]
        mixes = [mix for mix in self.mixes if mix.reversed]
        onsets = [one for one in (self.onset, *self.moves) if one is not None]
        return [
            whole,
            self.spread.finding(),
            *(mix.finding() for mix in mixes),
            *(one.finding() for one in onsets),
        ]

    def _whole(self) -> Finding:
        verdict = {"none": Verdict.OK, "unknown": Verdict.UNKNOWN}.get(self.root.kind, Verdict.WARN)
        if self.root.kind == "unknown" and self.interval is not None:
            verdict = Verdict.WARN  # it changed, why is not told
        known = self.interval
        return Finding(
            check="shift.cause",
            subject=str(self.root),
            verdict=verdict,
            summary=self._summary(),
            statistic=self.change,
            effect=self.change,
            evidence={
                "value": self.value,
                "low": None if known is None else known.low,
                "high": None if known is None else known.high,
                "explains": self.root.explains,
                "inputs": self.inputs,
                "on_top": self.on_top,
                "concept": self.concept,
                "fit": self.fit,
                "rows": list(self.rows),
                "left_out": self.left_out,
                "features": [one.facts() for one in self.features[:20]],
                "sources": [one.facts() for one in self.sources[:20]],
                "kinds": None if self.kinds is None else self.kinds.facts(),
            },
        )

    def _summary(self) -> str:
        if self.interval is None:
            return (
                f"{self.value} has {self.rows[0]} rows in the reference and {self.rows[1]} in the "
                f"window: {LEAST_ROWS} in each, and two blocks, are needed to explain a change."
            )
        said = f"{self.value} changed by {self.change:+.4g} {self.interval}"
        if self.root.kind == "none":
            return f"{said}: {self.root.why}."
        split = f"features explain {self.inputs:+.4g}, on top is {self.on_top:+.4g}"
        if self.root.kind == "unknown":
            return f"{said}: {split}; {self.root.why}."
        return (
            f"{said}, {self.root.explains:.0%} of it explained by {self._root()} "
            f"({self.root.why}); {split}."
        )

    def _root(self) -> str:
        if self.root.kind == "everyone":
            return "another outcome of the same inputs, everywhere"
        return f"the {self.root.kind} {self.root.name}"

    def table(self) -> pl.DataFrame:
        """Return what features add as a frame; with `on top` as the last row it adds up."""
        rest = self.on_top_interval
        rows = [one.facts() for one in self.features]
        rows.append(
            {
                "feature": "on top",
                "change": self.on_top,
                "low": None if rest is None else rest.low,
                "high": None if rest is None else rest.high,
                "distance": None,
                "moved": None,
                "how": "what the features do not explain",
            }
        )
        return pl.DataFrame(rows, infer_schema_length=None)

    def __str__(self) -> str:
        lines = [self._summary()]
        if self.root.kind in {"none", "unknown"} and self.interval is None:
            return lines[0]
        lines += [] if self.kinds is None else [f"  {self.kinds}"]
        lines += [f"  {one}" for one in self.features[:_LISTED]]
        lines += [f"  {one}" for one in self.sources[:_LISTED]]
        lines.append(f"  {self.spread.finding().summary}")
        lines += [f"  {mix.finding().summary}" for mix in self.mixes if mix.reversed]
        lines += [f"  {one}" for one in (self.onset, *self.moves) if one is not None]
        return "\n".join(lines)
