"""ProfileComparison: two tables side by side, or one table week after week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from homeostat.core import Finding, InputError, Verdict
from homeostat.data._door import Frame
from homeostat.data._profile import Profile
from homeostat.data._profile_change import Change, changes
from homeostat.data._profile_report import ProfileReport, report_of
from homeostat.data._profile_words import number

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ColumnComparison", "ProfileComparison", "compare"]

_TELLS = 0.1
_LEAST_ROWS = 30
_OF_THE_COLUMN = {"added", "removed", "type", "scale"}


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """One column in all profiles that are compared.

    Args:
        name: Of the column.
        changes: What changed up to each profile, greatest first; nothing for the first profile.
    """

    name: str
    changes: tuple[tuple[Change, ...], ...]

    @property
    def sizes(self) -> tuple[float, ...]:
        """How much changed up to each profile, in [0, 1]."""
        return tuple(max((c.size for c in found), default=0.0) for found in self.changes)

    @property
    def size(self) -> float:
        """How much changed at most."""
        return max(self.sizes, default=0.0)

    def greatest(self) -> list[Change]:
        """Return the greatest change of each kind, greatest first."""
        best: dict[str, Change] = {}
        for change in (change for found in self.changes for change in found):
            if change.kind not in best or change.size > best[change.kind].size:
                best[change.kind] = change
        return sorted(best.values(), key=lambda change: -change.size)


@dataclass(frozen=True, slots=True, eq=False)
class ProfileComparison:
    """Profiles side by side: what changed, most-changed column first.

    Args:
        names: Of the profiles.
        reports: The profiles.
        columns: Each column that any has, most-changed first.
        findings: Each change as a finding, greatest first.
        title: Of the page.

    Example:
        >>> import polars as pl
        >>> march = pl.DataFrame({"fare": range(100), "paid": ["card", "cash"] * 50})
        >>> april = pl.DataFrame({"fare": range(100), "paid": ["card"] * 90 + ["cash"] * 10})
        >>> for finding in compare({"March": march, "April": april}).findings:
        ...     print(finding.verdict.value, finding.summary)
        warn `paid`: `card` is 90.0 % of April, 50.0 % of March (size 0.38).
    """

    names: tuple[str, ...]
    reports: tuple[ProfileReport, ...]
    columns: tuple[ColumnComparison, ...]
    findings: tuple[Finding, ...]
    title: str = "Comparison"

    def to_text(self) -> str:
        """Return what changed as lines of text."""
        head = ", ".join(
            f"{name}: {report.profile.rows:,} rows"
            for name, report in zip(self.names, self.reports, strict=True)
        )
        lines = [f"{found.verdict.value:8}{found.summary}" for found in self.findings]
        return "\n".join([head, *(lines or ["Nothing changed."])])

    def to_html(self, path: Path | str | None = None) -> str:
        """Return the page: one file that needs nothing else; written to `path` if given."""
        from homeostat.data._profile_page import document  # noqa: PLC0415 - only for pages

        return document(self.title, self.html_body(), path)

    def html_body(self) -> str:
        """Return the page without head, style and script, to stand in a page of yours.

        It belongs into an element of class ``hp``, beside `profile_style` and `profile_script`.
        """
        from homeostat.data._profile_page_compare import comparison_body  # noqa: PLC0415 - only for pages

        return comparison_body(self)

    def _repr_html_(self) -> str:
        from homeostat.data._profile_page import fragment  # noqa: PLC0415 - only for pages

        return fragment(self.html_body())

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"ProfileComparison({', '.join(self.names)}: {len(self.columns)} columns)"

    def __rich__(self) -> RenderableType:
        from homeostat.data._profile_rich import rich_comparison  # noqa: PLC0415 - in a terminal

        return rich_comparison(self)


_Given = ProfileReport | Profile | Frame


def compare(
    profiles: Mapping[str, _Given] | Sequence[_Given],
    *,
    against: Literal["first", "previous"] = "first",
    title: str = "Comparison",
) -> ProfileComparison:
    """Compare two profiles, or many.

    A change has a size in [0, 1]: the Jensen-Shannon distance (base 2, less what chance gives) of
    a distribution, a share of rows, or 1 where the column itself came, went or changed its type.

    Args:
        profiles: Reports, bare profiles or frames, by name in their order; without names they
            are called by their titles, or numbered.
        against: Whether each is compared with the first, or with the one before it.
        title: Of the page.

    Raises:
        InputError: If there are fewer than two.
    """
    given = dict(profiles) if isinstance(profiles, Mapping) else _named(profiles)
    if len(given) < 2:
        raise InputError(f"A comparison needs at least two profiles, got {len(given)}.")
    if against not in {"first", "previous"}:
        raise InputError(f"`against` is 'first' or 'previous', got {against!r}.")
    names = tuple(given)
    reports = tuple(report_of(one, name) for name, one in given.items())
    every = dict.fromkeys(name for report in reports for name in report.profile.columns)
    columns = [_column(name, names, reports, against) for name in every]
    columns.sort(key=lambda column: -column.size)
    return ProfileComparison(names, reports, tuple(columns), _findings(columns, reports), title)


def _named(profiles: Sequence[_Given]) -> dict[str, _Given]:
    titles = [one.title if isinstance(one, ProfileReport) else "" for one in profiles]
    if len(set(titles)) < len(titles) or not all(titles):
        titles = [str(i + 1) for i in range(len(profiles))]
    return dict(zip(titles, profiles, strict=True))


def _column(
    name: str, names: Sequence[str], reports: Sequence[ProfileReport], against: str
) -> ColumnComparison:
    found: list[tuple[Change, ...]] = [()]
    for i in range(1, len(reports)):
        base = 0 if against == "first" else i - 1
        one, other = reports[base], reports[i]
        found.append(
            tuple(
                changes(
                    name,
                    one.profile.columns.get(name),
                    other.profile.columns.get(name),
                    said=(names[base], names[i]),
                    details=(one.details.get(name), other.details.get(name)),
                )
            )
        )
    return ColumnComparison(name, tuple(found))


def _findings(
    columns: Sequence[ColumnComparison], reports: Sequence[ProfileReport]
) -> tuple[Finding, ...]:
    few = min(report.profile.rows for report in reports) < _LEAST_ROWS
    found = []
    for change in (change for column in columns for change in column.greatest()):
        told = change.kind in _OF_THE_COLUMN or change.size >= _TELLS
        verdict = Verdict.UNKNOWN if few and change.kind not in _OF_THE_COLUMN else (
            Verdict.WARN if told else Verdict.OK)  # fmt: skip
        words = change.words
        if change.kind == "distribution":  # the others say their share of rows
            words = f"{words[:-1]} (size {number(change.size, 2)})."
        found.append(
            Finding(
                check=f"profile.changed.{change.kind}",
                subject=change.column,
                verdict=verdict,
                summary=words,
                statistic=change.size,
                threshold=None if change.kind in _OF_THE_COLUMN else _TELLS,
                evidence=change.evidence,
            )
        )
    return tuple(sorted(found, key=_rank))


def _rank(finding: Finding) -> tuple[float, bool]:
    kind = finding.check.removeprefix("profile.changed.")
    return -(finding.statistic or 0.0), kind not in _OF_THE_COLUMN
