"""Promises: how the SLA of a service stands, a row for each promise to each subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from homeostat.core import Finding

__all__ = ["PROMISE_COLUMNS", "promise_row", "promised"]

PROMISE_COLUMNS = (
    "check", "subject", "objective", "verdict", "statistic", "threshold", "effect", "summary",
)  # fmt: skip
_WORST = ("fail", "warn", "unknown", "ok")


def promise_row(found: Finding) -> dict[str, object]:
    """Return a finding as a row of the page's table."""
    row = {name: getattr(found, name) for name in PROMISE_COLUMNS if name != "objective"}
    return row | {"verdict": found.verdict.value, "objective": found.evidence.get("objective")}


def promised(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Return a row for each promise to each subject: the last hour, the budget, how it burns."""
    found: dict[tuple[str, str], dict[str, Finding]] = {}
    for one in findings:
        key = one.subject, str(one.evidence.get("objective", ""))
        part = one.check.removeprefix("sla.")
        found.setdefault(key, {})["hour" if part in {"latency", "errors"} else part] = one
    rows: list[dict[str, object]] = []
    for (subject, objective), parts in found.items():
        verdicts = [one.verdict.value for one in parts.values()]
        worst = min(verdicts, key=_WORST.index)
        budget = parts.get("budget")
        left = budget.effect if budget else None
        rows.append(
            {
                "subject": subject,
                "objective": objective,
                "verdict": worst,
                "left": left,
                "drawn": min(max(left, 0.0), 1.0) if left is not None else None,
                "words": _words(parts, worst),
            }
            | {name: parts.get(name) for name in ("hour", "burn", "budget")}
        )
    return sorted(rows, key=lambda row: _WORST.index(str(row["verdict"])))


def _words(parts: Mapping[str, Finding], worst: str) -> str | None:
    """Return the sentence that tells most of what is wrong: when nothing will be left, if any."""
    known = (parts[name] for name in ("burn", "hour", "budget") if name in parts)
    return None if worst == "ok" else next(p.summary for p in known if p.verdict.value == worst)
