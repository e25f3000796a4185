import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.split import close_rows, exact_copies, similar_texts


def test_rows_equal_but_for_case_space_and_rounding_are_found():
    frame = pl.DataFrame(
        {"who": ["Ann  Lee ", "ann lee", "Bo", None, None], "x": [1.001, 1.0, 1.0, np.nan, np.nan]}
    )
    assert exact_copies(frame).pairs.tolist() == [[3, 4]]
    loose = exact_copies(frame, decimals=1, ignore_case=True, ignore_space=True)
    assert loose.pairs.tolist() == [[0, 1], [3, 4]]
    assert loose.repeated.tolist() == [False, True, False, False, True]
    assert exact_copies(frame, ["x"], decimals=0).pairs.tolist() == [[0, 1], [0, 2], [3, 4]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=30))
def test_exact_copies_are_what_polars_calls_duplicated(rows):
    frame = pl.DataFrame(rows, {"n": pl.Int64, "t": pl.String}, orient="row")
    np.testing.assert_array_equal(
        exact_copies(frame).repeated, ~frame.to_struct("row").is_first_distinct().to_numpy()
    )


def jaccard(one, two):
    return len(one & two) / len(one | two)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.4, 0.6, 0.8]))
def test_no_pair_below_the_threshold_is_returned_and_most_above_it_are(seed, threshold):
    rng = np.random.default_rng(seed)
    words = [set(rng.integers(0, 14, rng.integers(1, 12)).tolist()) for _ in range(60)]
    texts = [" ".join(f"w{n}" for n in rng.permutation(list(one))) for one in words]
    found = similar_texts(texts, threshold=threshold, recall=0.999)
    got = dict(zip(map(tuple, found.pairs.tolist()), found.similarity, strict=True))
    for (i, j), likeness in got.items():
        assert i < j
        assert likeness == pytest.approx(jaccard(words[i], words[j]))
        assert likeness >= threshold - 1e-9
    distinct = {frozenset(one): n for n, one in reversed(list(enumerate(words)))}
    true = [
        (i, j)
        for i in distinct.values()
        for j in distinct.values()
        if i < j and jaccard(words[i], words[j]) >= threshold
    ]
    assert sum(pair in got for pair in true) >= 0.97 * len(true) - 1


def test_recall_is_what_was_asked_for():
    rng = np.random.default_rng(0)
    texts = []
    for n in range(1_000):  # pairs that share 9 of 11 words: similarity 0.818
        words = [f"w{n}_{k}" for k in range(10)]
        texts += [" ".join(words), " ".join([*words[:-1], f"o{rng.integers(1_000_000)}"])]
    for recall in (0.5, 0.9):
        found = similar_texts(texts, threshold=9 / 11, recall=recall)
        assert recall - 0.05 < len(found) / 1_000 <= 1
        assert found.similarity == pytest.approx(9 / 11)


def test_characters_find_what_words_do_not():
    texts = [
        "Die Straßenbahn fährt heute nicht",
        "die Strassenbahn fährt heute nicht",
        "Wasser",
        "x",
    ]
    assert len(similar_texts(texts, threshold=0.7)) == 0
    assert similar_texts(texts, threshold=0.7, shingle="char", width=3).pairs.tolist() == [[0, 1]]


def test_runs_of_words_look_at_their_order():
    texts = ["to be or not to be", "be to not or be to", "to be or not to be"]
    assert len(similar_texts(texts)) == 2
    assert similar_texts(texts, width=2, threshold=0.9).pairs.tolist() == [[0, 2]]


def test_a_crowd_of_copies_stays_linked_without_all_its_pairs():
    texts = [f"one and the same long text about a thing number {n}" for n in range(2_000)]
    found = similar_texts(texts, threshold=0.7)
    assert set(found.groups) == {found.groups[0]}
    assert len(found) < 100_000


@pytest.mark.parametrize("texts", [[], [None], ["", "  "], [None, "", None, "a"], ["a"]])
def test_empty_texts_are_copies_of_nothing(texts):
    found = similar_texts(texts)
    assert (len(found), found.rows) == (0, len(texts))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_close_rows_are_exactly_those_within_the_tolerance(seed, columns):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, columns)).round(1)
    x[rng.random(x.shape) < 0.1] = np.nan
    kind = rng.integers(0, 2, 40)
    frame = pl.DataFrame({f"x{k}": x[:, k] for k in range(columns)} | {"kind": kind})
    found = close_rows(frame, {f"x{k}": 0.15 for k in range(columns)})
    got, group = {tuple(pair) for pair in found.pairs.tolist()}, found.groups
    for i in range(40):
        for j in range(i + 1, 40):
            both_nan = np.isnan(x[i]) & np.isnan(x[j])
            near = bool(np.all(both_nan | (np.abs(x[i] - x[j]) <= 0.15)) and kind[i] == kind[j])
            linked = group[i] == group[j]
            assert not near or linked
            assert near or (i, j) not in got


def test_a_tolerance_may_be_in_standard_deviations():
    x = np.arange(100.0)
    frame = pl.DataFrame({"x": np.append(x, 50.001), "n": 1})
    assert close_rows(frame, 1e-3).pairs.tolist() == [[50, 100]]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: similar_texts(["a"], threshold=0), InputError, "Threshold"),
        (lambda: similar_texts(["a"], shingle="line"), InputError, "'word' or 'char'"),
        (lambda: similar_texts(pl.Series([1.5])), SchemaError, "holds Float64"),
        (lambda: close_rows(pl.DataFrame({"x": [1.0]}), {"x": 0.0}), InputError, "positive"),
        (lambda: close_rows(pl.DataFrame({"x": ["a"]}), {"x": 1.0}), SchemaError, "holds String"),
        (lambda: close_rows(pl.DataFrame({"x": [1.0]}), {"y": 1.0}), SchemaError, "no column `y`"),
        (lambda: exact_copies(pl.DataFrame({"x": [1]}), ["y"]), SchemaError, "no column `y`"),
        (lambda: exact_copies(pl.DataFrame()), InputError, "has none"),
    ],
)
def test_what_cannot_be_compared_is_named(make, error, says):
    with pytest.raises(error, match=says):
        make()
