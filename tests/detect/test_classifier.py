"""The classifier two-sample test, its exact level, its AUC and its domain scores."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.naive_bayes import GaussianNB

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.detect import PCA, Classifier, Detector, RandomProjection
from homeostat.detect._model._forward import combined_p
from homeostat.detect._model._ridge import ridge


def numbers(seed, n, d=4):
    return np.random.default_rng(seed).normal(size=(n, d))


def mixed(seed, n, *, shift=0.0, share=0.5, missing=0.0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "size": rng.normal(shift, 1, n),
            "land": rng.choice(["at", "be", "ch"], n, p=[share, 0.9 - share, 0.1]),
            "late": np.where(rng.random(n) < missing, np.nan, rng.normal(size=n)),
        }
    )


def test_it_is_a_detector():
    assert isinstance(Classifier(), Detector)


@pytest.mark.parametrize("model", ["linear", "boosted", "both"])
def test_a_mean_shift_is_found_and_its_columns_named(model):
    window = numbers(1, 300)
    window[:, 2] += 0.8
    found = Classifier(model=model).fit(numbers(0, 600)).test(window)
    assert found.verdict is Verdict.FAIL
    assert found.p_value < 1e-4
    assert next(iter(found.evidence["columns"])) == "x2"
    assert found.evidence["columns"]["x2"] > 0.8
    assert "`x2`" in found.summary


def test_only_trees_see_a_change_of_correlation_and_blame_both_columns():
    window = numbers(1, 500)
    window[:, 1] = 0.95 * window[:, 0] + 0.3 * window[:, 1]
    reference = numbers(0, 1000)
    assert Classifier(model="linear").fit(reference).test(window).verdict is Verdict.OK
    found = Classifier(model="boosted").fit(reference).test(window)
    assert found.verdict is Verdict.FAIL
    assert set(found.evidence["columns"]) == {"x0", "x1"}


def test_a_change_of_category_is_blamed_on_it_beside_a_column_of_500_levels():
    rng = np.random.default_rng(0)
    wide = [pl.Series("user", rng.choice([f"u{i}" for i in range(500)], n)) for n in (2000, 1000)]
    reference, window = mixed(1, 2000).with_columns(wide[0]), mixed(2, 1000, share=0.7)
    found = Classifier().fit(reference).test(window.with_columns(wide[1]))
    assert found.verdict is Verdict.FAIL
    assert next(iter(found.evidence["columns"])) == "land"


def test_newly_missing_values_are_found_and_said():
    found = Classifier().fit(mixed(0, 600)).test(mixed(1, 300, missing=0.3))
    assert found.verdict is Verdict.FAIL
    assert "of `late` is missing, was 0.0%" in found.summary
    assert found.evidence["missing"]["late"][0] == 0


def test_one_huge_outlier_neither_hides_a_shift_nor_makes_one():
    reference, window = numbers(0, 400), numbers(1, 200)
    window[0, 0] = 1e8
    assert Classifier().fit(reference).test(window).verdict is Verdict.OK
    window[:, 0] += 1
    assert Classifier().fit(reference).test(window).verdict is Verdict.FAIL


def test_infinities_nulls_and_constants_give_finite_numbers():
    reference = mixed(0, 100).with_columns(flat=pl.lit(3.0), none=pl.lit(None, pl.Float64))
    window = mixed(1, 60).with_columns(flat=pl.lit(3.0), none=pl.lit(None, pl.Float64))
    window = window.with_columns(size=pl.Series([np.inf, -np.inf, np.nan, *range(57)]))
    found = Classifier().fit(reference).test(window)
    assert np.isfinite([found.statistic, found.p_value, found.effect]).all()


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_too_few_rows_are_unknown(rows):
    found = Classifier().fit(numbers(0, 100)).test(numbers(1, rows))
    assert found.verdict is Verdict.UNKNOWN
    assert "10 each are needed" in found.summary


def test_identical_constant_rows_are_not_a_shift():
    found = Classifier().fit(np.ones((50, 2))).test(np.ones((30, 2)))
    assert (found.verdict, found.p_value, found.evidence["auc"]) == (Verdict.OK, 1.0, 0.5)


def test_disjoint_samples_have_auc_one_with_an_interval_below_it():
    found = Classifier().fit(numbers(0, 60)).test(numbers(1, 40) + 50)
    assert found.evidence["auc"] == 1
    assert 0.8 < found.evidence["auc_low"] < 1


def test_a_margin_turns_a_small_shift_into_a_warning():
    window = numbers(1, 3000)
    window[:, 0] += 0.2
    found = Classifier(model="linear", margin=0.1).fit(numbers(0, 3000)).test(window)
    assert (found.verdict, found.p_value < 0.001) == (Verdict.WARN, True)
    assert found.threshold == 0.6


def test_the_same_seed_gives_the_same_finding():
    reference, window = mixed(0, 200), mixed(1, 100)
    one, two = (Classifier(seed=3).fit(reference).test(window) for _ in range(2))
    assert one.to_json() == two.to_json()


def test_a_window_is_not_changed_by_the_test():
    window = numbers(1, 50)
    kept = window.copy()
    Classifier().fit(numbers(0, 50)).test(window)
    assert (window == kept).all()


def test_a_scikit_learn_maker_and_a_core_model_serve():
    class Mean:
        family = "mean"

        def fit(self, features, label):
            self.side = features["size"].to_numpy()[label == 1].mean()

        def predict(self, features):
            return 1 / (1 + np.abs(features["size"].to_numpy() - self.side))

    window = mixed(1, 200, shift=1.0)
    for make in (GaussianNB, Mean):
        found = Classifier(model=make).fit(mixed(0, 300)).test(window)
        assert found.verdict is Verdict.FAIL
        assert found.evidence["columns"] == {}


def test_a_reducer_that_has_not_learned_learns_from_both_samples():
    reference, window = numbers(0, 200, 30), numbers(1, 100, 30)
    lazy = PCA(5)
    found = Classifier(reduce=lazy).fit(reference).test(window)
    assert found.evidence["n_used"] == 100
    assert not lazy.fitted
    Classifier(reduce=RandomProjection(5)).fit(reference).test(window)


@pytest.mark.parametrize(
    ("reference", "window", "said"),
    [
        (pl.DataFrame({"a": [1.0]}), pl.DataFrame({"b": [1.0]}), "no column `a`"),
        (pl.DataFrame({"a": [1.0]}), pl.DataFrame({"a": ["x"]}), "must be Float64"),
        (np.ones((5, 2)), np.ones((5, 3)), r"shape \(2,\), got \(3,\)"),
        (np.ones((5, 2)), ["a", "b"], "must be an array of numbers like the reference"),
        (["a", "b"], np.ones(5), "must be a list of texts"),
        (np.ones((5, 2)), [[1], [1, 2]], "of one shape a row"),
    ],
)
def test_what_is_unlike_the_reference_is_an_error_in_words(reference, window, said):
    with pytest.raises(SchemaError, match=said):
        Classifier().fit(reference).test(window)


def test_a_time_column_is_refused_since_it_tells_all_windows_apart():
    frame = pl.DataFrame({"at": pl.Series([0], dtype=pl.Datetime)})
    with pytest.raises(SchemaError, match="`at` is a time"):
        Classifier().fit(frame)


@pytest.mark.parametrize(
    "settings", [{"level": 0}, {"margin": 0.5}, {"n_blocks": 1}, {"most_rows": 3}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        Classifier(**settings).fit(np.ones((5, 2)))


def test_an_unknown_model_and_a_model_without_answers_are_refused():
    with pytest.raises(InputError, match="'boosted', 'linear', 'both'"):
        Classifier(model="forest").fit(numbers(0, 30)).test(numbers(1, 30))

    class Broken:
        def fit(self, x, y): ...

        def predict_proba(self, x):
            return np.full((len(x), 2), np.nan)

    with pytest.raises(InputError, match="Broken must score"):
        Classifier(model=Broken).fit(numbers(0, 30)).test(numbers(1, 30))


def test_testing_before_fitting_is_an_error():
    with pytest.raises(InputError, match="call `fit"):
        Classifier().test(numbers(0, 30))


def test_many_rows_are_thinned_and_the_finding_says_so():
    found = Classifier(model="linear", most_rows=500).fit(numbers(0, 3000)).test(numbers(1, 900))
    assert (found.evidence["n"], found.evidence["n_used"]) == (900, 500)
    assert found.evidence["n_reference_used"] == 500


def test_domain_weights_are_the_density_ratio_and_find_the_strangest_rows():
    reference, window = numbers(0, 4000, 1), numbers(1, 4000, 1) + 1.0
    window[7] = 9.0
    domain = Classifier(model="linear").fit(reference).domain(window)
    true = np.exp(reference[:, 0] - 0.5)
    assert np.corrcoef(np.log(domain.weights), np.log(true))[0, 1] > 0.99
    assert domain.weights.mean() == pytest.approx(1)
    exact = true.sum() ** 2 / (true @ true)
    assert domain.effective_rows == pytest.approx(exact, rel=0.25)
    assert domain.strangest(1)[0] == 7
    assert domain.interval.low < 0.76 < domain.interval.high  # Phi(1 / sqrt 2)


def test_domain_scores_need_rows():
    with pytest.raises(InputError, match="10 rows a side"):
        Classifier().fit(numbers(0, 30)).domain(numbers(1, 3))


def test_the_combined_rank_sum_of_one_block_is_mann_whitneys():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    scores, label = rng.normal(size=200), np.repeat([0.0, 1.0], 100)
    z, p = combined_p([(scores, label)], rng)
    known = mannwhitneyu(
        scores[100:],
        scores[:100],
        alternative="greater",
        method="asymptotic",
        use_continuity=False,
    )
    assert p == pytest.approx(known.pvalue, rel=1e-9)
    assert z == pytest.approx((known.statistic - 5000) / np.sqrt(100 * 100 * 201 / 12))


def test_the_ridge_weights_are_scikit_learns_at_the_penalty_it_chooses():
    from sklearn.linear_model import RidgeCV

    rng = np.random.default_rng(0)
    for shape in ((60, 5), (20, 40)):
        x = rng.normal(size=shape)
        x -= x.mean(axis=0)
        y = x[:, 0] + rng.normal(size=len(x))
        y -= y.mean()
        largest = np.linalg.eigvalsh(x @ x.T)[-1]
        penalties = largest * np.logspace(-5, 2, 22)
        fits = [
            RidgeCV(alphas=[penalty], fit_intercept=False).fit(x, y).coef_ for penalty in penalties
        ]
        ours = ridge(x, y)
        assert min(np.abs(ours - fit).max() for fit in fits) < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(30, 20), (200, 100)])
def test_the_level_is_kept_where_cross_validation_would_give_15_percent(n, m):
    tests = [
        Classifier(model="linear", level=0.1, seed=seed)
        .fit(numbers(2 * seed, n, 3))
        .test(numbers(2 * seed + 1, m, 3))
        for seed in range(80)
    ]
    alarms = sum(found.verdict is Verdict.FAIL for found in tests)
    assert 1 <= alarms <= 16  # binomial(80, 0.1) to 3 sd
    inside = [one.evidence["auc_low"] <= 0.5 <= one.evidence["auc_high"] for one in tests]
    assert np.mean(inside) > 0.9


@pytest.mark.slow
def test_the_level_of_trees_is_kept_on_mixed_columns():
    alarms = sum(
        Classifier(level=0.1, seed=seed)
        .fit(mixed(2 * seed, 200, missing=0.1))
        .test(mixed(2 * seed + 1, 100, missing=0.1))
        .verdict
        is Verdict.FAIL
        for seed in range(100)
    )
    assert 2 <= alarms <= 19
