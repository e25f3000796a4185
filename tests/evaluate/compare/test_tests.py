"""Which test a comparison makes, what its line says, and how often it is wrong."""

import numpy as np
import polars as pl
import pytest
from scipy import stats as peer

from homeostat import stats
from homeostat.core import InputError, Verdict
from homeostat.evaluate import compare
from homeostat.stats import CostMatrix


def world(rng, n, n_days=None, gap=0.0):
    day = np.arange(n) if n_days is None else np.repeat(np.arange(n_days), n // n_days)
    z = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)

    def noisy(noise):
        shock = 0 if n_days is None else 0.5 * rng.normal(size=n_days)[day]
        return 1 / (1 + np.exp(-(z + shock + noise * rng.normal(size=n))))

    return y, {"a": noisy(0.8 + gap), "b": noisy(0.8)}, day


def test_decisions_are_compared_by_mcnemars_exact_test():
    y, p, _ = world(np.random.default_rng(0), 500, gap=1)
    line = compare(y, p, loss="error").lines[0]
    right = [(v >= 0.5) == y for v in p.values()]
    assert line.test == "mcnemar exact"
    assert line.p_value == stats.mcnemar(*right).p_value
    assert line.effect == pytest.approx(right[0].mean() - right[1].mean())
    assert line.effect in line.interval


def test_losses_are_compared_by_students_paired_t():
    y, p, _ = world(np.random.default_rng(1), 300)
    line = compare(y, p, loss="brier").lines[0]
    expected = peer.ttest_rel((y - p["b"]) ** 2, (y - p["a"]) ** 2)
    assert line.test == "paired t"
    assert line.p_value == pytest.approx(expected.pvalue)
    assert line.n_blocks == line.n_rows == 300


def test_areas_are_compared_by_delong():
    y, p, _ = world(np.random.default_rng(2), 200, gap=0.5)
    line = compare(y, p, loss="auc").lines[0]
    ones, zeros = y == 1, y == 0
    placed = {
        name: [(v[ones][:, None] > v[zeros][None]).mean(axis=axis) for axis in (1, 0)]
        for name, v in p.items()
    }
    gaps = [placed["b"][i] - placed["a"][i] for i in (0, 1)]
    error = np.sqrt(sum(g.var(ddof=1) / len(g) for g in gaps))
    assert line.test == "delong"
    assert line.effect == pytest.approx(gaps[0].mean())
    reached = (line.interval.high - line.interval.low) / 2 / peer.t.ppf(0.975, 199)
    assert reached == pytest.approx(error, rel=0.02)
    assert line.better == 1


LOSSES = ["auc", "average_precision", "f2", "mcc", "error"]


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_models_in_days_are_called_different_no_more_often_than_the_level(loss):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(40):
        y, p, day = world(rng, 600, 20)
        found.append(compare(y, p, loss=loss, blocks=day, rng=rng).lines[0])
    assert np.mean([line.p_value < 0.05 for line in found]) <= 0.15
    assert np.mean([0 in line.interval for line in found]) >= 0.85


@pytest.mark.parametrize("loss", ["auc", "f1", "logloss"])
def test_the_paired_bootstrap_agrees_with_the_formula(loss):
    y, p, day = world(np.random.default_rng(4), 2000, 50, gap=0.5)
    one = compare(y, p, loss=loss, blocks=day).lines[0]
    other = compare(y, p, loss=loss, blocks=day, interval="bootstrap").lines[0]
    assert other.test == "paired bootstrap"
    assert other.effect == one.effect
    wide = [line.interval.high - line.interval.low for line in (one, other)]
    assert wide[1] == pytest.approx(wide[0], rel=0.25)


def test_what_was_not_shown_comes_with_what_would_have_been_and_the_rows_it_takes():
    rng = np.random.default_rng(5)
    y, p, _ = world(rng, 400, gap=0.1)
    line = compare(y, p, loss="brier").lines[0]
    assert line.says == "not shown"
    assert "would have been shown; this one takes about" in str(line)
    shown = 0
    for _ in range(60):
        y, p, _ = world(rng, 400)
        lost = [(y - v) ** 2 for v in p.values()]  # of equal models, set apart by what is claimed
        shown += stats.paired_difference(lost[1] - line.smallest_shown, lost[0]).p_value < 0.05
    assert shown / 60 == pytest.approx(0.8, abs=0.16)


def test_the_rows_needed_show_the_difference_four_times_in_five():
    rng = np.random.default_rng(6)
    y, p, _ = world(rng, 200_000, gap=0.3)
    line = compare(y, p, loss="brier", usefulness=0.005).lines[0]
    shown = 0
    for _ in range(60):
        y, p, _ = world(rng, line.rows_needed, gap=0.3)
        shift = line.effect + 0.005
        lost = [(y - v) ** 2 for v in p.values()]
        shown += stats.paired_difference(lost[1] - shift, lost[0]).p_value < 0.05
    assert shown / 60 == pytest.approx(0.8, abs=0.16)


