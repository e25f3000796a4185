import numpy as np
import polars as pl
import pytest
from scipy import special

from homeostat.core import InputError, Verdict
from homeostat.evaluate import (
    PERTURBATIONS,
    Perturbation,
    check_perturbation,
    perturb,
    sensitivity,
)

N = 2000
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "x": RNG.normal(size=N),
        "count": RNG.integers(0, 9, N),
        "small": pl.Series(RNG.integers(0, 256, N), dtype=pl.UInt8),
        "place": RNG.choice(["a", "b", "ç"], N),
        "kind": pl.Series(RNG.choice(["u", None], N).tolist(), dtype=pl.Categorical),
        "flag": RNG.random(N) < 0.5,
    }
)
TABLE_KINDS = [name for name, one in PERTURBATIONS.items() if one.kind == "table"]


def by_x(rows):
    return special.expit(3 * rows["x"].fill_null(0.0).to_numpy())


@pytest.mark.parametrize("name", TABLE_KINDS)
def test_a_table_keeps_its_columns_types_and_rows_and_changes(name):
    strength = PERTURBATIONS[name].strengths[-1]
    changed = perturb(FRAME, name, strength, rng=1)
    assert changed.schema == FRAME.schema
    assert changed.height == N
    assert not changed.equals(FRAME)
    assert changed.equals(perturb(FRAME, name, strength, rng=1))
    if name != "missing":
        assert changed.null_count().equals(FRAME.null_count())


def test_the_noise_has_the_strength_told_and_categories_always_become_another():
    noisy = perturb(FRAME, "noise", 0.5, columns="x")
    assert noisy.drop("x").equals(FRAME.drop("x"))
    assert (noisy["x"] - FRAME["x"]).std() == pytest.approx(0.5 * FRAME["x"].std(), rel=0.05)
    swapped = perturb(FRAME, "categories", 1.0, columns=["place", "flag"])
    assert (swapped["place"] != FRAME["place"]).all()
    assert (swapped["flag"] != FRAME["flag"]).all()
    some = perturb(FRAME, "categories", 0.2, columns="place")
    assert (some["place"] != FRAME["place"]).mean() == pytest.approx(0.2, abs=0.03)
    gone = perturb(FRAME, "missing", 0.3, columns="x")
    assert gone["x"].null_count() / N == pytest.approx(0.3, abs=0.04)


def test_stale_values_are_those_of_the_same_key_so_many_rows_before():
    frame = pl.DataFrame({"who": ["a", "b", "a", "b", "a"], "x": [1, 2, 3, 4, 5]})
    assert perturb(frame, "stale", 1, by="who", columns="x")["x"].to_list() == [1, 2, 1, 2, 3]
    assert perturb(frame, "stale", 2, columns="x")["x"].to_list() == [1, 2, 1, 2, 3]
    assert perturb(frame, "stale", 2, by="who", columns="x")["x"].to_list() == [1, 2, 3, 4, 1]


def test_missing_and_infinite_numbers_stay_as_they_are_under_noise():
    frame = pl.DataFrame({"x": [1.0, None, float("nan"), float("inf"), 5.0]})
    noisy = perturb(frame, "noise", 1.0)["x"].to_list()
    assert noisy[1] is None
    assert np.isnan(noisy[2])
    assert noisy[3] == float("inf")
    assert noisy[0] != 1.0


def test_the_share_that_flips_under_noise_is_what_theory_says():
    # sign(x) against sign(x + s e), both normal: arccos(1 / sqrt(1 + s^2)) / pi of them differ.
    frame = pl.DataFrame({"x": np.random.default_rng(1).normal(size=20_000)})
    curve = sensitivity(by_x, frame, "noise", strengths=[0.25, 0.5, 1, 2], max_rows=None)
    for point in curve.points:
        theory = np.arccos(1 / np.sqrt(1 + point.strength**2)) / np.pi
        assert point.low - 0.005 < theory < point.high + 0.005
    assert curve.bears(0.10) == 0.25
    assert "noise (standard deviations), 20,000 rows x 1" in str(curve)


def test_the_curve_has_the_score_and_its_paired_drop_where_a_label_is_given():
    label = (FRAME["x"] > 0).cast(pl.Int8).to_numpy()
    curve = sensitivity(by_x, FRAME, "noise", strengths=[0, 1], label=label, columns="x")
    exact, noisy = curve.points
    assert (exact.score, exact.drop, exact.changed) == (1.0, 0.0, 0.0)
    assert noisy.score == pytest.approx(0.75, abs=0.04)
    assert noisy.drop == pytest.approx(1 - noisy.score)
    assert noisy.drop_low < noisy.drop < noisy.drop_high
    ok = check_perturbation(
        by_x, FRAME, "noise", bears=0.05, label=label, max_drop=0.05, columns="x"
    )
    bad = check_perturbation(by_x, FRAME, "noise", bears=1, label=label, max_drop=0.05, columns="x")
    assert (ok.verdict, bad.verdict) == (Verdict.OK, Verdict.FAIL)
    assert bad.statistic == pytest.approx(0.25, abs=0.04)
    with pytest.raises(InputError, match="pass the `label`"):
        check_perturbation(by_x, FRAME, "noise", max_drop=0.1)


def test_copies_of_one_row_are_one_block():
    by_row = sensitivity(
        lambda rows: (rows["flag"].to_numpy()).astype(float) * by_x(rows),
        FRAME.head(200), "noise", strengths=[1.0], repeats=50,
    ).points[0]  # fmt: skip
    independent = 2 * 1.96 * np.sqrt(by_row.moved * (1 - by_row.moved) / (200 * 50))
    assert by_row.high - by_row.low > 2 * independent


