import warnings

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as peer

from homeostat.core import InputError, Verdict
from homeostat.evaluate import find_slices, own_measure, row_losses, row_measure, slices


def binary(n=4000):
    rng = np.random.default_rng(0)
    p = rng.random(n)
    return (rng.random(n) < p).astype(float), p, pl.DataFrame({"g": rng.integers(0, 3, n)})


def many(n=3000, k=4):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(k), n)
    label = (p.cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    return label, p, pl.DataFrame({"g": rng.integers(0, 3, n)})


PEERS = {
    "precision": peer.precision_score,
    "recall": peer.recall_score,
    "f1": peer.f1_score,
    "balanced_accuracy": peer.balanced_accuracy_score,
    "mcc": peer.matthews_corrcoef,
    "specificity": lambda y, d: peer.recall_score(y, d, pos_label=0),
    "error": peer.zero_one_loss,
}
SCORES = {"average_precision": peer.average_precision_score, "logloss": peer.log_loss}
OF_CLASSES = {
    "accuracy": lambda y, p: peer.accuracy_score(y, p.argmax(1)),
    "f1": lambda y, p: peer.f1_score(y, p.argmax(1), average="macro"),
    "logloss": peer.log_loss,
    "auc": lambda y, p: peer.roc_auc_score(y, p, multi_class="ovr"),
    "brier": lambda y, p: np.mean(np.sum((np.eye(p.shape[1])[y] - p) ** 2, axis=1)),
}


@pytest.mark.parametrize("metric", [*PEERS, *SCORES])
def test_a_slices_metric_of_two_classes_is_scikit_learns(metric):
    y, p, frame = binary()
    for code, found in enumerate(slices(y, p, frame, by=["g"], metric=metric)):
        mask = (frame["g"] == code).to_numpy()
        expected = (
            PEERS[metric](y[mask], p[mask] >= 0.5)
            if metric in PEERS
            else SCORES[metric](y[mask], p[mask])
        )
        assert found.statistic == pytest.approx(expected, abs=1e-9)
        assert found.evidence["low"] < found.statistic < found.evidence["high"]


@pytest.mark.parametrize("metric", OF_CLASSES)
def test_a_slices_metric_of_many_classes_is_scikit_learns(metric):
    y, p, frame = many()
    for code, found in enumerate(slices(y, p, frame, by=["g"], metric=metric)):
        mask = (frame["g"] == code).to_numpy()
        assert found.statistic == pytest.approx(OF_CLASSES[metric](y[mask], p[mask]), abs=1e-6)


@pytest.mark.parametrize("metric", ["f1", "auc", "accuracy"])
def test_an_interval_of_many_classes_is_as_wide_as_a_bootstraps(metric):
    y, p, _ = many(n=800, k=3)
    frame = pl.DataFrame({"g": ["x"] * 800})
    found = slices(y, p, frame, by=["g"], metric=metric, at_least=0.0)[0]
    rng = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = [OF_CLASSES[metric](y[rows], p[rows]) for rows in rng.integers(0, 800, (60, 800))]
    width = (found.evidence["high"] - found.evidence["low"]) / (2 * 1.96)
    assert width == pytest.approx(np.std(drawn), rel=0.3)


@pytest.mark.parametrize("n_days", [None, 60])
def test_the_error_of_ones_own_metric_is_that_of_the_mean_it_computes(n_days):
    y, p, frame = binary(n=6000)
    day = None if n_days is None else np.arange(6000) * n_days // 6000
    mean = own_measure("mean", lambda label, p: float(np.mean(np.abs(label - p))), groups=40)
    rows = row_measure("mean", lambda label, p: np.abs(label - p), larger_is_better=True)
    for a, b in zip(
        slices(y, p, frame, by=["g"], metric=mean, blocks=day),
        slices(y, p, frame, by=["g"], metric=rows, blocks=day),
        strict=True,
    ):
        assert a.statistic == pytest.approx(b.statistic)
        widths = [one.evidence["high"] - one.evidence["low"] for one in (a, b)]
        assert widths[0] == pytest.approx(widths[1], rel=0.4)


def test_numbers_are_judged_by_a_loss_of_ones_own_and_found_by_it():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"site": rng.choice(["a", "b", "c"], 6000)})
    truth = 100 * rng.normal(size=6000)
    guess = truth + rng.normal(size=6000) * np.where(frame["site"] == "b", 3, 1)
    off = row_measure("miles off", lambda label, p: np.abs(label - p))
    judged = {one.subject: one.verdict for one in slices(truth, guess, frame, by=["site"],
                                                         metric=off)}  # fmt: skip
    assert judged["site = b"] is Verdict.WARN
    found = find_slices(truth, guess, frame, loss=lambda label, p: np.abs(label - p))
    assert [one.subject for one in found] == ["site = b"]


def test_a_metric_without_a_value_in_a_slice_is_unknown_there():
    frame = pl.DataFrame({"g": ["x"] * 200 + ["y"] * 200})
    y = np.r_[np.zeros(200), np.tile([0.0, 1.0], 100)]
    p = np.r_[np.full(200, 0.1), np.tile([0.2, 0.8], 100)]
    none = own_measure("nothing", lambda label, p: float("nan"))
    for metric in ("precision", "recall", "f1", "mcc", "auc", none):
        found = slices(y, p, frame, by=["g"], metric=metric)
        assert found[0].verdict is Verdict.UNKNOWN
    assert slices(y, p, frame, by=["g"], metric=none)[1].verdict is Verdict.UNKNOWN


def test_excess_is_zero_on_average_where_many_probabilities_are_right():
    y, p, frame = many(n=20_000)
    found = slices(y, p, frame, by=["g"], metric="excess")
    assert all(abs(one.statistic) < 0.03 for one in found)
    assert row_losses([1, 0], [0.5, 0.5], "excess").tolist() == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("label", "p", "metric", "says"),
    [
        ([0, 1], [[0.5, 0.5], [0.4, 0.4]], "auc", "sum to 1"),
        ([0, 5], [[0.5, 0.5], [0.4, 0.6]], "auc", "class"),
        ([0, 1], [[0.5, np.nan], [0.4, 0.6]], "auc", "NaN"),
        ([0, 1], [[0.5, 0.5], [0.4, 0.6]], "mcc", "of many classes"),
        ([0, 1], [0.5, np.nan], "auc", "finite"),
        ([0, 1], [0.5, 1.5], "auc", r"\[0, 1\]"),
        ([0, 1], [0.5, 0.5], "acuracy", "Did you mean `accuracy`"),
        ([0, 1, 1], [0.5, 0.5], row_measure("x", lambda y, p: y), "a prediction for each label"),
        ([0, 1], [0.5, 0.5], row_measure("x", lambda y, p: y[:1]), "one value a row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(label, p, metric, says):
    with pytest.raises(InputError, match=says):
        slices(label, p, pl.DataFrame({"g": [1, 2]}), by=["g"], metric=metric)


def test_an_error_by_too_few_groups_is_refused():
    with pytest.raises(InputError, match="6 groups"):
        own_measure("x", lambda label, p: 0.0, groups=3)
