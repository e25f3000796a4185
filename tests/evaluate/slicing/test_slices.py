import numpy as np
import polars as pl
import pytest

from homeostat import stats
from homeostat.core import InputError, Verdict
from homeostat.evaluate import Part, Slice, slices


def world(rng, n=6000, columns=3, n_days=None):
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 5, n) for i in range(columns)})
    p = rng.random(n)
    shock = 0.0
    day = None
    if n_days:
        day = np.arange(n) * n_days // n
        shock = 0.5 * rng.normal(size=n_days)[day]
    y = rng.random(n) < 1 / (1 + np.exp(-np.log(p / (1 - p)) - shock))
    return y.astype(float), p, frame, day


def test_the_lectures_two_models_on_a_majority_and_a_minority():
    def model(right_of_majority, right_of_minority):
        y = np.ones(10_000)
        p = np.r_[np.arange(9000) < right_of_majority, np.arange(1000) < right_of_minority]
        found = slices(y, p * 1.0, frame, by=["group"], metric="accuracy")
        return p.mean(), {f.subject: f.statistic for f in found}

    frame = pl.DataFrame({"group": ["majority"] * 9000 + ["minority"] * 1000})
    overall_a, a = model(8820, 800)
    overall_b, b = model(8550, 950)
    assert (overall_a, overall_b) == pytest.approx((0.962, 0.95))
    assert (a["group = majority"], a["group = minority"]) == (0.98, 0.8)
    assert (b["group = majority"], b["group = minority"]) == (0.95, 0.95)
    share = 0.03 / (0.03 + 0.15)  # where b overtakes a
    assert share == pytest.approx(1 / 6)


@pytest.mark.parametrize("metric", ["auc", "logloss", "ne", "brier", "accuracy"])
def test_a_slice_has_the_metric_of_its_rows_and_the_rest_that_of_the_others(metric):
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng)
    of = {
        "auc": stats.auc,
        "logloss": stats.log_loss,
        "ne": stats.normalized_entropy,
        "brier": stats.brier,
        "accuracy": lambda y, p: stats.confusion(y, p >= 0.5).accuracy,
    }[metric]
    for found in slices(y, p, frame, by=["c0"], metric=metric):
        mask = Slice.from_json(found.evidence["slice"]).mask(frame)
        assert found.statistic == pytest.approx(of(y[mask], p[mask]), abs=1e-9)
        assert found.evidence["rest"] == pytest.approx(of(y[~mask], p[~mask]), abs=1e-9)
        assert found.evidence["low"] <= found.statistic <= found.evidence["high"]
        assert found.evidence["n"] == mask.sum()
        assert found.evidence["overall"] == pytest.approx(of(y, p), abs=1e-9)


def test_more_distinct_scores_than_ranks_move_an_auc_by_next_to_nothing():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng, n=60_000)
    found = slices(y, p, frame, by=["c0"])[0]
    mask = Slice.from_json(found.evidence["slice"]).mask(frame)
    assert found.statistic == pytest.approx(stats.auc(y[mask], p[mask]), abs=1e-6)


def test_a_weak_slice_is_told_and_the_others_are_not():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng)
    weak = (frame["c1"] == 3).to_numpy()
    y[weak] = rng.integers(0, 2, weak.sum())
    found = slices(y, p, frame, by=["c0", "c1", "c2"])
    assert [f.subject for f in found if f.verdict is not Verdict.OK] == ["c1 = 3"]
    bounded = {f.subject: f for f in slices(y, p, frame, by=["c1"], at_least=0.6)}
    assert bounded["c1 = 3"].verdict is Verdict.FAIL
    assert bounded["c1 = 3"].threshold == 0.6
    assert bounded["c1 = 0"].verdict is Verdict.OK
    assert "breaks 0.6" in bounded["c1 = 3"].summary


def test_a_tolerance_lets_a_slice_be_that_much_worse():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng, n=20_000)
    blurred = (frame["c1"] == 3).to_numpy()
    p[blurred] = 0.5 + 0.6 * (p[blurred] - 0.5)
    strict = {f.subject: f.verdict for f in slices(y, p, frame, by=["c1"], metric="logloss")}
    loose = slices(y, p, frame, by=["c1"], metric="logloss", tolerance=0.2)
    assert strict["c1 = 3"] is Verdict.WARN
    assert {f.verdict for f in loose} == {Verdict.OK}


def test_a_critical_slice_fails_its_bound_without_proof():
    rng = np.random.default_rng(3)
    y, p, frame, _ = world(rng, n=1000)
    found = {f.subject: f for f in slices(y, p, frame, by=["c0"])}
    bound = found["c0 = 2"].statistic + 0.001
    plain = {f.subject: f for f in slices(y, p, frame, by=["c0"], at_least=bound)}
    heavy = slices(y, p, frame, by=["c0"], at_least=bound, weights={"c0 = 2": 3})
    assert plain["c0 = 2"].verdict is Verdict.WARN
    assert {f.subject: f for f in heavy}["c0 = 2"].verdict is Verdict.FAIL


