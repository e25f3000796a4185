"""Feature and FeatureSet: what the model sees, defined once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import polars as pl

from homeostat.core import InputError, KnownAt, SchemaError, require_columns, suggest
from homeostat.data import digest_of
from homeostat.features._point_in_time import RecentMean, recent_mean

__all__ = ["Definition", "Feature", "FeatureSet"]

Definition = pl.Expr | RecentMean | Callable[[pl.DataFrame], pl.Series]


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One column that the model sees, and how it comes about.

    Args:
        name: Name of the column.
        definition: An expression or a function over the columns of the same row, or a
            :class:`RecentMean` over what happened before. It must learn nothing from the rows
            it is given: statistics of the training split belong into the model's ``fit``.
        known_at: When its value is known, as in a schema; None where there is no rule.
        description: For people.
        owner: Who answers for it.
        reads: The columns that a function reads; those of an expression are known.
        revision: Raised when it means something else though the definition is the same, such as
            a source column that changed its unit.

    Example:
        >>> age = Feature("plane_age", pl.col("year") - pl.col("built"), known_at="always")
        >>> age.sources, len(age.version)
        (('built', 'year'), 12)
    """

    name: str
    definition: Definition
    known_at: str | None = None
    description: str = ""
    owner: str = ""
    reads: tuple[str, ...] = ()
    revision: int = 1

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("A feature needs a name, got an empty one.")
        if self.known_at is not None:
            KnownAt.parse(self.known_at)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the name, the rule, the revision and the definition."""
        parts = [self.name, self.revision, self.known_at, self.definition_digest]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def definition_digest(self) -> str:
        """SHA-256, in hex, of the definition alone: equal for one thing under two names."""
        return digest_of(self.definition)

    @property
    def version(self) -> str:
        """First twelve digits of the digest: a changed definition is another version."""
        return self.digest[:12]

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns that it is made of, sorted; those of events as ``events.column``."""
        definition = self.definition
        if isinstance(definition, pl.Expr):
            return tuple(sorted(set(definition.meta.root_names())))
        if isinstance(definition, RecentMean):
            of_events = {definition.value, definition.known_at, *definition.by}
            own = {definition.at, *definition.by}
            return tuple(sorted(own | {f"{definition.events}.{name}" for name in of_events}))
        return tuple(sorted(self.reads))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSet:
    """Features in the order in which the model sees them.

    Args:
        features: With unique names.

    Raises:
        InputError: If a name occurs twice.

    Example:
        >>> features = FeatureSet((Feature("double", pl.col("a") * 2),))
        >>> features.compute(pl.DataFrame({"a": [1, 2]}))["double"].to_list()
        [2, 4]
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if twice := sorted(name for name, n in Counter(self.names).items() if n > 1):
            raise InputError(f"Feature names must be unique, got twice: {', '.join(twice)}.")

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise InputError(f"There is no feature `{name}`.{suggest(name, self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def digest(self) -> str:
        """SHA-256 of the features' digests in order, in hex."""
        return hashlib.sha256("".join(f.digest for f in self.features).encode()).hexdigest()

    def select(self, names: Iterable[str]) -> Self:
        """Return a set of some features, in the order given."""
        return type(self)(tuple(self[name] for name in names))

    def compute(
        self, frame: pl.DataFrame, events: Mapping[str, pl.DataFrame] | None = None
    ) -> pl.DataFrame:
        """Compute every feature for many rows.

        Args:
            frame: One row a prediction.
            events: Streams of events by the name that :class:`RecentMean` features ask for.

        Returns:
            One column a feature, in order; as many rows as ``frame``, in its order.

        Raises:
            InputError: If a stream is missing.
            SchemaError: If a column is missing, or a definition gives not one value a row.
        """
        streams = events or {}

        def recent(definition: RecentMean) -> pl.Series:
            if definition.events not in streams:
                known = suggest(definition.events, streams)
                raise InputError(f"No stream of events `{definition.events}` was given.{known}")
            return recent_mean(
                frame,
                streams[definition.events],
                value=definition.value,
                known_at=definition.known_at,
                at=definition.at,
                window=definition.window,
                by=definition.by,
            )

        return self.compute_with(frame, recent)

    def compute_with(
        self, frame: pl.DataFrame, recent: Callable[[RecentMean], pl.Series]
    ) -> pl.DataFrame:
        """Compute every feature, with means over the past answered by ``recent``."""
        expressions = {f.name: f.definition for f in self if isinstance(f.definition, pl.Expr)}
        computed = _evaluate(frame, expressions)
        columns = []
        for feature in self:
            if isinstance(feature.definition, pl.Expr):
                column = computed[feature.name]
            elif isinstance(feature.definition, RecentMean):
                column = recent(feature.definition)
            else:
                column = feature.definition(frame)
            if column.len() != frame.height:
                raise SchemaError(
                    f"Feature `{feature.name}` must give one value a row, got {column.len()} for "
                    f"{frame.height}: what summarises rows belongs into `fit` or a RecentMean."
                )
            columns.append(column.alias(feature.name))
        return pl.DataFrame(columns)


def _evaluate(frame: pl.DataFrame, expressions: Mapping[str, pl.Expr]) -> dict[str, pl.Series]:
    """Evaluate expressions: at once for one row, else each alone, to see that it gives n rows."""
    named = [expression.alias(name) for name, expression in expressions.items()]
    try:
        if frame.height == 1:
            return frame.select(named).to_dict()
        return {name: frame.select(one)[name] for name, one in zip(expressions, named, strict=True)}
    except pl.exceptions.PolarsError as error:
        require_columns(frame, sorted({name for one in named for name in one.meta.root_names()}))
        raise SchemaError(f"A feature cannot be computed: {error}.") from error
