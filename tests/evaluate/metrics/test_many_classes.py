import numpy as np
import pytest
from sklearn import metrics as peer

from homeostat import evaluate, stats
from homeostat.core import InputError

K = 4


def world(rng, n, n_days=None):
    """Return labels and probabilities of four unequal classes; rows of a day share a shock."""
    day = np.arange(n) if n_days is None else np.repeat(np.arange(n_days), n // n_days)
    shock = 0 if n_days is None else 0.5 * rng.normal(size=(n_days, K))[day]
    z = rng.normal(size=(n, K)) + np.array([1.0, 0.3, 0.0, -0.7])
    y = np.argmax(z + shock + rng.gumbel(size=(n, K)), axis=1)
    p = np.exp(z)
    return y, p / p.sum(axis=1, keepdims=True), day


def test_every_value_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, p, _ = world(rng, 3000)
    w = rng.uniform(0.2, 3, 3000)
    d = p.argmax(axis=1)
    found = evaluate.metrics(y, p, weight=w, betas=(2,), top=(2,))
    known = {
        "accuracy": peer.accuracy_score(y, d, sample_weight=w),
        "balanced_accuracy": peer.balanced_accuracy_score(y, d, sample_weight=w),
        "mcc": peer.matthews_corrcoef(y, d, sample_weight=w),
        "kappa": peer.cohen_kappa_score(y, d, sample_weight=w),
        "logloss": peer.log_loss(y, p, sample_weight=w),
        "accuracy_top2": peer.top_k_accuracy_score(y, p, k=2, sample_weight=w),
        "auc_ovr_macro": peer.roc_auc_score(y, p, multi_class="ovr", sample_weight=w),
    }
    for mean in ("micro", "macro", "weighted"):
        known[f"precision_{mean}"] = peer.precision_score(y, d, average=mean, sample_weight=w)
        known[f"recall_{mean}"] = peer.recall_score(y, d, average=mean, sample_weight=w)
        known[f"f1_{mean}"] = peer.f1_score(y, d, average=mean, sample_weight=w)
        known[f"f2_{mean}"] = peer.fbeta_score(y, d, beta=2, average=mean, sample_weight=w)
    for name, value in known.items():
        assert found[name].value == pytest.approx(value), name
    own = [found["f1", c].value for c in range(K)]
    assert own == pytest.approx(peer.f1_score(y, d, average=None, sample_weight=w))
    precisions = [found["average_precision", c].value for c in range(K)]
    one_hot = np.eye(K)[y]
    for c in range(K):
        expected = peer.average_precision_score(one_hot[:, c], p[:, c], sample_weight=w)
        assert precisions[c] == pytest.approx(expected)
    plain = evaluate.metrics(y, p)
    ovo = peer.roc_auc_score(y, p, multi_class="ovo")
    weighted = peer.roc_auc_score(y, p, multi_class="ovr", average="weighted")
    assert plain["auc_ovo_macro"].value == pytest.approx(ovo)
    assert plain["auc_ovr_weighted"].value == pytest.approx(weighted)


def covered(settings, *, n_days, worlds, n):
    """Return how often each interval holds the value of a large sample."""
    y, p, _ = world(np.random.default_rng(99), 100_000, None if n_days is None else 2000)
    truth = {(m.name, m.of): m.value for m in evaluate.metrics(y, p, top=(2,))}
    counts, widths = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    rng = np.random.default_rng(0)
    for _ in range(worlds):
        y, p, day = world(rng, n, n_days)
        blocks = None if n_days is None else day
        for m in evaluate.metrics(y, p, top=(2,), blocks=blocks, rng=rng, **settings):
            counts[m.name, m.of] += truth[m.name, m.of] in m.interval
            widths[m.name, m.of] += 1
    return {key: counts[key] / widths[key] for key in truth}


def test_every_interval_holds_the_truth_about_as_often_as_it_says():
    found = covered({}, n_days=None, worlds=50, n=400)
    assert min(found.values()) > 0.84
    assert np.mean(list(found.values())) == pytest.approx(0.95, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("n_days", [None, 40])
@pytest.mark.parametrize("interval", ["analytic", "bootstrap"])
@pytest.mark.timeout(1200)
def test_every_interval_covers_within_two_points_on_average(n_days, interval):
    found = covered({"interval": interval}, n_days=n_days, worlds=300, n=800)
    assert min(found.values()) > 0.89
    assert np.mean(list(found.values())) == pytest.approx(0.95, abs=0.02)


def test_intervals_by_bootstrap_agree_with_those_by_formula():
    rng = np.random.default_rng(1)
    y, p, day = world(rng, 2000, 80)
    for blocks in (None, day):
        one = evaluate.metrics(y, p, blocks=blocks, top=(2,))
        other = evaluate.metrics(y, p, blocks=blocks, top=(2,), interval="bootstrap")
        for a, b in zip(one, other, strict=True):
            assert (a.name, a.of, a.value) == (b.name, b.of, b.value)
            assert b.method == "bootstrap"
            wide = (b.interval.high - b.interval.low) / (a.interval.high - a.interval.low)
            assert wide == pytest.approx(1, abs=0.25), (a.name, a.of)


def test_days_widen_every_interval_that_a_days_shock_moves():
    y, p, day = world(np.random.default_rng(2), 4000, 20)
    by_day, by_row = evaluate.metrics(y, p, blocks=day), evaluate.metrics(y, p)
    for name in ("accuracy", "logloss", "f1_macro"):
        wide = [m[name].interval.high - m[name].interval.low for m in (by_day, by_row)]
        assert wide[0] > wide[1]
    assert by_day["accuracy"].n_blocks == 20


def test_weights_count_as_so_many_rows_and_widen_the_interval():
    y, p, _ = world(np.random.default_rng(3), 500)
    w = np.where(np.arange(500) % 2, 3.0, 1.0)
    heavy = evaluate.metrics(y, p, weight=w)
    repeated = np.repeat(np.arange(500), w.astype(int))
    for m in evaluate.metrics(y[repeated], p[repeated]):
        assert heavy[m.name, m.of].value == pytest.approx(m.value), m.name
        interval = heavy[m.name, m.of].interval
        assert interval.high - interval.low > m.interval.high - m.interval.low, m.name


def test_classes_without_a_row_or_a_decision_are_0_with_a_note_and_never_nan():
    p = np.tile([0.7, 0.2, 0.1], (20, 1))
    found = evaluate.metrics(["a"] * 20, p, classes=["a", "b", "c"])
    assert found["recall", "b"].value == 0
    assert found["recall", "b"].note == "no row of it: 0"
    assert found["auc", "a"].value is None
    assert found["auc", "a"].note == "one class only"
    assert found["balanced_accuracy"].value == 1
    assert found["mcc"].value == 0
    assert found["mcc"].interval is None
    assert all(m.value is None or np.isfinite(m.value) for m in found)
    again = evaluate.metrics(["a"] * 20, p, classes=["a", "b", "c"], interval="bootstrap")
    assert [m.value for m in again] == [m.value for m in found]


def test_the_frame_has_a_row_a_metric_with_its_class_and_interval():
    y, p, _ = world(np.random.default_rng(4), 200)
    found = evaluate.metrics(np.array(["ant", "bee", "cat", "dog"])[y], p)
    frame = found.frame()
    assert frame.height == len(found)
    row = frame.filter(metric="recall", of="bee").row(0, named=True)
    assert row["low"] <= row["value"] <= row["high"]
    assert row["method"] == "wilson"


def test_a_cost_matrix_of_many_classes_decides_and_is_averaged():
    costs = stats.CostMatrix(((0, 1, 1), (1, 0, 1), (50, 50, 0)), classes=("a", "b", "c"))
    y, p = ["a", "c"], [[0.8, 0.1, 0.1], [0.5, 0.4, 0.1]]
    found = evaluate.metrics(y, p, classes=["a", "b", "c"], costs=costs)
    assert found["cost"].value == 0.5  # both are decided c: missing it costs 50
    assert found["expected_cost"].value == pytest.approx((0.2 + 45) / 2)
    assert found["recall", "c"].value == 1


@pytest.mark.parametrize(
    ("label", "p", "settings", "says"),
    [
        ([0, 1], [[0.5, 0.4], [0.5, 0.5]], {}, "add up to 1: 1 of 2"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], {}, "finite: 1 of 2"),
        ([0, 1], [[1.5, -0.5], [0.5, 0.5]], {}, r"\[0, 1\]"),
        ([0, 7], [[0.5, 0.5], [0.5, 0.5]], {}, "name the columns"),
        (["a", None], [[0.5, 0.5]] * 2, {"classes": ["a", "b"]}, "1 are missing"),
        (["a", "z"], [[0.5, 0.5]] * 2, {"classes": ["a", "b"]}, "holds 'z'"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], {}, "one class a row"),
        ([0, 1], [[0.5, 0.5]] * 2, {"weight": [0, 0]}, "weight"),
        ([0, 1], [[0.5, 0.5]] * 2, {"interval": "exact"}, "analytic"),
        ([], np.zeros((0, 3)), {}, "two columns or more"),
    ],
)
def test_bad_input_is_named_in_a_sentence(label, p, settings, says):
    with pytest.raises(InputError, match=says):
        evaluate.metrics(label, p, **settings)
