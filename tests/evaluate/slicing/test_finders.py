import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import Slice, error_contrasts, find_slices


def predicted(rng, odd):
    p = rng.random(len(odd))
    return rng.random(len(odd)) < np.where(odd, 1 - p, p), p


def rows_of(found, frame):
    return Slice.from_json(found.evidence["slice"]).mask(frame)


def test_a_tree_cuts_numbers_where_it_matters_and_names_several_values():
    rng = np.random.default_rng(0)
    n = 12_000
    frame = pl.DataFrame({"x": rng.normal(size=n), "site": rng.choice(list("abcdef"), n)})
    odd = ((frame["x"] > 0.35) & frame["site"].is_in(["b", "e"])).to_numpy()
    y, p = predicted(rng, odd)
    found = find_slices(y, p, frame, method="tree")
    assert found[0].subject.endswith("site = b/e")
    assert np.mean(rows_of(found[0], frame) == odd) > 0.98
    assert found[0].evidence["finder"] == "tree"


def test_a_tree_tells_missing_numbers_apart():
    rng = np.random.default_rng(0)
    n = 6000
    missing = rng.random(n) < 0.1
    frame = pl.DataFrame({"x": np.where(missing, np.nan, rng.normal(size=n))})
    y, p = predicted(rng, missing)
    found = find_slices(y, p, frame, method="tree")
    assert [one.subject for one in found] == ["x is missing"]


def test_where_the_cube_is_too_wide_a_beam_is_taken_and_said():
    rng = np.random.default_rng(0)
    n = 6000
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 4, n) for i in range(30)})
    y, p = predicted(rng, ((frame["c7"] == 2) & (frame["c20"] == 3)).to_numpy())
    exact = find_slices(y, p, frame, depth=2)[0]
    beam = find_slices(y, p, frame, depth=2, budget_s=0.001)[0]
    assert exact.subject == beam.subject == "c7 = 2 & c20 = 3"
    assert exact.evidence["searched"] == ["cube: all 465 crossings of up to 2 columns"]
    assert "a beam of 50" in beam.evidence["searched"][0]
    assert "all crossings would take about" in beam.evidence["searched"][0]


def test_finders_together_tell_a_slice_once():
    rng = np.random.default_rng(0)
    n = 8000
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 4, n) for i in range(4)})
    odd = ((frame["c1"] == 2) & (frame["c3"] == 3)).to_numpy()
    y, p = predicted(rng, odd)
    found = find_slices(y, p, frame, method=["cube", "rules", "tree", "beam"])
    assert len(found) == 1
    assert np.array_equal(rows_of(found[0], frame), odd)
    assert len(found[0].evidence["searched"]) == 4


@pytest.mark.parametrize("clustering", ["kmeans", "hdbscan"])
def test_a_cluster_of_texts_that_is_worse_is_found_with_its_words_and_examples(clustering):
    rng = np.random.default_rng(0)
    n, cold = 4000, np.arange(4000) < 600
    matrix = rng.normal(size=(n, 8)) + 6 * cold[:, None]
    texts = np.where(cold, "Flight delayed by heavy snow", "A fine and sunny day")
    frame = pl.DataFrame({"embedding": pl.Series(matrix), "text": texts})
    y, p = predicted(rng, cold)
    found = find_slices(
        y, p, frame, method="clusters", embedding="embedding", show="text", clustering=clustering
    )[0]
    assert np.mean(rows_of(found, frame) == cold) > 0.98
    assert "snow" in found.subject
    assert all("snow" in one["shown"] for one in found.evidence["examples"])


def test_rows_without_an_embedding_are_in_no_cluster():
    rng = np.random.default_rng(0)
    some = [None if i % 10 == 0 else [float(i % 2 * 9), 1.0] for i in range(2000)]
    odd = np.array([one is not None and one[0] == 9.0 for one in some])
    y, p = predicted(rng, odd)
    frame = pl.DataFrame({"e": some})
    found = find_slices(y, p, frame, method="clusters", embedding="e")[0]
    assert np.array_equal(rows_of(found, frame), odd)


