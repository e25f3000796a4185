"""What became of a model after its release: events, and what the monitors found."""

from __future__ import annotations

from homeostat.core import Finding, Verdict
from homeostat.evaluate._card._card import CardSection, CardTable, Fact
from homeostat.evaluate._card._facts import ModelFacts, Seen
from homeostat.evaluate._card._words import counted

__all__ = ["life_problems", "life_section"]

_MOST_MOMENTS, _MOST_KINDS = 60, 40
_TURNED = ("rollback", "reject")


def life_problems(facts: ModelFacts) -> tuple[Finding, ...]:
    """Return what went wrong since the release: rollbacks, and what the monitors saw fail."""
    turned = [
        Finding(
            check=f"life.{one.kind}",
            subject=facts.reference or facts.name,
            verdict=Verdict.FAIL,
            summary=f"{one.at[:16]}: {one.words or one.kind}",
        )
        for one in facts.history
        if one.kind in _TURNED
    ]
    seen = []
    for (check, subject), found in _grouped(facts).items():
        failed = [one for one in found if one.finding.verdict is Verdict.FAIL]
        if failed:
            last = failed[-1]
            seen.append(
                Finding(
                    check=check,
                    subject=subject,
                    verdict=Verdict.FAIL,
                    summary=(
                        f"In production, failed {counted(len(failed), 'time')}, last "
                        f"{last.at[:16]}: {last.finding.summary}"
                    ),
                )
            )
    return (*turned, *seen)


def life_section(facts: ModelFacts) -> CardSection:
    """Tell the life of the model in production, where the record has it."""
    kinds: dict[str, int] = {}
    for moment in facts.history:
        kinds[moment.kind] = kinds.get(moment.kind, 0) + 1
    counts = tuple(f"{counted(n, kind)}" for kind, n in kinds.items())
    tables = []
    if facts.history:
        shown = facts.history[-_MOST_MOMENTS:]
        note = ""
        if len(shown) < len(facts.history):
            note = f"The last {len(shown)} of {len(facts.history):,}."
        rows = tuple((one.at[:16], one.kind, one.words) for one in shown)
        tables.append(CardTable("What happened", ("when", "what", "facts"), rows, note=note))
    if facts.monitoring:
        tables.append(_monitored(facts))
    notes = () if facts.history or facts.monitoring else ("No life in production is recorded.",)
    return CardSection("Life in production", (Fact("Events", counts or None),), notes,
                       tuple(tables))  # fmt: skip


def _grouped(facts: ModelFacts) -> dict[tuple[str, str], list[Seen]]:
    groups: dict[tuple[str, str], list[Seen]] = {}
    for seen in facts.monitoring:
        groups.setdefault((seen.finding.check, seen.finding.subject), []).append(seen)
    return groups


def _monitored(facts: ModelFacts) -> CardTable:
    rows: list[tuple[str, str, int, int, int, str, str, str]] = []
    for (check, subject), found in _grouped(facts).items():
        failed, warned, unknown = (
            sum(one.finding.verdict is verdict for one in found)
            for verdict in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
        )
        last = found[-1]
        ends = (found[0].at[:16], last.at[:16])
        rows.append((check, subject, failed, warned, unknown, *ends, last.finding.summary))
    rows.sort(key=lambda row: (-row[2], -row[3], row[0], row[1]))
    note = "Findings that were not ok, by check and subject; most failures first."
    if len(rows) > _MOST_KINDS:
        note += f" {_MOST_KINDS} of {len(rows):,} are shown."
    columns = ("check", "subject", "failed", "warned", "unknown", "first", "last", "the last time")
    return CardTable("What the monitors found", columns, tuple(rows[:_MOST_KINDS]), note=note)
