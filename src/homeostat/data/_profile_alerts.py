"""What is odd about a table, as findings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from homeostat.core import Finding, Json, Verdict
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_details import Details
from homeostat.data._profile_report import ProfileReport
from homeostat.data._profile_words import number, plural, share, value

__all__ = ["alerts"]

_ORDER = {Verdict.FAIL: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.OK: 3}
_MISSING, _ZEROS, _IMBALANCE, _SKEW = 0.05, 0.5, 0.9, 3.0
_CATEGORIES, _LEAST_ROWS = 50, 30
_SAME = 0.998
_ISO_8601 = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_NUMBERS = {"int", "float"}
_KINDS = (
    "rows", "all_null", "mixed", "constant", "duplicates", "infinite", "missing", "near_duplicate",
    "determined", "identifier", "hidden_type", "blank", "padded", "imbalanced", "zeros", "skewed",
    "high_cardinality",
)  # fmt: skip
"""Kinds of finding, those that matter most first."""


def alerts(report: ProfileReport) -> list[Finding]:
    """Return what is odd, worst first; of a table without rows, one finding that is unknown."""
    table = report.profile
    if table.rows == 0:
        text = f"{report.title} has no rows: nothing can be said of its columns."
        return [Finding(check="profile.rows", subject=report.title, verdict=Verdict.UNKNOWN,
                        summary=text, statistic=0.0)]  # fmt: skip
    found = [*_rows(report), *_pairs(report)]
    for name, column in table.columns.items():
        found += _column(name, column, report.details.get(name))
    return sorted(found, key=_rank)


def _rank(finding: Finding) -> tuple[int, int, float]:
    kind = finding.check.removeprefix("profile.")
    return _ORDER[finding.verdict], _KINDS.index(kind), -(finding.statistic or 0.0)


def _warn(check: str, name: str, text: str, statistic: float | None = None,
          threshold: float | None = None, **evidence: Json) -> Finding:  # fmt: skip
    return Finding(check=f"profile.{check}", subject=name, verdict=Verdict.WARN, summary=text,
                   statistic=statistic, threshold=threshold, evidence=evidence)  # fmt: skip


def _rows(report: ProfileReport) -> Iterator[Finding]:
    again = report.duplicates
    if again is not None and again.rows:
        rate = again.rows / report.profile.rows
        about = "" if again.exact else "about "
        yield _warn(
            "duplicates",
            report.title,
            f"{about}{plural(again.rows, 'row')} ({share(rate)}) repeat an earlier row; "
            f"the most frequent occurs {again.most:,} times.",
            rate,
            0.0,
        )


def _pairs(report: ProfileReport) -> Iterator[Finding]:
    if report.associations is None:
        return
    for pair in report.associations.pairs(_SAME):
        measured = f"({pair.measure} {pair.strength:.4f})"
        if pair.measure == "correlation ratio":
            yield _warn(
                "determined",
                pair.one,
                f"`{pair.one}` hardly varies within a value of `{pair.other}` {measured}.",
                pair.strength,
                _SAME,
                other=pair.other,
            )
            continue
        text = f"`{pair.one}` and `{pair.other}` say nearly the same {measured}: one will do."
        yield _warn("near_duplicate", pair.one, text, abs(pair.strength), _SAME, other=pair.other)


def _column(name: str, column: ColumnProfile, details: Details | None) -> Iterator[Finding]:
    rows = column.count
    known = rows - column.nulls if column.type in {"other", "mixed"} else column.present
    if known == 0:
        what = "null" if column.nulls == rows else "null, NaN or infinite"
        yield Finding(check="profile.all_null", subject=name, verdict=Verdict.FAIL, statistic=1.0,
                      summary=f"All {plural(rows, 'row')} of `{name}` are {what}.")  # fmt: skip
        return
    if column.type == "mixed":
        yield _warn("mixed", name, f"`{name}` has types that do not go together.")
    yield from _missing(name, column, known)
    if column.distinct == 1 and rows > 1:
        shown = value(column.top(1)[0][0], column.type)
        said = f"all {rows:,} rows are" if known == rows else f"all {known:,} known rows are"
        yield _warn("constant", name, f"`{name}` is constant: {said} {shown}.", 1.0)
        return
    yield from _infinite(name, column)
    yield from _values(name, column, details)
    if details is not None:
        yield from _shape(name, column, details)
        yield from _spelling(name, column, details)


def _missing(name: str, column: ColumnProfile, known: int) -> Iterator[Finding]:
    rate = (column.count - known) / column.count
    if rate > _MISSING:
        text = f"`{name}` lacks {share(rate)} of its values ({column.count - known:,} rows)."
        yield _warn("missing", name, text, rate, _MISSING)


def _infinite(name: str, column: ColumnProfile) -> Iterator[Finding]:
    if column.infs:
        text = f"`{name}` is infinite in {plural(column.infs, 'row')}."
        yield _warn("infinite", name, text, column.infs / column.count, 0.0)


def _values(name: str, column: ColumnProfile, details: Details | None) -> Iterator[Finding]:
    """Look at which values there are and how often: identifiers, many or lopsided categories."""
    sample, known = column.sample, column.present
    if sample is None or known < _LEAST_ROWS:
        return
    single = bool((sample.counts == 1).all())
    if single and column.type in {"string", "int"}:
        seen = "all values differ" if sample.complete else (
            f"{len(sample.counts):,} sampled values occur once each")  # fmt: skip
        if details is not None and details.rising:
            seen = "it rises with every row"
        text = f"`{name}` looks like an identifier: {seen}."
        yield _warn("identifier", name, text, min(1.0, sample.distinct / known))
        return
    if column.type == "string" and sample.distinct > _CATEGORIES:
        about = "" if sample.complete else "about "
        text = f"`{name}` has many categories: {about}{sample.distinct:,.0f} in {known:,} rows."
        yield _warn("high_cardinality", name, text, sample.distinct, _CATEGORIES)
    top = column.top(1)
    lopsided = top and top[0][1] / known > _IMBALANCE and not (top[0][0] == 0 and details)
    if lopsided and (column.type in {"string", "bool"} or sample.distinct <= _CATEGORIES):
        rate = top[0][1] / known
        text = f"`{name}` is imbalanced: {share(rate)} of values are "
        yield _warn("imbalanced", name, f"{text}{value(top[0][0], column.type)}.", rate, _IMBALANCE)


def _shape(name: str, column: ColumnProfile, details: Details) -> Iterator[Finding]:
    if column.type not in _NUMBERS or column.present < _LEAST_ROWS:
        return
    zeros = details.zeros / column.present
    if zeros > _ZEROS:
        yield _warn("zeros", name, f"`{name}` is 0 in {share(zeros)} of rows.", zeros, _ZEROS)
    skewness = details.shape.skewness
    if skewness is not None and abs(skewness) > _SKEW and (column.distinct or 0) > 2:
        side = "right" if skewness > 0 else "left"
        text = (
            f"`{name}` is skewed to the {side} (skewness {number(skewness, 3)}): its mean is "
            f"{number(column.mean)}, its median {number(float(column.quantile(0.5)[0]))}."
        )
        yield _warn("skewed", name, text, abs(skewness), _SKEW)


def _spelling(name: str, column: ColumnProfile, details: Details) -> Iterator[Finding]:
    if column.type != "string" or column.sample is None:
        return
    for check, rows, what in (
        ("blank", details.blanks, ("is empty or white space", "are empty or white space")),
        (
            "padded",
            details.padded,
            ("has white space at an end", "have white space at an end"),
        ),
    ):
        if rows > 0:
            rate = rows / column.present
            yield _warn(
                check, name, f"{plural(rows, 'value')} of `{name}` {what[rows > 1]}.", rate, 0.0
            )
    kind = _hidden(column.sample.values)
    if kind:
        text = f"`{name}` is text, but its values are {kind}: read it as such."
        yield _warn("hidden_type", name, text, 1.0)


def _hidden(values: np.ndarray[tuple[int], np.dtype[np.object_]]) -> str | None:
    """Name the type that all sampled texts can be read as; None where there is none."""
    texts = pl.Series(values.tolist(), dtype=pl.String).str.strip_chars()
    texts = texts.filter(texts.str.len_bytes() > 0)
    if texts.is_empty():
        return None
    leads = texts.str.contains(r"^[+-]?0\d").any()  # a code such as a postal one, not a number
    if not leads and texts.cast(pl.Float64, strict=False).null_count() == 0:
        return "numbers"
    if texts.str.contains(_ISO_8601).all():
        return "dates" if bool((texts.str.len_bytes() == 10).all()) else "times"
    return None
