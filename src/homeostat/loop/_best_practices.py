"""best_practices: a system held against the nine best practices for feature engineering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import Clock, Finding, InputError, Json, RealClock, Verdict
from homeostat.loop._declaration import System
from homeostat.loop._practice_evidence import Evidence, of_record, of_system
from homeostat.loop._practices import PRACTICES, judge
from homeostat.loop._release import open_record, package_of

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["BestPractices", "best_practices"]

_MARKS = {Verdict.OK: "ok", Verdict.WARN: "warn", Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class BestPractices:
    """Nine findings on how a system was made, in the order of the list.

    Args:
        system: Name of the system.
        run: The round that was looked at; empty where only the declaration was.
        findings: Checks ``practice.*``.
    """

    system: str
    run: str
    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def describe(self) -> str:
        """Return the report for a terminal: a line each, and below it why."""
        about = f"{self.system}, run {self.run}" if self.run else f"{self.system}, not run"
        lines = [f"Nine best practices: {about}"]
        for number, ((_, words, _), found) in enumerate(
            zip(PRACTICES, self.findings, strict=True), start=1
        ):
            lines += [f"{number} {_MARKS[found.verdict]:<8}{words}", f"          {found.summary}"]
        counts = [
            f"{sum(found.verdict == verdict for found in self.findings)} {verdict.value}"
            for verdict in Verdict
        ]
        return "\n".join([*lines, ", ".join(counts)])

    def exit_code(self, *, strict: bool = False) -> int:
        """Return 1 where a practice fails, else 0; strictly, only nine times ok is 0."""
        allowed = {Verdict.OK} if strict else {Verdict.OK, Verdict.WARN, Verdict.UNKNOWN}
        return int(any(found.verdict not in allowed for found in self.findings))

    def to_json(self) -> dict[str, Json]:
        """Return the report as a plain JSON object."""
        return {
            "system": self.system,
            "run": self.run,
            "findings": [found.to_json() for found in self.findings],
        }


def best_practices(
    system: System | str,
    record: Record | Path | str | None = None,
    *,
    run: str = "",
    clock: Clock | None = None,
    importance: Mapping[str, float] | None = None,
) -> BestPractices:
    """Hold a system against the nine best practices for feature engineering.

    A declaration alone is judged by its data: they are read and split, nothing is trained. With
    a record, the last round of the loop (or ``run``) is judged by what it left: findings,
    lineage, the released model. With both, all of it counts. With a record and no more than the
    system's name, what was not recorded is ``unknown``.

    Args:
        system: The declaration, or the name of the system in the record.
        record: The record or its folder; None judges the declaration alone.
        run: Id of a round; the last that ended, refused or not, unless told.
        clock: What "now" is, for the data; the real clock unless told.
        importance: By feature, how much the model uses it; measured on the test rows where a
            released model and the declaration are there.

    Returns:
        Nine findings, with a text and an exit code.

    Raises:
        InputError: If there is neither a declaration nor a record.
        NotFoundError: If no round of the system has ended in the record.

    Example:
        See ``docs/best-practices.md``.
    """
    declared = system if isinstance(system, System) else None
    name = declared.name if declared is not None else str(system)
    if record is None:
        if declared is None:
            raise InputError(
                f"Nothing is known of {name!r} but its name: pass the declaration or a record."
            )
        known, model = Evidence(name), None
    else:
        opened = open_record(record)
        known = of_record(opened, name, run)
        wanted = declared is not None and importance is None and known.model
        model = package_of(opened.artifact(known.model)).model if wanted else None
    if importance is not None:
        known.importance, known.how = dict(importance), "as it was passed"
    if declared is not None:
        known = of_system(known, declared, clock or RealClock(), model)
    return BestPractices(known.system, known.run, tuple(judge(known)))
