from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from homeostat.core import InputError, NotFoundError
from homeostat.serve import Plan, assign, direct, plan_of

USERS = [f"user-{number}" for number in range(50_000)]


def test_shares_are_what_was_asked_for():
    for share in (0.001, 0.05, 0.25, 0.5):
        chosen = int(assign(USERS, share, salt="v1/v2").sum())
        assert stats.binomtest(chosen, len(USERS), share).pvalue > 1e-4


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.text())
def test_a_ramp_moves_nobody_back(shares, salt):
    arms = [assign(USERS[:300], share, salt=salt) for share in sorted(shares)]
    for earlier, later in pairwise(arms):
        assert (later | ~earlier).all()


def test_another_salt_draws_other_users():
    first, second = (assign(USERS, 0.5, salt=salt) for salt in ("a", "b"))
    both = int((first & second).sum())
    assert stats.binomtest(both, len(USERS), 0.25).pvalue > 1e-4


def test_assignment_is_the_same_for_ever():
    known = [False, True, False, False, True, False, False, False, True, False]
    assert assign([f"u{i}" for i in range(10)], 0.4, salt="v1/v2").tolist() == known


def test_the_ends_of_the_range():
    assert not assign(USERS[:1000], 0.0, salt="s").any()
    assert assign(USERS[:1000], 1.0, salt="s").all()
    assert assign([], 0.5, salt="s").dtype == np.bool_
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError):
            assign(USERS[:1], share, salt="s")
        with pytest.raises(InputError):
            Plan("delay:v1", share)


def test_a_plan_is_kept_in_the_record_and_the_last_one_counts(kit, record):
    assert plan_of(record, "delay") == Plan()
    challenger = kit.release(record, 0.5, alias=None)
    trial = Plan(challenger.reference, 0.05)
    with record.start_run("release") as run:
        for plan in (trial, Plan(), trial):
            direct(run, "delay", plan)
            assert plan_of(record, "delay") == plan
        with pytest.raises(NotFoundError):
            direct(run, "delay", Plan("delay:v99"))
        with pytest.raises(InputError, match="must be a model"):
            direct(run, "delay", Plan("delay.plan"))
    with pytest.raises(InputError, match="plan has"):
        Plan.from_json({"challenge": "delay:v1"})
