"""SchemaSkew: whether what is served looks like what was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from homeostat.core import Finding, InputError, Role, Schema, Verdict, suggest
from homeostat.data._door import Frame, as_frame
from homeostat.data._profile import Profile
from homeostat.data._profile_change import Change, changes
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_distance import SharedCells, distance, shared_cells
from homeostat.data._profile_report import ProfileReport, profile, report_of
from homeostat.data._profile_words import number, plural
from homeostat.data._skew_limits import SkewLimits, Threshold, calibrated, spread_of

__all__ = ["SchemaSkew", "skew"]

_WINDOWS = 8
_ORDER = {Verdict.FAIL: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.OK: 3}
_SYMBOLS = {
    "l_infinity": "L-infinity distance",
    "jensen_shannon": "Jensen-Shannon divergence",
    "psi": "PSI",
    "wasserstein": "Wasserstein distance",
}
_BOUNDED = {"l_infinity", "jensen_shannon"}
_Given = ProfileReport | Profile | Frame


@dataclass(frozen=True, slots=True, eq=False)
class SchemaSkew:
    """Compares serving data with training data, feature by feature, and says what is off.

    Use it before a model is served on a source, and on each batch of requests since; for drift
    over time with a bounded rate of alarms use `homeostat.monitor.FeatureShift`.

    Args:
        training: What training data look like.
        windows: Profiles of parts of the training data, from which thresholds are learned.
        thresholds: The features that have a threshold declared.
        limits: When a skew is told, for all others.
        label: Name of the label column; None where there is none.
        seed: Of the simulations.

    Example:
        >>> import polars as pl
        >>> train = pl.DataFrame({"pay": ["cash"] * 60 + ["card"] * 40})
        >>> serve = pl.DataFrame({"pay": ["cash"] * 90 + ["card"] * 10, "tip": [1.0] * 100})
        >>> check = SchemaSkew.of(train, thresholds={"pay": 0.1})
        >>> for finding in check.judge(serve):
        ...     print(finding.verdict.value, finding.summary)
        fail `pay`: `card` is 10.0 % of serving, 40.0 % of training (L-infinity distance 0.3000, threshold 0.1000).
        warn `tip` is in serving, but not in training.
    """  # noqa: E501 - a true output

    training: ProfileReport
    windows: tuple[Profile, ...] = ()
    thresholds: Mapping[str, Threshold] | None = None
    limits: SkewLimits = field(default_factory=SkewLimits)
    label: str | None = None
    seed: int = 0
    _spreads: dict[tuple[str, str], tuple[float, float] | None] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def of(
        cls,
        training: _Given | Sequence[_Given],
        *,
        schema: Schema | None = None,
        thresholds: Mapping[str, float | Threshold] | None = None,
        windows: int = _WINDOWS,
        limits: SkewLimits | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn from training data.

        Args:
            training: A frame, a profile of one, or the frames or profiles of its parts in the
                order of time, such as weeks. From the parts it is learned how much features vary
                when nothing is wrong; a frame is cut into `windows` parts in its own order.
            schema: Where given, only its columns are compared, and its label is known.
            thresholds: By feature: a number, for the metric of its type, or a `Threshold`.
            windows: How many parts a frame is cut into; 1 cuts none.
            limits: When a skew is told, for features without a threshold.
            seed: Of the simulations.

        Raises:
            InputError: If a threshold is of a feature that training lacks.
        """
        limits = limits or SkewLimits()
        report, parts = _learned(training, schema, windows)
        declared = {}
        for name, given in (thresholds or {}).items():
            if name not in report.profile.columns:
                known = report.profile.columns
                raise InputError(f"Training data have no `{name}`.{suggest(name, known)}")
            metric = limits.metric(report.profile.columns[name].type)
            declared[name] = given if isinstance(given, Threshold) else Threshold(metric, given)
        labels = schema.having(Role.LABEL) if schema is not None else ()
        label = labels[0] if labels else None
        return cls(report, parts, declared, limits, label, seed)

    def judge(self, serving: _Given) -> list[Finding]:
        """Judge serving data.

        Returns:
            A `skew.distribution` finding a feature that both have, and a finding for each thing
            that is off: `skew.feature_added`, `skew.feature_removed`, `skew.type`, `skew.label`,
            `skew.missing`, `skew.category`, `skew.vanished`, `skew.range`, `skew.scale`,
            `skew.valency`, `skew.length`; worst first. A label that serving lacks is as it should
            be. Without rows, one finding that is unknown.
        """
        given = report_of(serving, "serving")
        if not given.profile.rows or not self.training.profile.rows:
            which = "Serving" if self.training.profile.rows else "Training"
            return [
                _finding(
                    "rows",
                    "serving",
                    Verdict.UNKNOWN,
                    f"{which} data have no rows: nothing can be compared.",
                )
            ]
        mine, theirs = self.training.profile.columns, given.profile.columns
        found = []
        for name in dict.fromkeys([*mine, *theirs]):
            if name == self.label and name not in theirs:
                continue
            details = self.training.details.get(name), given.details.get(name)
            told = changes(
                name,
                mine.get(name),
                theirs.get(name),
                said=("training", "serving"),
                details=details,
            )
            found += [f for change in told if (f := self._judged(change)) is not None]
            if name in mine and name in theirs and not any(c.kind == "type" for c in told):
                found.append(self._distribution(name, mine[name], theirs[name], len(mine)))
        return sorted(found, key=_rank)

    def _judged(self, change: Change) -> Finding | None:
        """Turn what changed in the schema into a finding; None where that is within limits."""
        kind, size, limits = change.kind, change.size, self.limits
        threshold: float | None = None
        if kind in {"added", "removed"}:
            kind, verdict = f"feature_{kind}", Verdict.WARN if kind == "added" else Verdict.FAIL
        elif kind in {"type", "scale"}:
            verdict = Verdict.FAIL
        elif kind == "category":
            threshold = limits.categories
            verdict = Verdict.FAIL if size > threshold else Verdict.WARN
        elif kind == "vanished":
            verdict = Verdict.WARN
        elif kind == "missing":
            threshold = limits.missing
            verdict = Verdict.FAIL if size > threshold else Verdict.OK
        elif kind in {"range", "valency", "length"}:
            threshold = limits.outside
            verdict = Verdict.FAIL if size > threshold else Verdict.OK
            far = change.evidence.get("widths_beyond")
            if verdict is Verdict.OK and isinstance(far, float) and far > 1:
                verdict = Verdict.WARN
        else:
            return None
        if verdict is Verdict.OK:
            return None
        words = change.words
        if change.column == self.label and kind in {"type", "category", "vanished"}:
            kind, verdict, words = "label", Verdict.FAIL, f"The label changed: {words}"
        return _finding(kind, change.column, verdict, words, size, threshold, change)

    def _distribution(
        self, name: str, mine: ColumnProfile, theirs: ColumnProfile, features: int
    ) -> Finding:
        cells = shared_cells(mine, theirs, self.limits.cells)
        rows = min(mine.present, theirs.present)
        if cells is None or rows < self.limits.least_rows:
            why = f"{plural(rows, 'row')} have a value, {self.limits.least_rows} are needed"
            if rows >= self.limits.least_rows:
                why = f"values of type {theirs.type} cannot be counted"
            text = f"`{name}` cannot be compared: {why}."
            return _finding("distribution", name, Verdict.UNKNOWN, text)
        declared = (self.thresholds or {}).get(name)
        metric = declared.metric if declared else self.limits.metric(mine.type)
        apart = distance(metric, mine, theirs, cells)
        if apart is None:
            metric = "jensen_shannon"
            apart = distance(metric, mine, theirs, cells) or 0.0
        threshold = declared.value if declared else self.threshold(name, metric, cells, features)
        if not declared and metric in _BOUNDED and threshold >= 1:
            text = f"`{name}` differs as much from one part of training to the next as it could at all: give it a threshold."  # noqa: E501 - a sentence
            return _finding("distribution", name, Verdict.UNKNOWN, text, apart)
        fails = apart > threshold
        size = f"{_SYMBOLS[metric]} {number(apart)}, threshold {number(threshold)}"
        text = f"`{name}`: {cells.moved('training', 'serving')} ({size})."
        return Finding(
            check="skew.distribution",
            subject=name,
            verdict=Verdict.FAIL if fails else Verdict.OK,
            summary=text,
            statistic=apart,
            threshold=threshold,
            effect=apart,
            evidence={"metric": metric, "declared": declared is not None, "error": cells.error,
                      "cells": len(cells.one)},
        )  # fmt: skip

    def threshold(self, name: str, metric: str, cells: SharedCells, features: int = 1) -> float:
        """Return the threshold of a feature that has none declared, for these sizes."""
        if (name, metric) not in self._spreads:
            whole = self.training.profile.columns[name]
            parts = [window.columns[name] for window in self.windows if name in window.columns]
            self._spreads[name, metric] = spread_of(metric, whole, parts, self.limits)
        spread = self._spreads[name, metric]
        rng = np.random.default_rng(self.seed)
        level = self.limits.level / max(features, 1)
        return calibrated(metric, cells, spread, level=level, rng=rng)


