"""What was measured: metrics, comparisons, calibration, behaviour and slices, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from homeostat.core import Finding, Json, Verdict
from homeostat.evaluate._card._card import CardSection, CardTable, Fact
from homeostat.evaluate._card._facts import CardMetric, ModelFacts
from homeostat.evaluate._card._words import number, unlike

__all__ = ["measured_rows", "metrics_section", "overall_section", "slices_section", "touches"]

_FIRST = ("logloss", "brier", "auc", "average_precision", "accuracy", "f1", "precision", "recall")
_ELSEWHERE = ("source.", "step.", "schema.", "expectation.", "profile.", "features.", "sample.",
              "skew.", "data.", "expect.", "leakage.", "split.", "slice.", "compare.",
              "calibration.ece")  # fmt: skip
_INTERVAL = "95 % interval"


def measured_rows(facts: ModelFacts) -> list[CardMetric]:
    """Return the metrics, those that are asked for most first."""
    order = {name: place for place, name in enumerate(_FIRST)}
    return sorted(facts.metrics, key=lambda one: order.get(one.name, len(order)))


def metrics_section(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    """Say which numbers were asked for, and how sure they are."""
    names = [one.name for one in measured_rows(facts)]
    sure = None
    if facts.metrics:
        sure = "95 % intervals; rows of one block, such as a day, count as dependent"
    gates = facts.gates
    bounds = [
        f"{one.check} of {one.subject}: {one.threshold:g}"
        for one in judged
        if one.threshold is not None
        and one.threshold != one.evidence.get("rest")
        and one.check.startswith(("slice.", "calibration."))
    ]
    return CardSection(
        "Metrics",
        (
            Fact("Measures", tuple(names) or None),
            Fact("Uncertainty", sure),
            Fact("Gates", ("none",) if gates == () else gates),
            Fact("Bounds that were asked for", tuple(dict.fromkeys(bounds)) or None),
        ),
    )


def overall_section(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    """Tell the numbers over all rows."""
    tables = []
    if facts.metrics:
        rows = [
            (m.name, "undefined" if m.value is None else m.value,
             _pair(m.low, m.high) if m.n is None else _interval(m.low, m.high), m.n)
            for m in measured_rows(facts)
        ]  # fmt: skip
        columns = ("metric", "value", _INTERVAL, "rows")
        tables.append(CardTable("On rows it was not fitted on", columns, tuple(rows)))
    if facts.phases:
        tables.append(_phases(facts.phases))
    tables += [_reliability(one) for one in judged if _curve(one) is not None][:1]
    others = tuple(one for one in judged if not one.check.startswith(_ELSEWHERE))
    shown = tuple(one for one in judged if one.check.startswith(("compare.", "calibration.")))
    notes = () if facts.metrics else ("No metric over all rows is recorded.",)
    return CardSection("Quantitative analyses: overall", (), notes, tuple(tables),
                       unlike((*shown, *others)))  # fmt: skip


def _phases(phases: Iterable[Mapping[str, Json]]) -> CardTable:
    rows = tuple(
        (one.get("name"), one.get("logloss"), one.get("auc"), *_gained(one),
         bool(one.get("chosen")))
        for one in phases
    )  # fmt: skip
    columns = ("model", "log loss", "AUC", "less than the one before by", _INTERVAL, "chosen")
    note = (
        "On the validation rows, from the simplest on; one replaces another only where it is "
        "shown to lose less: where the whole interval is above 0."
    )
    return CardTable("Against simpler models", columns, rows, columns[3], 0.0, note=note)


def _gained(phase: Mapping[str, Json]) -> tuple[Json, Json]:
    """Return by how much a phase loses less than the one before, and the interval."""
    difference, low, high = (phase.get(name) for name in ("difference", "low", "high"))
    if not isinstance(difference, (int, float)):
        return "the first", ""
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return -difference, [-high, -low]
    return -difference, _interval(None, None)


def _curve(found: Finding) -> Mapping[str, Json] | None:
    curve = found.evidence.get("curve")
    if not found.check.startswith("calibration.") or not isinstance(curve, Mapping):
        return None
    return curve if "observed" in curve else None


def _reliability(found: Finding) -> CardTable:
    """Return the reliability curve's bins that have rows."""
    curve = cast("Mapping[str, Sequence[float | None]]", _curve(found))
    names = ("predicted", "observed", "low", "high", "count")
    bins = zip(*(curve.get(name) or [None] * len(curve["observed"]) for name in names), strict=True)
    rows = tuple(
        (predicted, observed, _pair(low, high), None if n is None else int(n))
        for predicted, observed, low, high, n in bins
        if observed is not None and n != 0
    )
    columns = ("predicted", "came true", _INTERVAL, "rows")
    note = "What came true beside what was predicted (the tick), in bins of equal width."
    return CardTable("Calibration", columns, rows, columns[1], against=columns[0], note=note)


def slices_section(judged: Sequence[Finding]) -> CardSection:
    """Tell the numbers slice by slice, the worst first."""
    looked: dict[str, list[Finding]] = {}
    for one in judged:
        if one.check == "slice.metric":
            looked.setdefault(str(one.evidence.get("metric", "metric")), []).append(one)
    tables = tuple(_slices(metric, unlike(found)) for metric, found in looked.items())
    found = tuple(f for f in judged if f.check.startswith("slice.") and f.check != "slice.metric")
    bad = tuple(f for f in judged if f.check == "slice.metric" and f.verdict is not Verdict.OK)
    notes = () if tables else ("No slice was judged.",)
    told = unlike((*found, *bad))
    return CardSection("Quantitative analyses: by slice", (), notes, tables, told)


_BADNESS = {Verdict.FAIL: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.OK: 3}


def _slices(metric: str, found: Sequence[Finding]) -> CardTable:
    """Return a row a slice, with its worst verdict and all that was asked of it."""
    by_slice: dict[str, list[Finding]] = {}
    for one in sorted(found, key=lambda one: _BADNESS[one.verdict]):
        by_slice.setdefault(one.subject, []).append(one)
    rows = tuple(
        (subject, worst.statistic, _interval(worst.evidence.get("low"), worst.evidence.get("high")),
         worst.evidence.get("rest"), ", ".join(dict.fromkeys(map(_asked, group))),
         worst.evidence.get("n"), worst.verdict.value)
        for subject, group in by_slice.items()
        for worst in group[:1]
    )  # fmt: skip
    columns = ("slice", metric, _INTERVAL, "all other rows", "asked for", "rows", "verdict")
    note = f"Each slice against all rows outside it (the tick), by {metric}."
    return CardTable(f"By slice: {metric}", columns, rows, metric, against=columns[3], note=note)


def _asked(found: Finding) -> str:
    if found.threshold is None or found.threshold == found.evidence.get("rest"):
        return "as the rest"
    return number(found.threshold)


def touches(found: Finding, columns: Sequence[str]) -> bool:
    """Say whether a check on how the model behaves is about one of some columns."""
    about = found.check.startswith(("slice.", "behaviour.", "fairness.", "simpson."))
    words = found.subject.replace("=", " ").split()
    return about and any(name == found.subject or name in words for name in columns)


def _pair(low: Json, high: Json) -> list[Json] | None:
    return None if low is None or high is None else [low, high]


def _interval(low: Json, high: Json) -> Json:
    return _pair(low, high) or "none: too few rows or blocks"
