"""How far two summaries of a column are apart, in the cells that both can be counted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_series import TEXT, join
from homeostat.data._profile_words import share, value
from homeostat.stats import js_divergence, l_infinity, psi, wasserstein

__all__ = ["METRICS", "SharedCells", "distance", "novelty", "shared_cells"]

METRICS = ("l_infinity", "jensen_shannon", "psi", "wasserstein")
_NONE = {None, "other", "mixed", "null"}
_PLACES = 400


@dataclass(frozen=True, slots=True, eq=False)
class SharedCells:
    """Two columns counted in the same cells.

    Args:
        type: The type that holds both.
        one: Counts of the first, (k,).
        other: Counts of the second, (k,).
        names: What each cell holds, in words, (k,).
        ordered: Whether cells follow each other as numbers do.
        upper: The upper ends of ordered cells but the last, in words.
        error: By how much a share may be off: 0 where all values are known.
    """

    type: str
    one: NDArray[np.float64]
    other: NDArray[np.float64]
    names: tuple[str, ...]
    ordered: bool
    upper: tuple[str, ...] = ()
    error: float = 0.0

    def moved(self, one: str, other: str) -> str:
        """Say where mass has gone, the two samples being named."""
        p, q = self.one / self.one.sum(), self.other / self.other.sum()
        if not self.ordered or len(self.upper) == 0:
            cell = int(np.argmax(np.abs(q - p)))
            name = self.names[cell]
            return f"{name} is {share(q[cell])} of {other}, {share(p[cell])} of {one}"
        apart = np.cumsum(q - p)[:-1]
        cut = int(np.argmax(np.abs(apart)))
        above, was = 1 - float(np.cumsum(q)[cut]), 1 - float(np.cumsum(p)[cut])
        upto = self.upper[cut]
        return f"{share(_unit(above))} of {other} lie above {upto}, {share(_unit(was))} of {one}"


def _unit(given: float) -> float:
    return round(min(max(given, 0.0), 1.0), 9)


def shared_cells(
    one: ColumnProfile | None, other: ColumnProfile | None, cells: int = 10
) -> SharedCells | None:
    """Count two columns in the same cells; None where their types do not go together.

    Texts: a cell a value while all are known, otherwise a cell for each of the frequent values
    of either and one for all others. Numbers and times: a cell a value while there are at most
    `cells`, otherwise cells that hold equal shares of the first column.
    """
    if one is None or other is None or not one.present or not other.present:
        return None
    type_ = join(one.type, other.type)
    if type_ in _NONE:
        return None
    if type_ in TEXT:
        return _of_texts(one, other)
    values, others = one.frequencies(), other.frequencies()
    if values is not None and others is not None and len(values) <= cells:
        return _of_values(type_, values, others)
    return _of_quantiles(type_, one, other, cells)


def _of_values(type_: str, one: Mapping[Any, int], other: Mapping[Any, int]) -> SharedCells:
    places = sorted(set(one) | set(other))
    names = tuple(value(place, type_) for place in places)
    return SharedCells(
        type_,
        np.array([one.get(place, 0) for place in places], np.float64),
        np.array([other.get(place, 0) for place in places], np.float64),
        names,
        ordered=type_ != "bool",
        upper=names[:-1],
    )


def _of_texts(one: ColumnProfile, other: ColumnProfile) -> SharedCells:
    tables = one.frequencies(), other.frequencies()
    error = 0.0
    if tables[0] is not None and tables[1] is not None:
        names = sorted(set(map(str, tables[0])) | set(map(str, tables[1])))
        counts = [np.array([table.get(name, 0) for name in names], np.float64)
                  for table in tables if table is not None]  # fmt: skip
        rest = [0.0, 0.0]
    else:
        known = [_frequent(column) for column in (one, other)]
        names = sorted(set(known[0]) | set(known[1]))
        counts = [
            _counts(column, names, found) for column, found in zip((one, other), known, strict=True)
        ]
        rest = [max(0.0, column.present - float(n.sum()))
                for column, n in zip((one, other), counts, strict=True)]  # fmt: skip
        error = max(_error(one), _error(other))
    if any(rest):
        counts = [np.append(n, left) for n, left in zip(counts, rest, strict=True)]
    shown = [f"`{value(name, 'string')}`" for name in names]
    return SharedCells("string", counts[0], counts[1], (*shown, "any other value"),
                       ordered=False, error=error)  # fmt: skip


def _frequent(column: ColumnProfile) -> dict[str, int]:
    return {str(text): n for text, n in column.top(64)}


def _counts(
    column: ColumnProfile, names: list[str], known: Mapping[str, int]
) -> NDArray[np.float64]:
    """Count named values; one that is neither frequent nor sampled counts nothing."""
    sampled: dict[str, int] = {}
    if column.sample is not None:
        sampled = dict(
            zip(column.sample.values.tolist(), column.sample.counts.tolist(), strict=True)
        )
    return np.array([sampled.get(name, known.get(name, 0)) for name in names], np.float64)


def _error(column: ColumnProfile) -> float:
    if column.heavy is None or column.sample is None or column.sample.complete:
        return 0.0
    return column.heavy.error / column.present


def _of_quantiles(
    type_: str, one: ColumnProfile, other: ColumnProfile, cells: int
) -> SharedCells | None:
    if one.kll is None or other.kll is None:
        return None
    shares = np.arange(1, cells) / cells
    cuts = np.unique(one.kll.quantile(shares))
    upper = tuple(value(cut, type_) for cut in cuts.tolist())
    names = (f"up to {upper[0]}", *(f"{a} to {b}" for a, b in pairwise(upper)),
             f"above {upper[-1]}")  # fmt: skip
    counts = [_binned(column, cuts) for column in (one, other)]
    return SharedCells(type_, counts[0], counts[1], names, ordered=True, upper=upper)


def _binned(column: ColumnProfile, cuts: NDArray[Any]) -> NDArray[np.float64]:
    """Count values by cell: exactly while all are known, else from the sketch."""
    frequencies = column.frequencies()
    if frequencies is None:
        assert column.kll is not None  # noqa: S101 - what has no sketch was sorted out
        upto = np.concatenate([[0], column.kll.ranks(cuts), [column.kll.count]])
        return np.diff(upto).astype(np.float64)
    places = np.searchsorted(cuts, np.array(list(frequencies)), side="left")
    counts = np.array(list(frequencies.values()), np.float64)
    return np.bincount(places, counts, len(cuts) + 1).astype(np.float64)


def distance(
    metric: str, one: ColumnProfile, other: ColumnProfile, cells: SharedCells
) -> float | None:
    """Return how far apart two columns are by one metric; None where it does not apply.

    ``l_infinity`` is the greatest difference of a cell's share; ``jensen_shannon`` the divergence
    in bits, in [0, 1]; ``psi`` the population stability index, an empty cell counted as half a
    row; ``wasserstein`` how far mass must be moved, in standard deviations of the first column.
    """
    if metric == "l_infinity":
        return float(l_infinity(cells.one, cells.other))
    if metric == "jensen_shannon":
        return float(js_divergence(cells.one, cells.other, debiased=False, base=2))
    if metric == "psi":
        return float(psi(cells.one, cells.other))
    if metric == "wasserstein":
        return _moved_mass(one, other)
    raise InputError(f"A metric is one of {', '.join(METRICS)}, got {metric!r}.")


def _moved_mass(one: ColumnProfile, other: ColumnProfile) -> float | None:
    if one.kll is None or other.kll is None or not one.std:
        return None
    shares = (np.arange(_PLACES) + 0.5) / _PLACES
    ends = [np.array([c.min, c.max], np.float64) for c in (one, other) if not _open(c)]
    places = np.unique(np.concatenate([
        *(np.asarray(c.kll.quantile(shares), np.float64) for c in (one, other) if c.kll), *ends,
    ]))  # fmt: skip
    counts = [_binned(column, places)[:-1] for column in (one, other)]
    return float(wasserstein(counts[0], counts[1], places)) / one.std


def _open(column: ColumnProfile) -> bool:
    return column.min is None or column.max is None


def novelty(one: ColumnProfile, other: ColumnProfile) -> tuple[float, float, list[str]] | None:
    """Return what the second text column has and the first lacks: share of rows, count, names.

    Exact while all values are known. Beyond, both columns keep the values with the smallest
    hashes, so a value below the smaller of the two bounds is in both samples if it is in both
    columns: what is seen there holds for the whole (coordinated sampling, Cohen 1997).
    """
    if one.sample is None or other.sample is None or other.type not in TEXT or one.type not in TEXT:
        return None
    bound = min(_bound(one), _bound(other))
    seen = other.sample.hashes <= np.uint64(bound)
    new = seen & ~np.isin(other.sample.hashes, one.sample.hashes)
    if not new.any():
        return 0.0, 0.0, []
    counts = other.sample.counts
    order = np.flatnonzero(new)[np.argsort(-counts[new], kind="stable")]
    rate = float(counts[new].sum() / counts[seen].sum())
    number = float(new.sum()) * (2.0**64 / (bound + 1))
    return rate, number, [str(other.sample.values[i]) for i in order[:5]]


def _bound(column: ColumnProfile) -> int:
    assert column.sample is not None  # noqa: S101 - asked before
    return 2**64 - 1 if column.sample.complete else int(column.sample.hashes[-1])