def test_every_pair_or_each_against_one_is_adjusted_for_how_many_there_are():
    y, p, _ = world(np.random.default_rng(7), 500)
    p["c"], p["half"] = 1 - p["a"], np.full(500, 0.5)
    every = compare(y, p, against="all")
    assert len(every.lines) == 6
    assert [line.p_adjusted for line in every.lines] == stats.holm(
        [line.p_value for line in every.lines]
    ).tolist()
    one = compare(y, p, against="half", loss="auc")
    assert [(line.model, line.against) for line in one.lines] == [
        ("a", "half"), ("b", "half"), ("c", "half"),
    ]  # fmt: skip
    assert one.frame()["says"].to_list() == ["better", "better", "worse"]
    with pytest.raises(InputError, match="`against` names `d`"):
        compare(y, p, against="d")


def test_people_rules_and_models_of_many_classes_stand_side_by_side():
    rng = np.random.default_rng(8)
    names = np.array(["ant", "bee", "cat"])
    truth = rng.integers(0, 3, 600)
    p = np.full((600, 3), 0.1)
    p[np.arange(600), np.where(rng.random(600) < 0.8, truth, rng.integers(0, 3, 600))] = 0.8
    person = names[np.where(rng.random(600) < 0.95, truth, 0)]
    found = compare(
        names[truth],
        {"majority": np.repeat("ant", 600), "model": p, "person": person},
        loss="error",
        classes=["ant", "bee", "cat"],
    )
    assert [line.says for line in found.lines] == ["better", "better"]
    macro = compare(names[truth], {"model": p, "person": person}, loss="f1_macro")
    assert macro.lines[0].says == "better"
    assert compare(names[truth], {"model": p, "q": p}, loss="auc").lines[0].effect == 0
    missing = CostMatrix(((0, 1, 1), (1, 0, 1), (20, 20, 0)), classes=("ant", "bee", "cat"))
    costly = compare(names[truth], {"model": p, "person": person}, loss="cost", costs=missing)
    assert costly.lines[0].measure == "cost"


def test_numbers_are_compared_by_their_losses():
    rng = np.random.default_rng(9)
    y = rng.normal(size=400)
    models = {"zero": np.zeros(400), "close": y + 0.1 * rng.normal(size=400)}
    for loss in ("absolute", "squared", "pinball:0.9"):
        assert compare(y, models, loss=loss).lines[0].says == "better", loss


def test_a_line_has_all_that_a_reader_needs_to_check_it():
    y, p, day = world(np.random.default_rng(10), 600, 30, gap=1)
    found = compare(y, p, blocks=day)
    row = found.frame().row(0, named=True)
    assert (row["n_rows"], row["n_blocks"], row["n_seeds"]) == (600, 30, 1)
    assert row["test"] == "wild cluster bootstrap"
    assert row["low"] <= row["effect"] <= row["high"]
    assert row["p_adjusted"] == found.findings[0].p_value
    assert found.findings[0].evidence["test"] == row["test"]


def test_the_slices_may_say_otherwise_than_the_whole_as_on_the_slide():
    frame = pl.DataFrame({"group": ["majority"] * 9000 + ["minority"] * 1000})
    a, b = (
        np.r_[np.arange(9000) < most, np.arange(1000) < least] * 1.0
        for most, least in ((8820, 800), (8550, 950))
    )
    assert (a.mean(), b.mean()) == (0.962, 0.95)
    found = compare(np.ones(10_000), {"b": b, "a": a}, loss="error", frame=frame, by=["group"])
    assert [f.check for f in found.findings] == ["compare.better", "compare.by_slice"]
    assert found.findings[0].verdict is Verdict.OK
    assert found.findings[1].verdict is Verdict.WARN
    assert found.findings[1].evidence["break_even_share"] == pytest.approx(1 / 6)


def test_weights_count_as_so_many_rows():
    y, p, _ = world(np.random.default_rng(11), 500, gap=1)
    w = np.where(np.arange(500) % 2, 3.0, 1.0)
    heavy = compare(y, p, weight=w).lines[0]
    lost = stats.log_losses(y, p["b"]) - stats.log_losses(y, p["a"])
    assert heavy.effect == pytest.approx(np.average(lost, weights=w))


def test_the_same_prediction_twice_is_no_difference_by_any_measure():
    y, p, _ = world(np.random.default_rng(12), 100)
    for loss in ("logloss", "error", "auc", "f1", "mcc"):
        line = compare(y, {"a": p["a"], "b": p["a"]}, loss=loss).lines[0]
        assert (line.effect, line.p_value, line.says) == (0, 1, "not shown"), loss


@pytest.mark.parametrize(
    ("label", "predictions", "settings", "says"),
    [
        ([0, 1], {"a": [0.5, 0.5], "b": [0.5, 1.5]}, {}, "of `b`"),
        ([0, 0], {"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"loss": "auc"}, "only one class"),
        ([0, 1], {"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"loss": "cost"}, "needs `costs`"),
        ([], {"a": [], "b": []}, {}, "At least one row"),
        (["x", "y"], {"a": ["x", "z"], "b": ["x", "y"]}, {"loss": "error"}, "holds 'z'"),
        ([1.5, 2], {"a": [1, 2], "b": [1, np.nan]}, {"loss": "absolute"}, "finite"),
        ([0, 1], {"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"loss": "f1", "positive": 3}, "no class 3"),
    ],
)
def test_bad_input_is_named_in_a_sentence(label, predictions, settings, says):
    with pytest.raises(InputError, match=says):
        compare(label, predictions, **settings)
