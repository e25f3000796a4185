import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import compare_by_slice


def lectures_models():
    """A is right on 98 % of a majority of 90 % and on 80 % of the minority, B on 95 % of both."""
    frame = pl.DataFrame({"group": ["majority"] * 9000 + ["minority"] * 1000})
    a = np.r_[np.arange(9000) < 8820, np.arange(1000) < 800] * 1.0
    b = np.r_[np.arange(9000) < 8550, np.arange(1000) < 950] * 1.0
    return np.ones(10_000), {"B": b, "A": a}, frame


def test_the_lectures_two_models_do_not_turn_round_and_are_even_at_a_sixth():
    y, models, frame = lectures_models()
    (found,) = compare_by_slice(y, models, frame, by=["group"], metric="accuracy")
    assert found.statistic == pytest.approx(0.962 - 0.95)
    assert found.effect == pytest.approx(found.statistic)
    assert found.evidence["reversal"] is False
    assert found.evidence["break_even_share"] == pytest.approx(1 / 6)
    assert found.evidence["dissenting_share"] == pytest.approx(0.1)
    assert "B is surely better where group = minority" in found.summary
    assert "even where the dissenting slices are 16.7% of the rows (10.0% now)" in found.summary


def test_an_auc_can_turn_round_on_the_same_rows_and_is_told():
    rng = np.random.default_rng(0)
    n = 8000
    easy = rng.random(n) < 0.5
    y = rng.random(n) < np.where(easy, 0.8, 0.2)
    within = np.clip(0.5 + 0.15 * (y - 0.5) + 0.2 * rng.normal(size=n), 0, 1)
    between = np.where(easy, 0.8, 0.2) + 0.02 * (y - 0.5) + 0.1 * rng.normal(size=n)
    models = {"within": within, "between": np.clip(between, 0, 1)}
    (found,) = compare_by_slice(y, models, pl.DataFrame({"easy": easy}), by=["easy"], metric="auc")
    assert found.verdict is Verdict.FAIL
    assert found.statistic > 0 > found.effect
    assert "but within easy worse by" in found.summary


def test_a_model_that_is_better_everywhere_is_ok_and_equal_ones_hardly_ever_dissent():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.integers(0, 4, 6000), "b": rng.normal(size=6000)})
    p = rng.random(6000)
    y = rng.random(6000) < p
    better = compare_by_slice(y, {"flat": np.full(6000, 0.5), "good": p}, frame, by=["a", "b"])
    assert {one.verdict for one in better} == {Verdict.OK}
    told = 0
    for _ in range(40):
        noisy = {name: np.clip(p + 0.05 * rng.normal(size=6000), 0.01, 0.99) for name in "xy"}
        found = compare_by_slice(y, noisy, frame, by=["a"], metric="brier")
        told += any(row["against_p_value"] < 0.05 for row in found[0].evidence["slices"])
    assert told <= 5


def test_blocks_pairs_and_crossed_columns_are_taken():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.integers(0, 2, 3000), "b": rng.integers(0, 2, 3000)})
    p = rng.random(3000)
    y = rng.random(3000) < p
    models = {"x": np.full(3000, 0.5), "y": p, "z": p**2}
    pairs, day = [("x", "z"), ("y", "z")], np.arange(3000) // 50
    found = compare_by_slice(y, models, frame, by=[("a", "b")], pairs=pairs, blocks=day)
    assert [one.subject for one in found] == ["z by a x b"] * 2
    assert len(found[0].evidence["slices"]) == 4
    few = compare_by_slice(y, models, frame, by=["a"], blocks=np.arange(3000) // 1000)
    assert {one.verdict for one in few} == {Verdict.UNKNOWN}


def test_bad_input_is_named_in_a_sentence():
    y, models, frame = lectures_models()
    with pytest.raises(InputError, match="no prediction of `C`"):
        compare_by_slice(y, models, frame, by=["group"], pairs=[("A", "C")])
    with pytest.raises(InputError, match="must have 10000 rows"):
        compare_by_slice(y, models, frame.head(3), by=["group"])
    with pytest.raises(InputError, match="no column `grup`"):
        compare_by_slice(y, models, frame, by=["grup"])
