import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import simpson, simpson_scan

KIDNEY = {  # (stones, treatment): (cured, of)
    ("group A", "treatment 1"): (81, 87),
    ("group A", "treatment 2"): (234, 270),
    ("group B", "treatment 1"): (192, 263),
    ("group B", "treatment 2"): (55, 80),
}
_ADMITTED = {  # department: men admitted, rejected, women admitted, rejected
    "A": (512, 313, 89, 19),
    "B": (353, 207, 17, 8),
    "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244),
    "E": (53, 138, 94, 299),
    "F": (22, 351, 24, 317),
}
BERKELEY = {
    (department, sex): (yes, yes + no)
    for department, (my, mn, wy, wn) in _ADMITTED.items()
    for sex, yes, no in (("men", my, mn), ("women", wy, wn))
}


def rows(table):
    group, arm, outcome = [], [], []
    for (name, treatment), (good, n) in table.items():
        group += [name] * n
        arm += [treatment] * n
        outcome += [1] * good + [0] * (n - good)
    return outcome, arm, pl.DataFrame({"group": group})


def test_the_kidney_stones_turn_round():
    found = simpson(*rows(KIDNEY), by=["group"])[0]
    assert found.verdict is Verdict.WARN
    evidence = found.evidence
    assert evidence["overall"] == pytest.approx([0.78, 0.825714], abs=5e-7)
    assert evidence["standardised"] == pytest.approx([0.832546, 0.778875], abs=5e-7)
    assert evidence["odds_ratio"] == pytest.approx(0.748349, abs=5e-7)
    assert evidence["odds_ratio_within"] == pytest.approx(1.446847, abs=5e-7)
    means = {group["group"]: group["means"] for group in evidence["groups"]}
    assert means["group = group A"] == pytest.approx([0.931034, 0.866667], abs=5e-7)
    assert means["group = group B"] == pytest.approx([0.730038, 0.6875], abs=5e-7)
    assert "treatment 1 is better than treatment 2 in 2 of 2 groups" in found.summary


def test_berkeleys_admissions_turn_round():
    outcome, arm, frame = rows(BERKELEY)
    assert len(outcome) == 4526  # the six departments, not the university's 12,763
    found = simpson(outcome, arm, frame, by=["group"])[0]
    assert found.verdict is Verdict.FAIL
    evidence = found.evidence
    assert evidence["arms"] == ["men", "women"]
    assert evidence["overall"] == pytest.approx([0.445188, 0.303542], abs=5e-7)
    assert evidence["standardised"] == pytest.approx([0.387319, 0.429955], abs=5e-7)
    assert evidence["odds_ratio"] == pytest.approx(1.841080, abs=5e-7)
    assert evidence["odds_ratio_within"] == pytest.approx(0.904697, abs=5e-7)
    percent = [np.round(np.multiply(g["means"], 100), 2).tolist() for g in evidence["groups"]]
    assert percent == [
        [62.06, 82.41],
        [63.04, 68.00],
        [36.92, 34.06],
        [33.09, 34.93],
        [27.75, 23.92],
        [5.90, 7.04],
    ]
    assert "women is better than men in 4 of 6 groups" in found.summary


def test_two_models_on_the_same_rows_do_not_turn_round():
    right_a = [1] * 8820 + [0] * 180 + [1] * 800 + [0] * 200
    right_b = [1] * 8550 + [0] * 450 + [1] * 950 + [0] * 50
    frame = pl.DataFrame({"group": (["majority"] * 9000 + ["minority"] * 1000) * 2})
    found = simpson(right_a + right_b, ["a"] * 10_000 + ["b"] * 10_000, frame, by=["group"])[0]
    assert found.verdict is Verdict.OK
    assert found.statistic == pytest.approx(0.962 - 0.95)
    assert found.effect == pytest.approx(0.012)


def test_two_models_on_different_traffic_turn_round_in_a_loss_too():
    rng = np.random.default_rng(0)
    hard = np.r_[rng.random(5000) < 0.8, rng.random(5000) < 0.2]
    arm = np.repeat(["new", "old"], 5000)
    loss = np.where(hard, 1.0, 0.3) - np.where(arm == "new", 0.1, 0.0)
    loss += 0.2 * rng.normal(size=10_000)
    found = simpson(-loss, arm, pl.DataFrame({"hard": hard}), by=["hard"])[0]
    assert found.verdict is Verdict.FAIL
    assert found.statistic < 0 < found.effect
    assert found.effect == pytest.approx(0.1, abs=0.02)
    assert found.evidence["odds_ratio"] is None


def test_an_even_mix_hardly_ever_turns_round_by_chance():
    rng = np.random.default_rng(0)
    turned = 0
    for _ in range(200):
        frame = pl.DataFrame({"g": rng.integers(0, 4, 400), "h": rng.normal(size=400)})
        arm = rng.integers(0, 2, 400)
        found = simpson(rng.integers(0, 2, 400), arm, frame, by=["g", "h"])
        turned += any(f.verdict is not Verdict.OK for f in found)
    assert turned <= 4


