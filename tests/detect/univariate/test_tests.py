"""KS, Cramér-von Mises, chi-squared, Fisher: known answers, levels, what they say."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import (
    ChiSquared,
    CramerVonMises,
    FisherExact,
    KolmogorovSmirnov,
    Tabular,
)
from homeostat.detect._univariate._contingency import _variance, chi_squared
from homeostat.detect._univariate._ordered import cvm_p, cvm_statistic, gap, ks_p

NUMBERS = hnp.arrays(
    np.float64,
    st.integers(1, 80),
    elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6)),
)


@given(NUMBERS, NUMBERS)
@settings(max_examples=30, deadline=None)
def test_the_distance_is_the_greatest_gap_with_and_without_ties(one, other):
    places = np.concatenate([one, other])
    apart = (one[:, None] <= places).mean(axis=0) - (other[:, None] <= places).mean(axis=0)
    found = gap(np.sort(one), np.sort(other))
    assert found.distance == pytest.approx(np.abs(apart).max(), abs=1e-12)


@pytest.mark.parametrize("rows", [(50, 3000), (20_000, 20_000), (100_000, 30_000)])
@pytest.mark.parametrize("step", [0.0, 0.02, 1.0])
def test_the_distance_is_exact_where_only_few_places_are_looked_at(rows, step):
    rng = np.random.default_rng(rows[0])
    one, other = rng.normal(size=rows[0]), rng.normal(step, 1 + step, size=rows[1])
    other[: len(other) // 4] = other[0]  # a long tie
    want = stats.ks_2samp(one, other, method="asymp").statistic
    assert gap(np.sort(one), np.sort(other)).distance == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("rows", [(3, 3), (7, 5), (30, 200), (300, 300)])
def test_small_samples_have_the_exact_p_value_of_scipy(rows):
    rng = np.random.default_rng(1)
    for step in (0, 0.5):
        one, other = rng.normal(size=rows[0]), rng.normal(step, size=rows[1])
        want = stats.ks_2samp(one, other, method="exact")
        assert ks_p(want.statistic, *rows) == pytest.approx(want.pvalue, rel=1e-8)


def test_large_samples_have_scipys_asymptotic_p_value():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=20_000), rng.normal(0.03, size=20_000)
    want = stats.ks_2samp(one, other)
    found = KolmogorovSmirnov().fit(one).test(other)
    assert found.statistic == pytest.approx(want.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(want.pvalue, rel=1e-6)


@pytest.mark.parametrize("rows", [(12, 17), (100, 250), (3000, 500)])
def test_cramer_von_mises_is_that_of_scipy(rows):
    rng = np.random.default_rng(3)
    for step in (0.0, 0.3):
        one, other = np.sort(rng.normal(size=rows[0])), np.sort(rng.normal(step, size=rows[1]))
        want = stats.cramervonmises_2samp(one, other)
        statistic = cvm_statistic(one, other)
        assert statistic == pytest.approx(want.statistic, abs=1e-9)
        assert cvm_p(statistic, one, other) == pytest.approx(want.pvalue, abs=1e-9)


def test_ties_are_at_midranks_in_cramer_von_mises():
    one, other = np.repeat([0.0, 1, 2], [5, 4, 3]), np.repeat([0.0, 1, 2], [2, 4, 8])
    assert cvm_statistic(one, other) == pytest.approx(
        stats.cramervonmises_2samp(one, other).statistic
    )


def test_chi_squared_is_a_homogeneity_test_and_not_evidentlys_fit_to_the_reference():
    before = np.repeat([1, 2, 3, 4, 5, 6], [16, 18, 16, 14, 12, 12])
    after = np.repeat([1, 2, 3, 4, 5, 6], [16, 16, 16, 16, 16, 8])
    want = stats.chi2_contingency([[16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]])
    found = ChiSquared().fit(before).test(after)
    assert found.p_value == pytest.approx(want.pvalue, abs=1e-9)
    assert abs(found.p_value - 0.67309) > 0.2  # what Evidently's own test pins


def test_fisher_is_scipys_for_two_categories():
    before, after = [1] * 8 + [0] * 2, [1] * 1 + [0] * 5
    want = stats.fisher_exact([[1, 5], [8, 2]]).pvalue
    assert FisherExact().fit(before).test(after).p_value == pytest.approx(want)


def test_fisher_of_more_categories_is_near_its_exact_value():
    one, other = np.repeat([0, 1, 2], [6, 1, 2]), np.repeat([0, 1, 2], [1, 5, 3])
    found = FisherExact().fit(one).test(other)
    # Freeman-Halton by enumeration of the 2 x 3 tables with these margins
    assert found.p_value == pytest.approx(_freeman_halton([6, 1, 2], [1, 5, 3]), abs=0.03)


def _freeman_halton(one, other):
    pooled, size = np.add(one, other), sum(other)
    tables = np.stack(np.meshgrid(*[np.arange(t + 1) for t in pooled]), -1).reshape(-1, 3)
    tables = tables[tables.sum(axis=1) == size]
    odds = stats.multivariate_hypergeom(pooled, size).pmf(tables)
    own = stats.multivariate_hypergeom(pooled, size).pmf(other)
    return odds[odds <= own * (1 + 1e-9)].sum()


def test_the_variance_under_relabelling_is_exact():
    pooled, size = np.array([1, 1, 2, 3, 5, 8, 13, 40, 100, 7]), 40
    total = int(pooled.sum())
    rng = np.random.default_rng(0)
    tables = rng.multivariate_hypergeometric(pooled, size, size=100_000)
    share = size / total
    drawn = ((tables - pooled * share) ** 2 / (pooled * share * (1 - share))).sum(axis=1)
    assert _variance(pooled, total - size, size) == pytest.approx(drawn.var(), rel=0.03)


@pytest.mark.parametrize(("cells", "rows"), [(3, (1000, 1000)), (500, (1000, 1000))])
def test_chi_squared_keeps_its_level_where_evidently_flags_a_quarter_and_all(cells, rows):
    rng = np.random.default_rng(4)
    shares = 1 / (np.arange(cells) + 3)
    shares /= shares.sum()
    p = [
        chi_squared(*(rng.multinomial(n, shares) for n in rows), rng=rng).p_value for _ in range(25)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 25)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [3, 12, 50, 500, 5000])
@pytest.mark.parametrize("rows", [(1000, 1000), (10_000, 200)])
def test_chi_squared_is_level_at_five_and_one_percent(cells, rows):
    rng = np.random.default_rng(cells)
    shares = 1 / (np.arange(cells) + 3)
    shares /= shares.sum()
    p = np.array(
        [
            chi_squared(*(rng.multinomial(n, shares) for n in rows), rng=rng).p_value
            for _ in range(500)
        ]
    )
    for level in (0.05, 0.01):
        assert (p <= level).mean() <= level + 3.5 * np.sqrt(level / 500)
    assert (p <= 0.05).mean() >= 0.015


@pytest.mark.parametrize("detector", [KolmogorovSmirnov, CramerVonMises])
def test_ties_neither_break_the_level_nor_lose_the_power(detector):
    rng = np.random.default_rng(5)
    quiet = [
        detector(seed=i).fit(rng.integers(1, 6, 300)).test(rng.integers(1, 6, 200)).p_value
        for i in range(100)
    ]
    assert 0.005 <= np.mean(np.array(quiet) <= 0.1) <= 0.2
    stars = rng.choice(5, 300, p=[0.1, 0.15, 0.2, 0.25, 0.3])
    assert detector().fit(rng.integers(0, 5, 2000)).test(stars).verdict is Verdict.FAIL


@pytest.mark.slow
@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_a_table_without_shift_is_called_changed_at_most_at_the_level(correction):
    rng = np.random.default_rng(6)
    detector = Tabular(correction=correction).fit(_table(rng, 2000))
    alarms = [detector.test(_table(rng, 300)).verdict is not Verdict.OK for _ in range(40)]
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)


def _table(rng, n, step=0.0):
    numbers = {f"n{i}": rng.normal(step if i == 0 else 0, 1, n) for i in range(6)}
    texts = {f"c{k}": rng.integers(0, k, n).astype(str) for k in (2, 12, 50)}
    return pl.DataFrame(numbers | texts | {"flag": rng.random(n) < 0.3})


def test_a_shift_of_one_column_is_found_and_named():
    rng = np.random.default_rng(7)
    found = Tabular().fit(_table(rng, 2000)).test(_table(rng, 500, step=0.4))
    assert found.verdict is Verdict.FAIL
    assert found.evidence["top"] == "n0"
    assert found.summary.startswith("1 of 10 columns changed (n0)")
    assert "n = " not in found.summary
    assert "500 rows against 2,000" in found.summary


def test_a_small_but_certain_shift_is_a_warning_where_a_margin_says_so():
    rng = np.random.default_rng(8)
    before, after = rng.normal(size=400_000), rng.normal(0.05, size=400_000)
    assert KolmogorovSmirnov().fit(before).test(after).verdict is Verdict.FAIL
    found = KolmogorovSmirnov(margin=0.1).fit(before).test(after)
    assert found.verdict is Verdict.WARN
    assert found.evidence["effect_low"] < 0.0208 < found.evidence["effect_high"]


def test_the_interval_of_the_effect_holds_the_true_distance():
    rng = np.random.default_rng(9)
    true = 2 * stats.norm.cdf(0.25) - 1
    held = []
    for _ in range(100):
        found = KolmogorovSmirnov().fit(rng.normal(size=500)).test(rng.normal(0.5, size=300))
        held.append(found.evidence["effect_low"] <= true <= found.evidence["effect_high"])
    assert np.mean(held) >= 0.9


def test_new_and_vanished_categories_are_named():
    detector = ChiSquared().fit(["a"] * 500 + ["b"] * 500)
    found = detector.test(["a"] * 480 + ["c"] * 20)
    assert found.evidence["new"] == ["c"]
    assert found.evidence["vanished"] == ["b"]
    assert "4.0% are of new category c" in found.summary


def test_newly_missing_values_are_a_failure_though_the_rest_is_alike():
    rng = np.random.default_rng(10)
    before, after = rng.normal(size=2000), rng.normal(size=1000)
    after[:300] = np.nan
    found = KolmogorovSmirnov().fit(before).test(after)
    assert found.verdict is Verdict.FAIL
    assert "30.0% of rows are null or NaN and left out, were 0.0%" in found.summary
    assert found.evidence["p_test"] > 0.01


def test_missing_columns_and_changed_types_are_findings_of_their_own():
    before = pl.DataFrame({"x": np.arange(50.0), "y": ["a", "b"] * 25, "z": range(50)})
    after = pl.DataFrame({"x": [str(i) for i in range(50)], "y": ["a", "b"] * 25})
    by = {f.subject: f for f in Tabular().fit(before).by_feature(after)}
    assert by["x"].check == "schema.type"
    assert by["z"].check == "schema.missing_column"
    assert by["y"].verdict is Verdict.OK
    assert Tabular().fit(before).test(after).verdict is Verdict.FAIL


def test_text_that_became_numbers_is_a_change_of_type_and_not_of_every_category():
    detector = Tabular().fit(pl.DataFrame({"zip": ["10001", "94105"] * 20}))
    (found,) = detector.by_feature(pl.DataFrame({"zip": [10001, 94105] * 20}))
    assert found.check == "schema.type"


def test_times_are_compared_whatever_their_unit():
    days = pl.datetime_range(
        pl.datetime(1890, 1, 1), pl.datetime(1891, 1, 1), "1d", time_unit="ms", eager=True
    )
    found = KolmogorovSmirnov().fit(days).test(days.cast(pl.Datetime("ns")))
    assert found.statistic == 0


def test_numbers_may_be_named_categories():
    rng = np.random.default_rng(11)
    before = pl.DataFrame({"code": rng.integers(0, 5, 500)})
    (found,) = Tabular(categories=["code"]).fit(before).by_feature(before)
    assert found.check == "shift.chi_squared"
    with pytest.raises(InputError, match="Did you mean `code`"):
        Tabular(categories=["cod"]).fit(before)


def test_whole_numbers_are_one_category_whether_int_float_or_bool():
    detector = ChiSquared().fit(pl.Series([0, 1] * 50))
    for same in (pl.Series([0.0, 1.0] * 50), pl.Series([False, True] * 50)):
        assert detector.test(same).p_value == 1


def test_wide_images_are_tested_pixel_by_pixel_with_one_level():
    rng = np.random.default_rng(12)
    detector = KolmogorovSmirnov().fit(rng.random((200, 8, 8)))
    assert detector.test(rng.random((100, 8, 8))).verdict is Verdict.OK
    brighter = rng.random((100, 8, 8))
    brighter[:, 3, 3] **= 0.3
    assert detector.test(brighter).evidence["top"] == "x27"


def test_settings_and_windows_that_cannot_be_are_refused_in_words():
    with pytest.raises(InputError, match="call `fit"):
        KolmogorovSmirnov().test([1.0])
    with pytest.raises(InputError, match=r"in \(0, 1\)"):
        KolmogorovSmirnov(level=1.0)
    with pytest.raises(InputError, match="bonferroni, holm, bh or none"):
        ChiSquared(correction="sidak")
    with pytest.raises(SchemaError, match="2 columns"):
        KolmogorovSmirnov().fit(np.ones((5, 2))).test(np.ones((5, 3)))
    with pytest.raises(SchemaError, match="ChiSquared"):
        KolmogorovSmirnov().fit(["a", "b"])


def test_one_hundred_thousand_categories_are_compared_quickly():
    rng = np.random.default_rng(13)
    before = pl.Series("id", rng.integers(0, 100_000, 200_000)).cast(pl.String)
    after = pl.Series("id", rng.integers(0, 100_000, 50_000)).cast(pl.String)
    assert ChiSquared().fit(before).test(after).verdict is Verdict.OK
