"""Suite: what is expected of a table, drafted, edited in code, versioned and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from homeostat.core import Expectation, Finding, Json, Schema, SchemaError, VersionError, suggest
from homeostat.data import Profile, infer
from homeostat.data._door import Frame
from homeostat.expect._check import promises
from homeostat.expect._draft import of_profile
from homeostat.expect._named import accepted, complete, named
from homeostat.expect._rules import expectation_names
from homeostat.expect._suite_check import check_suite
from homeostat.expect._suite_text import in_words, source

__all__ = ["Suite"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations of a table; unlike a `Schema`, it says nothing of columns it does not name.

    It is edited by methods that carry the names of expectations and return a new suite.

    Args:
        name: For people.
        expectations: In order.

    Raises:
        SchemaError: If an expectation does not exist, lacks its column or has other arguments.

    Example:
        >>> import polars as pl
        >>> suite = (Suite("flights")
        ...     .expect_column_values_to_not_be_null("carrier")
        ...     .expect_column_values_to_be_between("late", max_value=10, mostly=0.9))
        >>> for found in suite.check(pl.DataFrame({"carrier": ["UA", None], "late": [1, 2]})):
        ...     print(found.verdict, "-", found.summary)
        ok - Flights has 2 rows.
        fail - `carrier` is not null: 1 of 2 rows (50.00%) break this, such as `carrier` = None \
in row 1.
        ok - `late` is <= 10: all 2 rows hold.
        >>> Suite.from_json(suite.to_json()) == suite
        True
    """

    name: str = ""
    expectations: tuple[Expectation, ...] = ()

    def __post_init__(self) -> None:
        accepted_ = tuple(accepted(one) for one in self.expectations)
        object.__setattr__(self, "expectations", accepted_)

    def __getattr__(self, name: str) -> Callable[..., Suite]:
        if name not in expectation_names():
            close = suggest(name, [*expectation_names(), *dir(type(self))])
            raise AttributeError(f"A suite has no `{name}`.{close}")
        make = named(name)

        def add(*values: Any, **arguments: Any) -> Suite:  # noqa: ANN401 - the expectation's own
            return replace(self, expectations=(*self.expectations, make(*values, **arguments)))

        add.__doc__, add.__signature__ = make.__doc__, make.__signature__  # type: ignore[attr-defined]
        return add

    def __dir__(self) -> list[str]:
        return sorted([*object.__dir__(self), *expectation_names()])

    def __len__(self) -> int:
        return len(self.expectations)

    def __str__(self) -> str:
        return "\n".join([self.name or "suite", *(f"- {in_words(e)}" for e in self.expectations)])

    @classmethod
    def draft(cls, source: Frame | Profile, *, name: str = "", **settings: Any) -> Self:  # noqa: ANN401 - those of `infer`
        """Draft a suite from data, or from a profile of it, for a person to edit.

        Args:
            source: A frame of any kind, or a `Profile`.
            name: Of the suite.
            **settings: Of `homeostat.data.infer`: ``roles``, ``max_categories``, ``slack``.

        Raises:
            InputError: If there are no rows to draft it from.
        """
        if isinstance(source, Profile):
            return cls(name, tuple(of_profile(source, **settings)))
        return cls.of_schema(infer(source, name=name, **settings))

    @classmethod
    def of_schema(cls, schema: Schema) -> Self:
        """Return the suite of all that a schema promises: columns, types, nulls and the rest."""
        found = [complete("expect_column_to_exist", {"column": one}) for one in schema.names]
        for column in schema.columns:
            about = {"column": column.name, "type_list": [column.type.value]}
            if column.type == "float":
                about["type_list"] = ["float", "int"]
            found.append(complete("expect_column_values_to_be_in_type_list", about))
        return cls(schema.name, (*found, *(one.expectation for one in promises(schema))))

    def expect(self, name: str, column: str | None = None, **arguments: Any) -> Self:  # noqa: ANN401 - the expectation's own
        """Return a suite with one more expectation, given by its name."""
        given = arguments if column is None else {"column": column, **arguments}
        return replace(self, expectations=(*self.expectations, complete(name, given)))

    def without(self, name: str | None = None, column: str | None = None) -> Self:
        """Return a suite without the expectations of a name, of a column, or of both.

        Raises:
            SchemaError: If there are none.
        """
        if name is None and column is None:
            raise SchemaError("Say which expectations to drop: by name, by column, or by both.")
        kept = [
            one
            for one in self.expectations
            if name not in {None, one.name} or column not in {None, one.column}
        ]
        if len(kept) == len(self):
            raise SchemaError(f"The suite has no expectation `{name or ''}` of `{column or ''}`.")
        return replace(self, expectations=tuple(kept))

    def check(
        self,
        frame: Frame,
        *,
        subject: str = "",
        examples: int = 5,
        tables: Mapping[str, Frame] | None = None,
    ) -> list[Finding]:
        """Judge a table: all expectations in one query, streamed where the frame is lazy.

        A missing column fails, and so does one whose type an expectation cannot be asked about;
        where there are no rows or values, the verdict is unknown.

        Args:
            frame: Polars (lazy or not), a Dataset, pandas, or anything of the Arrow PyCapsule
                kind.
            subject: Name of the table, for findings about the whole of it.
            examples: Most rows that a finding shows.
            tables: Other tables, by name, for expectations that compare with them.

        Returns:
            A finding on the rows there are, and one on each expectation, in order.
        """
        subject = subject or self.name or "the table"
        return check_suite(
            frame, self.expectations, subject=subject, examples=examples, tables=tables or {}
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the suite's canonical JSON, in hex: its version."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def changes(self, older: Suite) -> list[str]:
        """Say what was added to an older suite (``+``) and dropped from it (``-``)."""
        mine, theirs = (
            {json.dumps(one.to_json(), sort_keys=True): one for one in suite.expectations}
            for suite in (self, older)
        )
        return [
            *(f"- {in_words(one)}" for key, one in theirs.items() if key not in mine),
            *(f"+ {in_words(one)}" for key, one in mine.items() if key not in theirs),
        ]

    def to_python(self) -> str:
        """Return Python source that makes this suite as ``suite``, for people to read and edit."""
        return source(self.name, self.expectations)

    def to_json(self) -> dict[str, Json]:
        """Return the suite as a plain JSON object."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "expectations": [one.to_json() for one in self.expectations],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a suite from :meth:`to_json`; reading one runs no code.

        Raises:
            VersionError: If it was written by a newer Homeostat.
            SchemaError: If it is no suite.
        """
        try:
            if (written := data.get("format", 1)) > _FORMAT:
                raise VersionError(
                    f"The suite has format {written}, this Homeostat reads up to {_FORMAT}: "
                    "upgrade."
                )
            found: Iterable[Mapping[str, Any]] = data["expectations"]
            return cls(data.get("name", ""), tuple(Expectation(**one) for one in found))
        except (AttributeError, KeyError, TypeError) as error:
            raise SchemaError(f"This is no suite's JSON: {error}.") from error
