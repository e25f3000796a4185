import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import check_directional, check_invariance

N = 500
FRAME = pl.DataFrame(
    {
        "sex": ["f", "m"] * (N // 2),
        "age": np.arange(N) % 60,
        "lot_size": np.linspace(1, 2, N),
        "district": pl.Series([None, "north"] * (N // 2), dtype=pl.Enum(["north", "south"])),
    }
)


def by_sex(rows):
    return np.where(rows["sex"] == "m", 0.9, 0.1)


def by_age(rows):
    return rows["age"].to_numpy() / 100


def by_lot_size(sign):
    return lambda rows: 0.5 + sign * 0.1 * rows["lot_size"].to_numpy()


def test_a_model_that_ignores_sex_never_moves_and_one_that_is_sex_always_does():
    ignores = check_invariance(by_age, FRAME, "sex")
    assert (ignores.verdict, ignores.statistic) == (Verdict.OK, 0.0)
    is_sex = check_invariance(by_sex, FRAME, "sex")
    assert (is_sex.verdict, is_sex.statistic) == (Verdict.FAIL, 1.0)
    example = is_sex.evidence["examples"][0]
    assert {example["before"], example["after"]} == {0.1, 0.9}
    assert example["sex"] != example["row"]["sex"]


def test_a_large_change_without_a_flip_and_a_small_one_with_a_flip_both_count():
    unflipped = check_invariance(lambda r: 0.6 + 0.3 * (r["sex"] == "m").to_numpy(), FRAME, "sex")
    assert unflipped.statistic == 1.0
    flipped = check_invariance(lambda r: 0.49 + 0.02 * (r["sex"] == "m").to_numpy(), FRAME, "sex")
    assert flipped.statistic == 1.0
    neither = check_invariance(lambda r: 0.6 + 0.02 * (r["sex"] == "m").to_numpy(), FRAME, "sex")
    assert neither.statistic == 0.0


def test_numbers_categories_and_chosen_values_can_be_given():
    assert check_invariance(by_age, FRAME, "age").statistic == 1.0
    unmoved = check_invariance(by_age, FRAME, "age", values=[3], tolerance=0.9, threshold=1.0)
    assert unmoved.statistic == 0.0
    south = lambda rows: (rows["district"].cast(pl.String) == "south").fill_null(value=False) * 1.0  # noqa: E731 - a one-line model
    assert check_invariance(south, FRAME, "district").statistic == 0.0  # none was seen
    assert check_invariance(south, FRAME, "district", values=["south"]).statistic == 1.0


def test_few_rows_are_unknown_unless_they_plainly_move():
    assert check_invariance(by_age, FRAME.head(20), "sex").verdict is Verdict.UNKNOWN
    assert check_invariance(by_sex, FRAME.head(20), "sex").verdict is Verdict.FAIL


def test_a_price_that_falls_with_the_lot_is_a_violation_in_every_row_and_one_that_rises_in_none():
    falls = check_directional(by_lot_size(-1), FRAME, "lot_size")
    assert (falls.verdict, falls.statistic) == (Verdict.FAIL, 1.0)
    assert falls.evidence["examples"][0]["after"] < falls.evidence["examples"][0]["before"]
    rises = check_directional(by_lot_size(1), FRAME, "lot_size")
    assert (rises.verdict, rises.statistic) == (Verdict.OK, 0.0)
    down = check_directional(by_lot_size(-1), FRAME, "lot_size", rises="down")
    assert down.verdict is Verdict.OK


def test_whole_numbers_stay_whole_and_missing_ones_are_left_out():
    def only_whole(rows):
        assert rows["age"].dtype == pl.Int64
        return by_age(rows)

    frame = FRAME.with_columns(pl.when(pl.col("sex") == "f").then("age").alias("age"))
    found = check_directional(only_whole, frame, "age", step=2)
    assert found.evidence["n"] == N // 2


def test_it_repeats_itself_by_its_seed_and_tries_no_more_rows_than_asked():
    first = check_invariance(by_sex, FRAME, "sex", max_rows=50, rng=3)
    assert first == check_invariance(by_sex, FRAME, "sex", max_rows=50, rng=3)
    assert first.evidence["n"] == 50


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_invariance(by_sex, FRAME, "sexx"), "Did you mean `sex`"),
        (lambda: check_invariance(by_sex, FRAME.clear(), "sex"), "at least one row"),
        (lambda: check_invariance(lambda r: np.full(len(r), np.nan), FRAME, "sex"), "finite"),
        (lambda: check_directional(by_age, FRAME, "sex"), "must be numbers"),
        (lambda: check_directional(by_age, FRAME, "nope"), "no column `nope`"),
        (lambda: check_directional(by_age, FRAME, "age", step=0.5), "whole number"),
        (lambda: check_directional(by_lot_size(1), FRAME, "lot_size", step=-1), "above 0"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