def test_groups_without_both_arms_leave_it_unknown():
    frame = pl.DataFrame({"g": ["x"] * 50 + ["y"] * 50})
    found = simpson([0, 1] * 50, ["a"] * 50 + ["b"] * 50, frame, by=["g"])[0]
    assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "arm", "says"),
    [
        ([1, 0], ["a", "a"], "two arms, got 1"),
        ([1, 0], ["a"], "one value a row"),
        ([1, np.nan], ["a", "b"], "finite"),
        ([1, 0, 1], ["a", "b", "b"], "one value a row"),
        ([1, 0], ["a", "b", "a"], "one value a row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(outcome, arm, says):
    with pytest.raises(InputError, match=says):
        simpson(outcome, arm, pl.DataFrame({"g": [1, 2]}), by=["g"])


def test_a_break_even_share_is_told_beside_the_lectures_two_models():
    right_a = [1] * 8820 + [0] * 180 + [1] * 800 + [0] * 200
    right_b = [1] * 8550 + [0] * 450 + [1] * 950 + [0] * 50
    frame = pl.DataFrame({"group": (["majority"] * 9000 + ["minority"] * 1000) * 2})
    arm = ["a"] * 10_000 + ["b"] * 10_000
    found = simpson(right_a + right_b, arm, frame, by=["group"])[0]
    assert found.verdict is Verdict.OK
    assert found.evidence["break_even_share"] == pytest.approx(1 / 6)
    assert found.evidence["dissenting_share"] == pytest.approx(0.1)
    assert "b would be ahead" in found.summary
    scan = simpson_scan(right_a + right_b, arm, frame)
    assert [(one.check, one.verdict) for one in scan] == [("simpson.scan", Verdict.OK)]


@pytest.mark.parametrize("table", [KIDNEY, BERKELEY])
def test_a_scan_finds_both_of_the_lectures_tables_among_other_columns(table):
    outcome, arm, frame = rows(table)
    rng = np.random.default_rng(0)
    noise = {f"n{i}": rng.integers(0, 3, len(outcome)) for i in range(4)}
    found = simpson_scan(outcome, arm, frame.with_columns(**{k: pl.Series(v) for k, v in
                                                             noise.items()}))  # fmt: skip
    assert [one.subject for one in found[:-1]] == ["group"]
    # A reversal, though Berkeley's is sure only where no other column was looked at.
    assert found[0].verdict is found[-1].verdict is Verdict.WARN
    assert found[-1].evidence["looked_at"] == 5 + 10


def test_a_pair_that_turns_round_only_together_is_found():
    rng = np.random.default_rng(0)
    n = 20_000
    a, b = rng.integers(0, 2, n), rng.integers(0, 2, n)
    hard = a ^ b  # neither column alone tells what is hard
    arm = rng.random(n) < np.where(hard, 0.8, 0.2)
    right = rng.random(n) < 0.8 - 0.5 * hard + 0.1 * arm
    frame = pl.DataFrame({"a": a, "b": b})
    found = simpson_scan(right, arm, frame)
    assert [one.subject for one in found[:-1]] == ["a x b"]
    alone = simpson_scan(right, arm, frame, pairs=False)
    assert [one.verdict for one in alone] == [Verdict.OK]


def test_three_arms_are_compared_two_by_two_and_a_budget_is_told():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 3, 900) for i in range(6)})
    arm = rng.choice(["x", "y", "z"], 900)
    found = simpson_scan(rng.integers(0, 2, 900), arm, frame, most=10)
    assert [one.subject for one in found] == ["x and y", "x and z", "y and z"]
    assert {one.verdict for one in found} == {Verdict.OK}
    assert found[0].evidence == {
        "arms": ["x", "y"], "looked_at": 10, "left_out": 11, "turned": [],
    }  # fmt: skip
    assert "11 more were left out" in found[0].summary


def test_a_scan_of_many_columns_hardly_ever_turns_round_by_chance():
    rng = np.random.default_rng(0)
    turned = 0
    for _ in range(40):
        frame = pl.DataFrame({f"c{i}": rng.integers(0, 4, 400) for i in range(5)})
        found = simpson_scan(rng.integers(0, 2, 400), rng.integers(0, 2, 400), frame)
        turned += found[-1].verdict is not Verdict.OK
    assert turned <= 2


def test_a_scan_without_columns_is_unknown_and_one_arm_is_refused():
    frame = pl.DataFrame({"l": [[1]] * 4})
    assert simpson_scan([0, 1, 0, 1], list("abab"), frame)[0].verdict is Verdict.UNKNOWN
    with pytest.raises(InputError, match="two arms, got 1"):
        simpson_scan([0, 1, 0, 1], list("aaaa"), frame)
