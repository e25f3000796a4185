"""What the evaluation slides say of behavioural tests, and what mathematics does."""

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from homeostat.core import InputError, Verdict
from homeostat.evaluate import (
    check_directional,
    check_invariance,
    check_phrases,
    check_word_invariance,
)
from homeostat.stats import wilson

N = 1000
RNG = np.random.default_rng(0)
HOUSES = pl.DataFrame({"lot_size": RNG.uniform(1, 9, N), "rooms": RNG.integers(1, 7, N)})
PRICE = 10 * HOUSES["lot_size"].to_numpy() + 5 * HOUSES["rooms"].to_numpy()
NOISY = PRICE + RNG.normal(scale=8, size=N)
SEX = RNG.choice(["f", "m"], N)
PEOPLE = pl.DataFrame(
    {
        "sex": SEX,
        "height": np.where(SEX == "m", 178.0, 165.0) + RNG.normal(scale=7, size=N),
        "title": np.where(SEX == "m", "Mr", "Ms"),
        "age": RNG.integers(18, 90, N),
    }
)


def test_a_linear_price_that_falls_with_the_lot_breaks_in_every_row_and_one_that_rises_in_none():
    for sign, share, verdict in [(-1, 1.0, Verdict.FAIL), (1, 0.0, Verdict.OK)]:
        model = LinearRegression().fit(HOUSES.to_numpy(), sign * HOUSES["lot_size"].to_numpy())
        found = check_directional(lambda f, m=model: m.predict(f.to_numpy()), HOUSES, "lot_size")
        assert (found.statistic, found.verdict) == (share, verdict)


def test_less_floor_must_not_raise_a_price():
    falls = lambda f: 3.0 - 0.5 * f["rooms"].to_numpy()  # noqa: E731 - a one-line model
    assert check_directional(falls, HOUSES, "rooms", rises="down").verdict is Verdict.OK
    assert check_directional(falls, HOUSES, "rooms", rises="up").statistic == 1.0


def test_a_monotone_boosted_model_never_breaks_and_a_free_one_does():
    with threadpool_limits(1):  # threads that wait for a busy processor make it a minute
        free, bound = (
            HistGradientBoostingRegressor(
                monotonic_cst=constraint, random_state=0, max_iter=20
            ).fit(HOUSES.to_numpy(), NOISY)
            for constraint in (None, [1, 1])
        )
        of_bound = check_directional(lambda f: bound.predict(f.to_numpy()), HOUSES, "lot_size")
        assert (of_bound.statistic, of_bound.verdict) == (0.0, Verdict.OK)
        of_free = check_directional(lambda f: free.predict(f.to_numpy()), HOUSES, "lot_size")
        assert of_free.verdict is Verdict.FAIL
        assert of_free.statistic > 0.1


def test_the_smallest_counter_example_is_the_smallest_raise_that_breaks():
    def dips_after(threshold):  # falls once x passes the threshold, and only from rows near it
        return lambda f: np.where(f["x"].to_numpy() > threshold, 0.2, 0.8)

    frame = pl.DataFrame({"x": np.append(np.linspace(0, 1, 200), 4.9)})
    found = check_directional(dips_after(5.0), frame, "x", step=8.0)
    assert found.verdict is Verdict.FAIL
    assert found.evidence["smallest"]["at"] == 200  # from 4.9, and by little more than 0.1
    assert 0.1 < found.evidence["smallest"]["step"] <= 0.1 + 1 / 32 + 1e-9
    whole = pl.DataFrame({"x": np.arange(200)})
    steps = check_directional(dips_after(205), whole, "x", step=16).evidence["smallest"]
    assert (steps["at"], steps["step"]) == (199, 7.0)


def test_a_model_that_ignores_sex_never_flips_and_one_that_is_sex_always_does():
    ignores = check_invariance(lambda f: f["age"].to_numpy() / 100, PEOPLE, "sex")
    assert (ignores.statistic, ignores.verdict) == (0.0, Verdict.OK)
    is_sex = check_invariance(lambda f: (f["sex"] == "m").to_numpy() * 1.0, PEOPLE, "sex")
    assert (is_sex.statistic, is_sex.verdict) == (1.0, Verdict.FAIL)


def test_three_flips_of_a_thousand_have_wilsons_interval_and_mcnemars_p():
    moved = PEOPLE.with_row_index().filter(pl.col("index") < 3)["index"]
    frame = PEOPLE.with_columns(id=pl.int_range(N))
    model = lambda f: ((f["sex"] == "m") & f["id"].is_in(moved.implode())).to_numpy() * 1.0  # noqa: E731
    found = check_invariance(model, frame, "sex", max_share=0.01)
    expected = wilson(3, 1000)
    assert found.statistic == 0.003
    assert (found.evidence["low"], found.evidence["high"]) == (expected.low, expected.high)
    assert expected.low == pytest.approx(0.00102, abs=1e-5)
    assert expected.high == pytest.approx(0.00878, abs=1e-5)
    gap = found.evidence["gap"]
    assert (gap["low"]["value"], gap["high"]["value"], gap["p_value"]) == ("f", "m", 0.25)
    assert gap["difference"] == pytest.approx(0.003)


def test_a_model_that_knows_sex_by_its_stand_in_is_found_only_together_with_it():
    tall = lambda f: (f["height"].to_numpy() > 171.5) * 1.0  # noqa: E731 - a one-line model
    alone = check_invariance(tall, PEOPLE, "sex")
    assert (alone.statistic, alone.verdict) == (0.0, Verdict.OK)
    together = check_invariance(tall, PEOPLE, "sex", proxies=["height"])
    # Shifted by 13 of a spread of 7, Phi(.93) - Phi(-.93) of all cross 171.5 one way or the other.
    assert together.verdict is Verdict.FAIL
    assert together.statistic == pytest.approx(0.647, abs=0.05)
    assert together.evidence["gap"]["high"]["value"] == "m"
    example = together.evidence["examples"][0]
    assert set(example["changed"]) == {"sex", "height"}


