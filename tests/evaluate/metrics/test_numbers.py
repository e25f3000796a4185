import numpy as np
import pytest
from sklearn import metrics as peer

from homeostat import evaluate
from homeostat.core import InputError


def test_every_value_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, w = rng.normal(5, 2, 500), rng.uniform(0.1, 2, 500)
    f = y + rng.normal(0.3, 1, 500)
    found = evaluate.regression_metrics(y, f, weight=w)
    assert found["mae"].value == pytest.approx(peer.mean_absolute_error(y, f, sample_weight=w))
    squared = peer.mean_squared_error(y, f, sample_weight=w)
    assert found["rmse"].value == pytest.approx(np.sqrt(squared))
    assert found["r2"].value == pytest.approx(peer.r2_score(y, f, sample_weight=w))
    relative = peer.mean_absolute_percentage_error(y, f, sample_weight=w)
    assert found["mape"].value == pytest.approx(relative)
    quantiles = evaluate.quantile_metrics(y, {0.9: f}, weight=w)
    loss = peer.mean_pinball_loss(y, f, alpha=0.9, sample_weight=w)
    assert quantiles["pinball", 0.9].value == pytest.approx(loss)


def coverage(settings, worlds, n_days):
    def draw(rng, days):
        day = np.repeat(np.arange(days), 20)
        y = rng.normal(size=days)[day] + rng.normal(10, 1, size=len(day))
        return y, 10 + 0.5 * (y - 10) + rng.normal(size=len(day)), day

    y, f, _ = draw(np.random.default_rng(9), 20_000)
    q = {0.1: f - 1, 0.9: f + 1}
    both = (evaluate.regression_metrics(y, f), evaluate.quantile_metrics(y, q))
    truth = {(m.name, m.of): m.value for found in both for m in found}
    counts = dict.fromkeys(truth, 0)
    rng = np.random.default_rng(1)
    for _ in range(worlds):
        y, f, day = draw(rng, n_days)
        q = {0.1: f - 1, 0.9: f + 1}
        for found in (
            evaluate.regression_metrics(y, f, blocks=day, rng=rng, **settings),
            evaluate.quantile_metrics(y, q, blocks=day, rng=rng, **settings),
        ):
            for m in found:
                if m.name == "interval_width":
                    counts[m.name, m.of] += 1
                else:
                    counts[m.name, m.of] += truth[m.name, m.of] in m.interval
    return {key: count / worlds for key, count in counts.items()}


@pytest.mark.parametrize("interval", ["analytic", "bootstrap"])
def test_every_interval_over_days_covers_the_truth(interval):
    found = coverage({"interval": interval, "n_resamples": 400}, 80, 60)
    for name, share in found.items():
        assert share == pytest.approx(0.95, abs=0.08), name


def test_zeros_are_left_out_of_mape_and_said_and_taken_in_by_wape():
    found = evaluate.regression_metrics([0, 0, 10], [1, 1, 12])
    assert found["mape"].value == pytest.approx(0.2)
    assert found["mape"].note == "2 of 3 rows are 0 and left out"
    assert found["wape"].value == pytest.approx(0.4)
    none = evaluate.regression_metrics([0, 0], [1, 1])
    assert none["mape"].value is None
    assert none["wape"].value is None


def test_a_constant_actual_leaves_r2_undefined_and_a_constant_prediction_makes_it_0():
    same = evaluate.regression_metrics([3, 3, 3], [1, 2, 3])
    assert same["r2"].value is None
    assert same["r2"].note == "every actual value is the same"
    mean = evaluate.regression_metrics([1, 2, 3], [2, 2, 2])
    assert mean["r2"].value == pytest.approx(0)


def test_crossed_quantiles_are_counted():
    found = evaluate.quantile_metrics([1, 2, 3], {0.1: [0, 3, 0], 0.9: [4, 1, 4]})
    assert found["interval_width"].note == "1 rows have the quantiles crossed"
    assert found["interval_coverage"].value == pytest.approx(2 / 3)


def test_ranked_lists_are_scikit_learns_and_queries_without_an_answer_are_said():
    rng = np.random.default_rng(0)
    relevance, score = rng.integers(0, 4, (100, 12)), rng.random((100, 12))
    relevance[:5] = 0
    query = np.repeat(np.arange(100), 12)
    mixed = rng.permutation(1200)
    found = evaluate.ranking_metrics(
        relevance.ravel()[mixed], score.ravel()[mixed], query[mixed], top=5
    )
    assert found["ndcg"].value == pytest.approx(peer.ndcg_score(relevance[5:], score[5:], k=5))
    assert found["ndcg"].note.startswith("5 of 100 queries")
    full = evaluate.ranking_metrics(relevance.ravel(), score.ravel(), query)
    precisions = [
        peer.average_precision_score(r > 0, s)
        for r, s in zip(relevance[5:], score[5:], strict=True)
    ]
    assert full["map"].value == pytest.approx(np.mean(precisions))
    assert full["recall_top"].value == 1
    none = evaluate.ranking_metrics([0, 0], [1, 2], ["a", "a"])
    assert none["ndcg"].value is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: evaluate.regression_metrics([1, np.nan], [1, 1]), "finite"),
        (lambda: evaluate.regression_metrics([1], [1, 1]), "one value a row"),
        (lambda: evaluate.regression_metrics([], []), "At least one row"),
        (lambda: evaluate.quantile_metrics([1.0], {1.0: [1.0]}), r"\(0, 1\)"),
        (lambda: evaluate.quantile_metrics([1.0], {}), r"\(0, 1\)"),
        (lambda: evaluate.ranking_metrics([-1], [1], [1]), "below 0"),
        (lambda: evaluate.ranking_metrics([1, 1], [1, 2], [1, 1], blocks=[1, 2]), "one block"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
