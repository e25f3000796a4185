"""One table of all measures of importance, what it says, and where they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Verdict
from homeostat.importance._ablation import Ablation, Effect
from homeostat.importance._agreement import kendall_w, ranks, spearman, top_share
from homeostat.importance._draw import bars, curve, shades
from homeostat.importance._explanation import Explanation
from homeostat.stats import Floats

__all__ = ["ImportanceTable", "importance_table"]

Measure = pl.DataFrame | Explanation | Ablation | Mapping[str, float]

_OF_GAINS = {"weight": "split", "total_gain": "gain", "total_cover": "cover"}
_NOTHING = 1e-3  # share of all importance below which a feature counts as useless
_ALL_IN_ONE = 0.5  # share of a single feature from which a model hangs on it
_AGREE = 0.6  # Kendall's W below which measures disagree
_NAMED = 5  # features that a sentence names


@dataclass(frozen=True, slots=True, repr=False)
class ImportanceTable:
    """Measures side by side.

    Args:
        features: Names, the most important first: by the mean of their shares.
        measures: Of each measure, a number a feature; NaN where it has none.
        ablations: Those measures that have intervals.
        cost: What a feature costs (seconds, bytes, money), if given.
    """

    features: tuple[str, ...]
    measures: Mapping[str, Floats]
    ablations: Mapping[str, Ablation]
    cost: Mapping[str, float]

    def __repr__(self) -> str:
        return f"ImportanceTable({len(self.features)} features by {', '.join(self.measures)})"

    @property
    def shares(self) -> dict[str, Floats]:
        """Each measure's share of its sum; what is below 0 counts as 0."""
        found = {}
        for name, values in self.measures.items():
            positive = np.maximum(np.nan_to_num(values), 0)
            found[name] = positive / positive.sum() if positive.sum() > 0 else positive
        return found

    @property
    def share(self) -> Floats:
        """The mean of the shares by feature."""
        return np.asarray(np.mean(list(self.shares.values()), axis=0))

    def frame(self) -> pl.DataFrame:
        """Return a row a feature: its share, each measure, intervals, ranks, and cost."""
        columns: dict[str, object] = {"feature": list(self.features), "share": self.share}
        columns["cumulative"] = np.cumsum(self.share)
        for name, values in self.measures.items():
            columns[name] = values
            if name in self.ablations:
                spans = [self._interval(name, feature) for feature in self.features]
                columns[f"{name}_low"] = [span[0] for span in spans]
                columns[f"{name}_high"] = [span[1] for span in spans]
        columns |= {f"{name}_rank": ranks(values) for name, values in self.measures.items()}
        if self.cost:
            columns["cost"] = [self.cost.get(feature) for feature in self.features]
        made = pl.DataFrame(columns)
        return made.with_columns(pl.selectors.float().fill_nan(None))

    def agreement(self) -> float | None:
        """Return Kendall's W of the measures over the features that all of them have."""
        table = np.column_stack(list(self.measures.values()))
        return kendall_w(table[np.isfinite(table).all(axis=1)])

    def correlations(self) -> dict[tuple[str, str], float | None]:
        """Return Spearman's correlation of each pair of measures."""
        table = np.column_stack(list(self.measures.values()))
        known = np.isfinite(table).all(axis=1)
        return spearman({name: values[known] for name, values in self.measures.items()})

    def top(self, k: int) -> float:
        """Return the share of the k most important features together."""
        shares = top_share(self.share)
        return float(shares[min(k, len(shares)) - 1]) if k > 0 and len(shares) else 0.0

    def useless(self) -> list[str]:
        """Return features that have no effect as measured, or none to speak of.

        Where there are ablations with intervals, they decide: none of them is above 0 for
        certain. Gains and Shapley values are above 0 for noise too; without ablations, a
        feature must be below 0.1 % by every measure.
        """
        spans = {
            name: np.array([self._interval(name, feature)[0] for feature in self.features], float)
            for name in self.ablations
        }
        measured = [low for low in spans.values() if np.isfinite(low).any()]
        if measured:
            out = np.all([~(low > 0) for low in measured], axis=0)
            out &= np.any([np.isfinite(low) for low in measured], axis=0)
        else:
            out = np.all([shares < _NOTHING for shares in self.shares.values()], axis=0)
        return [name for name, gone in zip(self.features, out, strict=True) if gone]

    def findings(self) -> list[Finding]:
        """Judge the model by its importances: what is useless, what carries all, what disagrees."""
        return [self._useless(), self._concentrated(), self._disagreement()]

    def text(self, *, top: int = 15) -> str:
        """Return the table as text, the sums of the first and last features, and the findings."""
        names = list(self.measures)
        wide = max([7, *(len(name) for name in self.features[:top])])
        lines = [f"{'feature':<{wide}}  share  " + "  ".join(f"{name:>11}" for name in names)]
        for i, feature in enumerate(self.features[:top]):
            cells = "  ".join(f"{self._cell(name, i):>11}" for name in names)
            lines.append(f"{feature:<{wide}}  {self.share[i]:5.1%}  {cells}")
        if len(self.features) > top:
            rest = len(self.features) - top
            lines.append(f"... and {rest} more with {1 - self.top(top):.1%} together")
        lines.append(self.cumulative())
        lines += [f"{found.verdict}: {found.summary}" for found in self.findings()]
        return "\n".join(lines)

    def cumulative(self, k: int = 10) -> str:
        """Say how much the first k features carry, and how little the last ones."""
        shares, d = top_share(self.share), len(self.features)
        if not d or shares[-1] <= 0:
            return "No feature carries anything."
        k = min(k, (d + 1) // 2)
        last = int(np.sum(shares < 0.99)) + 1  # from here on, the others have less than 1 %
        words = f"The top {k} of {d} features carry {shares[k - 1]:.0%} of all importance"
        return f"{words}; the bottom {d - last} carry less than 1 %." if last < d else f"{words}."

    def curve(self, k: int = 10) -> str:
        """Draw the share of the first k features together, as SVG."""
        shares = top_share(self.share)
        if not len(shares):
            return curve([], title="No features", marks=[])
        k = min(k, len(shares))
        last = min(int(np.sum(shares < 0.99)) + 1, len(shares))
        marks = [(k, f"top {k}: {shares[k - 1]:.0%}")]
        if k < last < len(shares):
            marks.append((last, f"bottom {len(shares) - last}: < 1 %"))
        return curve(shares.tolist(), title="Share of the first features together", marks=marks)

    def plot(self, *, top: int = 15) -> str:
        """Draw the table, shaded by share, with the features whose ranks disagree named; SVG."""
        shares = self.shares
        names, rows = list(self.measures), list(self.features[:top])
        cells = np.column_stack([shares[name][:top] for name in names])
        most = np.maximum(cells.max(axis=0, initial=0), 1e-300)
        unknown = np.column_stack([np.isnan(self.measures[name][:top]) for name in names])
        words = [[self._cell(name, i) for name in names] for i in range(len(rows))]
        notes = self._notes()
        title = f"Importance by {len(names)} measures"
        w = self.agreement()
        title += "" if w is None else f", agreement W = {w:.2f}"
        return shades(
            rows,
            names,
            np.where(unknown, math.nan, cells / most),
            words,
            [notes.get(row, "") for row in rows],
            title=title,
        )

    def bars(self, *, top: int = 20) -> str:
        """Draw the mean share by feature, as SVG."""
        return bars(
            self.features[:top], self.share[:top].tolist(), title="Mean share of importance"
        )

    def _interval(self, measure: str, feature: str) -> tuple[float | None, float | None]:
        effect = _of_feature(self.ablations[measure], feature)
        span = effect and effect.interval
        return (span.low, span.high) if span else (None, None)

    def _cell(self, measure: str, i: int) -> str:
        value = float(self.measures[measure][i])
        return "-" if math.isnan(value) else f"{value:.4g}"

    def _notes(self) -> dict[str, str]:
        """Say for each feature by which measures its ranks lie furthest apart, if by much."""
        if len(self.measures) < 2 or len(self.features) < 4:
            return {}
        names = list(self.measures)
        table = np.column_stack([ranks(values) for values in self.measures.values()])
        found = {}
        for feature, row in zip(self.features, table, strict=True):
            if np.isfinite(row).sum() < 2:
                continue
            best, worst_ = int(np.nanargmin(row)), int(np.nanargmax(row))
            if row[worst_] - row[best] >= len(self.features) / 2:
                found[feature] = (
                    f"no. {row[best]:.0f} by {names[best]}, no. {row[worst_]:.0f} by "
                    f"{names[worst_]}"
                )
        return found

    def _useless(self) -> Finding:
        names = self.useless()
        if not self.features:
            return _finding("useless", Verdict.UNKNOWN, "There are no features to judge.")
        if not names:
            words = f"Each of {len(self.features)} features carries something by some measure."
            return _finding("useless", Verdict.OK, words, statistic=0)
        gone = set(names)
        share = float(self.share[[name in gone for name in self.features]].sum())
        shown = "show no effect" if self.ablations else "carry next to nothing"
        words = (
            f"{len(names)} of {len(self.features)} features {shown} ({share:.2%} of all "
            f"importance): {_list(names)}. Train without them and compare."
        )
        cost = sum(self.cost.get(name, 0.0) for name in names)
        words += f" They cost {cost:.4g} of {sum(self.cost.values()):.4g}." if cost else ""
        return _finding(
            "useless", Verdict.WARN, words, statistic=len(names), evidence={"features": names}
        )

    def _concentrated(self) -> Finding:
        if not self.features or not self.share.sum():
            words = "No feature carries anything: the predictions are constant, or there are none."
            return _finding("concentrated", Verdict.UNKNOWN, words)
        largest, name = float(self.share[0]), self.features[0]
        if largest < _ALL_IN_ONE or len(self.features) == 1:
            words = f"No feature carries half of all; the largest, {name}, {largest:.0%}."
            return _finding("concentrated", Verdict.OK, words, statistic=largest)
        words = (
            f"{name} alone carries {largest:.0%} of all importance: look whether it is known at "
            "the time of the prediction, and what happens when it is missing."
        )
        return _finding("concentrated", Verdict.WARN, words, statistic=largest, subject=name)

    def _disagreement(self) -> Finding:
        w = self.agreement()
        if w is None:
            words = "Fewer than two measures, or features, that could disagree."
            return _finding("disagreement", Verdict.UNKNOWN, words)
        notes = self._notes()
        evidence = {"features": notes, "spearman": self._pairs()}
        if w >= _AGREE:
            words = f"The measures agree on the order of the features (Kendall's W {w:.2f})."
            return _finding("disagreement", Verdict.OK, words, statistic=w, evidence=evidence)
        some = "; ".join(f"{name}: {note}" for name, note in list(notes.items())[:3])
        words = f"The measures disagree on the order of the features (Kendall's W {w:.2f})"
        words += f": {some}." if some else "."
        return _finding("disagreement", Verdict.WARN, words, statistic=w, evidence=evidence)

    def _pairs(self) -> dict[str, float | None]:
        return {f"{a}, {b}": value for (a, b), value in self.correlations().items()}


def importance_table(
    measures: Mapping[str, Measure] | Sequence[Measure], *, cost: Mapping[str, float] | None = None
) -> ImportanceTable:
    """Put measures of importance side by side.

    Args:
        measures: By name, or in a row: what :func:`gains`, :func:`shap`, :func:`permutation` and
            :func:`retrained` return, or a number a feature. Gains become ``split``, ``gain`` and
            ``cover`` (totals), an explanation its mean size. A feature of a group has the
            group's effect, divided by its members.
        cost: What each feature costs, such as its seconds or bytes.

    Raises:
        InputError: If there is no measure, or two have no feature in common.

    Example:
        >>> table = importance_table({"gain": {"a": 6.0, "b": 3.0, "c": 1.0},
        ...                           "shap": {"a": 0.5, "b": 0.4, "c": 0.1}})
        >>> table.agreement(), round(table.top(1), 2)
        (1.0, 0.55)
        >>> print(table.findings()[1].summary)
        a alone carries 55% of all importance: look whether it is known at the time of the \
prediction, and what happens when it is missing.
    """
    read: dict[str, Mapping[str, float]] = {}
    ablations: dict[str, Ablation] = {}
    given = measures.items() if isinstance(measures, Mapping) else ((None, m) for m in measures)
    for name, measure in given:
        for own, values in _read(name, measure).items():
            read[own] = values
            if isinstance(measure, Ablation):
                ablations[own] = measure
    if not read:
        raise InputError("A table needs at least one measure of importance, got none.")
    names = list(dict.fromkeys(feature for values in read.values() for feature in values))
    for own, values in read.items():
        if names and len(read) > 1 and not set(values) & {
            feature for other, theirs in read.items() if other != own for feature in theirs
        }:  # fmt: skip
            raise InputError(
                f"Measures must be of the same features, `{own}` shares none with the others: it "
                f"has {_list(list(values)) or 'none'}."
            )
    table = {
        own: np.array([float(values.get(name, math.nan)) for name in names])
        for own, values in read.items()
    }
    unordered = ImportanceTable(tuple(names), table, ablations, dict(cost or {}))
    order = np.argsort(-unordered.share, kind="stable")
    return ImportanceTable(
        tuple(names[i] for i in order),
        {own: values[order] for own, values in table.items()},
        ablations,
        dict(cost or {}),
    )


def _read(name: str | None, measure: Measure) -> dict[str, Mapping[str, float]]:
    """Return the columns that a measure becomes."""
    if isinstance(measure, Explanation):
        return {name or "shap": measure.mean_abs()}
    if isinstance(measure, Ablation):
        members = [member for effect in measure.effects.values() for member in effect.features]
        shared = {member: _of_feature(measure, member) for member in dict.fromkeys(members)}
        return {
            name or measure.kind: {
                member: effect.worse_by / len(effect.features)
                for member, effect in shared.items()
                if effect is not None
            }
        }
    if isinstance(measure, pl.DataFrame):
        if not {"feature", *_OF_GAINS} <= set(measure.columns):
            raise InputError(
                "A frame of importances is what `gains` returns, got the columns "
                f"{', '.join(measure.columns)}: pass a dict of numbers by feature instead."
            )
        return {
            short: dict(zip(measure["feature"].to_list(), measure[long].to_list(), strict=True))
            for long, short in _OF_GAINS.items()
        }
    if name is None:
        raise InputError("A dict of numbers needs a name: pass measures as a dict by name.")
    return {name: measure}


def _of_feature(ablation: Ablation, feature: str) -> Effect | None:
    return next((one for one in ablation.effects.values() if feature in one.features), None)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _finding(
    check: str,
    verdict: Verdict,
    summary: str,
    *,
    subject: str = "features",
    statistic: float | None = None,
    evidence: Mapping[str, object] | None = None,
) -> Finding:
    thresholds = {"useless": 0.0, "concentrated": _ALL_IN_ONE, "disagreement": _AGREE}
    return Finding(
        check=f"importance.{check}",
        subject=subject,
        verdict=verdict,
        summary=summary,
        statistic=statistic,
        threshold=thresholds[check],
        evidence=evidence or {},  # type: ignore[arg-type]  # reduced to JSON by Finding
    )
