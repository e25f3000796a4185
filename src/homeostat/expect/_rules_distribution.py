"""Expectations on a whole distribution: its distance from an expected one, and association."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import ColumnType, SchemaError
from homeostat.expect._partition import Partition
from homeostat.expect._rules import About, ColumnRule, RowRule, register_expectation

__all__: list[str] = []

_NUMBERS = {ColumnType.BOOL, ColumnType.INT, ColumnType.FLOAT}
Counts = Sequence[Mapping[str, Any]]


def _numbers(about: About) -> pl.Expr:
    if not about.column_is_of(_NUMBERS):
        raise SchemaError(f"column `{about.name}` is {about.kind}: it has no numbers.")
    return about.values().cast(pl.Float64)


def _share(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise SchemaError(f"`{name}` is a share from 0 to 1, got {value}.")
    return float(value)


@register_expectation("expect_column_value_z_scores_to_be_less_than")
def z_scores(about: About, *, threshold: float, double_sided: bool = True) -> RowRule:
    """Values lie less than so many (sample) standard deviations from (or above) the mean."""
    values = _numbers(about)
    score = (values - values.mean()) / values.std()
    score = score.abs() if double_sided else score
    # of equal values the deviation is zero, and each lies at the mean
    score = pl.when(values == values.mean()).then(0.0).otherwise(score)
    return RowRule(
        ok=pl.when(values.is_not_null()).then(score < threshold),
        test=None,
        words=f"`{about.name}` lies less than {threshold:g} standard deviations "
        f"{'from' if double_sided else 'above'} its mean",
        columns=(about.name,),
    )


@register_expectation("expect_column_kl_divergence_to_be_less_than")
def kl_divergence(
    about: About,
    *,
    partition_object: Mapping[str, Any],
    threshold: float,
    tail_weight_holdout: float = 0.0,
    internal_weight_holdout: float = 0.0,
) -> ColumnRule:
    """The Kullback-Leibler divergence (nats) of the column from an expected distribution is small.

    It is infinite where values or bins occur that are not expected at all; holdouts reserve a
    share of the expectation for them.

    Args:
        about: The column.
        partition_object: See :class:`Partition`.
        threshold: Most divergence.
        tail_weight_holdout: Share kept for values not listed, or outside of all bins.
        internal_weight_holdout: Share kept for bins whose weight is zero.
    """
    expected = Partition.read(partition_object)
    tail = _share(tail_weight_holdout, "tail_weight_holdout")
    inner = _share(internal_weight_holdout, "internal_weight_holdout")
    if expected.values is not None:
        if inner:
            raise SchemaError("`internal_weight_holdout` is for bins, not for values.")
        value, distance = _counts(about), partial(_kl_of_values, expected, tail)
    else:
        edges, weights = _held_out(expected, tail, inner)
        value = _binned(_numbers(about), edges, expected.edges[-1])
        distance = partial(_kl_of_bins, weights)
    return ColumnRule(
        value=value,
        holds=lambda found: found <= threshold,
        words=f"the divergence of `{about.name}` from what is expected is <= {threshold:g}",
        columns=(about.name,),
        told=distance,
    )


def _counts(about: About) -> pl.Expr:
    """Count each value there is."""
    values = about.values().drop_nulls().alias("value")
    counted = values.value_counts(name="count").implode()
    return pl.when(about.values().count() > 0).then(counted)


def _binned(values: pl.Expr, edges: NDArray[np.float64], last: float) -> pl.Expr:
    """Count the values in each bin [edge, next edge); `last`, if finite, is in the one below."""
    inner = pl.lit(pl.Series(edges[1:-1], dtype=pl.Float64))
    place = inner.search_sorted(values, side="right").cast(pl.Int64)
    top = int(np.searchsorted(edges, last)) - 1
    cell = pl.when(values == last).then(top).otherwise(place).alias("value")
    counted = cell.filter(values.is_not_null()).value_counts(name="count").implode()
    return pl.when(values.count() > 0).then(counted)


def _held_out(
    expected: Partition, tail: float, inner: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges without ends and the share expected in each bin, after the holdouts."""
    finite = [math.isfinite(edge) for edge in (expected.edges[0], expected.edges[-1])]
    if tail and (not any(finite) or any(expected.tails)):
        raise SchemaError("`tail_weight_holdout` needs an end without weight, to put it there.")
    weights = expected.weights.copy()
    if inner and (zero := weights == 0).any():
        weights = np.where(zero, inner / zero.sum(), weights * (1 - inner))
    each = tail / max(1, sum(finite))
    below, above = ((each if open_ else 0.0) for open_ in finite)
    tails = (below, above) if tail else expected.tails
    left = Partition(values=None, bins=expected.bins, weights=weights * (1 - tail), tails=tails)
    return left.open_ends()


