"""Class shares without labels: known shares found, intervals that hold, refusals in words."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from homeostat.core import InputError
from homeostat.monitor import LabelPrior
from homeostat.monitor._performance._bias_corrected_temperature import BiasCorrectedTemperature


def _rows(rng, rate, n=1500):
    y = (rng.random(n) < rate).astype(int)
    return y, np.where(y == 1, rng.beta(4, 2, n), rng.beta(2, 4, n))


@pytest.fixture(scope="module")
def digits():
    """Probabilities of 400 calibration rows and of rows to draw windows from."""
    features, label = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(label))
    model = LogisticRegression(max_iter=500).fit(features[order[:600]] / 16, label[order[:600]])
    p = model.predict_proba(features / 16)
    return (label[order[600:1000]], p[order[600:1000]]), (label[order[1000:]], p[order[1000:]])


def test_calibrated_em_finds_ten_shares_better_than_counting_and_black_box_estimates(digits):
    (label, p), (pool_label, pool) = digits
    prior = LabelPrior.of(label, p)
    errors = {"count": [], "em": [], "bbse_soft": [], "bbse_hard": []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = rng.choice(10, 300, p=rng.dirichlet(np.ones(10)))
        window = pool[[rng.choice(np.flatnonzero(pool_label == c)) for c in drawn]]
        true = np.bincount(drawn, minlength=10) / 300
        counted = np.bincount(window.argmax(axis=1), minlength=10) / 300
        errors["count"].append(np.abs(counted - true).sum())
        for method in ("em", "bbse_soft", "bbse_hard"):
            found = prior.estimate(window, method=method, resamples=0).shares
            errors[method].append(np.abs(found - true).sum())
    mean = {name: np.mean(values) for name, values in errors.items()}
    assert mean["em"] < 0.055
    assert mean["em"] < min(mean["count"], mean["bbse_soft"], mean["bbse_hard"])


@pytest.mark.parametrize(
    "method", ["bbse_soft", "bbse_hard", pytest.param("em", marks=pytest.mark.slow)]
)
def test_the_interval_holds_the_true_share_as_often_as_it_says(method):
    inside = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        prior = LabelPrior.of(*_rows(rng, 0.3, 600))
        found = prior.estimate(_rows(rng, 0.6, 400)[1], method=method, resamples=40, seed=seed)
        inside += bool(found.low[1] <= 0.6 <= found.high[1])
    assert inside >= 16  # 19 expected; fewer has a chance of 0.3 %


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_without_a_shift_a_warning_is_rare_and_with_one_it_comes():
    false = found = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        prior = LabelPrior.of(*_rows(rng, 0.3, 800))
        kind = {"resamples": 99, "level": 0.05}
        false += prior.judge(_rows(rng, 0.3, 400)[1], **kind).verdict.value == "warn"
        found += prior.judge(_rows(rng, 0.5, 400)[1], **kind).verdict.value == "warn"
    assert false <= 3
    assert found >= 14


@pytest.mark.slow
def test_a_large_window_has_a_narrower_interval_and_takes_no_longer_to_resample():
    rng = np.random.default_rng(0)
    prior = LabelPrior.of(*_rows(rng, 0.3, 2000))
    small = prior.estimate(_rows(rng, 0.5, 500)[1], resamples=60)
    large = prior.estimate(_rows(rng, 0.5, 100_000)[1], resamples=60)
    assert np.ptp([large.low[1], large.high[1]]) < np.ptp([small.low[1], small.high[1]])
    assert large.low[1] <= 0.5 <= large.high[1]


def test_corrected_probabilities_are_right_under_the_new_shares():
    rng = np.random.default_rng(1)
    x = rng.normal(size=20_000)
    y = rng.random(20_000) < 0.2
    x = x + 2 * y
    p = 1 / (1 + 4 * np.exp(2 - 2 * x))  # P(1 | x) at a share of 0.2
    prior = LabelPrior.of(y.astype(int), p)
    now = rng.random(20_000) < 0.6
    z = rng.normal(size=20_000) + 2 * now
    shares = prior.estimate(1 / (1 + 4 * np.exp(2 - 2 * z)), resamples=0)
    corrected = shares.correct(1 / (1 + 4 * np.exp(2 - 2 * z)))[:, 1]
    truth = 1 / (1 + 4 / 6 * np.exp(2 - 2 * z))
    assert np.abs(corrected - truth).mean() < 0.02
    assert np.allclose((shares.ratios[y.astype(int)]).mean(), 1.0, atol=1e-6)


def test_a_model_that_cannot_tell_the_classes_apart_is_refused_in_words():
    rng = np.random.default_rng(0)
    y = (rng.random(500) < 0.3).astype(int)
    prior = LabelPrior.of(y, rng.uniform(0.25, 0.35, 500))
    with pytest.raises(InputError, match="singular value"):
        prior.estimate(rng.uniform(0.25, 0.35, 500))
    finding = prior.judge(rng.uniform(0.25, 0.35, 500))
    assert finding.verdict.value == "unknown"
    assert "do not tell all 2 classes apart" in finding.summary


def test_bad_input_is_told_in_words():
    rng = np.random.default_rng(0)
    y, p = _rows(rng, 0.3)
    prior = LabelPrior.of(np.where(y == 1, "späm", "hàm"), p, classes=["hàm", "späm"])
    assert prior.judge(p, resamples=20).subject in {"hàm", "späm"}
    assert prior.judge(p[:5]).verdict.value == "unknown"
    assert prior.judge([]).verdict.value == "unknown"
    for bad, told in ((np.append(p, np.nan), "missing"), (p + 1, "lie in"), (p[:3], "too few")):
        with pytest.raises(InputError, match=told):
            prior.estimate(bad)
    with pytest.raises(InputError, match="every class"):
        LabelPrior.of(np.zeros(50), p[:50])
    with pytest.raises(InputError, match="2 classes"):
        prior.estimate(np.full((50, 3), 1 / 3))
    with pytest.raises(InputError, match="among the classes"):
        LabelPrior.of(["a"] * len(p), p)
    with pytest.raises(InputError, match="em, bbse_soft or bbse_hard"):
        prior.estimate(p, method="rlls")


def test_counted_rows_are_as_good_as_rows():
    rng = np.random.default_rng(2)
    y, p = _rows(rng, 0.3, 800)
    p, now = np.round(p, 2), np.round(_rows(rng, 0.6, 500)[1], 2)
    plain = LabelPrior.of(y, p)
    pairs, rows = np.unique(np.column_stack([y, p]), axis=0, return_counts=True)
    counted = LabelPrior.of(pairs[:, 0].astype(int), pairs[:, 1], rows=rows)
    values, times = np.unique(now, return_counts=True)
    assert counted.source == pytest.approx(plain.source)
    assert counted.told_apart() == pytest.approx(plain.told_apart())
    for method in ("em", "bbse_soft", "bbse_hard"):
        one = counted.estimate(values, rows=times, method=method, resamples=0)
        other = plain.estimate(now, method=method, resamples=0)
        assert one.shares == pytest.approx(other.shares, abs=1e-5)
    error = counted.standard_error(values, one.shares, rows=times)
    assert error == pytest.approx(plain.standard_error(now, one.shares), rel=1e-6)
    assert error[0] == pytest.approx(error[1])  # of two shares that add up to 1
    judged = [prior.judge(now, resamples=20).statistic for prior in (plain, counted)]
    assert judged[0] == pytest.approx(judged[1], abs=1e-5)
    for bad in ([1], times / 2, -times):
        with pytest.raises(InputError, match="a count for each"):
            counted.estimate(values, rows=bad)


def test_the_standard_error_is_that_of_estimates():
    rng = np.random.default_rng(3)
    prior = LabelPrior.of(*_rows(rng, 0.3, 4000))
    windows = [_rows(rng, 0.5, 400)[1] for _ in range(60)]
    found = [prior.estimate(window, resamples=0).shares for window in windows]
    said = np.mean([prior.standard_error(w, s) for w, s in zip(windows, found, strict=True)])
    # a standard deviation of 60 has a standard error of 9 %
    assert np.std([shares[1] for shares in found]) == pytest.approx(said, rel=0.27)


def test_bias_corrected_temperature_undoes_what_was_done_to_probabilities():
    rng = np.random.default_rng(0)
    logit = rng.normal(size=(30_000, 3)) * 2
    true = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    y = (rng.random(30_000)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(max=2)
    bent = true**2 * np.array([1.0, 3.0, 0.5])
    found = BiasCorrectedTemperature.fit(y, bent / bent.sum(axis=1, keepdims=True))
    assert found.inverse == pytest.approx(0.5, abs=0.02)
    assert np.abs(found(bent / bent.sum(axis=1, keepdims=True)) - true).mean() < 0.01