def test_a_loss_is_bounded_from_above():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng)
    p = np.where((frame["c0"] == 0).to_numpy(), 1 - p, p)
    found = {f.subject: f for f in slices(y, p, frame, by=["c0"], metric="logloss", at_most=0.7)}
    assert found["c0 = 0"].verdict is Verdict.FAIL
    assert found["c0 = 1"].verdict is Verdict.OK


def test_a_weight_spends_more_of_the_error_on_its_slice():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng, n=1500, columns=5)
    weak = (frame["c1"] == 3).to_numpy()
    p[weak] = 0.5 + 0.5 * (p[weak] - 0.5)
    by = frame.columns
    plain = {f.subject: f.p_value for f in slices(y, p, frame, by=by, metric="logloss")}
    weighed = slices(y, p, frame, by=by, metric="logloss", weights={"c1 = 3": 10})
    assert {f.subject: f.p_value for f in weighed}["c1 = 3"] < plain["c1 = 3"]


def test_too_few_rows_blocks_or_classes_are_unknown():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng, n=1000, columns=1)
    frame = frame.with_columns(rare=pl.Series(["a"] * 990 + ["b"] * 10))
    y[frame["c0"].to_numpy() == 1] = 0.0
    found = {f.subject: f for f in slices(y, p, frame, by=["c0", "rare"])}
    assert found["c0 = 1"].verdict is Verdict.UNKNOWN
    assert found["rare = (other)"].verdict is Verdict.UNKNOWN
    assert "10 rows are too few" in found["rare = (other)"].summary
    assert found["c0 = 1"].statistic is None
    few = slices(y, p, frame, by=["c0"], blocks=np.arange(1000) // 250)
    assert {f.verdict for f in few} == {Verdict.UNKNOWN}


def test_more_slices_than_rows_and_an_empty_slice_are_unknown_not_an_error():
    frame = pl.DataFrame({"a": range(20), "b": [str(i) for i in range(20)]})
    y, p = np.tile([0.0, 1.0], 10), np.linspace(0, 1, 20)
    found = slices(y, p, frame, by=["a", "b", ("a", "b")], minimum=1)
    assert len(found) == 60
    assert {f.verdict for f in found} == {Verdict.UNKNOWN}
    nobody = Slice((Part("b", values=("nobody",)),))
    assert slices(y, p, frame, by=[nobody])[0].verdict is Verdict.UNKNOWN


def test_a_slice_of_all_rows_is_judged_by_its_bound_alone():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng)
    frame = frame.with_columns(one=pl.lit("x"))
    assert slices(y, p, frame, by=["one"])[0].verdict is Verdict.UNKNOWN
    assert slices(y, p, frame, by=["one"], at_least=0.6)[0].verdict is Verdict.OK
    assert slices(y, p, frame, by=["one"], at_least=0.99)[0].verdict is Verdict.FAIL


def test_columns_are_crossed_and_a_kept_slice_is_judged_again_elsewhere():
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng)
    crossed = slices(y, p, frame, by=[("c0", "c1")])
    assert len(crossed) == 25
    kept = Slice.from_json(crossed[7].evidence["slice"])
    again = slices(y, p, frame, by=[kept])[0]
    assert (again.subject, again.statistic) == (crossed[7].subject, crossed[7].statistic)


def test_a_constant_predictor_and_a_single_class_have_verdicts():
    rng = np.random.default_rng(0)
    _, _, frame, _ = world(rng, n=1000)
    y = rng.integers(0, 2, 1000)
    constant = slices(y, np.full(1000, 0.5), frame, by=["c0"], at_least=0.4)
    assert {f.statistic for f in constant} == {0.5}
    single = slices(np.ones(1000), rng.random(1000), frame, by=["c0"])
    assert {f.verdict for f in single} == {Verdict.UNKNOWN}
    certain = slices(np.ones(1000), np.ones(1000), frame, by=["c0"], metric="accuracy")
    assert {f.verdict for f in certain} == {Verdict.OK}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"by": ["nope"]}, "no column `nope`"),
        ({"by": ["c0"], "at_least": 0.5, "at_most": 0.9}, "not both"),
        ({"by": ["c0"], "metric": "f7"}, "no metric `f7`"),
        ({"by": ["c0"], "weights": {"c0 = 99": 2}}, "names the slice `c0 = 99`"),
        ({"by": ["c0"], "weights": {"c0 = 1": 0}}, "above 0"),
    ],
)
def test_bad_settings_are_named(settings, says):
    rng = np.random.default_rng(0)
    y, p, frame, _ = world(rng, n=1000)
    with pytest.raises(InputError, match=says):
        slices(y, p, frame, **settings)


def test_bad_rows_are_named():
    frame = pl.DataFrame({"a": [1, 2, 3]})
    with pytest.raises(InputError, match="2 rows as the label has, got 3"):
        slices([0, 1], [0.5, 0.5], frame, by=["a"])
    with pytest.raises(InputError, match="finite"):
        slices([0, 1, 1], [0.5, np.nan, 0.5], frame, by=["a"])
