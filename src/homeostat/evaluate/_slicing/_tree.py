"""A decision tree on the losses: its nodes are proposals, each with conditions people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.evaluate._slicing._cuts import Cut, cut
from homeostat.evaluate._slicing._finders import Proposals, Settings
from homeostat.evaluate._slicing._predicates import Part, Slice
from homeostat.stats import Floats

__all__ = ["tree_finder"]

_LEAVES = 32
_FEW = 25  # whole numbers of so few values may be names, such as a code: told apart by value too
_LARGEST = 1e30  # the tree's own numbers are of 32 bits, and are added up
_DRAWN = 10  # rows of average loss that each value is given


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """A column of numbers as it is; where missing, its median, told apart by a second feature."""

    column: str
    values: Floats

    def parts(self, low: float, high: float) -> Part | None:
        """Return the condition that the path sets on the column; None for none."""
        if low == -np.inf and high == np.inf:
            return None
        return Part(
            self.column,
            above=None if low == -np.inf else low,
            up_to=None if high == np.inf else high,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Missing:
    column: str
    values: Floats

    def parts(self, low: float, high: float) -> Part | None:  # noqa: ARG002 - one of its kind
        """Return that the column is missing where the path says so; its ranges say the rest."""
        return Part(self.column, missing=True) if low > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """A column of values, each standing for its rank by mean loss (Breiman et al. 1984, 4.2.2)."""

    cut: Cut
    rank: NDArray[np.intp]

    @property
    def values(self) -> Floats:
        return self.rank[self.cut.codes].astype(np.float64)

    def parts(self, low: float, high: float) -> Part | None:
        """Return the values whose ranks lie in the path's range."""
        inside = (self.rank > low) & (self.rank <= high)
        if inside.all():
            return None
        chosen = [one.parts[0] for one, held in zip(self.cut.slices, inside, strict=True) if held]
        parts = [part for part in chosen if isinstance(part, Part)]
        named = [part for part in parts if part.values and not part.others]
        if len(parts) == 1 or not named:  # one value, the others, or what is missing
            return parts[0]
        return replace(named[0], values=tuple(value for part in named for value in part.values))


_Feature = _Numbers | _Missing | _Ranked


class _Grown(Protocol):
    """What is read of scikit-learn's tree: arrays over its nodes; a leaf has no feature, -2."""

    feature: NDArray[np.intp]
    threshold: Floats
    children_left: NDArray[np.intp]
    children_right: NDArray[np.intp]


def tree_finder(
    losses: Floats,
    frame: pl.DataFrame,
    columns: Sequence[str],
    searched: NDArray[np.bool_],
    settings: Settings,
    *,
    seed: int,
) -> Proposals:
    """Grow a regression tree on the losses of the searched rows; propose every node but the root.

    Numbers are cut wherever it separates the losses best, so a slice is not bound to quantiles.
    """
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 - heavy

    features = [feature for name in columns for feature in _features(frame, name, losses, searched)]
    says = f"a tree of depth {settings.depth} on the losses over {len(columns):,} columns"
    if not features:
        return Proposals(losses, [], [], settings, "tree", says)
    table = np.stack([feature.values for feature in features], axis=1)
    tree = DecisionTreeRegressor(
        max_depth=settings.depth,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=max(settings.minimum, 5),
        random_state=seed,
    ).fit(table[searched], losses[searched])
    found: dict[Slice, NDArray[np.bool_]] = {}
    for one in _nodes(tree.tree_, features):
        found.setdefault(one, one.mask(frame))
    return Proposals(losses, list(found), list(found.values()), settings, "tree", says)


def _features(
    frame: pl.DataFrame, name: str, losses: Floats, searched: NDArray[np.bool_]
) -> list[_Feature]:
    series = frame[name]
    if not series.dtype.is_numeric():
        return _ranked(cut(frame, name), losses, searched)
    few = series.dtype.is_integer() and series.n_unique() <= _FEW
    by_value = _ranked(cut(frame, name, max_values=_FEW), losses, searched) if few else []
    return [*by_value, *_numbers(name, series)]


def _ranked(found: Cut, losses: Floats, searched: NDArray[np.bool_]) -> list[_Feature]:
    """Rank a column's values by their mean loss, a value of few rows drawn to that of all."""
    k = len(found.slices)
    codes, known = found.codes[searched], losses[searched]
    n = np.bincount(codes, minlength=k)
    mean = (np.bincount(codes, known, minlength=k) + _DRAWN * known.mean()) / (n + _DRAWN)
    rank = np.empty(k, dtype=np.intp)
    rank[np.argsort(mean, kind="stable")] = np.arange(k)
    return [_Ranked(found, rank)] if k > 1 else []


def _numbers(name: str, series: pl.Series) -> list[_Feature]:
    values = series.cast(pl.Float64).to_numpy(writable=True)
    missing = np.isnan(values)
    if missing.all():
        return []
    values = np.clip(values, -_LARGEST, _LARGEST)
    values[missing] = np.median(values[~missing])
    own: list[_Feature] = [_Numbers(name, values)]
    return [*own, _Missing(name, missing.astype(np.float64))] if missing.any() else own


def _nodes(tree: _Grown, features: Sequence[_Feature]) -> list[Slice]:
    """Return the conditions of every node below the root."""
    found: list[Slice] = []
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        if path:
            found.append(_slice(path, features))
        feature, at = int(tree.feature[node]), float(tree.threshold[node])
        if feature >= 0:
            low, high = path.get(feature, (-np.inf, np.inf))
            waiting.append((int(tree.children_right[node]), path | {feature: (at, high)}))
            waiting.append((int(tree.children_left[node]), path | {feature: (low, at)}))
    return [one for one in found if one.parts]


def _slice(path: Mapping[int, tuple[float, float]], features: Sequence[_Feature]) -> Slice:
    chosen = [(features[i], features[i].parts(*ends)) for i, ends in sorted(path.items())]
    missing = {part.column for one, part in chosen if part and isinstance(one, _Missing)}
    parts = [
        part
        for one, part in chosen
        if part and not (isinstance(one, _Numbers) and part.column in missing)
    ]
    return Slice(tuple(parts))
