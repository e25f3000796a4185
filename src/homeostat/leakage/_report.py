"""What was found, in order of harm, as text."""

from __future__ import annotations

from collections.abc import Iterable

from homeostat.core import Finding, Verdict

__all__ = ["describe_leaks", "worst_first"]

_BADNESS = {Verdict.FAIL: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.OK: 3}


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: failures, warnings, unknowns, the rest; within each by what they are worth."""
    return sorted(
        findings,
        key=lambda one: (_BADNESS[one.verdict], -(one.effect or 0.0), one.check, one.subject),
    )


def describe_leaks(findings: Iterable[Finding]) -> str:
    """Return findings as text, the worst first, what is fine counted in one line.

    Example:
        >>> from homeostat.core import Finding
        >>> print(describe_leaks([
        ...     Finding(check="leakage.scan", subject="x", verdict="ok", summary="Fine."),
        ...     Finding(check="leakage.pair", subject="arr_time", verdict="fail", effect=0.33,
        ...             summary="arr_time with sched_arr_time reaches AUC 0.997."),
        ... ]))
        1 leak, 0 to ask about, 0 unknown, 1 fine
        FAIL +0.330 AUC  pair       arr_time  arr_time with sched_arr_time reaches AUC 0.997.
    """
    ordered = worst_first(findings)
    counts = [sum(one.verdict is verdict for one in ordered) for verdict in _BADNESS]
    leaks = f"{counts[0]} leak" + ("" if counts[0] == 1 else "s")
    head = f"{leaks}, {counts[1]} to ask about, {counts[2]} unknown, {counts[3]} fine"
    shown = [one for one in ordered if one.verdict is not Verdict.OK]
    kinds = [one.check.removeprefix("leakage.") for one in shown]
    kind_width = max([10, *map(len, kinds)])
    width = max([0, *(len(one.subject) for one in shown)])
    lines = [
        f"{one.verdict.value.upper():<4} {_worth(one):<11} {kind:<{kind_width}} "
        f"{one.subject:<{width}}  {one.summary}"
        for one, kind in zip(shown, kinds, strict=True)
    ]
    return "\n".join([head, *lines])


def _worth(finding: Finding) -> str:
    if finding.effect is None:
        return ""
    return f"{finding.effect:+.3f} AUC"
