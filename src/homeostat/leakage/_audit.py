"""The whole audit: all causes and all detectors, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from homeostat.core import Finding, Role, Schema, Verdict, require_columns
from homeostat.leakage._check import check_split
from homeostat.leakage._contributions import contributions, sudden_gains
from homeostat.leakage._fitted import check_fitted
from homeostat.leakage._groups import find_groups
from homeostat.leakage._known_at import check_known_at
from homeostat.leakage._label import truth_of
from homeostat.leakage._parts import Parts
from homeostat.leakage._probe import MakeClassifier, forest
from homeostat.leakage._report import worst_first
from homeostat.leakage._scan import scan_leaks
from homeostat.leakage._sites import check_sites

__all__ = ["audit_leaks"]

_REFITTED = 4000  # rows on which a model is fitted for each feature that is added


def audit_leaks(
    frame: pl.DataFrame,
    schema: Schema,
    splits: Parts | None = None,
    *,
    features: Sequence[str] | None = None,
    model: MakeClassifier | None = None,
    rng: np.random.Generator | int = 0,
    max_rows: int = 40_000,
) -> list[Finding]:
    """Look for every kind of leak that the schema and the rows allow, the worst first.

    With splits: order in time, copies, groups, the label's delay and statistics fitted on all
    rows (:func:`check_split`, :func:`check_fitted`). Without: group columns that a random split
    would break (:func:`find_groups`). Always: known-at rules where the schema says when a
    prediction is made, the scan, and sites left out. Where features are named, their order is
    the one in which they are added, and :func:`sudden_gains` asks about the one that jumps.
    :func:`check_preparation` (steps run before the split) is asked for by itself.

    Args:
        frame: The rows, also those without a label.
        schema: With a label; everything else as far as known.
        splits: Of this frame: anything with ``masks``.
        features: What is offered to the model; None takes the schema's features, and if it has
            none, all columns without a role.
        model: Makes the model that is judged, in scikit-learn's manner, from a seed; None takes
            extremely randomised trees, and an additive model to which features are added.
        rng: Generator or seed.
        max_rows: Labelled rows for the scan.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> from homeostat.core import Column
        >>> from homeostat.leakage import describe_leaks
        >>> draw = np.random.default_rng(0)
        >>> y = draw.integers(0, 2, 2000)
        >>> frame = pl.DataFrame({"age": draw.normal(size=2000), "code": y * 7 + 1.0, "y": y})
        >>> schema = Schema((Column("age", "float"), Column("code", "float"),
        ...                  Column("y", "int", {"label"})))
        >>> found = audit_leaks(frame, schema)
        >>> found[0].check, found[0].subject, found[0].verdict.value
        ('leakage.association', 'code', 'fail')
    """
    require_columns(frame, [schema.label])
    draw = np.random.default_rng(rng)
    if not truth_of(frame, schema.label).both:
        return [_one_class(schema.label)]
    offered = list(features or schema.features or _unclaimed(frame, schema))
    make = model or forest
    found: list[Finding] = []
    if schema.predicted_at is not None:
        named = [name for name in offered if name in schema.names]
        found += check_known_at(frame, schema, named)
    if splits is None:
        found += find_groups(frame, schema, model=make, rng=draw)
    else:
        found += check_split(splits, frame, schema, model=make, rng=draw)
        found += check_fitted(splits, frame, schema, offered)
    scanned = scan_leaks(frame, schema, offered, rng=draw, max_rows=max_rows)
    if features is not None and not any(one.verdict is Verdict.UNKNOWN for one in scanned):
        rows = max_rows if model is None else min(max_rows, _REFITTED)
        table = contributions(frame, schema, offered, model=model, rng=draw, max_rows=rows)
        known = {one.subject for one in found + scanned}
        scanned += [one for one in sudden_gains(table) if one.subject not in known]
    found += scanned
    found += check_sites(frame, schema, model=make, rng=draw)
    return worst_first(found)


def _unclaimed(frame: pl.DataFrame, schema: Schema) -> list[str]:
    roles = {name for role in Role for name in schema.having(role)}
    return [
        name
        for name, dtype in frame.schema.items()
        if name not in roles and not dtype.is_nested() and dtype not in {pl.Binary, pl.Object}
    ]


def _one_class(label: str) -> Finding:
    return Finding(
        check="leakage.scan",
        subject=label,
        verdict=Verdict.UNKNOWN,
        summary=f"{label} has one value only, so nothing can give it away: bring rows of both.",
    )
