"""How much of the change of a mean each feature explains: Shapley values that add up.

A model of the value given the features (LightGBM) is fitted, rows held out in halves, and its
Shapley values (Lundberg and others 2020, exact for trees) are averaged over the rows of each frame.
The difference of the averages is what the feature's change of distribution adds; they add up to
what the model's mean changes by, and what the value changes by beyond that is on top. Where the
model is learned from the reference alone, its inputs are the same function of the features then
and now, so on top is what no longer follows from them as it did: concept shift, for a loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Json
from homeostat.data import Edges
from homeostat.monitor._cause._values import Values
from homeostat.monitor._windows._moved import moved
from homeostat.stats import Interval

__all__ = ["Attribution", "FeatureShare", "about", "attribute", "matrices", "said_both_ways"]

_Floats = NDArray[np.float64]
_MOST_ROWS = 10_000  # of each frame that the model learns from and is asked about
_LEVELS = 250  # of text
_MOVED = 0.05  # least distance that counts as a move
_SETTINGS: dict[str, Any] = {
    "objective": "regression",
    "num_leaves": 8,
    "max_depth": 4,
    "learning_rate": 0.2,
    "min_data_in_leaf": 20,
    "cat_smooth": 10.0,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShare:
    """What one feature adds to the change of a mean.

    Args:
        feature: Its name.
        change: What it adds.
        low: Lower end of its interval, given the model.
        high: Upper end.
        distance: How far its distribution moved, 0 to 1.
        moved: Whether it moved: by 0.05 at least, and more than by chance.
        how: Where its mass went, in words.
    """

    feature: str
    change: float
    low: float
    high: float
    distance: float
    moved: bool
    how: str

    def facts(self) -> dict[str, Json]:
        """Return all as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        interval = f"[{self.low:+.4g}, {self.high:+.4g}]"
        return f"{self.feature} adds {self.change:+.4g} {interval}: {self.how}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attribution:
    """The change of a mean, split over features and what they do not explain.

    Args:
        features: What each adds, those that add most first.
        inputs: What all add together.
        on_top: The rest of the change.
        on_top_interval: Its interval; None where it is not known.
        picks: Which rows of each frame the model was asked about.
        left: The value of those less the model's.
        fit: Share of the value's variance that the model explains in held-out rows.
    """

    features: tuple[FeatureShare, ...]
    inputs: float
    on_top: float
    on_top_interval: Interval | None
    picks: tuple[NDArray[np.int64], NDArray[np.int64]]
    left: tuple[_Floats, _Floats]
    fit: float

    def left_over(self, values: Values) -> Values:
        """Return what the features do not explain of each row, as values of their own."""
        return replace(values.only(*self.picks), then=self.left[0], now=self.left[1])


def attribute(
    values: Values, features: Sequence[str], *, both: bool = False, seed: int = 0
) -> Attribution:
    """Split a change over features.

    Args:
        values: What changed.
        features: Columns of both frames.
        both: Whether the value is the same function of the features in both frames, such as one
            model's prediction: the model is then learned from both.
        seed: Of the halves and of the rows that are asked about.
    """
    rng = np.random.default_rng(seed)
    picks, asked = _asked(values, rng)
    edges = _edges((asked.reference, asked.window), features)
    inputs, text = _matrices((asked.reference, asked.window), features, edges)
    told, halves = (asked.then, asked.now), _halves(asked, rng)
    shap = _asked_of_models(inputs, told, text, halves, both=both)
    shares = _shares(asked, features, shap, edges)
    total = float(sum(share.change for share in shares))
    left = asked.then - shap[0].sum(axis=1), asked.now - shap[1].sum(axis=1)
    spread = float(np.var(asked.then))
    return Attribution(
        features=shares,
        inputs=total,
        on_top=values.change - total,
        on_top_interval=about(values.change - total, asked.interval_of(*left)),
        picks=picks,
        left=left,
        fit=max(0.0, 1 - float(np.var(left[0])) / spread) if spread > 0 else 0.0,
    )


