"""ProfileReport: all there is to tell of a table, as findings, text and one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Schema
from homeostat.data._correlations import Associations, associations
from homeostat.data._door import Frame
from homeostat.data._profile import Profile
from homeostat.data._profile_batches import batches
from homeostat.data._profile_details import Details
from homeostat.data._profile_rows import Duplicates, RowHashes, RowSample
from homeostat.data._profile_text import describe

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ProfileReport", "profile", "report_of"]

_SHOWN_ROWS = 5
_MERGED = 16  # profiles of batches that are held before they are added up


@dataclass(frozen=True, slots=True, eq=False)
class ProfileReport:
    """A profile of a table, and what is worth saying about it.

    In a notebook it shows as a page; `print` gives a table of text, `rich.print` one in colour.

    Args:
        profile: The mergeable summary: what to keep, to compare, and to check against.
        details: More of each column, by name; empty where only the profile is known.
        associations: How columns go together; None where only the profile is known.
        duplicates: Rows that occur more than once; None where only the profile is known.
        head: The first rows.
        title: Name of the table.
        findings: What is odd, worst first.

    Example:
        >>> found = profile(pl.DataFrame({"id": range(200), "kind": ["a"] * 200}))
        >>> [finding.check for finding in found.findings]
        ['profile.constant', 'profile.identifier']
        >>> print(found.findings[0].summary)
        `kind` is constant: all 200 rows are a.
    """

    profile: Profile
    details: Mapping[str, Details] = field(default_factory=dict)
    associations: Associations | None = None
    duplicates: Duplicates | None = None
    head: pl.DataFrame = field(default_factory=pl.DataFrame)
    title: str = "Profile"
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    @classmethod
    def of(cls, given: ProfileReport | Profile | Frame, title: str = "Profile") -> ProfileReport:
        """Return a report of a bare profile, or of a frame; a report is returned as it is.

        Raises:
            InputError: If it is neither.
        """
        return report_of(given, title)

    @property
    def missing(self) -> float:
        """Share of all cells that are null, NaN or infinite."""
        cells = sum(column.count for column in self.profile.columns.values())
        lacking = cells - sum(
            column.count - column.nulls if column.type in {"other", "mixed"} else column.present
            for column in self.profile.columns.values()
        )
        return lacking / cells if cells else 0.0

    @property
    def size_bytes(self) -> int:
        """Memory that the values take."""
        return sum(one.size_bytes for one in self.details.values())

    def to_text(self) -> str:
        """Return a table of text: a line a column, then what is odd."""
        odd = "\n".join(f"{found.verdict.value:8}{found.summary}" for found in self.findings)
        return describe(self.profile) + (f"\n\n{odd}" if odd else "")

    def to_html(self, path: Path | str | None = None) -> str:
        """Return the page: one file that needs nothing else; written to `path` if given."""
        from homeostat.data._profile_page import document  # noqa: PLC0415 - only for pages

        return document(self.title, self.html_body(), path)

    def html_body(self) -> str:
        """Return the page without head, style and script, to stand in a page of yours.

        It belongs into an element of class ``hp``, beside `profile_style` and `profile_script`.
        """
        from homeostat.data._profile_page_report import report_body  # noqa: PLC0415 - only for pages

        return report_body(self)

    def _repr_html_(self) -> str:
        from homeostat.data._profile_page import fragment  # noqa: PLC0415 - only for pages

        return fragment(self.html_body())

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"ProfileReport({self.title}: {self.profile!r}, {len(self.findings)} findings)"

    def __rich__(self) -> RenderableType:
        from homeostat.data._profile_rich import rich_report  # noqa: PLC0415 - only in a terminal

        return rich_report(self)


def profile(
    frame: Frame | Iterable[Frame],
    *,
    schema: Schema | None = None,
    title: str = "Profile",
    sampled_rows: int = 30_000,
    seed: int = 0,
) -> ProfileReport:
    """Profile a table: one pass, by batches, whatever its size.

    Counts, moments, extremes and duplicates (up to 16.7 million rows) are exact; quantiles are
    within 0.3 % of the rows; how columns go together is measured on a uniform sample of rows.

    Args:
        frame: Polars (eager or lazy), anything with the Arrow PyCapsule interface, or an
            iterable of such with equal columns.
        schema: Where given, only its columns are profiled.
        title: Name of the table.
        sampled_rows: Rows on which associations are measured; tables that are smaller are
            looked at whole.
        seed: Of the sample.

    Raises:
        InputError: If `frame` is no frame, or `sampled_rows` is not positive.
        SchemaError: If column names repeat.
    """
    if sampled_rows < 1:
        raise InputError(f"`sampled_rows` must be at least 1, got {sampled_rows}.")
    parts: list[Profile] = []
    details: dict[str, Details] = {}
    hashes, sample = RowHashes(), RowSample(sampled_rows, np.random.default_rng(seed))
    head: pl.DataFrame | None = None
    for whole in batches(frame):
        kept = [name for name in whole.columns if schema is None or name in schema.names]
        batch = whole.select(kept)
        head = batch.head(_SHOWN_ROWS) if head is None or head.is_empty() else head
        parts.append(Profile.of(batch))
        if len(parts) >= _MERGED:
            parts = [Profile.merge(parts)]
        for column in batch.get_columns():
            found = Details.of(column)
            old = details.get(column.name)
            details[column.name] = found if old is None else old + found
        hashes.add(batch)
        sample.add(batch)
    merged = Profile.merge(parts) if len(parts) > 1 else parts[0]
    order = {name: merged.columns[name] for name in details}
    return with_findings(
        ProfileReport(
            Profile(merged.rows, order, merged.edges),
            details,
            associations(sample.frame()),
            hashes.duplicates(),
            head if head is not None else pl.DataFrame(),
            title,
        )
    )


def report_of(given: ProfileReport | Profile | Frame, title: str = "Profile") -> ProfileReport:
    """Return a report of whatever is given: one already, a bare profile, or a frame."""
    if isinstance(given, ProfileReport):
        return given
    if isinstance(given, Profile):
        return with_findings(ProfileReport(given, title=title))
    return profile(given, title=title)


def with_findings(report: ProfileReport) -> ProfileReport:
    """Return a report with what is odd about it."""
    from homeostat.data._profile_alerts import alerts  # noqa: PLC0415 - it reads reports

    return replace(report, findings=tuple(alerts(report)))
