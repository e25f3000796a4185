"""From findings to a word on each treatment."""

from __future__ import annotations

from collections.abc import Sequence

from homeostat.core import Finding, Verdict

__all__ = ["decided"]


def decided(
    treatment: str,
    shares: Sequence[Finding],
    effects: Sequence[Finding],
    guards: Sequence[Finding],
    parts: Sequence[Finding],
) -> Finding:
    """Decide on a treatment.

    Args:
        treatment: Name of the arm.
        shares: Findings on the arms' shares: one that fails makes all others worthless.
        effects: Findings on success metrics, of all treatments.
        guards: Findings on guardrails, of all treatments.
        parts: Findings on slices; a reversal holds a decision up.

    Returns:
        ``experiment.decision``: ok to ship (a metric is better, none worse, all guardrails
        kept; without metrics, all guardrails kept); fail where a metric or a guardrail is worse;
        unknown as long as neither is shown, or the data are not to be trusted.
    """
    own_effects = _of(treatment, effects)
    own_guards = _of(treatment, guards)
    reversed_ = [f for f in _of(treatment, parts) if f.verdict is Verdict.FAIL]
    broken = [f for f in shares if f.verdict is Verdict.FAIL] + reversed_
    worse = [f for f in own_effects + own_guards if f.verdict is Verdict.FAIL]
    open_ = [f for f in own_guards if f.verdict is not Verdict.OK]
    better = [f for f in own_effects if f.verdict is Verdict.OK]
    if broken:
        verdict, text = Verdict.UNKNOWN, f"No decision on {treatment}: {broken[0].summary}"
        because = broken
    elif worse:
        verdict, text = Verdict.FAIL, f"Stop {treatment}: {worse[0].summary}"
        because = worse
    elif open_:
        verdict, text = Verdict.UNKNOWN, f"Go on with {treatment}: {open_[0].summary}"
        because = open_
    elif own_effects and not better:
        verdict, text = Verdict.UNKNOWN, f"Go on with {treatment}: {own_effects[0].summary}"
        because = own_effects
    else:
        because = better or own_guards
        verdict, text = Verdict.OK, f"Ship {treatment}: {because[0].summary}"
    return Finding(
        check="experiment.decision",
        subject=treatment,
        verdict=verdict,
        summary=text,
        evidence={"because": [f"{f.check} {f.subject}" for f in because]},
    )


def _of(treatment: str, findings: Sequence[Finding]) -> list[Finding]:
    ending = f" of {treatment}"
    return [f for f in findings if f.subject.endswith(ending) or f"{ending} by " in f.subject]
