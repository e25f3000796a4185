"""A card from facts and findings: the sections of Mitchell et al., and two of our own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from homeostat.core import Column, Finding, Schema, Verdict, worst
from homeostat.evaluate._card._card import CardSection, CardTable, Fact, ModelCard
from homeostat.evaluate._card._facts import ModelFacts
from homeostat.evaluate._card._life import life_problems, life_section
from homeostat.evaluate._card._numbers import (
    measured_rows,
    metrics_section,
    overall_section,
    slices_section,
    touches,
)
from homeostat.evaluate._card._words import by_badness, counted, number, unlike

__all__ = ["model_card"]

_DATA = ("source.", "step.", "schema.", "expectation.", "profile.", "features.", "sample.",
         "skew.", "data.", "expect.")  # fmt: skip
_PARTS = ("leakage.", "split.")


def model_card(facts: ModelFacts, findings: Iterable[Finding] = ()) -> ModelCard:
    """Make a model card (Mitchell et al., 2019, doi:10.1145/3287560.3287596) from what is known.

    Nothing is typed but the `Intent`. What is not known is said to be not recorded; what failed
    comes first; the same facts give the same card, to the byte.

    Args:
        facts: About the model.
        findings: Judgements besides those of ``facts.findings``: calibration, slices,
            comparisons, behavioural tests, leaks, expectations. Each goes to the section that
            its check is of.

    Returns:
        The card, with ``to_markdown()``, ``to_html()`` and ``to_json()``.

    Example:
        >>> card = model_card(ModelFacts(name="late", family="boosted"))
        >>> card.lead
        'late, a boosted model. Nothing was judged.'
        >>> card.section("Intended use").facts[0].value is None
        True
    """
    judged = unlike((*facts.findings, *findings))
    problems = (*by_badness(judged), *life_problems(facts))
    before = (
        _details(facts),
        _intended(facts),
        _factors(facts, judged),
        metrics_section(facts, judged),
        _evaluation(facts, judged),
        _training(facts, judged),
        overall_section(facts, judged),
        slices_section(judged),
        _ethics(facts, judged),
    )
    after = (_lineage(facts), life_section(facts))
    caveats = _caveats(facts, judged, (*before, *after))
    return ModelCard(
        title=facts.reference or facts.name,
        verdict=worst([*judged, *problems]),
        lead=_lead(facts, judged),
        problems=by_badness(problems),
        sections=(*before, caveats, *after),
    )


def _starts(findings: Iterable[Finding], prefixes: tuple[str, ...]) -> tuple[Finding, ...]:
    return tuple(found for found in findings if found.check.startswith(prefixes))


def _lead(facts: ModelFacts, judged: Sequence[Finding]) -> str:
    first = facts.name if not facts.family else f"{facts.name}, a {facts.family} model"
    if facts.trained_rows is not None:
        first += f", fitted on {counted(facts.trained_rows, 'row')}"
    if facts.trained_until:
        first += f" until {facts.trained_until[:10]}"
    parts = [first]
    if rows := measured_rows(facts)[:1]:
        one = rows[0]
        ends = "" if one.low is None or one.high is None else (
            f" [{number(one.low)}, {number(one.high)}]"
        )  # fmt: skip
        where = "" if one.n is None else f" on {counted(one.n, 'row')} that it was not fitted on"
        value = "undefined" if one.value is None else number(one.value)
        parts.append(f"Its {one.name} is {value}{ends}{where}")
    counts = {verdict: sum(found.verdict is verdict for found in judged) for verdict in Verdict}
    parts.append(
        f"Of {counted(len(judged), 'check')} {counts[Verdict.FAIL]:,} failed, "
        f"{counts[Verdict.UNKNOWN]:,} could not be judged and {counts[Verdict.WARN]:,} warned"
        if judged
        else "Nothing was judged"
    )
    if facts.reference:
        state = ", ".join(facts.aliases)
        parts.append(f"It is {state} now" if state else "No alias points to it now")
    return ". ".join(parts) + "."


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _several(values: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(values) or None


def _details(facts: ModelFacts) -> CardSection:
    intent = facts.intent
    return CardSection(
        "Model details",
        (
            Fact("Version", _text(facts.reference)),
            Fact("Digest (SHA-256)", _text(facts.digest)),
            Fact("Made", _text(facts.made)),
            Fact("Kind", _text(facts.family)),
            Fact("Now", _several(facts.aliases) or ("no alias" if facts.reference else None)),
            Fact("Predicts", _text(facts.outcome)),
            Fact("Sees", _several(facts.features)),
            Fact("Cost", _several([f"{k}: {v}" for k, v in facts.cost.items()])),
            Fact("Owner", _text(intent.owner)),
            Fact("Contact", _text(intent.contact)),
            Fact("Licence", _text(intent.licence)),
            Fact("Citation", _text(intent.citation)),
        ),
    )


def _intended(facts: ModelFacts) -> CardSection:
    intent = facts.intent
    return CardSection(
        "Intended use",
        (
            Fact("Uses", _several(intent.uses)),
            Fact("Users", _several(intent.users)),
            Fact("Out of scope", _several(intent.out_of_scope)),
        ),
    )


def _factors(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    declared = [] if facts.schema is None else list(facts.schema.having("slice"))
    looked = [f for f in judged if f.check == "slice.metric"]
    found = [f for f in judged if f.check == "slice.found" and f.verdict is not Verdict.OK]
    return CardSection(
        "Factors",
        (
            Fact("Declared to slice by", _several(declared)),
            Fact("Slices judged", _several(list(dict.fromkeys(f.subject for f in looked)))),
            Fact("Slices found weak", _several([f.subject for f in found])
                 if any(f.check == "slice.found" for f in judged) else None),
            Fact("Sensitive", _several(facts.intent.sensitive)),
        ),
    )  # fmt: skip


def _evaluation(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    return CardSection(
        "Evaluation data",
        (
            Fact("Data", _text(facts.dataset)),
            Fact("Parted", _text(facts.split)),
            Fact("Rows judged on", _count(facts.tested_rows)),
        ),
        findings=_starts(judged, _PARTS),
    )


def _training(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    tables = []
    if facts.schema is not None:
        tables.append(_columns(facts.schema, facts.features))
    return CardSection(
        "Training data",
        (
            Fact("Data", _text(facts.dataset)),
            Fact("Rows", _count(facts.rows)),
            Fact("With a known outcome", _count(facts.labelled)),
            Fact("Rows fitted on", _count(facts.trained_rows)),
            Fact("Until", _text(facts.trained_until)),
        ),
        tables=tuple(tables),
        findings=_starts(judged, _DATA),
    )


def _columns(schema: Schema, features: Sequence[str]) -> CardTable:
    rows = tuple(
        (one.name, str(one.type), _roles(one, features),
         "yes" if one.nullable else "no", None if one.known_at is None else str(one.known_at))
        for one in schema.columns
        if one.name in features or one.roles
    )  # fmt: skip
    return CardTable("Columns", ("column", "type", "roles", "may be missing", "known at"), rows)


def _roles(column: Column, features: Sequence[str]) -> str:
    roles = {str(role) for role in column.roles}
    return ", ".join(sorted(roles | ({"feature"} if column.name in features else set())))


def _ethics(facts: ModelFacts, judged: Sequence[Finding]) -> CardSection:
    intent = facts.intent
    about = tuple(f for f in judged if touches(f, intent.sensitive))
    used = [name for name in intent.sensitive if name in facts.features]
    seen = None
    if intent.sensitive and facts.features:
        seen = ", ".join(used) if used else "none of them; others may stand for them"
    notes = []
    if intent.sensitive and not about:
        notes.append("No check was made on a sensitive column.")
    return CardSection(
        "Ethical considerations",
        (
            Fact("Considered", _several(intent.considerations)),
            Fact("Sensitive columns", _several(intent.sensitive)),
            Fact("Of these the model sees", seen),
        ),
        notes=tuple(notes),
        findings=about,
    )


def _caveats(
    facts: ModelFacts, judged: Sequence[Finding], sections: Sequence[CardSection]
) -> CardSection:
    notes = list(facts.intent.caveats)
    unknown = sum(found.verdict is Verdict.UNKNOWN for found in judged)
    if unknown:
        notes.append(f"{counted(unknown, 'check')} could not be judged: too little data or too "
                     "little said. That is no pass.")  # fmt: skip
    if facts.rows is not None and facts.labelled is not None and facts.labelled < facts.rows:
        notes.append(
            f"{facts.rows - facts.labelled:,} of {facts.rows:,} rows had no outcome yet: they are "
            "in no number of this card, and may differ from those that had."
        )
    if any(one.low is None for one in facts.metrics):
        notes.append("A number without an interval is of too few rows or blocks to have one.")
    if facts.code.get("state", "clean") != "clean":
        notes.append("The code had uncommitted changes; the record keeps them.")
    missing = [
        f"{section.title}: {', '.join(fact.name for fact in section.facts if fact.value is None)}"
        for section in sections
        if any(fact.value is None for fact in section.facts)
    ]
    return CardSection(
        "Caveats and recommendations", (Fact("Not recorded", _several(missing) or "nothing"),),
        notes=tuple(notes),
    )  # fmt: skip


def _lineage(facts: ModelFacts) -> CardSection:
    columns = ("source", "where", "rows", "SHA-256")
    sources = tuple(
        (one.get("name"), one.get("location"), one.get("rows"), one.get("sha256"))
        for one in facts.sources
    )
    return CardSection(
        "Lineage",
        (
            Fact("Run", _text(facts.run)),
            Fact("Code", _several([f"{k}: {v}" for k, v in facts.code.items()])),
            Fact("Environment", _several([f"{k}: {v}" for k, v in facts.environment.items()])),
            Fact("Seeds", _several([f"{k}: {v}" for k, v in facts.seeds.items()])),
            Fact("Steps", _several(facts.steps)),
        ),
        tables=(CardTable("Sources", columns, sources),) if sources else (),
    )