def said_both_ways(
    values: Values, features: Sequence[str], *, seed: int = 0
) -> tuple[Values, list[_Floats], list[_Floats]]:
    """Return what a model of the reference, and what one of the window, says of rows of both.

    Rows are held out in halves of the frame a model is learned from.

    Args:
        values: What the models tell.
        features: From which columns.
        seed: As for `attribute`.

    Returns:
        The rows that were asked about; of each frame's rows, (n,) and (m,), what the model of the
        reference says; likewise what that of the window says.
    """
    rng = np.random.default_rng(seed)
    _, asked = _asked(values, rng)
    inputs, text = matrices((asked.reference, asked.window), features)
    halves, told = _halves(asked, rng), (asked.then, asked.now)
    of_then = _asked_of_models(inputs, told, text, halves, split=False)
    of_now = _asked_of_models(inputs[::-1], told[::-1], text, halves[::-1], split=False)[::-1]
    return asked, [x[:, 0] for x in of_then], [x[:, 0] for x in of_now]


def matrices(
    frames: tuple[pl.DataFrame, pl.DataFrame], features: Sequence[str]
) -> tuple[tuple[_Floats, _Floats], list[int]]:
    """Return both frames' features as floats, (n, k) and (m, k), and which are categories."""
    return _matrices(frames, features, _edges(frames, features))


def _asked(
    values: Values, rng: np.random.Generator
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], Values]:
    """Return which rows of each frame models are asked about, and them."""
    picks = _pick(len(values.then), rng), _pick(len(values.now), rng)
    return picks, values.only(*picks)


def _matrices(
    frames: tuple[pl.DataFrame, pl.DataFrame], features: Sequence[str], edges: Edges
) -> tuple[tuple[_Floats, _Floats], list[int]]:
    then, now = (_matrix(_plain(frame, features), edges, features) for frame in frames)
    text = [i for i, name in enumerate(features) if _is_text(edges, name)]
    return (then, now), text


def _edges(frames: tuple[pl.DataFrame, pl.DataFrame], features: Sequence[str]) -> Edges:
    """Cut both frames' values: what only the window has gets a cell as well."""
    if not features:
        return Edges({})
    return Edges.of(
        pl.concat([_plain(f, features) for f in frames], how="vertical_relaxed"), bins=_LEVELS
    )


def _is_text(edges: Edges, name: str) -> bool:
    return name in edges.columns and edges.columns[name].type == "string"


def about(middle: float, interval: Interval | None) -> Interval | None:
    """Move an interval to another middle, such as that of all rows."""
    if interval is None:
        return None
    half = (interval.high - interval.low) / 2
    return Interval(middle - half, middle + half, interval.level)