def test_a_row_that_keeps_its_group_keeps_its_stand_ins_and_ranks_are_kept():
    seen = []

    def watching(rows):
        seen.append(rows)
        return np.full(len(rows), 0.5)

    check_invariance(watching, PEOPLE, "sex", proxies=["height", "title"])
    before, female, male = (seen[0].slice(i * N, N) for i in range(3))
    kept = (before["sex"] == "f").to_numpy()
    assert female.filter(kept).equals(before.filter(kept))
    assert (male["title"] == "Mr").all()
    was, now = before.filter(kept)["height"], male.filter(kept)["height"]
    assert now.gather(was.arg_sort()).is_sorted()
    assert now.mean() - was.mean() == pytest.approx(13, abs=1.5)


def test_stand_ins_can_be_told_by_a_table():
    by_title = lambda f: (f["title"] == "Mr").to_numpy() * 1.0  # noqa: E731 - a one-line model
    table = {"title": {"f": "Ms", "m": "Mr"}}
    assert check_invariance(by_title, PEOPLE, "sex", proxies=table).statistic == 1.0
    for proxies, says in [
        ({"title": {"f": "Ms"}}, "no value for 'm'"),
        (["titel"], "Did you mean `title`"),
        (["sex"], "stand in for itself"),
    ]:
        with pytest.raises(InputError, match=says):
            check_invariance(by_title, PEOPLE, "sex", proxies=proxies)
    with pytest.raises(InputError, match="No row has sex = 'x'"):
        check_invariance(by_title, PEOPLE, "sex", values=["x"], proxies=["title"])


def test_rows_of_one_block_are_not_independent_and_few_blocks_are_unknown():
    day = np.repeat(np.arange(20), N // 20)
    frame = PEOPLE.with_columns(day=day)
    on_one_day = lambda f: ((f["sex"] == "m") & (f["day"] == 3)).to_numpy() * 1.0  # noqa: E731
    by_row = check_invariance(on_one_day, frame, "sex", max_share=0.02)
    by_day = check_invariance(on_one_day, frame, "sex", max_share=0.02, blocks=day)
    assert (by_row.verdict, by_day.verdict) == (Verdict.FAIL, Verdict.WARN)
    few = check_invariance(on_one_day, frame, "sex", max_share=0.06, blocks=day // 10)
    assert few.verdict is Verdict.UNKNOWN


def test_invariance_keeps_its_level_where_the_allowed_share_is_the_true_one():
    failed = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        frame = pl.DataFrame({"sex": ["f", "m"] * 200, "moves": rng.random(400) < 0.1})
        model = lambda f: ((f["sex"] == "m") & f["moves"]).to_numpy() * 1.0  # noqa: E731
        failed += check_invariance(model, frame, "sex", max_share=0.1).verdict is Verdict.FAIL
    assert failed / 150 < 0.05  # 2.5 % of one-sided error, and chance


def test_words_that_should_not_matter_are_counted_only_where_they_are():
    texts = ["He is late."] * 150 + ["It rained."] * 850
    biased = lambda batch: [0.9 if t.startswith("He ") else 0.2 for t in batch]  # noqa: E731
    found = check_word_invariance(biased, texts)
    assert (found.statistic, found.evidence["n"], found.verdict) == (1.0, 150, Verdict.FAIL)
    assert found.evidence["examples"][0]["became"] == "She is late."
    fair = check_word_invariance(lambda batch: [len(t) % 2 * 0.0 for t in batch], texts)
    assert fair.verdict is Verdict.OK
    names = check_word_invariance(
        lambda batch: ["Mary" in t for t in batch], ["Then Mary left."] * 200, "names", copies=3
    )
    assert names.statistic == 1.0
    none = check_word_invariance(biased, ["It rained."] * 500)
    assert (none.verdict, none.statistic) == (Verdict.UNKNOWN, None)


def test_a_phrase_must_move_the_output_the_way_it_says():
    texts = [f"It came on day {i}." for i in range(300)]
    score = lambda batch: [0.5 + 0.2 * t.count("love") - 0.2 * t.count("hate") for t in batch]  # noqa: E731
    good, bad = ["I love it.", "I would love more."], "I hate it."
    assert check_phrases(score, texts, good).verdict is Verdict.OK
    assert check_phrases(score, texts, good).evidence["n"] == 600
    assert check_phrases(score, texts, bad, rises="down", where="start").verdict is Verdict.OK
    wrong = check_phrases(score, texts, bad)
    assert (wrong.statistic, wrong.verdict) == (1.0, Verdict.FAIL)
    assert wrong.evidence["examples"][0]["became"].endswith("I hate it.")
    classes = lambda batch: np.stack([1 - np.array(score(batch)), score(batch)], axis=1)  # noqa: E731
    assert check_phrases(classes, texts, bad, of_class=0).verdict is Verdict.OK
    for arguments, says in [
        (([],), "pass texts and phrases"),
        (("x",), "of_class"),
    ]:
        with pytest.raises(InputError, match=says):
            check_phrases(classes, texts, *arguments, of_class=5)
    with pytest.raises(InputError, match="Labels have no direction"):
        check_phrases(lambda batch: ["a"] * len(batch), texts, "x")
