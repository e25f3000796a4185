"""Tomek links: exact, whatever way they are found."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.sample import Tomek, resample, tomek_links
from homeostat.sample import _nearest as nearest_module


def by_definition(x, y):
    """Rows of the commoner class in a link: no third row closer to either end."""
    apart = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    least = apart.min(axis=1)
    return (apart == least[:, None]) & (apart == least[None, :]) & (y[:, None] != y[None, :])


def blobs(n, d, seed, share=0.1):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    y[:2] = 0, 1
    return rng.normal(size=(n, d)) + 0.5 * y[:, None], y


@pytest.mark.parametrize("d", [1, 2, 8, 9, 20, 60])
def test_links_are_those_of_the_definition_in_any_dimension(d):
    x, y = blobs(700, d, d)
    linked = by_definition(x, y)
    found = tomek_links(x, y)
    assert found.commoner.tolist() == np.flatnonzero(linked.any(axis=1) & (y == 0)).tolist()
    assert found.members.tolist() == np.flatnonzero(linked.any(axis=1)).tolist()
    assert linked[found.rarer, found.commoner].all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 60), st.integers(2, 4))
def test_links_are_those_of_the_definition_among_ties_and_copies(seed, d, n, classes):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (n, d)).astype(float)
    y = rng.integers(0, classes, n)
    linked = by_definition(x, y)
    found = tomek_links(x, y)
    assert found.members.tolist() == np.flatnonzero(linked.any(axis=1)).tolist()
    assert linked[found.rarer, found.commoner].all()


@pytest.mark.parametrize("d", [1, 20])
def test_fifty_pairs_of_twins_with_opposite_labels_are_fifty_links(d):
    twins = np.repeat(np.random.default_rng(0).normal(size=(50, d)), 2, axis=0)
    found = tomek_links(twins, [0, 1] * 50)
    assert len(found) == 50
    assert found.members.tolist() == list(range(100))


def test_a_heap_of_copies_costs_no_square_of_them():
    x = np.zeros((200_000, 3))
    y = np.arange(200_000) % 2
    assert len(tomek_links(x, y)) == 100_000


@pytest.mark.parametrize("factor", [1e-150, 1e-9, 1.0, 1e9, 1e120])
def test_links_do_not_depend_on_the_unit(factor):
    x, y = blobs(400, 12, 3)
    assert tomek_links(x * factor, y).commoner.tolist() == tomek_links(x, y).commoner.tolist()


def test_rows_far_out_do_not_blur_those_nearby():
    x, y = blobs(600, 15, 4)
    known = tomek_links(x, y)
    far = np.full((1, 15), 1e7)
    found = tomek_links(np.concatenate([x, far]), np.append(y, 0))
    assert found.commoner.tolist() == known.commoner.tolist()


def test_imbalanced_learn_finds_the_same_links_where_there_are_no_copies():
    under = pytest.importorskip("imblearn.under_sampling")
    x, y = blobs(3000, 20, 5, 0.05)
    sampler = under.TomekLinks()
    sampler.fit_resample(x, y)
    gone = np.setdiff1d(np.arange(3000), sampler.sample_indices_)
    assert len(gone)
    assert tomek_links(x, y).commoner.tolist() == gone.tolist()


def test_blocks_of_rows_and_their_rest_are_all_looked_at(monkeypatch):
    monkeypatch.setattr(nearest_module, "_BLOCK", 256)
    monkeypatch.setattr(nearest_module, "_QUERIES", 7)
    x, y = blobs(1111, 10, 6)
    linked = by_definition(x, y).any(axis=1)
    assert tomek_links(x, y).members.tolist() == np.flatnonzero(linked).tolist()


def test_one_class_has_no_links_and_nonsense_is_refused():
    assert len(tomek_links([[0.0], [1.0]], [1, 1])) == 0
    assert len(tomek_links(np.empty((0, 2)), [])) == 0
    with pytest.raises(InputError, match="finite"):
        tomek_links([[0.0], [np.nan]], [0, 1])
    with pytest.raises(InputError, match="needs a class"):
        tomek_links([[0.0], [1.0]], [0])
    with pytest.raises(InputError, match="shape"):
        tomek_links([0.0, 1.0], [0, 1])
    with pytest.raises(InputError, match="numbers"):
        tomek_links([["a"], ["b"]], [0, 1])


def test_the_step_removes_the_majority_end_or_both():
    x, y = blobs(500, 3, 8)
    frame = pl.DataFrame(x, schema=["a", "b", "c"]).with_columns(y=pl.Series(y))
    links = tomek_links(x, y)
    for remove, gone in (("majority", links.commoner), ("both", links.members)):
        step = Tomek(remove=remove, scale=False)
        done = resample(frame, step, label="y", train="all", seed=0)
        assert done.lineage["parent"].to_list() == np.setdiff1d(np.arange(500), gone).tolist()
    assert done.findings[0].evidence["links"] == len(links)


def test_categories_count_as_a_distance_and_too_many_are_refused():
    frame = pl.DataFrame(
        {
            "x": [0.0, 0.1, 0.0, 5.0, 5.1, 9.0],
            "c": ["a", "b", "b", "a", "a", "b"],
            "y": [1, 0, 0, 0, 1, 0],
        }
    )
    done = resample(frame, Tomek(), label="y", train="all", seed=0)
    assert done.frame.height < 6
    wide = pl.DataFrame({"c": [str(i) for i in range(2000)], "y": [0, 1] * 1000})
    with pytest.raises(InputError, match="`c` alone has 2,000"):
        resample(wide, Tomek(), label="y", train="all", seed=0)
