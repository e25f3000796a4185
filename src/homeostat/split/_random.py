"""Random splits: for rows that have no order in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from homeostat.core import InputError
from homeostat.split._offer import present
from homeostat.split._splits import Splits

__all__ = ["random_split"]


def random_split(
    frame: pl.DataFrame,
    *,
    validation: float = 0.2,
    test: float = 0.2,
    rng: np.random.Generator | int,
    stratify: str | None = None,
    groups: Sequence[str] = (),
) -> Splits:
    """Part rows at random, evenly over a column's values, or with groups kept whole.

    Where rows are ordered in time this flatters: the model sees the hour before and the hour
    after each test row. `check_split` measures it; `by_time` avoids it.

    Args:
        frame: The rows.
        validation: Share of the rows for validation.
        test: Share of the rows for the test.
        rng: Generator or seed.
        stratify: Column whose values are shared out evenly: in each part the count of each
            value is its share of the whole, to within one row.
        groups: Columns of identifiers. Rows that share a value in any of them, or are linked
            through other rows, stay together; shares are then of groups, not of rows.

    Raises:
        InputError: If shares do not fit, or both ``stratify`` and ``groups`` are given.
        SchemaError: If a column is missing.

    Example:
        >>> frame = pl.DataFrame({"late": [0, 1] * 50})
        >>> splits = random_split(frame, rng=0, stratify="late")
        >>> splits.take("test", frame)["late"].value_counts(sort=True)["count"].to_list()
        [10, 10]
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise InputError(
            f"Shares must be positive and leave rows for training, got {validation} and {test}."
        )
    if stratify and groups:
        raise InputError("A split keeps groups whole or strata even, not both: choose one.")
    present(frame, [*groups, *([stratify] if stratify else [])])
    rng = np.random.default_rng(rng)
    if groups:
        group = _linked(frame, groups)
        place = _places(np.zeros(group.max(initial=0) + 1, np.int64), rng)[group]
    else:
        place = _places(_codes(frame, stratify), rng)
    masks = {
        "test": place < test,
        "validation": (place >= test) & (place < test + validation),
        "train": place >= test + validation,
    }
    return Splits(masks, "random")


def _places(stratum: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Give each row a place in (0, 1), evenly spread within its stratum, at random."""
    shuffled = rng.permutation(stratum.size)
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    size = np.bincount(stratum)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    place = np.empty(stratum.size)
    held = stratum[order]
    place[order] = (np.arange(stratum.size) - start[held] + 0.5) / size[held]
    return place


def _codes(frame: pl.DataFrame, name: str | None) -> NDArray[np.int64]:
    if name is None:
        return np.zeros(frame.height, np.int64)
    return frame[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _linked(frame: pl.DataFrame, groups: Sequence[str]) -> NDArray[np.int64]:
    """Number the connected components of rows that share an identifier; null links nothing."""
    rows, nodes, first_free = [], [], frame.height
    for name in groups:
        held = frame[name].is_not_null().to_numpy()
        code = _codes(frame, name)[held]
        rows.append(np.flatnonzero(held))
        nodes.append(code + first_free)
        first_free += int(code.max(initial=0)) + 1
    start, end = np.concatenate(rows), np.concatenate(nodes)
    links = coo_array((np.ones(start.size), (start, end)), shape=(first_free, first_free))
    component: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return np.unique(component[: frame.height], return_inverse=True)[1].astype(np.int64)
