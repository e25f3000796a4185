"""Samples: who is in, with what chance, and what that says of the whole."""

import math
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.sample import (
    Reservoir,
    allocate,
    bernoulli_sample,
    importance_estimate,
    importance_sample,
    simple_sample,
    stratified_sample,
    weighted_sample,
)

ROWS = pl.DataFrame(
    {
        "id": range(3000),
        "x": np.random.default_rng(7).gamma(0.7, 3.0, 3000),
        "kind": (["a"] * 2000 + ["b"] * 900 + [None] * 100),
    }
)


def cuts(frame, size):
    return list(frame.iter_slices(size))


DRAWS = {
    "simple": lambda source: simple_sample(source, 40, seed=3),
    "bernoulli": lambda source: bernoulli_sample(source, 0.02, seed=3),
    "weighted": lambda source: weighted_sample(source, 40, weight="x", seed=3),
    "with replacement": lambda s: weighted_sample(s, 40, weight="x", replace=True, seed=3),
    "importance": lambda source: importance_sample(source, 40, score="x", seed=3),
    "stratified": lambda source: stratified_sample(source, 40, by="kind", seed=3),
    "neyman": lambda s: stratified_sample(s, 40, by="kind", allocation="neyman", of="x", seed=3),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_sample_does_not_depend_on_how_rows_are_cut_into_batches(draw, tmp_path):
    ROWS.write_parquet(tmp_path / "rows.parquet", row_group_size=300)
    whole = draw(ROWS)
    assert whole.n
    for source in (cuts(ROWS, 17), cuts(ROWS, 999), pl.scan_parquet(tmp_path / "rows.parquet")):
        other = draw(source)
        assert other.frame.equals(whole.frame)
        assert np.allclose(other.probability, whole.probability, rtol=1e-12)
        assert other.place.tolist() == whole.place.tolist()


@pytest.mark.parametrize("replace", [False, True])
def test_with_a_key_a_sample_does_not_depend_on_the_order_of_rows(replace):
    def draw(frame):
        found = weighted_sample(frame, 30, weight="x", replace=replace, seed=1, key=["id"])
        return sorted(found.frame["id"].to_list())

    assert draw(ROWS) == draw(ROWS.sample(fraction=1, shuffle=True, seed=4))


def test_another_seed_gives_another_sample():
    assert not simple_sample(ROWS, 40, seed=1).frame.equals(simple_sample(ROWS, 40, seed=2).frame)


def test_every_row_is_as_likely_in_a_simple_sample():
    few = ROWS[:20]
    seen = Counter(
        one for seed in range(400) for one in simple_sample(few, 5, seed=seed).frame["id"]
    )
    chi2 = sum((seen[i] - 100) ** 2 / (400 * 0.25 * 0.75) for i in range(20)) * 19 / 20
    assert 5 < chi2 < 45  # 19 degrees of freedom: 0.1 % each side


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simple", "bernoulli", "weighted", "wr", "importance", "strata"])
def test_totals_are_unbiased_and_their_variance_is_that_of_the_estimates(name):
    draws = {
        "simple": lambda seed: simple_sample(rows, 40, seed=seed),
        "bernoulli": lambda seed: bernoulli_sample(rows, 0.2, seed=seed),
        "weighted": lambda seed: weighted_sample(rows, 40, weight="w", seed=seed),
        "wr": lambda s: weighted_sample(rows, 40, weight="w", replace=True, seed=s),
        "importance": lambda seed: importance_sample(rows, 40, score="w", seed=seed),
        "strata": lambda seed: stratified_sample(
            rows, 40, by="kind", allocation="equal", minimum=2, seed=seed
        ),
    }
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, 1.0, 200)
    rows = pl.DataFrame(
        {"y": y, "w": y * rng.uniform(0.3, 1.7, 200), "kind": rng.choice(["a", "b", "c"], 200)}
    )
    found = [draws[name](seed).total("y") for seed in range(120)]
    values = np.array([one.value for one in found])
    variances = np.array([one.variance for one in found])
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - y.sum()) < 4 * error
    assert 0.65 < variances.mean() / values.var(ddof=1) < 1.55
    inside = np.mean([y.sum() in one.interval for one in found])
    assert 0.88 < inside <= 1


def test_single_draws_with_replacement_follow_the_weights():
    rows = pl.DataFrame({"w": [5.0, 3.0, 2.0, 0.0]})
    sample = weighted_sample(rows, 4000, weight="w", replace=True, seed=0)
    counts = np.bincount(sample.place, minlength=4)
    assert counts[3] == 0
    expected = 4000 * np.array([0.5, 0.3, 0.2])
    assert np.sum((counts[:3] - expected) ** 2 / expected) < 13.8  # 2 degrees of freedom, 0.1 %
    assert sample.weight.sum() == pytest.approx(sum(counts[:3] / expected) * 1.0, rel=1e-9)


