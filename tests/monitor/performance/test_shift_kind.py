"""Covariate, label and concept shift told apart, with what the name rests on."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.monitor import ShiftKind

BETA = np.array([1.5, -1.0, 0.5, 0.0])
WORLDS = {
    "none": {},
    "covariate": {"mean": 0.5},
    "label": {"rate": 0.55},
    "concept": {"flip": -1.5},
    "covariate and concept": {"mean": 0.7, "flip": -1.5},
}


def _rows(rng, n=2000, *, mean=0.0, flip=0.0, rate=None):
    x = rng.normal(size=(n if rate is None else 8 * n, 4))
    x[:, 0] += mean
    y = (rng.random(len(x)) < 1 / (1 + np.exp(1 - x @ (BETA + flip * np.eye(4)[2])))).astype(int)
    if rate is not None:
        ones, zeros = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        kept = rng.permutation(np.r_[ones[: int(n * rate)], zeros[: n - int(n * rate)]])
        x, y = x[kept], y[kept]
    return pl.DataFrame(x, schema=["a", "b", "c", "d"]), y, 1 / (1 + np.exp(1 - x @ BETA))


@pytest.fixture(scope="module")
def kind():
    return ShiftKind.of(*_rows(np.random.default_rng(0), 4000))


@pytest.mark.parametrize("world", WORLDS)
def test_each_kind_is_named_once_outcomes_have_come(kind, world):
    frame, y, p = _rows(np.random.default_rng(1), **WORLDS[world])
    finding = kind.judge(frame, p, label=y)
    assert finding.subject == world
    assert finding.verdict.value == ("ok" if world == "none" else "warn")
    assert finding.evidence["assumes"] in finding.summary


@pytest.mark.slow
def test_without_outcomes_a_concept_shift_cannot_be_seen_and_the_finding_says_so(kind):
    rng = np.random.default_rng(2)
    named = {
        world: kind.judge(*_rows(rng, **kwargs)[::2]).subject for world, kwargs in WORLDS.items()
    }
    assert named == {
        "none": "none",
        "covariate": "covariate",
        "label": "covariate or label",
        "concept": "none",
        "covariate and concept": "covariate",
    }


@pytest.mark.slow
def test_in_sixty_worlds_the_kind_is_wrong_at_most_three_times():
    wrong = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        judge = ShiftKind.of(*_rows(rng, 4000))
        for world, kwargs in WORLDS.items():
            frame, y, p = _rows(rng, **kwargs)
            if (said := judge.judge(frame, p, label=y).subject) != world:
                wrong.append((seed, world, said))
    assert len(wrong) <= 3, wrong


def test_too_little_is_unknown_and_bad_input_is_told(kind):
    frame, y, p = _rows(np.random.default_rng(3), 300)
    assert kind.judge(frame[:10], p[:10], label=y[:10]).verdict.value == "unknown"
    assert kind.judge(frame[:0], p[:0]).verdict.value == "unknown"
    with pytest.raises(InputError, match="one label a row"):
        kind.judge(frame, p, label=y[:5])
    with pytest.raises(InputError, match="100 rows"):
        ShiftKind.of(frame[:20], y[:20], p[:20])
