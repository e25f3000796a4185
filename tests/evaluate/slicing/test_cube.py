import itertools

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.evaluate import Part, Slice, cube, cut


def brute(losses, codes, depth, minimum):
    """Every crossing by a loop over its cells: {((column, code), ...): (n, mean, rest, z)}."""
    found = {}
    for width in range(1, depth + 1):
        for columns in itertools.combinations(range(len(codes)), width):
            for cell in itertools.product(*(range(codes[j].max() + 1) for j in columns)):
                pairs = tuple(zip(columns, cell, strict=True))
                mask = np.logical_and.reduce([codes[j] == code for j, code in pairs])
                inside, rest = losses[mask], losses[~mask]
                if min(len(inside), len(rest)) < minimum:
                    continue
                error = np.sqrt(inside.var(ddof=1) / len(inside) + rest.var(ddof=1) / len(rest))
                z = (inside.mean() - rest.mean()) / error
                found[pairs] = len(inside), inside.mean(), rest.mean(), z
    return found


def columns_of(rng, n):
    """One of each kind, some with missing values, of uneven sizes."""
    kinds = [
        pl.Series(rng.integers(0, rng.integers(1, 5), n)),
        pl.Series(rng.choice(["a", "b", None], n).tolist(), dtype=pl.String),
        pl.Series(np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))),
        pl.Series(rng.random(n) < 0.3),
        pl.Series(rng.integers(0, 3, n)),
    ]
    m = int(rng.integers(1, 6))
    return pl.DataFrame({f"c{i}": kinds[i] for i in rng.permutation(5)[:m]})


@pytest.mark.parametrize("hundred", range(2))
def test_the_cube_equals_brute_force_on_two_hundred_random_tables(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(20, 90))
        frame = columns_of(rng, n)
        losses = rng.exponential(size=n)
        cuts = [cut(frame, name, bins=3) for name in frame.columns]
        depth, minimum = int(rng.integers(1, 4)), int(rng.integers(5, 12))
        found = cube(losses, cuts, depth=depth, minimum=minimum)
        expected = brute(losses, [one.codes for one in cuts], depth, minimum)
        cells = [tuple(sorted(found.cell(i).items())) for i in range(len(found.z))]
        assert sorted(cells) == sorted(expected)
        assert found.looked_at == len(expected)
        got = np.stack([found.n, found.mean, found.rest, found.z], axis=1)
        want = np.array([expected[cell] for cell in cells]).reshape(-1, 4)
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_a_cell_is_the_slice_of_its_conditions():
    rng = np.random.default_rng(0)
    frame = columns_of(rng, 400)
    losses = rng.random(400)
    found = cube(losses, [cut(frame, name) for name in frame.columns], depth=3, minimum=5)
    for i in range(0, len(found.z), 7):
        mask = found.slice(i).mask(frame)
        assert mask.sum() == found.n[i]
        assert losses[mask].mean() == pytest.approx(found.mean[i])


def test_only_the_worst_are_kept_where_asked_and_all_are_counted():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 4, 2000) for i in range(6)})
    cuts = [cut(frame, name) for name in frame.columns]
    losses = rng.random(2000)
    every, worst = (cube(losses, cuts, depth=2, least_z=z) for z in (None, 1.0))
    assert worst.looked_at == len(every.z)
    assert np.array_equal(np.sort(worst.z), np.sort(every.z[every.z >= 1.0]))


def test_losses_far_from_zero_have_the_same_z():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.integers(0, 4, 500)})
    losses = rng.random(500)
    near = cube(losses, [cut(frame, "a")])
    far = cube(losses + 1e9, [cut(frame, "a")])
    np.testing.assert_allclose(near.z, far.z, rtol=1e-5)


def test_sliceline_scores_are_the_papers_formula():
    frame = pl.DataFrame({"a": ["x"] * 100 + ["y"] * 900})
    losses = np.r_[np.ones(60), np.zeros(40), np.ones(90), np.zeros(810)]
    found = cube(losses, [cut(frame, "a")])
    x = [str(found.slice(i)) for i in range(2)].index("a = x")
    assert found.sliceline(0.9)[x] == pytest.approx(0.9 * (0.6 / 0.15 - 1) - 0.1 * (1000 / 100 - 1))
    assert found.excess[x] == pytest.approx(60 - 15)
    top = found.top(1, by="sliceline", alpha=0.9)
    assert top["slice"].to_list() == ["a = x"]


@pytest.mark.parametrize(("columns", "values"), [(40, 5), (25, 10)])
def test_a_planted_slice_in_a_wide_table_is_the_worst_of_the_cube(columns, values):
    rng = np.random.default_rng(0)
    n = 10_000
    frame = pl.DataFrame({f"c{i}": rng.integers(0, values, n) for i in range(columns)})
    last = frame.columns[-1]
    odd = ((frame["c0"] == 1) & (frame[last] == 1)).to_numpy()
    errors = (rng.random(n) < np.where(odd, 0.9, 0.05)).astype(float)
    found = cube(errors, [cut(frame, name) for name in frame.columns], depth=2, minimum=30)
    worst = found.slice(int(np.argmax(found.sliceline(0.9))))
    assert worst == Slice((Part("c0", values=(1,)), Part(last, values=(1,))))


@pytest.mark.parametrize(
    ("losses", "columns", "settings", "says"),
    [
        ([1.0] * 20, [], {}, "needs a column"),
        ([1.0] * 20, ["a"], {"depth": 0}, "at least 1"),
        ([1.0] * 5, ["a"], {}, "must have 5 rows"),
        ([np.nan] * 20, ["a"], {}, "finite"),
    ],
)
def test_bad_input_is_named_in_a_sentence(losses, columns, settings, says):
    frame = pl.DataFrame({"a": ["x", "y"] * 10})
    with pytest.raises(InputError, match=says):
        cube(losses, [cut(frame, name) for name in columns], **settings)


def test_an_unknown_order_and_a_score_without_loss_are_refused():
    frame = pl.DataFrame({"a": ["x", "y"] * 50})
    found = cube([0.0] * 100, [cut(frame, "a")], minimum=5)
    with pytest.raises(InputError, match="above 0"):
        found.sliceline()
    with pytest.raises(InputError, match="ordered by z, excess"):
        found.top(by="sliceline")