@pytest.mark.slow
def test_efraimidis_and_spirakis_draw_one_row_after_another_by_weight():
    rows = pl.DataFrame({"w": [4.0, 2.0, 1.0, 1.0]})
    n = 500
    firsts = Counter(
        int(weighted_sample(rows, 1, weight="w", seed=seed).place[0]) for seed in range(n)
    )
    for row, share in enumerate([0.5, 0.25, 0.125, 0.125]):
        assert abs(firsts[row] - n * share) < 4 * math.sqrt(n * share * (1 - share))


def test_a_weighted_mean_of_a_skewed_sample_is_that_of_all_rows():
    sample = weighted_sample(ROWS, 500, weight=pl.col("x") + 0.5, seed=0)
    assert sample.frame["x"].mean() > 1.3 * ROWS["x"].mean()
    assert ROWS["x"].mean() in sample.mean("x").interval
    assert sample.effective_n < 500


def test_weights_make_any_metric_speak_for_all_rows():
    from homeostat.stats import auc

    rng = np.random.default_rng(0)
    y = rng.random(40_000) < 0.05
    rows = pl.DataFrame({"y": y, "score": rng.normal(size=40_000) + y})
    rows = rows.with_columns(odd=pl.col("score").exp())
    sample = weighted_sample(rows, 6000, weight="odd", seed=0)
    whole = auc(rows["y"], rows["score"])
    drawn = sample.frame
    assert abs(auc(drawn["y"], drawn["score"], sample.weight) - whole) < 0.02
    assert abs(auc(drawn["y"], drawn["score"]) - whole) > 0.02


def test_recall_from_a_sample_has_an_interval():
    rows = pl.DataFrame({"y": [1, 1, 0, 0] * 500, "hit": [1, 0, 1, 0] * 500})
    sample = simple_sample(rows, 400, seed=5)
    both = (sample.frame["y"] * sample.frame["hit"]).to_numpy()
    recall = sample.ratio(both, "y")
    assert 0.5 in recall.interval
    with pytest.raises(InputError, match="add up to 0"):
        sample.ratio(both, np.zeros(400))


def test_a_stratum_with_one_sampled_row_of_many_has_no_variance():
    rows = pl.DataFrame({"kind": ["a"] * 50 + ["b"] * 50, "x": range(100)})
    found = stratified_sample(rows, 2, by="kind", seed=0).total("x")
    assert found.variance is None
    assert found.interval is None


def test_taking_all_rows_leaves_no_doubt():
    found = simple_sample(ROWS, 10_000, seed=0)
    assert found.n == 3000
    assert found.total("x").value == pytest.approx(ROWS["x"].sum())
    assert found.total("x").variance == 0


def test_strata_get_their_share_and_null_is_one_of_them():
    sample = stratified_sample(ROWS, 300, by="kind", seed=0)
    assert dict(sample.frame["kind"].value_counts().rows()) == {"a": 200, "b": 90, None: 10}
    assert stratified_sample(ROWS, 30, by="kind", allocation="equal", seed=0).frame[
        "kind"
    ].value_counts()["count"].to_list() == [10, 10, 10]


def test_neyman_takes_more_where_values_spread_more():
    rows = pl.DataFrame(
        {"kind": ["flat", "wild"] * 500, "x": [1.0, -1.0, 1.0, 9.0] * 250}
    ).with_columns(x=pl.when(kind="flat").then(pl.lit(1.0)).otherwise("x"))
    sample = stratified_sample(rows, 20, by="kind", allocation="neyman", of="x", minimum=2, seed=0)
    assert dict(sample.frame["kind"].value_counts().rows()) == {"flat": 2, "wild": 18}


def test_a_quota_gives_each_value_its_number_and_names_the_one_left_out():
    quota = {"a": 7, "b": 3, None: 1000}
    sample = stratified_sample(ROWS, by="kind", allocation=quota, seed=0)
    assert dict(sample.frame["kind"].value_counts().rows()) == {"a": 7, "b": 3, None: 100}
    with pytest.raises(InputError, match="None has none"):
        stratified_sample(ROWS, by="kind", allocation={"a": 7, "b": 3}, seed=0)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 500)), min_size=1, max_size=30),
    st.integers(1, 3000),
)
def test_an_allocation_is_whole_and_fits(strata, n):
    share, sizes = (np.array(one) for one in zip(*strata, strict=True))
    if np.minimum(1, sizes).sum() > min(n, sizes.sum()):
        return
    given_ = allocate(n, share, sizes)
    assert given_.sum() == min(n, sizes.sum())
    assert (given_ <= sizes).all()
    assert (given_ >= np.minimum(1, sizes)).all()


def test_a_reservoir_is_a_simple_sample_at_any_moment():
    n, size, times = 60, 6, 500
    seen = np.zeros(n)
    for seed in range(times):
        reservoir = Reservoir(size, seed=seed)
        for start in range(0, n, 25):
            reservoir.update(pl.DataFrame({"x": range(start, min(start + 25, n))}))
        seen[reservoir.sample().frame["x"]] += 1
    z = (seen - times * size / n) / math.sqrt(times * size / n * (1 - size / n))
    assert np.abs(z).max() < 4.5
    assert 0.4 < np.mean(z**2) < 1.9


