"""What a verdict does to a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from homeostat.pytest._explain import explain

if TYPE_CHECKING:
    from homeostat.core import Finding

__all__ = ["Action", "Check", "assert_findings"]

Action = Literal["fail", "skip", "pass"]


@dataclass(frozen=True, slots=True)
class Check:
    """Turns findings into the result of a test; the fixture ``homeostat_check`` is one.

    Args:
        warn: What a ``warn`` does: ``"fail"``, ``"skip"`` or ``"pass"``.
        unknown: What an ``unknown`` does; that nothing is known is no pass, so it skips unless
            told otherwise.
        noted: Called with each finding, before it is judged.
    """

    warn: Action = "pass"
    unknown: Action = "skip"
    noted: Callable[[Finding], None] | None = field(default=None, repr=False)

    def __call__(self, findings: Finding | Iterable[Finding]) -> None:
        """Fail or skip the test where a finding asks for it.

        Args:
            findings: One finding or several. All are noted, and all that fail are in the text.

        Raises:
            TypeError: If it is given something else.
        """
        __tracebackhide__ = True
        listed = _listed(findings)
        for found in listed:
            if self.noted is not None:
                self.noted(found)
        of = {
            action: [one for one in listed if self._action(one) == action]
            for action in ("fail", "skip")
        }
        if of["fail"]:
            pytest.fail(_headed(of["fail"], len(listed)), pytrace=False)
        if of["skip"]:
            pytest.skip("; ".join(f"{one.verdict}: {one.summary}" for one in of["skip"]))
        if not listed:
            pytest.fail("No finding was given, so nothing was tested.", pytrace=False)

    def _action(self, found: Finding) -> Action:
        actions: dict[str, Action] = {"fail": "fail", "warn": self.warn, "unknown": self.unknown}
        return actions.get(found.verdict.value, "pass")


def assert_findings(findings: Finding | Iterable[Finding], *, strict: bool = False) -> None:
    """Fail the test, or skip it, where a finding asks for it; for tests without the fixture.

    Such findings are neither in the table at the end nor in a record.

    Args:
        findings: One finding or several.
        strict: Whether a ``warn`` or ``unknown`` fails too.
    """
    __tracebackhide__ = True
    (Check("fail", "fail") if strict else Check())(findings)


def _listed(findings: Finding | Iterable[Finding]) -> list[Finding]:
    from homeostat.core import Finding as Judgement  # noqa: PLC0415 - only where one is judged

    if isinstance(findings, Judgement):
        return [findings]
    listed = list(findings) if isinstance(findings, Iterable) else [findings]
    for one in listed:
        if not isinstance(one, Judgement):
            raise TypeError(f"A test judges homeostat findings, got {type(one).__name__}.")
    return listed


def _headed(failed: list[Finding], n: int) -> str:
    head = f"{len(failed)} of {n} findings fail:\n" if n > 1 else ""
    return head + explain(failed)
