"""explain: why a mean changed: what moved, where, since when, and how much each part explains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.data import Dataset
from homeostat.monitor._cause._attribution import Attribution, attribute
from homeostat.monitor._cause._causes import Causes
from homeostat.monitor._cause._domain import DIFFERENCE, with_difference
from homeostat.monitor._cause._mix import decomposed
from homeostat.monitor._cause._root import is_concept, root_of
from homeostat.monitor._cause._segments import Codes, code, default_segments, pairs
from homeostat.monitor._cause._sources import SourceShare, fed_by, sources_of
from homeostat.monitor._cause._spread import Spread, spread_of
from homeostat.monitor._cause._timing import Timing
from homeostat.monitor._cause._values import Values

__all__ = ["explain", "explaining"]

_MIXES = 3


def explain(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    value: str | None = None,
    *,
    of: Literal["metric", "prediction"] = "metric",
    features: Iterable[str] | None = None,
    segments: Iterable[str] | None = None,
    sources: Mapping[str, Iterable[str]] | Dataset | None = None,
    time: str | None = None,
    every: str | None = None,
    blocks: str | None = None,
    margin: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> Causes:
    """Explain the change of a mean between a reference and a window.

    Three splits of one number, each of which adds up to it exactly. By features: the Shapley
    values of a model of the value, averaged over each frame; the rest, on top, is what features
    do not explain. By segments: their mix, and what changed within. By sources: what the
    features that each feeds add. And two questions: is it a segment's or everyone's, and
    since when, suddenly or gradually. A model of the value says what goes with what, not
    what would happen if a feature were put back: features that move together share a change.

    Args:
        reference: Rows of before, from when nothing was wrong.
        window: Rows of now.
        value: A column of numbers or booleans in both: the loss of each row, an error, a
            prediction, an outcome. None explains what tells the window's rows from the
            reference's at all, in log-odds.
        of: `prediction` if the value is the same function of the features in both frames: one
            model's answers. What features do not explain is then the error of the split (or
            another model); for a `metric` it is concept shift.
        features: Columns that may explain it; None takes all but the value, time and blocks.
        segments: Columns that make segments; None takes text, categories and booleans among
            the features. Two at once are looked at too.
        sources: What feeds each feature, or the dataset they are columns of, whose lineage says.
        time: A column of dates or times (without a zone: UTC), to tell since when.
        every: Length of the windows in which that is looked for, such as `"1h"`; None takes one
            of which there are 48 to 500.
        blocks: A column such as the day or the user, whose rows are alike.
        margin: Changes no larger than this are none.
        level: Of the intervals.
        seed: Of what is drawn.

    Returns:
        The causes, with `findings()` for the record and a text for people.

    Raises:
        InputError: If a column is missing or of no use, or a setting is out of range.

    Note:
        Source of the method: Shapley values of trees (Lundberg and others 2020), averaged as in
        Zhang and others 2023 (why did the model fail); mix and within as Kitagawa 1955. Models
        see at most 10,000 rows of each frame; all else sees all rows.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> def rows(n, wind):
        ...     w = rng.normal(wind, size=n)
        ...     late = rng.random(n) < 1 / (1 + np.exp(2 - w))
        ...     return pl.DataFrame({"wind": w, "temp": rng.normal(size=n), "late": late})
        >>> causes = explain(rows(4000, 0), rows(4000, 1), "late")
        >>> str(causes.root)
        'feature wind'
    """
    if of not in {"metric", "prediction"}:
        raise InputError(f"`of` is `metric` or `prediction`, got {of!r}.")
    names = explaining(reference, window, features, (value, time, blocks))
    if value is None:
        value, of = DIFFERENCE, "prediction"
        reference, window = with_difference(reference, window, names, seed=seed)
    values = Values.of(reference, window, value, blocks=blocks, level=level)
    timing = None if time is None else Timing.of(values, time, every)
    if not values.enough:
        return Causes.of(values)
    wanted = default_segments(values.reference, names) if segments is None else segments
    groups = [code(values.reference, values.window, name) for name in wanted]
    by_feature = attribute(values, names, both=of == "prediction", seed=seed)
    concept = of == "metric" and is_concept(values, by_feature)
    spread = (
        _where_on_top(values, by_feature, names)
        if concept
        else spread_of(values, [*groups, *pairs(groups)])
    )
    by_source = _by_source(by_feature, sources, names)
    if value == DIFFERENCE and values.change < 0:  # rows that look less like their own kind: noise
        margin = math.inf
    root = root_of(values, by_feature, spread, by_source, concept=concept, margin=margin)
    mixes = sorted((decomposed(values, one) for one in groups), key=lambda one: -abs(one.mix))
    dated = timing is not None and root.kind != "none"
    return Causes.of(
        values,
        attribution=by_feature,
        mixes=tuple(mixes[:_MIXES]),
        spread=spread,
        sources=by_source,
        root=root,
        concept=concept,
        onset=timing.of_value(level) if timing is not None and dated else None,
        moves=timing.of_columns(root.features, level, seed) if timing is not None and dated else (),
    )


def explaining(
    reference: pl.DataFrame,
    window: pl.DataFrame,
    features: Iterable[str] | None,
    others: tuple[str | None, ...],
) -> list[str]:
    """Return the columns that may explain, in both frames."""
    for frame, which in ((reference, "reference"), (window, "window")):
        if not isinstance(frame, pl.DataFrame):
            raise InputError(f"The {which} must be a Polars DataFrame, got {type(frame).__name__}.")
    if features is None:
        return [n for n in reference.columns if n in window.columns and n not in others]
    names = list(dict.fromkeys(features))
    for name in names:
        for frame, which in ((reference, "reference"), (window, "window")):
            if name not in frame.columns:
                raise InputError(
                    f"The {which} has no feature `{name}`.{suggest(name, frame.columns)}"
                )
    return names


def _where_on_top(values: Values, found: Attribution, names: Sequence[str]) -> Spread:
    """Say where the change is that features do not explain, by any of them."""
    left = found.left_over(values)
    groups: list[Codes] = []
    for name in names:
        try:
            groups.append(code(left.reference, left.window, name))
        except InputError:  # lists and the like group no rows
            continue
    kinds = set(default_segments(left.reference, names))
    return spread_of(left, [*groups, *pairs([one for one in groups if one.name in kinds])])


def _by_source(
    found: Attribution,
    sources: Mapping[str, Iterable[str]] | Dataset | None,
    names: Sequence[str],
) -> tuple[SourceShare, ...]:
    """Add up by source, at the level that fits what moved best."""
    if sources is None:
        return ()
    levels = [sources_of(found.features, feeding) for feeding in fed_by(sources, names)]
    return max(levels, key=lambda level: level[0].fit if level else 0.0)