def test_a_loss_in_many_classes_is_searched():
    rng = np.random.default_rng(0)
    n = 6000
    frame = pl.DataFrame({"site": rng.choice(["a", "b", "c"], n)})
    p = rng.dirichlet([1, 1, 1], n)
    label = (p.cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    odd = (frame["site"] == "b").to_numpy()
    label[odd] = rng.integers(0, 3, odd.sum())
    for method in ("cube", "rules", "tree"):
        assert [f.subject for f in find_slices(label, p, frame, method=method)] == ["site = b"]


def test_a_finding_says_how_much_there_is_to_gain():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"site": rng.choice(["a", "b", "c"], 6000)})
    y, p = predicted(rng, (frame["site"] == "b").to_numpy())
    told = find_slices(y, p, frame, loss="logloss")[0].evidence
    assert 0 < told["excess_low"] < told["excess"]
    assert told["sliceline"] > 0
    assert told["n"] > 900
    assert len(told["examples"]) == 5


def test_errors_are_told_by_what_they_have_in_common():
    frame = pl.DataFrame({"site": ["a"] * 900 + ["b"] * 100, "noise": [0, 1] * 500})
    label = np.ones(1000)
    p = np.r_[np.full(855, 0.9), np.full(45, 0.1), np.full(45, 0.9), np.full(55, 0.1)]
    first = error_contrasts(label, p, frame).row(0, named=True)
    assert first["slice"] == "site = b"
    assert (first["n"], first["mean"], first["rest"]) == pytest.approx((100, 0.55, 0.05))
    assert first["share_of_loss"] == pytest.approx(0.55)
    assert first["lift"] == pytest.approx(5.5)
    assert first["excess"] == pytest.approx(45)
    assert 35 < first["excess_low"] < 45
    assert first["p_value"] < 1e-10
    right = error_contrasts(label, np.full(1000, 0.9), frame)
    assert right["lift"].null_count() == len(right)


@pytest.mark.parametrize("method", ["cube", "beam", "rules", "tree"])
def test_poor_tables_give_a_verdict_and_no_traceback(method):
    y, p = np.tile([0.0, 1.0], 500), np.full(1000, 0.5)
    frames = [
        pl.DataFrame({"a": ["x"] * 1000, "b": [None] * 1000}),
        pl.DataFrame({"id": [str(i) for i in range(1000)]}),
        pl.DataFrame({"x": [float("inf")] * 500 + [float("nan")] * 500}),
        pl.DataFrame({"x": [1e300, -1e300] * 500}),
        pl.DataFrame({"l": [[1]] * 1000}),
    ]
    for frame in frames:
        found = find_slices(y, p, frame, method=method)
        assert {one.verdict for one in found} <= {Verdict.OK, Verdict.UNKNOWN}
    single = find_slices(np.ones(1000), np.ones(1000), frames[1], method=method)
    assert single[0].verdict in {Verdict.OK, Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "tre"}, "Did you mean `tree`"),
        ({"method": []}, "names no finder"),
        ({"method": "clusters"}, "need `embedding`"),
        ({"method": "clusters", "embedding": "a"}, "must hold embeddings"),
        ({"method": "clusters", "embedding": "nope"}, "no column `nope`"),
        ({"method": "clusters", "embedding": "e", "clustering": "x"}, "`kmeans` or `hdbscan`"),
        ({"columns": ["nope"]}, "no column `nope`"),
        ({"show": "nope"}, "no column `nope`"),
        ({"loss": "nope"}, "no loss `nope`"),
        ({"loss": lambda label, p: label * np.nan}, "finite"),
    ],
)
def test_bad_input_is_named_in_a_sentence(settings, says):
    frame = pl.DataFrame({"a": [1, 2] * 500, "e": [[1.0], [2.0]] * 500})
    with pytest.raises(InputError, match=says):
        find_slices([0, 1] * 500, [0.5] * 1000, frame, **settings)