def skew(
    training: _Given | Sequence[_Given],
    serving: _Given,
    *,
    schema: Schema | None = None,
    thresholds: Mapping[str, float | Threshold] | None = None,
    limits: SkewLimits | None = None,
) -> list[Finding]:
    """Compare serving data with training data, once; see :class:`SchemaSkew`."""
    check = SchemaSkew.of(training, schema=schema, thresholds=thresholds, limits=limits)
    return check.judge(serving)


def _learned(
    training: _Given | Sequence[_Given], schema: Schema | None, windows: int
) -> tuple[ProfileReport, tuple[Profile, ...]]:
    if isinstance(training, (ProfileReport, Profile)):
        return _kept(report_of(training, "training"), schema), ()
    if isinstance(training, (list, tuple)):
        if not training:
            raise InputError("Training data must have at least one part, got none.")
        parts = tuple(_kept(report_of(part, "training"), schema).profile for part in training)
        return report_of(Profile.merge(parts), "training"), parts
    frame = as_frame(training)  # type: ignore[arg-type]  # sequences were taken apart above
    report = profile(frame, schema=schema, title="training", sampled_rows=1)
    size = -(-frame.height // max(windows, 1))
    if windows < 2 or size < 2:
        return report, ()
    return report, tuple(Profile.of(part, schema) for part in frame.iter_slices(size))


def _kept(report: ProfileReport, schema: Schema | None) -> ProfileReport:
    if schema is None:
        return report
    columns = {n: c for n, c in report.profile.columns.items() if n in schema.names}
    return ProfileReport(Profile(report.profile.rows, columns), report.details, title=report.title)


def _rank(finding: Finding) -> tuple[int, bool, float]:
    ratio = (finding.statistic or 0.0) / (finding.threshold or 1.0)
    return _ORDER[finding.verdict], finding.check == "skew.distribution", -ratio


def _finding(
    kind: str,
    name: str,
    verdict: Verdict,
    summary: str,
    statistic: float | None = None,
    threshold: float | None = None,
    change: Change | None = None,
) -> Finding:
    return Finding(
        check=f"skew.{kind}", subject=name, verdict=verdict, summary=summary, statistic=statistic,
        threshold=threshold, evidence={} if change is None else change.evidence,
    )  # fmt: skip