def _divergence(found: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    seen = found > 0
    if (expected[seen] <= 0).any():
        return math.inf
    return max(0.0, float(np.sum(found[seen] * np.log(found[seen] / expected[seen]))))


def _kl_of_values(expected: Partition, tail: float, counts: Counts) -> float:
    known = dict(zip(expected.values or (), expected.weights * (1 - tail), strict=True))
    seen = {one["value"]: one["count"] for one in counts}
    more = [value for value in seen if value not in known]
    shares = [*known.values(), *([tail / max(1, len(more))] * len(more))]
    found = np.array([seen.get(value, 0) for value in [*known, *more]], np.float64)
    return _divergence(found / found.sum(), np.asarray(shares))


def _spread(counts: Counts, size: int) -> NDArray[np.float64]:
    found = np.zeros(size)
    for one in counts:
        found[one["value"]] = one["count"]
    return found


def _kl_of_bins(weights: NDArray[np.float64], counts: Counts) -> float:
    found = _spread(counts, len(weights))
    return _divergence(found / found.sum(), weights / weights.sum())


@register_expectation("expect_column_chisquare_test_p_value_to_be_greater_than")
def chisquare(
    about: About,
    *,
    partition_object: Mapping[str, Any],
    p: float = 0.05,
    tail_weight_holdout: float = 0.0,
) -> ColumnRule:
    """Pearson's chi-square test against expected shares of values has a p-value above ``p``.

    Args:
        about: The column.
        partition_object: Values and weights.
        p: Level of the test.
        tail_weight_holdout: Share kept for values that are not listed.
    """
    expected = Partition.read(partition_object)
    tail = _share(tail_weight_holdout, "tail_weight_holdout")
    if expected.values is None:
        raise SchemaError("`partition_object` must have `values` here, not `bins`.")

    def p_value(counts: Counts) -> float:
        from scipy.stats import chi2  # noqa: PLC0415 - it loads slowly

        known = dict(zip(expected.values or (), expected.weights * (1 - tail), strict=True))
        seen = {one["value"]: one["count"] for one in counts}
        more = [value for value in seen if value not in known]
        shares = [*known.values(), *([tail / max(1, len(more))] * len(more))]
        found = np.array([seen.get(value, 0) for value in [*known, *more]], np.float64)
        wanted = np.asarray(shares) / sum(shares) * found.sum()
        if (wanted[found > 0] <= 0).any():
            return 0.0
        counted = wanted > 0
        statistic = np.sum((found[counted] - wanted[counted]) ** 2 / wanted[counted])
        return float(chi2.sf(statistic, max(1, int(counted.sum()) - 1)))

    return _p_above(about, _counts(about), p_value, p, "chi-square test of `{}`")


def _p_above(
    about: About, value: pl.Expr, told: Callable[[Counts], float] | None, p: float, noun: str
) -> ColumnRule:
    _share(p, "p")
    return ColumnRule(
        value=value,
        holds=lambda found: found > p,
        words=f"the p-value of the {noun.format(about.name)} is above {p:g}",
        columns=(about.name,),
        told=told,
    )


_PARAMETERS = {
    "norm": ("mean", "std_dev"),
    "beta": ("alpha", "beta", "loc", "scale"),
    "gamma": ("alpha", "loc", "scale"),
    "uniform": ("min", "max"),
    "chi2": ("df", "loc", "scale"),
    "expon": ("loc", "scale"),
}
_DEFAULTS = {"mean": 0.0, "std_dev": 1.0, "loc": 0.0, "scale": 1.0, "min": 0.0, "max": 1.0}


def _parameters(distribution: str, params: Mapping[str, float] | Sequence[float]) -> list[float]:
    """Return the parameters as SciPy wants them: shapes, location, scale."""
    if distribution not in _PARAMETERS:
        known = ", ".join(_PARAMETERS)
        raise SchemaError(f"`distribution` is one of {known}, got {distribution!r}.")
    names = _PARAMETERS[distribution]
    if isinstance(params, Mapping):
        unknown = sorted(set(params) - set(names))
        lacking = [name for name in names if name not in params and name not in _DEFAULTS]
        if unknown or lacking:
            raise SchemaError(f"`params` of {distribution} are {', '.join(names)}, got {params}.")
        numbers = [float(params.get(name, _DEFAULTS.get(name, 0.0))) for name in names]
    else:
        rest = [_DEFAULTS[name] for name in names[len(params) :] if name in _DEFAULTS]
        numbers = [*map(float, params), *rest]
    if len(numbers) != len(names):
        raise SchemaError(f"`params` of {distribution} are {', '.join(names)}, got {params}.")
    if distribution == "uniform":
        numbers = [numbers[0], numbers[1] - numbers[0]]
    if numbers[-1] <= 0:
        raise SchemaError(f"The scale of {distribution} must be above 0, got {numbers[-1]:g}.")
    return numbers


def _tested(values: pl.Expr, test: Callable[[NDArray[np.float64]], float]) -> pl.Expr:
    """Run a test on the whole column, which is held for it."""

    def run(column: pl.Series) -> pl.Series:
        held = column.drop_nulls().to_numpy()
        return pl.Series([test(held) if len(held) else None], dtype=pl.Float64)

    return values.map_batches(run, return_dtype=pl.Float64, returns_scalar=True)


@register_expectation("expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than")
def ks_test(
    about: About,
    *,
    distribution: str,
    p_value: float = 0.05,
    params: Mapping[str, float] | Sequence[float] = (),
) -> ColumnRule:
    """The Kolmogorov-Smirnov test against a known distribution has a p-value above ``p_value``.

    The column is held and sorted: O(n log n) time, 8 bytes a row.

    Args:
        about: The column.
        distribution: norm, beta, gamma, uniform, chi2 or expon.
        p_value: Level of the test.
        params: Parameters by name (``{"mean": 0, "std_dev": 1}``) or in order.
    """
    numbers = _parameters(distribution, params)

    def tested(values: NDArray[np.float64]) -> float:
        from scipy import stats  # noqa: PLC0415 - it loads slowly

        return float(stats.kstest(values, distribution, args=tuple(numbers)).pvalue)

    noun = f"Kolmogorov-Smirnov test of `{{}}` against {distribution}"
    return _p_above(about, _tested(_numbers(about), tested), None, p_value, noun)


@register_expectation("expect_column_bootstrapped_ks_test_p_value_to_be_greater_than")
def bootstrapped_ks_test(
    about: About,
    *,
    partition_object: Mapping[str, Any],
    p: float = 0.05,
    bootstrap_samples: int = 1000,
    bootstrap_sample_size: int | None = None,
    seed: int = 0,
) -> ColumnRule:
    """Samples of the column pass a Kolmogorov-Smirnov test against expected bins.

    Of many samples with replacement, the share (plus one) that passes at level ``p`` must be
    above ``p``. Small samples keep large columns from failing by a trifle. The column is held,
    8 bytes a row.

    Args:
        about: The column.
        partition_object: Finite bins and weights without tails; linear within a bin.
        p: Level.
        bootstrap_samples: How many samples.
        bootstrap_sample_size: Rows of each; twice the number of bins by default.
        seed: Of the sampling.
    """
    expected = Partition.read(partition_object)
    if not np.isfinite(expected.edges).all():
        raise SchemaError("The ends of the `bins` must be finite here.")
    if any(expected.tails):
        raise SchemaError("`partition_object` must have no `tail_weights` here.")
    size = bootstrap_sample_size or 2 * len(expected.weights)
    heights = np.r_[0.0, np.cumsum(expected.weights)]

    def tested(values: NDArray[np.float64]) -> float:
        from scipy.stats import kstwo  # noqa: PLC0415 - it loads slowly

        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.choice(values, (bootstrap_samples, size)), axis=1)
        height = np.interp(drawn, expected.edges, heights)
        step = np.arange(size + 1) / size
        gap = np.maximum(step[1:] - height, height - step[:-1]).max(axis=1)
        passed = int((kstwo.sf(gap, size) >= p).sum())
        return (1 + passed) / (bootstrap_samples + 1)

    noun = "bootstrapped Kolmogorov-Smirnov test of `{}`"
    return _p_above(about, _tested(_numbers(about), tested), None, p, noun)
