"""From counts to findings: what each rule's outcome means, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from homeostat.core import Expectation, Finding, Verdict
from homeostat.expect._rules import ColumnRule, RowRule, Rule, TableRule
from homeostat.expect._tally import Counted, Tally

__all__ = ["Promise", "judge"]

_LISTED = 50


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing a schema promises of the values.

    Args:
        check: Name of the check that its finding carries.
        expectation: What must hold, how often, and how bad it is if it does not.
    """

    check: str
    expectation: Expectation


def judge(promise: Promise, rule: Rule, tally: Tally) -> Finding:
    """Return the finding on one promise.

    Args:
        promise: What was promised.
        rule: What it compiled to.
        tally: What was counted; a rule that is not in it could not be asked.
    """
    if isinstance(rule, TableRule):
        said = f"{_capital(rule)}{'' if rule.holds else f': {rule.found}'}."
        return _finding(promise, rule, said, holds=rule.holds)
    counted = tally.rules.get(id(rule))
    if counted is None:
        gone = ", ".join(f"`{name}`" for name in rule.columns)
        return _unknown(promise, rule, f"{gone} is not there or not of its type")
    if counted.error:
        return _unknown(promise, rule, f"it cannot be computed ({counted.error})")
    if isinstance(rule, ColumnRule):
        return _on_column(promise, rule, counted)
    return _on_rows(promise, rule, counted)


def _on_column(promise: Promise, rule: ColumnRule, counted: Counted) -> Finding:
    if counted.value is None:
        return _unknown(promise, rule, "there are no values")
    found = counted.value if rule.told is None else rule.told(counted.value)
    if found is None:
        return _unknown(promise, rule, "it has no value on these rows")
    holds = rule.holds(found)
    if isinstance(found, list) and len(found) > _LISTED:
        found = [*found[:_LISTED], f"... ({len(found)} in all)"]
    value = f"{found:.6g}" if isinstance(found, float) else f"{found}"
    said = f"{_capital(rule)}: {'it is' if holds else 'not so, it is'} {value}."
    evidence = {"value": found}
    return _finding(promise, rule, said, holds=holds, evidence=evidence)


def _on_rows(promise: Promise, rule: RowRule, counted: Counted) -> Finding:
    if not counted.judged:
        return _unknown(promise, rule, "there are no values")
    mostly = promise.expectation.mostly
    share = counted.broken / counted.judged
    holds = counted.broken <= (1 - mostly) * counted.judged * (1 + 1e-12)
    about, shown = _capital(rule), _explained(rule, counted)
    if counted.broken:
        allowed = f"; {100 * (1 - mostly):.4g}% may" if mostly < 1 else ""
        broken = f"{counted.broken:,} of {counted.judged:,} rows ({share:.2%}) break this"
        said = f"{about}: {broken}{allowed}{_such_as(rule, shown)}."
    else:
        said = f"{about}: all {counted.judged:,} rows hold."
    evidence = {"judged": counted.judged, "broken": counted.broken, "mostly": mostly}
    return _finding(
        promise,
        rule,
        said,
        holds=holds,
        statistic=share,
        threshold=1 - mostly,
        evidence=evidence | {"examples": shown},
    )


def _explained(rule: RowRule, counted: Counted) -> Sequence[Mapping[str, Any]]:
    if rule.why is None:
        return counted.examples
    return [{**one, "why": rule.why(one["values"])} for one in counted.examples]


def _such_as(rule: RowRule, shown: Sequence[Mapping[str, Any]]) -> str:
    if not shown or not rule.columns:
        return ""
    values = shown[0]["values"]
    said = ", ".join(f"`{name}` = {_short(values[name])}" for name in rule.columns)
    why = f" ({shown[0]['why']})" if shown[0].get("why") else ""
    return f", such as {said} in row {shown[0]['row']}{why}"


def _short(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else repr(value)


def _capital(rule: Rule) -> str:
    return f"{rule.words[0].upper()}{rule.words[1:]}"


def _unknown(promise: Promise, rule: Rule, why: str) -> Finding:
    said = f"{_capital(rule)}: not known, {why}."
    return Finding(
        check=promise.check, subject=_name(promise, rule), verdict=Verdict.UNKNOWN, summary=said
    )


def _name(promise: Promise, rule: Rule) -> str:
    return promise.expectation.column or ", ".join(rule.columns) or "table"


def _finding(
    promise: Promise,
    rule: Rule,
    said: str,
    *,
    holds: bool,
    statistic: float | None = None,
    threshold: float | None = None,
    evidence: Mapping[str, object] | None = None,
) -> Finding:
    expectation = promise.expectation
    return Finding(
        check=promise.check,
        subject=_name(promise, rule),
        verdict=Verdict.OK if holds else Verdict(expectation.severity),
        summary=said,
        statistic=statistic,
        threshold=threshold,
        evidence={"expectation": expectation.to_json(), **(evidence or {})},  # type: ignore[dict-item]
    )
