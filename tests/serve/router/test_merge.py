import time
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.experiment import Rankings, team_draft
from homeostat.serve._router._merge import merge

SCORES = st.integers(1, 30).flatmap(
    lambda n: st.lists(st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=2, max_size=4)
)


@settings(max_examples=30)
@given(SCORES, st.text(st.characters(codec="utf-8")))
def test_the_list_is_the_one_that_team_draft_draws(given, key):
    scores = {f"arm {i}": np.array(one) for i, one in enumerate(given)}
    rankings = {name: np.argsort(-one, kind="stable").tolist() for name, one in scores.items()}
    digest = blake2b(f"s/lists\0{key}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "big"))
    ranked = Rankings.of(rankings, length=len(given[0]))
    drafted = team_draft(ranked, rng)
    found = merge(scores, key, salt="s")
    assert found.order == ranked.named(drafted)[0]
    captains = [ranked.rankers[at] for at in drafted.credit[0].argmax(axis=1)]
    assert [found.arms[row] for row in found.order] == captains


@settings(max_examples=30)
@given(SCORES)
def test_each_row_is_shown_once_with_the_score_of_whose_pick_it_was(given):
    scores = {f"arm {i}": np.array(one) for i, one in enumerate(given)}
    found = merge(scores, "key", salt="s")
    assert sorted(found.order) == list(range(len(given[0])))
    assert [scores[arm][row] for row, arm in enumerate(found.arms)] == found.scores.tolist()
    counts = [found.arms.count(arm) for arm in scores]
    assert max(counts) - min(counts) <= 1


def test_a_key_sees_the_same_list_again_and_each_arm_leads_half_of_them():
    scores = {"a": np.array([0.9, 0.1]), "b": np.array([0.1, 0.9])}
    assert merge(scores, "k", salt="s").order == merge(scores, "k", salt="s").order
    leads = [merge(scores, f"user-{i}", salt="s").order[0] for i in range(2000)]
    assert np.mean(leads) == pytest.approx(0.5, abs=0.05)


def test_a_thousand_rows_are_merged_in_milliseconds():
    rng = np.random.default_rng(0)
    scores = {"a": rng.random(1000), "b": rng.random(1000)}
    begun = time.process_time()
    merge(scores, "k", salt="s")
    assert time.process_time() - begun < 0.05
