"""From rows to what each arm's units add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json, require_columns, suggest
from homeostat.data._door import Frame, as_frame
from homeostat.experiment._ab._metric import Metric
from homeostat.experiment._ab._quantile import Counted
from homeostat.experiment._ab._sums import Sums
from homeostat.stats import Floats

__all__ = ["Tally", "tally"]

Arms = dict[str, Sums]


@dataclass(frozen=True, slots=True)
class Tally:
    """All that an experiment's reading needs of its rows: small, mergeable, recomputable.

    Args:
        units: Units of each arm.
        metrics: Of each metric, each arm's sums, over units where it is known.
        values: Of each quantile, each arm's values.
        slices: Of each slicing column, of each of its values, as ``metrics``.
        crossed: Units seen in more than one arm, and left out.
        outside: Rows without an arm, and left out.
    """

    units: dict[str, int]
    metrics: dict[str, Arms]
    values: dict[str, dict[str, Counted]] = field(default_factory=dict)
    slices: dict[str, dict[str, dict[str, Arms]]] = field(default_factory=dict)
    crossed: int = 0
    outside: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Merge tallies of disjoint units."""
        return Tally(
            _merged(self.units, other.units),
            _merged(self.metrics, other.metrics),
            _merged(self.values, other.values),
            _merged(self.slices, other.slices),
            self.crossed + other.crossed,
            self.outside + other.outside,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the tally as JSON, to the last digit."""
        return {
            "units": dict(self.units),
            "metrics": _plain(self.metrics),
            "values": _plain(self.values),
            "slices": _plain(self.slices),
            "crossed": self.crossed,
            "outside": self.outside,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the tally from `to_json`."""
        return cls(
            dict(data["units"]),
            _rebuilt(data["metrics"]),
            _rebuilt(data["values"]),
            _rebuilt(data["slices"]),
            data["crossed"],
            data["outside"],
        )


def _merged(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Add up two nested dicts leaf by leaf."""
    out = dict(a)
    for key, value in b.items():
        if key not in out:
            out[key] = value
        elif isinstance(value, dict):
            out[key] = _merged(out[key], value)
        else:
            out[key] = out[key] + value
    return out


def _plain(tree: Any) -> Any:  # noqa: ANN401 - a tree of dicts
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    return tree.to_json()


def _rebuilt(tree: Any) -> Any:  # noqa: ANN401 - a tree of dicts
    if "roles" in tree:
        return Sums.from_json(tree)
    if set(tree) == {"values", "counts"} and isinstance(tree["values"], list):
        return Counted.from_json(tree)
    return {key: _rebuilt(value) for key, value in tree.items()}


def tally(
    frame: Frame,
    metrics: Sequence[Metric],
    *,
    arms: Sequence[str],
    arm: str = "arm",
    unit: str | None = None,
    slices: Sequence[str] = (),
) -> Tally:
    """Add up the rows of an experiment by arm.

    Args:
        frame: One row an event, or a unit.
        metrics: What is measured; of a null or NaN value, the unit's outcome is not known yet,
            and it does not count for that metric.
        arms: Names of all arms.
        arm: Column with the arm of a row; null is outside the experiment.
        unit: Column with what was given an arm by lot (a user); None takes each row for one.
        slices: Columns that effects are also shown by; a unit's first value counts.

    Returns:
        The tally. Units of two arms are left out, and counted.

    Raises:
        SchemaError: If a column is missing.
        InputError: If an arm is unknown, a unit null, or a value infinite or not a number.
    """
    table = as_frame(frame)
    needed = [arm, *([unit] if unit else []), *slices]
    require_columns(table, [*needed, *(name for m in metrics for name in m.columns)])
    table = table.with_columns(pl.col(arm).cast(pl.String))
    if found := sorted(set(table[arm].drop_nulls().unique().to_list()) - set(arms)):
        raise InputError(f"`{found[0]}` is no arm of the experiment.{suggest(found[0], arms)}")
    if unit and (missing := table.filter(pl.col(arm).is_not_null())[unit].null_count()):
        raise InputError(f"Each row needs a unit: `{unit}` is null in {missing} rows.")
    inside = table.filter(pl.col(arm).is_not_null())
    inside, crossed = _uncrossed(inside, arm, unit)
    whole, values = _units(inside, metrics, arm, unit, slices), _values(inside, metrics, arms, arm)
    codes = np.zeros(len(whole), np.intp)
    means = [m for m in metrics if m.quantile is None]
    columns = {m.title: _columns(whole, i, m) for i, m in enumerate(means)}
    by_arm = _codes(whole[arm], arms)
    return Tally(
        units=dict(zip(arms, np.bincount(by_arm, minlength=len(arms)).tolist(), strict=True)),
        metrics={
            title: _by_arm(table, roles, by_arm, codes, arms, 1)[0]
            for title, (roles, table) in columns.items()
        },
        values=values,
        slices={name: _sliced(whole[f"slice:{name}"], columns, by_arm, arms) for name in slices},
        crossed=crossed,
        outside=len(table) - int(table[arm].is_not_null().sum()),
    )


def _uncrossed(table: pl.DataFrame, arm: str, unit: str | None) -> tuple[pl.DataFrame, int]:
    if unit is None:
        return table, 0
    seen = table.group_by(unit).agg(pl.col(arm).n_unique().alias("arms"))
    crossed = seen.filter(pl.col("arms") > 1).select(unit)
    return (table.join(crossed, on=unit, how="anti") if len(crossed) else table), len(crossed)


def _units(
    table: pl.DataFrame,
    metrics: Sequence[Metric],
    arm: str,
    unit: str | None,
    slices: Sequence[str],
) -> pl.DataFrame:
    """Return one row a unit: its arm, its slices, and each metric's columns by number."""
    exprs: list[pl.Expr] = [pl.col(name).cast(pl.String).alias(f"slice:{name}") for name in slices]
    means = [m for m in metrics if m.quantile is None]
    for i, metric in enumerate(means):
        exprs += [_number(table, name).alias(f"{role}:{i}") for role, name in _roles(metric)]
    rows = table.select(pl.col(arm), *([pl.col(unit).alias("unit:")] if unit else []), *exprs)
    if unit is None:
        return rows
    first = [pl.col(f"slice:{name}").drop_nulls().first() for name in slices]
    totals: list[pl.Expr] = []
    for i, metric in enumerate(means):
        totals += [_total(f"{role}:{i}", role, metric) for role, _ in _roles(metric)]
    return rows.group_by("unit:", maintain_order=True).agg(pl.col(arm).first(), *first, *totals)


def _roles(metric: Metric) -> list[tuple[str, str]]:
    named = {
        "value": metric.value,
        "per": metric.per,
        "covariate": metric.covariate,
        "covariate_per": metric.covariate_per,
    }
    return [(role, name) for role, name in named.items() if name is not None]


def _total(name: str, role: str, metric: Metric) -> pl.Expr:
    column = pl.col(name)
    if role.startswith("covariate"):
        return column.mean()
    known = column.is_not_null().any()
    if metric.how == "any" and role == "value":
        return pl.when(known).then((column > 0).any().cast(pl.Float64)).alias(name)
    return pl.when(known).then(column.sum()).alias(name)


def _number(table: pl.DataFrame, name: str) -> pl.Expr:
    if name == "*":
        return pl.lit(1.0)
    dtype = table.schema[name]
    if not (dtype.is_numeric() or dtype in {pl.Boolean, pl.Null}):
        raise InputError(f"A metric's column holds numbers, `{name}` holds {dtype}.")
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _columns(whole: pl.DataFrame, i: int, metric: Metric) -> tuple[tuple[str, ...], Floats]:
    """Return a metric's roles and columns (k, n), NaN where a unit is not known yet."""
    roles = tuple(role for role, _ in _roles(metric))
    columns = []
    for role in roles:
        column = whole[f"{role}:{i}"]
        column = column.fill_null(0.0) if role.startswith("covariate") else column
        if metric.how == "any" and role == "value":
            column = (column > 0).cast(pl.Float64)
        if column.is_infinite().any():
            raise InputError(f"`{metric.title}` must be finite, got an infinite value.")
        columns.append(column.cast(pl.Float64).to_numpy())
    return roles, np.array(columns, np.float64).reshape(len(roles), len(whole))


def _codes(column: pl.Series, names: Sequence[str]) -> NDArray[np.intp]:
    order = pl.Series(list(names), dtype=pl.String)
    places = pl.Series(np.arange(len(names)), dtype=pl.Int64)
    return column.replace_strict(order, places, return_dtype=pl.Int64).to_numpy().astype(np.intp)


def _sliced(
    column: pl.Series,
    columns: Mapping[str, tuple[tuple[str, ...], Floats]],
    by_arm: NDArray[np.intp],
    arms: Sequence[str],
) -> dict[str, dict[str, Arms]]:
    filled = column.fill_null("(missing)")
    names = filled.unique(maintain_order=True).to_list()
    codes = _codes(filled, names)
    found: dict[str, dict[str, Arms]] = {name: {} for name in names}
    for title, (roles, table) in columns.items():
        for name, sums in zip(
            names, _by_arm(table, roles, by_arm, codes, arms, len(names)), strict=True
        ):
            found[name][title] = sums
    return found


def _by_arm(
    table: Floats,
    roles: tuple[str, ...],
    by_arm: NDArray[np.intp],
    codes: NDArray[np.intp],
    arms: Sequence[str],
    k: int,
) -> list[Arms]:
    """Return the sums of each arm in each of k groups, in one pass over whole columns."""
    known = ~np.isnan(table).any(axis=0)
    table, cells = table[:, known], (codes * len(arms) + by_arm)[known]
    m = k * len(arms)
    n = np.bincount(cells, minlength=m)
    mean = np.array([np.bincount(cells, row, m) for row in table]) / np.maximum(n, 1)
    table = table - mean[:, cells]
    co = np.zeros((len(roles), len(roles), m))
    for i, row in enumerate(table):
        for j in range(i, len(table)):
            co[i, j] = co[j, i] = np.bincount(cells, row * table[j], m)
    made = [
        Sums(
            int(n[c]),
            roles,
            tuple(mean[:, c].tolist()),
            tuple(tuple(row) for row in co[:, :, c].tolist()),
        )
        for c in range(m)
    ]
    return [
        dict(zip(arms, made[g * len(arms) : (g + 1) * len(arms)], strict=True)) for g in range(k)
    ]


def _values(
    table: pl.DataFrame, metrics: Sequence[Metric], arms: Sequence[str], arm: str
) -> dict[str, dict[str, Counted]]:
    found = {}
    for metric in metrics:
        if metric.quantile is None:
            continue
        rows = table.select(pl.col(arm), _number(table, metric.value).alias("value")).drop_nulls()
        found[metric.title] = {
            name: Counted.of(rows.filter(pl.col(arm) == name)["value"].to_numpy()) for name in arms
        }
    return found
