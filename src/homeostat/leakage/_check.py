"""What is wrong with a split: order in time, copies, groups, labels that came too late."""

from __future__ import annotations

import numpy as np
import polars as pl

from homeostat.core import Finding, Role, Schema, require_columns
from homeostat.leakage._copies import check_copies
from homeostat.leakage._groups import check_groups
from homeostat.leakage._order import check_delay, check_order, is_forward
from homeostat.leakage._parts import Parts, check_rows
from homeostat.leakage._probe import MakeClassifier, forest

__all__ = ["check_split"]


def check_split(
    splits: Parts,
    frame: pl.DataFrame,
    schema: Schema,
    *,
    model: MakeClassifier = forest,
    rng: np.random.Generator | int = 0,
) -> list[Finding]:
    """Judge a split by four of the ways in which it can flatter a model.

    - ``leakage.random_time_split``: test rows lie among training rows in time, and the labels
      just before and after a row tell its own. The evidence is the label's autocorrelation and
      the AUC that nothing but the time of a row reaches. A warning, and a failure where a model
      gains 0.02 AUC or more by it, beyond noise.
    - ``leakage.duplicates``: rows of validation or test have a copy in training.
    - ``leakage.groups``: rows of one group (a patient, a device) are in training and in test,
      and knowing the group tells the label. Declared groups are judged, and columns that look
      like identifiers; not for a split by time, where a group coming back is the real case.
    - ``leakage.label_delay``: labels of training rows were not there yet when the next part
      began, because the gap is shorter than their delay.

    What is found is also priced: a model that can remember rows is judged by folds as they were
    cut and as they should be, and the finding's ``effect`` is the AUC that the wrong one adds
    (both with their intervals in the evidence). Nothing is fitted where nothing is found.

    The fifth way, statistics fitted before the split, is :func:`check_fitted` (its traces in the
    rows) and :func:`check_preparation` (the steps themselves).

    Args:
        splits: Of this frame: anything with ``masks`` for train, validation and test.
        frame: The rows.
        schema: With a label; time, groups, key and the label's ``known_at`` as far as known.
        model: Makes the model that is judged, in scikit-learn's manner, from a seed.
        rng: Generator or seed, for the folds and the sample of rows.

    Raises:
        InputError: If the splits are of another frame.
        SchemaError: If a column is missing.

    Example:
        >>> from homeostat.core import Column
        >>> from homeostat.split import random_split
        >>> frame = pl.DataFrame({"x": range(400), "late": [0, 1] * 200})
        >>> frame = pl.concat([frame, frame])
        >>> schema = Schema((Column("x", "int"), Column("late", "int", {"label"})))
        >>> found = check_split(random_split(frame, rng=0), frame, schema)
        >>> [(one.check, one.verdict.value) for one in found if one.verdict == "fail"]
        [('leakage.duplicates', 'fail')]
    """
    time = next(iter(schema.having(Role.TIME)), "")
    require_columns(frame, [schema.label, *([time] if time else []), *schema.having(Role.GROUP)])
    check_rows(splits, frame)
    forward = is_forward(splits, frame, time)
    draw = np.random.default_rng(rng)
    return [
        check_order(splits, frame, schema, time, forward=forward, make=model, rng=draw),
        check_copies(splits, frame, schema, make=model, rng=draw),
        *check_groups(splits, frame, schema, forward=forward, make=model, rng=draw),
        *([check_delay(splits, frame, schema)] if forward else []),
    ]