def _pick(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if n <= _MOST_ROWS:
        return np.arange(n)
    return np.sort(rng.choice(n, _MOST_ROWS, replace=False)).astype(np.int64)


def _plain(frame: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    """Keep features as Edges can cut them; what is no single value is left as missing."""
    kept = []
    for name in features:
        series = frame.get_column(name)
        odd = series.dtype.is_nested() or series.dtype in {pl.Object, pl.Binary}
        text = series.dtype in {pl.Categorical, pl.Null} or series.dtype.base_type() == pl.Enum
        if odd:
            series = pl.Series(name, [None] * frame.height, pl.Float64)
        elif text:
            series = series.cast(pl.String)
        kept.append(series)
    return pl.DataFrame(kept)


def _matrix(frame: pl.DataFrame, edges: Edges, features: Sequence[str]) -> _Floats:
    """Return the features as floats, (n, k); text as its cell, what is missing as NaN."""
    columns = []
    for name in features:
        series, cells = frame.get_column(name), edges.columns.get(name)
        if cells is not None and _is_text(edges, name):
            codes = cells.codes(series).astype(np.float64)
            columns.append(np.where(codes == cells.cells, np.nan, codes))
            continue
        physical = series.to_physical() if series.dtype.is_temporal() else series
        number = physical.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        columns.append(np.where(np.isfinite(number), number, np.nan))
    return np.column_stack(columns) if columns else np.empty((frame.height, 0))


def _halves(asked: Values, rng: np.random.Generator) -> tuple[NDArray[np.bool_], ...]:
    """Cut the rows of each frame in two; blocks stay whole."""
    halves = []
    for blocks, n in ((asked.blocks_then, len(asked.then)), (asked.blocks_now, len(asked.now))):
        keys = np.arange(n)
        if blocks is not None and len(np.unique(blocks)) > 1:
            keys = np.unique(blocks, return_inverse=True)[1]
        halves.append((rng.permutation(int(keys.max(initial=0)) + 1) % 2 == 0)[keys])
    return tuple(halves)


def _asked_of_models(
    inputs: tuple[_Floats, _Floats],
    wanted: tuple[_Floats, _Floats],
    text: list[int],
    halves: tuple[NDArray[np.bool_], ...],
    *,
    both: bool = False,
    split: bool = True,
) -> list[_Floats]:
    """Return what models that were fitted to other rows say of each row.

    Its Shapley values with the base in the last column, (n, k + 1), or without `split` their sum,
    (n, 1). Models are fitted to the first frame, or to `both`.
    """
    found = [np.zeros((len(x), x.shape[1] + 1 if split else 1)) for x in inputs]
    for side in (True, False):
        learn = [half == side for half in halves]
        use = (0, 1) if both else (0,)
        x = np.concatenate([inputs[i][learn[i]] for i in use])
        y = np.concatenate([wanted[i][learn[i]] for i in use])
        explain = _fitted(x, y, text, split=split)
        for i in (0, 1):
            if i in use:
                found[i][~learn[i]] = explain(inputs[i][~learn[i]])
            else:
                found[i] += explain(inputs[i]) / 2
    return found


def _fitted(
    x: _Floats, y: _Floats, text: list[int], *, split: bool
) -> Callable[[_Floats], _Floats]:
    """Fit a model, and return the function of rows that gives their Shapley values or its value."""
    width = x.shape[1] + 1 if split else 1
    if x.shape[1] == 0 or len(y) < 40 or np.ptp(y) == 0:
        base = float(y.mean()) if len(y) else 0.0
        return lambda rows: np.pad(np.full((len(rows), 1), base), ((0, 0), (width - 1, 0)))
    import lightgbm  # noqa: PLC0415 - half a second that only this needs

    data = lightgbm.Dataset(x, y, categorical_feature=text, free_raw_data=True)
    model = lightgbm.train(_SETTINGS, data, num_boost_round=_ROUNDS)
    return lambda rows: (
        np.asarray(model.predict(rows, pred_contrib=split)).reshape(-1, width)
        if len(rows)
        else np.empty((0, width))
    )


def _shares(
    asked: Values, features: Sequence[str], shap: list[_Floats], edges: Edges
) -> tuple[FeatureShare, ...]:
    plain = [_plain(frame, features) for frame in (asked.reference, asked.window)]
    shares = []
    for i, name in enumerate(features):
        then, now = shap[0][:, i], shap[1][:, i]
        change = float(now.mean() - then.mean())
        interval = asked.interval_of(then, now)
        distance, how, chance = _distance(name, plain, edges)
        shares.append(
            FeatureShare(
                feature=name,
                change=change,
                low=-math.inf if interval is None else interval.low,
                high=math.inf if interval is None else interval.high,
                distance=distance,
                moved=distance > max(_MOVED, chance),
                how=how,
            )
        )
    return tuple(sorted(shares, key=lambda one: (-abs(one.change), -one.distance)))


def _distance(name: str, frames: list[pl.DataFrame], edges: Edges) -> tuple[float, str, float]:
    """Return how far a feature moved, how, and how far it would by chance."""
    cells = edges.columns.get(name)
    if cells is None:
        return 0.0, "it cannot be compared", 0.0
    then, now = (
        np.bincount(cells.codes(frame.get_column(name)), minlength=cells.cells + 1)
        for frame in frames
    )
    distance, how = moved(cells, now, then)
    few = 1 / max(int(now.sum()), 1) + 1 / max(int(then.sum()), 1)
    # half the mean absolute noise of so many shares, and three of its standard errors
    p = then + now
    noise = float(np.sqrt(p / max(int(p.sum()), 1)).sum()) * 0.4 if cells.type == "string" else 1.0
    return distance, how, float((noise + 1.2) * np.sqrt(few))
