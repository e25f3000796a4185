"""What is wrong with a split: order in time, copies, groups, labels that came too late."""

from __future__ import annotations

import polars as pl

from homeostat.core import Finding, Role, Schema
from homeostat.split._copies import check_copies
from homeostat.split._delay import check_delay
from homeostat.split._groups import check_groups
from homeostat.split._offer import present
from homeostat.split._order import check_order, is_forward
from homeostat.split._splits import Splits

__all__ = ["check_split"]


def check_split(splits: Splits, frame: pl.DataFrame, schema: Schema) -> list[Finding]:
    """Judge a split by four of the ways in which it can flatter a model.

    - ``leakage.random_time_split``: test rows lie among training rows in time, and the labels
      just before and after a row tell its own. The evidence is the label's autocorrelation and
      the AUC that nothing but the time of a row reaches.
    - ``leakage.duplicates``: rows of validation or test have a copy in training.
    - ``leakage.groups``: rows of one group (a patient, a device) are in training and in test,
      and knowing the group tells the label. Declared groups are judged, and columns that look
      like identifiers; not for a split by time, where a group coming back is the real case.
    - ``leakage.label_delay``: labels of training rows were not there yet when the next part
      began, because the gap is shorter than their delay.

    The fifth way, statistics fitted before the split, cannot be seen in the rows: models fit
    theirs in `fit`, on the rows they are given, and features learn nothing from rows.

    Args:
        splits: Of this frame.
        frame: The rows.
        schema: With a label; time, groups, key and the label's ``known_at`` as far as known.

    Raises:
        InputError: If the splits are of another frame, or the label is not 0 and 1.
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
    present(frame, [schema.label, *([time] if time else []), *schema.having(Role.GROUP)])
    splits.fits(frame)
    forward = is_forward(splits, frame, time)
    return [
        check_order(splits, frame, schema.label, time, forward=forward),
        check_copies(splits, frame, schema),
        *check_groups(splits, frame, schema, forward=forward),
        *([check_delay(splits, frame, schema)] if forward else []),
    ]
