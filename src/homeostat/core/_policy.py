"""Policy: what is done about findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from homeostat.core._finding import Finding, Verdict

__all__ = ["Condition", "Decision", "Policy", "decide", "finding"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate over one finding, composed with ``&``, ``|`` and ``~``.

    Example:
        >>> page = finding(check="accuracy.*", verdict="fail") | finding(check="schema.*")
        >>> page.description
        '(accuracy.* is fail or schema.*)'
    """

    holds: Callable[[Finding], bool]
    description: str

    def __and__(self, other: Condition) -> Condition:
        return Condition(
            lambda found: self.holds(found) and other.holds(found),
            f"({self.description} and {other.description})",
        )

    def __or__(self, other: Condition) -> Condition:
        return Condition(
            lambda found: self.holds(found) or other.holds(found),
            f"({self.description} or {other.description})",
        )

    def __invert__(self) -> Condition:
        return Condition(lambda found: not self.holds(found), f"not {self.description}")


def finding(
    *, check: str = "*", subject: str = "*", verdict: str | Sequence[str] | None = None
) -> Condition:
    """Match findings by check and subject (shell patterns) and verdict.

    Args:
        check: Pattern for the name of the check, such as ``"shift.*"``.
        subject: Pattern for the subject.
        verdict: One verdict or several; None matches each.
    """
    verdicts = None if verdict is None else {Verdict(v) for v in _several(verdict)}
    parts = [check] if subject == "*" else [f"{check} on {subject}"]
    if verdicts is not None:
        parts.append("is " + "/".join(sorted(verdicts)))

    def holds(found: Finding) -> bool:
        return (
            fnmatchcase(found.check, check)
            and fnmatchcase(found.subject, subject)
            and (verdicts is None or found.verdict in verdicts)
        )

    return Condition(holds, " ".join(parts))


def _several(verdict: str | Sequence[str]) -> Sequence[str]:
    return [verdict] if isinstance(verdict, str) else verdict


@dataclass(frozen=True, slots=True)
class Policy:
    """When a condition holds for at least ``at_least`` findings, do ``action``.

    Args:
        name: What people call it.
        when: The condition on a finding.
        action: What to do: ``"block"``, ``"alarm"``, ``"retrain"``, ``"rollback"``, ...
        at_least: How many findings must match.
    """

    name: str
    when: Condition
    action: str
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy that applied, with the findings that made it apply."""

    policy: Policy
    findings: tuple[Finding, ...]

    @property
    def action(self) -> str:
        """What is to be done."""
        return self.policy.action


def decide(policies: Iterable[Policy], findings: Iterable[Finding]) -> list[Decision]:
    """Return the decisions of the policies that apply, in the policies' order.

    Example:
        >>> late = Finding(check="accuracy.day", subject="v3", verdict=Verdict.FAIL, summary="Bad.")
        >>> block = Policy("gate", finding(verdict=["fail", "unknown"]), "block")
        >>> [decision.action for decision in decide([block], [late])]
        ['block']
    """
    seen = tuple(findings)
    decisions = []
    for policy in policies:
        matched = tuple(found for found in seen if policy.when.holds(found))
        if len(matched) >= policy.at_least:
            decisions.append(Decision(policy, matched))
    return decisions
