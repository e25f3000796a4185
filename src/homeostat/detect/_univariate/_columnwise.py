"""One test a column: learned column by column, told by column or for all of them together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Json, SchemaError, Verdict
from homeostat.detect._detector import (
    LEAST_ROWS,
    check_level,
    combined_p,
    conclude,
    fitted,
    too_few,
    unknown,
)
from homeostat.detect._rows import Data
from homeostat.detect._univariate._samples import Levels, Numbers, columns_of, family_of
from homeostat.stats import Interval, benjamini_hochberg, holm

__all__ = ["Columnwise", "Compared", "Correction", "Sample"]

Correction = Literal["bonferroni", "holm", "bh", "none"]
Sample = TypeVar("Sample", bound=Numbers | Levels)
_SHOWN = 50  # columns listed in the evidence
_NAMED = 5  # columns named in the summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the test of one column came to, before it is judged."""

    said: str
    statistic: float
    p_value: float
    threshold: float | None
    effect: float
    interval: Interval
    evidence: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pair(Generic[Sample]):
    """A column that can be compared: both sides, and the outcome."""

    name: str
    reference: Sample
    window: Sample
    compared: Compared
    p_value: float


class Columnwise(ABC, Generic[Sample]):
    """A detector that tests each column and corrects for testing many.

    Args:
        level: False alarms a window, over all columns together.
        margin: Least effect that matters: a smaller one is at most a warning.
        correction: `holm` and `bonferroni` keep the level for any claim at all, `bh` that share
            of the claims, `none` for each column.
        least_rows: Fewest values a side from which a column is judged.
        seed: Of drawn p-values.
    """

    check: str

    def __init__(
        self,
        *,
        level: float = 0.05,
        margin: float = 0.0,
        correction: Correction = "holm",
        least_rows: int = LEAST_ROWS,
        seed: int = 0,
    ) -> None:
        self.level = check_level(level)
        if correction not in {"bonferroni", "holm", "bh", "none"}:
            raise InputError(f"`correction` is bonferroni, holm, bh or none, got {correction!r}.")
        if margin < 0:
            raise InputError(f"`margin` is at least 0, got {margin}.")
        self.margin = margin
        self.correction: Correction = correction
        self.least_rows = max(least_rows, 2)
        self.seed = seed
        self.reference_: dict[str, Sample] | None = None
        self.families_: dict[str, str] = {}

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference, once for any number of windows: numbers are sorted.

        Args:
            reference: An array (n,) or (n, ...), a series or a frame.

        Raises:
            SchemaError: If a column's type does not suit the test.
            InputError: If it is no array, series or frame, or has no column.
        """
        columns = columns_of(reference, what="The reference")
        if not columns:
            raise InputError("The reference must have at least one column, got none.")
        self.families_ = {name: family_of(column) for name, column in columns.items()}
        self.reference_ = {name: self._sample(name, column) for name, column in columns.items()}
        return self

    def by_feature(self, window: Data, /) -> list[Finding]:
        """Judge a window column by column; p-values are corrected for the number of columns."""
        findings, _ = self._judge(window)
        return findings

    def test(self, window: Data, /) -> Finding:
        """Judge a window: of several columns, whether any has changed."""
        findings, pairs = self._judge(window)
        return findings[0] if len(findings) == 1 else self._together(findings, pairs)

    @abstractmethod
    def _sample(self, name: str, column: pl.Series) -> Sample:
        """Learn one column."""

    @abstractmethod
    def _compare(
        self,
        name: str,
        reference: Sample,
        window: Sample,
        level: float,
        rng: np.random.Generator,
    ) -> Compared:
        """Test one column."""

    def _check(self, name: str) -> str:
        """Name the check of one column."""
        del name
        return self.check

    def _judge(self, window: Data) -> tuple[list[Finding], list[_Pair[Sample]]]:
        reference = fitted(self.reference_, self)
        columns = columns_of(window, what="The window")
        if not hasattr(window, "__arrow_c_stream__") and len(columns) != len(reference):
            raise SchemaError(
                f"The window must have the reference's {len(reference)} columns, got "
                f"{len(columns)}."
            )
        if isinstance(window, pl.Series) and len(reference) == 1:
            columns = dict(zip(reference, columns.values(), strict=True))
        return self._findings(reference, columns)

    def _findings(
        self, reference: Mapping[str, Sample], columns: Mapping[str, pl.Series]
    ) -> tuple[list[Finding], list[_Pair[Sample]]]:
        rng = np.random.default_rng(self.seed)
        level = self.level if self.correction == "none" else self.level / len(reference)
        found: dict[str, Finding] = {}
        pairs: list[_Pair[Sample]] = []
        for name, learned in reference.items():
            sample = self._taken(name, columns)
            if not isinstance(sample, Finding):
                few = too_few(
                    self._check(name),
                    name,
                    reference=learned,
                    window=sample,
                    level=level,
                    least=self.least_rows,
                )
                sample = few or sample
            if isinstance(sample, Finding):
                found[name] = sample
                continue
            compared = self._compare(name, learned, sample, level, rng)
            p = combined_p(compared.p_value, learned, sample)
            pairs.append(_Pair(name, learned, sample, compared, p))
        for pair, p in zip(pairs, self._adjusted(pairs, len(reference)), strict=True):
            found[pair.name] = self._finding(pair, p)
        return [found[name] for name in reference], pairs

    def _taken(self, name: str, columns: Mapping[str, pl.Series]) -> Sample | Finding:
        if name not in columns:
            return Finding(
                check="schema.missing_column",
                subject=name,
                verdict=Verdict.FAIL,
                summary=f"{name}: the window lacks this column, which the reference has.",
            )
        family, was = family_of(columns[name]), self.families_[name]
        if family != was and "null" not in {family, was}:
            return Finding(
                check="schema.type",
                subject=name,
                verdict=Verdict.FAIL,
                summary=f"{name}: the window has {family}s ({columns[name].dtype}) where the "
                f"reference has {was}s.",
            )
        return self._sample(name, columns[name])

    def _adjusted(self, pairs: Sequence[_Pair[Sample]], columns: int) -> list[float]:
        """Correct for all columns, those that could not be judged among them."""
        if not pairs or self.correction == "none":
            return [pair.p_value for pair in pairs]
        raw = [pair.p_value for pair in pairs] + [1.0] * (columns - len(pairs))
        adjust: dict[str, Callable[[Any], Any]] = {
            "bonferroni": lambda p: np.minimum(np.asarray(p) * columns, 1.0),
            "holm": holm,
            "bh": benjamini_hochberg,
        }
        return [float(p) for p in adjust[self.correction](raw)[: len(pairs)]]

    def _finding(self, pair: _Pair[Sample], adjusted: float) -> Finding:
        compared = pair.compared
        return conclude(
            self._check(pair.name),
            pair.name,
            said=f"{pair.name}: {compared.said}",
            reference=pair.reference,
            window=pair.window,
            level=self.level,
            p_value=compared.p_value,
            adjusted=adjusted,
            statistic=compared.statistic,
            threshold=compared.threshold,
            effect=compared.effect,
            interval=compared.interval,
            margin=self.margin,
            evidence=compared.evidence,
        )

    def _together(self, findings: Sequence[Finding], pairs: Sequence[_Pair[Sample]]) -> Finding:
        """Merge the columns' findings: the worst that was judged, with the columns named."""
        judged = [f for f in findings if f.verdict is not Verdict.UNKNOWN]
        if not judged:
            why = f"None of {len(findings)} columns could be judged: {findings[0].summary}"
            return unknown(self.check, "all columns", why, unjudged=len(findings))
        changed = [f for f in judged if f.verdict is not Verdict.OK]
        changed.sort(key=_rank)
        p_values = {pair.name: pair.p_value for pair in pairs}
        top = min(judged, key=_rank)
        verdict = Verdict.OK if not changed else changed[0].verdict
        unjudged = [f.subject for f in findings if f.verdict is Verdict.UNKNOWN]
        return Finding(
            check=self.check,
            subject="all columns",
            verdict=verdict,
            summary=_said(changed, len(findings), unjudged),
            statistic=top.statistic,
            threshold=top.threshold,
            p_value=top.p_value,
            effect=top.effect,
            evidence={
                "n": max((len(pair.window) for pair in pairs), default=0),
                "n_reference": max((len(pair.reference) for pair in pairs), default=0),
                "level": self.level,
                "margin": self.margin,
                "correction": self.correction,
                "columns": len(findings),
                "changed": len(changed),
                "unjudged": unjudged[:_SHOWN],
                "top": top.subject,
                "features": {
                    f.subject: {
                        "check": f.check,
                        "verdict": f.verdict.value,
                        "p_value": f.p_value,
                        "p_alone": p_values.get(f.subject),
                        "effect": f.effect,
                        "effect_low": f.evidence.get("effect_low"),
                        "effect_high": f.evidence.get("effect_high"),
                    }
                    for f in sorted(judged, key=_rank)[:_SHOWN]
                },
            },
        )


def _rank(finding: Finding) -> tuple[int, float, float]:
    bad = {Verdict.FAIL: 0, Verdict.WARN: 1}.get(finding.verdict, 2)
    return bad, finding.p_value if finding.p_value is not None else 0.0, -(finding.effect or 0.0)


def _said(changed: Sequence[Finding], columns: int, unjudged: Sequence[str]) -> str:
    if changed:
        names = ", ".join(f.subject for f in changed[:_NAMED])
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        said = f"{len(changed)} of {columns} columns changed ({names}{more}); most: "
        said += changed[0].summary.removesuffix(".")
    else:
        said = f"None of {columns} columns changed"
    if unjudged:
        more = ", ..." if len(unjudged) > _NAMED else ""
        said += f"; {len(unjudged)} could not be judged ({', '.join(unjudged[:_NAMED])}{more})"
    return f"{said}."