def test_all_copies_go_to_the_model_in_one_batch_and_in_bounded_ones_where_there_are_many():
    sizes = []

    def counting(rows):
        sizes.append(len(rows))
        return by_x(rows)

    sensitivity(counting, FRAME, "noise")
    assert sizes == [6 * N]
    sizes.clear()
    sensitivity(counting, FRAME, "noise", strengths=[1.0], repeats=60, max_rows=None)
    assert sum(sizes) == 61 * N
    assert max(sizes) <= 100_000


def test_a_model_that_raises_on_changed_rows_fails_and_on_its_own_rows_is_an_error():
    def no_gaps(rows):
        if rows["x"].null_count():
            raise ValueError("Input X contains NaN.\nMore words.")
        return by_x(rows)

    found = check_perturbation(no_gaps, FRAME, "missing", bears=0.1)
    assert found.verdict is Verdict.FAIL
    assert "raised on changed ones: ValueError: Input X contains NaN." in found.summary
    with pytest.raises(InputError, match="on the rows as they are"):
        check_perturbation(no_gaps, FRAME.with_columns(x=pl.lit(None, pl.Float64)), "missing")
    with pytest.raises(InputError, match="raised on changed ones"):
        sensitivity(no_gaps, FRAME, "missing")


def test_the_worst_counter_examples_show_what_changed():
    found = check_perturbation(by_x, FRAME, "noise", bears=1.0, columns="x")
    assert found.verdict is Verdict.FAIL
    for example in found.evidence["examples"]:
        was, now = example["changed"]["x"]
        assert FRAME["x"][example["at"]] == was
        assert example["before"] == pytest.approx(special.expit(3 * was))
        assert example["after"] == pytest.approx(special.expit(3 * now))
    text = check_perturbation(
        lambda texts: [0.9 if t == "good" else 0.1 for t in texts], ["good"] * 300, "typos"
    )
    assert text.statistic == 1.0
    assert text.evidence["examples"][0]["text"] == "good"


def test_texts_that_cannot_change_are_not_counted():
    model = lambda texts: [0.9 if t == "good" else 0.1 for t in texts]  # noqa: E731 - one line
    found = check_perturbation(model, ["good"] * 150 + ["77"] * 850, "typos")
    assert (found.evidence["n"], found.statistic, found.evidence["unchanged"]) == (150, 1.0, 850)
    nothing = check_perturbation(model, ["77"] * 850, "typos")
    assert (nothing.verdict, nothing.statistic) == (Verdict.UNKNOWN, None)


def test_a_perturbation_of_your_own_is_taken_and_may_not_lose_rows():
    rise = Perturbation("rise", "table", "units", (1.0,), lambda f, s, rng: f.with_columns(
        pl.col("x") + s))  # fmt: skip
    assert check_perturbation(by_x, FRAME, rise, bears=5.0).verdict is Verdict.FAIL
    lossy = Perturbation("lossy", "table", "rows", (1.0,), lambda f, s, rng: f.head(3))
    with pytest.raises(InputError, match="as many rows as it got"):
        check_perturbation(by_x, FRAME, lossy)


def test_numbers_classes_and_labels_are_judged_each_in_its_way():
    number = sensitivity(lambda f: 100 * f["x"].to_numpy(), FRAME, "noise", strengths=[0.01, 1])
    assert number.points[0].moved == 0.0
    assert number.points[1].moved > 0.9
    classes = sensitivity(
        lambda f: np.stack([by_x(f), 1 - by_x(f)], axis=1), FRAME, "noise", strengths=[1.0]
    )
    labels = sensitivity(lambda f: np.where(by_x(f) > 0.5, "yes", "no"), FRAME, "noise",
                         strengths=[1.0])  # fmt: skip
    binary = sensitivity(by_x, FRAME, "noise", strengths=[1.0])
    assert classes.points[0].moved == labels.points[0].moved == binary.points[0].moved


@pytest.mark.parametrize(
    ("predict", "settings", "says"),
    [
        (lambda f: np.full(len(f), np.nan), {}, "NaN or infinite"),
        (lambda f: np.full(len(f), 2.0), {"output": "probability"}, r"\[0, 1\], got 2"),
        (lambda f: np.full((len(f), 2), 0.4), {}, "sum to 1"),
        (lambda f: np.zeros((len(f), 2, 2)), {}, r"\(n,\) or \(n, k\)"),
        (lambda f: np.zeros(3), {}, "got shape"),
        (by_x, {"columns": "y"}, "no column `y`"),
        (by_x, {"columns": "place"}, "must be numbers"),
        (by_x, {"label": [1]}, "one value a row"),
        (by_x, {"label": np.full(N, 3)}, "a class from 0 to 1"),
        (by_x, {"label": np.full(N, np.nan)}, "some are missing"),
        (by_x, {"blocks": [1]}, "one value a row"),
        (by_x, {"strengths": []}, "needs a strength"),
        (by_x, {"repeats": 0}, "needs a strength and a copy"),
    ],
)
def test_bad_input_is_named_in_a_sentence(predict, settings, says):
    with pytest.raises(InputError, match=says):
        sensitivity(predict, FRAME, "noise", **settings)


def test_a_constant_predictor_passes_and_the_summary_says_why():
    found = check_perturbation(lambda f: np.full(len(f), 0.3), FRAME, "noise")
    assert found.verdict is Verdict.OK
    assert "a constant cannot move" in found.summary


def test_one_row_is_unknown():
    assert check_perturbation(by_x, FRAME.head(1), "noise").verdict is Verdict.UNKNOWN
