"""Words for values, the same in each form of a card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from homeostat.core import Finding, Json, Verdict

__all__ = ["NOT_RECORDED", "by_badness", "cell", "counted", "number", "unlike"]

NOT_RECORDED = "not recorded"
_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.OK: 3}
_FEW, _MANY = 1e-3, 1e6


def number(value: float) -> str:
    """Write a number with four digits that count."""
    if isinstance(value, int):
        return f"{value:,}"
    if value and not _FEW <= abs(value) < _MANY:
        return f"{value:.3g}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def cell(value: Json) -> str:
    """Write a value of a table; a pair of numbers is an interval."""
    if value is None:
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        ends = [number(one) if isinstance(one, (int, float)) else str(one) for one in value]
        return f"[{', '.join(ends)}]"
    return str(value)


def counted(n: int, one: str, many: str = "") -> str:
    """Write a number of things."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def by_badness(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what is not ok: what failed, then what is unknown, then what is warned of."""
    bad = [found for found in unlike(findings) if found.verdict is not Verdict.OK]
    return tuple(sorted(bad, key=lambda found: _ORDER[found.verdict]))


def unlike(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in their order; of those that say the same, the first."""
    seen: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        seen.setdefault((one.check, one.subject, one.summary), one)
    return tuple(seen.values())
