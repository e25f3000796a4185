"""One door for every way to update, and what an update forgot."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from homeostat import adapt
from homeostat.adapt import forgetting, takes_weights, update, ways
from homeostat.core import InputError, Verdict
from homeostat.train import Boosted, LeafHead, Logistic, Majority, PreviousPeriod


def rows(n=1500, seed=0, *, turned=False):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"x": rng.normal(size=n), "c": rng.choice(["a", "b"], n)})
    score = 2 * frame["x"].to_numpy() * (-1 if turned else 1)
    return frame, (rng.random(n) < expit(score)).astype(float)


def fitted(model):
    model.fit(*rows())
    return model


MODELS = {
    "boosted": lambda: Boosted(trees=10, continue_trees=4, refit_decay=0.5),
    "leaf-head": lambda: LeafHead(Boosted(trees=10), rate=0.1),
    "logistic": Logistic,
    "majority": Majority,
    "previous-period": lambda: PreviousPeriod(rows=100),
}
WAYS = {
    "boosted": ["scratch", "stateful", "continue", "refit"],
    "leaf-head": ["scratch", "stateful", "leaf-head"],
    "logistic": ["scratch", "stateful", "partial_fit"],
    "majority": ["scratch"],
    "previous-period": ["scratch", "stateful"],
}
PAIRS = [(family, how) for family, hows in WAYS.items() for how in hows]


@pytest.mark.parametrize("family", MODELS)
def test_a_family_says_how_it_can_be_updated(family):
    assert ways(MODELS[family]()) == WAYS[family]


@pytest.mark.parametrize(("family", "how"), PAIRS)
def test_an_update_learns_on_a_copy_and_tells_what_it_cost(family, how):
    model = fitted(MODELS[family]())
    new = rows(1000, seed=1, turned=True)
    before = model.predict(new[0])
    report = update(model, new[0].head(900), new[1][:900], how=how)
    np.testing.assert_array_equal(model.predict(new[0]), before)
    assert not np.array_equal(report.model.predict(new[0]), before)
    assert (report.how, report.rows) == (how, 900)
    assert 0 < report.cost.cpu_s < 30
    assert f"`{family}` learned from 900 rows by '{how}'" in report.summary


def test_scratch_fits_on_the_history_alone():
    history, new = rows(2000, seed=3), rows(100, seed=4, turned=True)
    report = update(fitted(Logistic()), *new, how="scratch", history=history)
    fresh = Logistic()
    fresh.fit(*history)
    assert report.rows == 2000
    np.testing.assert_array_equal(report.model.predict(new[0]), fresh.predict(new[0]))


def test_a_model_that_was_never_fitted_can_be_made_from_scratch():
    assert update(Majority(), *rows(10), how="scratch").model.predict(rows(1)[0]).shape == (1,)


@pytest.mark.parametrize(("age", "how", "learned"), [(27, "leaf-head", 100), (28, "scratch", 1500)])
def test_structure_is_rebuilt_now_and_then_from_the_history(age, how, learned):
    report = update(
        fitted(MODELS["leaf-head"]()),
        *rows(100, seed=4),
        how="leaf-head",
        history=rows(),
        rebuild_every="28d",
        since_rebuild=timedelta(days=age),
    )
    assert (report.how, report.rows) == (how, learned)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"how": "refit"}, "`majority` cannot be updated by 'refit'.*it can be by: scratch"),
        ({"how": "scrach"}, "no way to update called 'scrach'. Did you mean `scratch`"),
        ({"how": "scratch", "rebuild_every": "7d"}, "needs `since_rebuild`"),
        (
            {"how": "scratch", "rebuild_every": "7d", "since_rebuild": timedelta(days=9)},
            "nothing to fit on: pass `history`",
        ),
    ],
)
def test_an_update_that_cannot_be_done_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        update(fitted(Majority()), *rows(10), **arguments)


def test_an_update_on_what_turned_has_forgotten_what_was():
    model, old = fitted(MODELS["boosted"]()), rows(2000, seed=5)
    after = update(model, *rows(1500, seed=6, turned=True), how="continue").model
    found = forgetting(model, after, *old, subject="winter rows")
    assert (found.check, found.subject, found.verdict) == (
        "adapt.forgetting",
        "winter rows",
        Verdict.FAIL,
    )
    assert found.effect > 0.05
    assert found.p_value < 0.01
    assert "On 2,000 winter rows the updated model loses +0." in found.summary


def test_an_update_on_more_of_the_same_forgets_nothing():
    model = fitted(Logistic())
    after = update(model, *rows(1500, seed=6), how="partial_fit").model
    old = rows(2000, seed=5)
    assert forgetting(model, after, *old).verdict is Verdict.OK
    days = np.arange(2000) // 100
    assert forgetting(model, after, *old, blocks=days).evidence["blocks"] == 20


def test_too_few_rows_are_unknown_and_not_a_pass():
    model = fitted(Logistic())
    found = forgetting(model, model, *rows(3, seed=5))
    assert found.verdict is Verdict.UNKNOWN
    assert "too few rows" in found.summary


def test_something_lost_that_may_be_allowed_is_a_warning():
    model = fitted(Logistic())
    after = update(model, *rows(100, seed=6, turned=True), how="scratch").model
    old = rows(2000, seed=5)
    loss = forgetting(model, after, *old).effect
    assert forgetting(model, after, *old, margin=loss).verdict is Verdict.WARN


def test_every_public_name_is_listed_and_sorted():
    assert adapt.__all__ == sorted(adapt.__all__)
    assert all(hasattr(adapt, name) for name in adapt.__all__)


WEIGHED = {"logistic": lambda: Logistic(tolerance=1e-8), "boosted": MODELS["boosted"]}


@pytest.mark.parametrize("family", WEIGHED)
def test_a_weight_of_none_or_of_one_for_all_changes_nothing(family):
    frame, label = rows(600)
    plain, alike = WEIGHED[family](), WEIGHED[family]()
    plain.fit(frame, label)
    alike.fit(frame, label, weight=np.full(600, 3.0))
    np.testing.assert_allclose(plain.predict(frame), alike.predict(frame), atol=1e-6)


@pytest.mark.parametrize("family", WEIGHED)
def test_a_row_of_weight_0_has_no_say_in_what_is_learned_of_the_label(family):
    frame, label = rows(1200)
    turned = np.where(np.arange(1200) < 600, label, 1 - label)
    report = update(
        WEIGHED[family](), frame, turned, how="scratch", weight=1.0 * (np.arange(1200) < 600)
    )
    right, wrong = WEIGHED[family](), WEIGHED[family]()
    right.fit(frame[:600], label[:600])
    wrong.fit(frame, turned)
    got, best, worst = (m.predict(frame) for m in (report.model, right, wrong))
    assert np.abs(got - best).mean() < 0.3 * np.abs(worst - best).mean()


@pytest.mark.parametrize("family", MODELS)
def test_a_model_that_takes_no_weights_says_so(family):
    frame, label = rows(100)
    if takes_weights(MODELS[family]()):
        assert family in WEIGHED
    else:
        with pytest.raises(InputError, match="takes no weights by 'scratch'"):
            update(MODELS[family](), frame, label, how="scratch", weight=np.ones(100))


def test_an_update_of_what_was_learned_takes_no_weights():
    frame, label = rows(100)
    with pytest.raises(InputError, match="takes no weights by 'partial_fit'"):
        update(fitted(Logistic()), frame, label, how="partial_fit", weight=np.ones(100))


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (np.ones(99), "needs one weight"),
        (-np.ones(100), "none negative"),
        (np.full(100, np.nan), "finite"),
        (np.zeros(100), "not all 0"),
        (["heavy"] * 100, "must be numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weight, why):
    with pytest.raises(InputError, match=why):
        Logistic().fit(*rows(100), weight=weight)
