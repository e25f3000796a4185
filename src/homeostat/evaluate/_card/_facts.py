"""What a card is made from: facts about a model, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from homeostat.core import Finding, InputError, Json, Schema

__all__ = ["CardMetric", "Intent", "ModelFacts", "Moment", "Seen"]

_LISTS = ("uses", "users", "out_of_scope", "sensitive", "considerations", "caveats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What only people can know of a model: declared once, beside the code.

    Args:
        uses: What it is for.
        users: Who is to use it.
        out_of_scope: What it must not be used for.
        sensitive: Columns that a decision must not hang on, such as the sex of a person.
        considerations: What may harm whom, and what was done about it.
        caveats: What a user must know besides what was measured.
        owner: Who answers for it.
        contact: Where to ask.
        licence: Under which it may be used.
        citation: How to cite it.

    Example:
        >>> Intent(uses="Order a courier early.", owner="dispatch").uses
        ('Order a courier early.',)
    """

    uses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    considerations: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    owner: str = ""
    contact: str = ""
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        for name in _LISTS:
            given: str | Iterable[str] = getattr(self, name)
            several = (given,) if isinstance(given, str) else tuple(given)
            if not all(isinstance(one, str) for one in several):
                raise InputError(f"`{name}` of an intent must be sentences, got {given!r}.")
            object.__setattr__(self, name, tuple(one for one in several if one))

    def to_json(self) -> dict[str, Json]:
        """Return what was said as a plain JSON object; what was not is left out."""
        told = {name: value for name, value in asdict(self).items() if value}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in told.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; unknown keys are ignored."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


@dataclass(frozen=True, slots=True)
class CardMetric:
    """A number on rows the model was not fitted on; None where it is undefined.

    Args:
        name: Of the metric.
        value: Its value.
        low: Lower end of its interval; None where there are too few rows or blocks.
        high: Upper end.
        n: Number of rows.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the model: a promotion, an alarm, a rollback."""

    at: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the monitors found, and when."""

    at: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """All that is known of a model; what is None or empty is not recorded.

    Args:
        name: What people call it.
        reference: Its name and version, such as ``"late:v3"``; empty where it was not released.
        digest: SHA-256 of its content.
        made: When it was made.
        family: Its kind, such as ``"boosted"``.
        aliases: Names that point to it now, such as ``"production"``.
        schema: Of its data: types, roles, when what is known.
        outcome: What it predicts.
        features: Names of the columns it sees.
        trained_rows: Rows it was fitted on.
        trained_until: Time of the last of them.
        dataset: Name and version of the data.
        rows: Rows of the data.
        labelled: Those of them whose outcome was known.
        sources: What the data come from: name, location, sha256, rows.
        steps: What was done to the sources, the last step first.
        split: How rows were parted, in words.
        tested_rows: Rows that the numbers of the card are measured on; None where not told.
        metrics: The numbers.
        phases: The models that it was compared with, simplest first: name, logloss, auc,
            difference, low, high, words.
        gates: Names of the gates it passed, or was refused by.
        findings: What was judged while it was made.
        run: Id of the run or round that made it.
        code: Of that run: commit, state, and so on, by name.
        environment: Of that run, by name.
        seeds: What was seeded, and how.
        cost: What it took, by name.
        intent: What people said of it.
        history: What happened to it since, in order of time.
        monitoring: What the monitors found since.
    """

    name: str
    reference: str = ""
    digest: str = ""
    made: str = ""
    family: str = ""
    aliases: tuple[str, ...] = ()
    schema: Schema | None = None
    outcome: str = ""
    features: tuple[str, ...] = ()
    trained_rows: int | None = None
    trained_until: str = ""
    dataset: str = ""
    rows: int | None = None
    labelled: int | None = None
    sources: tuple[Mapping[str, Json], ...] = ()
    steps: tuple[str, ...] = ()
    split: str = ""
    tested_rows: int | None = None
    metrics: tuple[CardMetric, ...] = ()
    phases: tuple[Mapping[str, Json], ...] = ()
    gates: tuple[str, ...] | None = None
    findings: tuple[Finding, ...] = ()
    run: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, str] = field(default_factory=dict)
    cost: Mapping[str, str] = field(default_factory=dict)
    intent: Intent = field(default_factory=Intent)
    history: tuple[Moment, ...] = ()
    monitoring: tuple[Seen, ...] = ()