@settings(max_examples=25)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 5))
def test_a_reservoir_does_not_depend_on_batches(n, batch, seed):
    rows = pl.DataFrame({"x": range(n)})
    one, other = Reservoir(8, seed=seed), Reservoir(8, seed=seed)
    one.update(rows)
    for part in rows.iter_slices(batch):
        other.update(part)
    assert one.sample().frame.equals(other.sample().frame)
    assert one.sample().place.tolist() == one.sample().frame["x"].to_list()


def test_merged_reservoirs_are_a_simple_sample_of_both_streams_and_go_on():
    sizes, times = (10, 50, 20), 500
    seen = np.zeros(80)
    for seed in range(times):
        a, b = Reservoir(5, seed=seed), Reservoir(5, seed=seed + 10**6)
        a.update(pl.DataFrame({"x": range(10)}))
        b.update(pl.DataFrame({"x": range(10, 60)}))
        merged = a + b
        merged.update(pl.DataFrame({"x": range(60, 80)}))
        sample = merged.sample()
        assert (sample.n, sample.population) == (5, sum(sizes))
        seen[sample.frame["x"]] += 1
    z = (seen - times / 16) / math.sqrt(times / 16 * 15 / 16)
    assert np.abs(z).max() < 4.5
    assert 0.4 < np.mean(z**2) < 1.9


def test_reservoirs_of_one_seed_or_two_sizes_do_not_merge():
    one, two = Reservoir(2, seed=1), Reservoir(2, seed=1)
    for reservoir in (one, two):
        reservoir.update(pl.DataFrame({"x": [1, 2, 3]}))
    with pytest.raises(InputError, match="seeds of their own"):
        one + two
    with pytest.raises(InputError, match="one size"):
        one + Reservoir(3, seed=2)


def test_importance_estimates_cover_the_truth_and_confess_a_bad_proposal():
    inside = 0
    for seed in range(200):
        x = np.random.default_rng(seed).normal(0, 2, 1000)
        found = importance_estimate(x**2, log_target=-(x**2) / 2, log_proposal=-(x**2) / 8)
        inside += 1.0 in found.interval
    assert inside >= 180
    x = np.random.default_rng(0).normal(0, 0.3, 1000)
    narrow = importance_estimate(x**2, log_target=-(x**2) / 2, log_proposal=-(x**2) / 0.18)
    assert narrow.effective_n < 200


def test_importance_sampling_beats_a_simple_sample_where_few_rows_matter():
    loss = np.where(np.arange(5000) % 100 == 0, 100.0, 0.1)
    rows = pl.DataFrame({"loss": loss})
    spread = {
        name: np.std([draw(seed).total("loss").value for seed in range(40)])
        for name, draw in {
            "simple": lambda seed: simple_sample(rows, 100, seed=seed),
            "importance": lambda seed: importance_sample(rows, 100, score="loss", seed=seed),
        }.items()
    }
    assert spread["importance"] < spread["simple"] / 3


def test_what_cannot_be_drawn_is_refused_in_a_sentence():
    bad = pl.DataFrame({"w": [1.0, -1.0], "name": ["a", "b"], "zero": [0, 0]})
    with pytest.raises(InputError, match="not negative"):
        weighted_sample(bad, 1, weight="w", seed=0)
    with pytest.raises(InputError, match="is a number, got String"):
        weighted_sample(bad, 1, weight="name", seed=0)
    for replace in (False, True):
        with pytest.raises(InputError, match="positive weight"):
            weighted_sample(bad, 1, weight="zero", replace=replace, seed=0)
    with pytest.raises(SchemaError, match="Did you mean `w`"):
        weighted_sample(bad, 1, weight="ww", seed=0)
    with pytest.raises(SchemaError, match="no column"):
        simple_sample(bad, 1, seed=0, key=["id"])
    with pytest.raises(InputError, match="at least 1 row"):
        simple_sample(bad, 0, seed=0)
    with pytest.raises(InputError, match="share"):
        bernoulli_sample(bad, 1.5, seed=0)
    with pytest.raises(InputError, match="used up"):
        stratified_sample(iter([bad]), 1, by="name", seed=0)
    with pytest.raises(InputError, match="too few"):
        stratified_sample(ROWS, 2, by="kind", seed=0)
    with pytest.raises(InputError, match="got int"):
        simple_sample(5, 1, seed=0)


@pytest.mark.parametrize("frame", [ROWS.clear(), ROWS[:1]], ids=["empty", "one row"])
def test_hardly_any_rows_give_hardly_any_sample(frame):
    for draw in (DRAWS["simple"], DRAWS["bernoulli"], DRAWS["stratified"]):
        assert draw(frame).n <= frame.height
    assert DRAWS["weighted"](frame).n == frame.height


def test_a_pandas_frame_and_a_stream_of_frames_will_do():
    pandas = pytest.importorskip("pandas")
    known = simple_sample(ROWS, 5, seed=0).frame["id"].to_list()
    assert (
        simple_sample(pandas.DataFrame({"id": range(3000)}), 5, seed=0).frame["id"].to_list()
        == known
    )
    assert simple_sample(iter(cuts(ROWS, 100)), 5, seed=0).frame["id"].to_list() == known
