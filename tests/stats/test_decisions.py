import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.stats import Margins, decision_scores, decision_slopes


def margins(actual, decided, k):
    hits = np.bincount(actual[actual == decided], minlength=k)
    parts = (hits, np.bincount(actual, minlength=k), np.bincount(decided, minlength=k))
    return np.concatenate(parts).astype(float)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_no_score_is_ever_nan_and_rates_lie_in_0_to_1(rows):
    actual, decided = np.array(rows).T
    for (name, _), value in decision_scores(Margins.of(margins(actual, decided, 4))).items():
        low = -1 if name in {"mcc", "kappa"} else 0
        assert low - 1e-12 <= value <= 1 + 1e-12, name


def test_slopes_are_what_one_more_row_moves():
    rng = np.random.default_rng(0)
    actual = rng.integers(0, 3, 30_000)
    decided = np.where(rng.random(30_000) < 0.6, actual, rng.integers(0, 3, 30_000))
    flat = margins(actual, decided, 3)
    slopes, here = decision_slopes(flat, (2,)), decision_scores(Margins.of(flat), (2,))
    for i in range(3):
        for j in range(3):
            more = flat + margins(np.array([i]), np.array([j]), 3)
            moved = decision_scores(Margins.of(more), (2,))
            for name, slope in slopes.items():
                expected = slope[3 + i] + slope[6 + j] + (slope[i] if i == j else 0)
                assert moved[name] - here[name] == pytest.approx(expected, rel=1e-3, abs=1e-9), name


def test_resamples_are_scored_at_once_as_one_by_one():
    rng = np.random.default_rng(1)
    flats = np.stack([margins(*rng.integers(0, 3, (2, 50)), 3) for _ in range(5)])
    together = decision_scores(Margins.of(flats))
    for row, flat in enumerate(flats):
        for name, value in decision_scores(Margins.of(flat)).items():
            assert together[name][row] == pytest.approx(value)
