"""Leaks by rule: a feature that is known later than the prediction is refused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from homeostat.core import Finding, KnownAt, Schema, SchemaError, Verdict, require_columns

__all__ = ["check_known_at"]

_CHECK = "leakage.known_at"


def check_known_at(
    frame: pl.DataFrame,
    schema: Schema,
    features: Iterable[str] | None = None,
    *,
    as_of: datetime | None = None,
    created_at: str | None = "created_at",
) -> list[Finding]:
    """Judge each feature by its rule: was its value known when the prediction was made?

    A feature fails if any of its values became known later than ``schema.predicted_at``, or
    never (its rule's time is null), or if it is the label. One pass over the frame.

    Where a feature has no rule, the row's ``created_at`` is its rule if the frame has such a
    column: a value that was filled in after the prediction (a backfill) was not there to predict
    from. Without either it is unknown, and :func:`scan_leaks` looks for itself.

    Args:
        frame: The rows, with the columns that the rules stand on.
        schema: With ``predicted_at`` and the columns' ``known_at``.
        features: What is offered to the model; None takes the schema's features.
        as_of: Also refuse rows created after this instant: a training set as it was then.
        created_at: Column that says when a row was written; None, or one that the frame lacks,
            turns the default rule off.

    Raises:
        SchemaError: If the schema does not say when predictions are made, or a column is
            missing.

    Example:
        >>> from datetime import UTC, datetime
        >>> from homeostat.core import Column
        >>> hour = [datetime(2013, 1, 1, h, tzinfo=UTC) for h in range(4)]
        >>> schema = Schema((Column("at", "datetime"), Column("left_at", "datetime"),
        ...                  Column("delay", "int", {"feature"}, known_at="left_at")),
        ...                 predicted_at="at")
        >>> frame = pl.DataFrame({"at": hour[:2], "left_at": hour[2:], "delay": [3, 90]})
        >>> print(check_known_at(frame, schema)[0].summary)
        delay is known too late in 100.0% of 2 rows, typically 2 hours after the prediction: \
take it out of the features.
    """
    if schema.predicted_at is None:
        raise SchemaError(
            "The schema must say when a prediction is made: set `predicted_at`, such as "
            "'sched_dep_utc - 1h'."
        )
    offered = schema.features if features is None else tuple(features)
    default = created_at if created_at in frame.columns else None
    rules = {name: schema.column(name).known_at or default for name in offered}
    labels = set(schema.having("label"))
    judged = [name for name in offered if rules[name] and name not in labels]
    known = {name: schema.rule(str(rules[name])) for name in judged}
    late = _lateness(frame, known, schema.rule(schema.predicted_at))
    found = [] if as_of is None else [_written(frame, default, as_of)]
    for name in offered:
        if name in labels:
            found.append(_fail(name, f"{name} is the label itself: take it out of the features."))
        elif rules[name] is None:
            found.append(_unknown(name))
        else:
            found.append(_judge(name, str(rules[name]), *late[name]))
    return found


def _lateness(
    frame: pl.DataFrame, rules: dict[str, KnownAt], predicted_at: KnownAt
) -> dict[str, tuple[int, int, timedelta | None]]:
    """Return, for each column, rows with a value, those known too late, and how late."""
    made = _instant(frame, predicted_at)
    query = []
    for name, rule in rules.items():
        require_columns(frame, [name])
        held = pl.col(name).is_not_null()
        if rule.column is None:
            late, by = pl.lit(value=False), pl.lit(None, pl.Duration("us"))
        else:
            known = _instant(frame, rule)
            late, by = known.is_null() | (known > made), known - made
        query += [
            held.sum().alias(f"{name}|rows"),
            (held & late).sum().alias(f"{name}|late"),
            by.filter(held & late).median().alias(f"{name}|by"),
        ]
    try:
        row = frame.select(query).row(0, named=True) if query else {}
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            f"The times of the rules must be datetimes, all with a time zone or none: {error}."
        ) from error
    return {name: (row[f"{name}|rows"], row[f"{name}|late"], row[f"{name}|by"]) for name in rules}


def _written(frame: pl.DataFrame, created_at: str | None, as_of: datetime) -> Finding:
    """Refuse rows that were written after the instant as of which the data are taken."""
    check, subject = "leakage.as_of", created_at or "created_at"
    if created_at is None:
        return Finding(
            check=check,
            subject=subject,
            verdict=Verdict.UNKNOWN,
            summary="No column says when a row was written: name it in `created_at`.",
        )
    try:
        late = int(frame.select((pl.col(created_at) > as_of).sum()).item())
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            f"`{created_at}` and `as_of` must be instants, both with a time zone or none: {error}."
        ) from error
    share = late / frame.height if frame.height else 0.0
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.FAIL if late else Verdict.OK,
        statistic=share,
        threshold=0.0,
        summary=f"{late:,} of {frame.height:,} rows were written after {as_of.isoformat()}"
        + (": leave them out, they were not there." if late else "."),
        evidence={"late": late, "rows": frame.height},
    )


def _judge(name: str, rule: str, rows: int, late: int, by: timedelta | None) -> Finding:
    if not rows:
        summary = f"{name} has no values, so when they are known cannot be judged."
        return Finding(check=_CHECK, subject=name, verdict=Verdict.UNKNOWN, summary=summary)
    if not late:
        summary = f"{name} is known in time in all {rows:,} rows."
        return Finding(
            check=_CHECK,
            subject=name,
            verdict=Verdict.OK,
            statistic=0.0,
            threshold=0.0,
            summary=summary,
            evidence={"rule": rule},
        )
    typically = f", typically {_text(by)} after the prediction" if by else ""
    return _fail(
        name,
        f"{name} is known too late in {late / rows:.1%} of {rows:,} rows{typically}: "
        "take it out of the features.",
        share=late / rows,
        evidence={
            "rule": rule,
            "rows": rows,
            "late": late,
            "median_lateness_s": by.total_seconds() if by else None,
        },
    )


def _fail(
    name: str,
    summary: str,
    *,
    share: float = 1.0,
    evidence: dict[str, float | str | None] | None = None,
) -> Finding:
    return Finding(
        check=_CHECK,
        subject=name,
        verdict=Verdict.FAIL,
        statistic=share,
        threshold=0.0,
        summary=summary,
        evidence=evidence or {},
    )


def _unknown(name: str) -> Finding:
    return Finding(
        check=_CHECK,
        subject=name,
        verdict=Verdict.UNKNOWN,
        summary=f"{name} has no known-at rule: give it one, or look at what the leak scan says.",
    )


def _instant(frame: pl.DataFrame, known: KnownAt) -> pl.Expr:
    if known.column is None:
        raise SchemaError("`predicted_at` names a time column, got 'always'.")
    require_columns(frame, [known.column])
    return pl.col(known.column) + pl.lit(known.offset)


def _text(late: timedelta) -> str:
    minutes = late.total_seconds() / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
