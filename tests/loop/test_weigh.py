from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from homeostat.adapt import everything
from homeostat.core import InputError
from homeostat.loop import History, Outcome, Retrain, Weigh
from homeostat.loop._relearn import relearn
from homeostat.loop._version import Version
from homeostat.stats import log_losses
from homeostat.train import Logistic, Majority

START, DAYS, A_DAY = datetime(2024, 1, 1, tzinfo=UTC), 40, 150
NOW = START + timedelta(days=DAYS)


def world(days=DAYS, seed=0, *, middle=0.0, wide=1.0, sign=1.0, a_day=A_DAY):
    """Orders whose risk is lowest at x = 0, which no line can say; from day 33 on x may move."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    at = np.sort(rng.integers(0, days * 86_400, n))
    late = at >= 33 * 86_400
    x = np.where(late, rng.normal(middle, wide, n), rng.normal(0, 1, n))
    p = expit(np.where(late, sign, 1.0) * (2.0 * np.abs(x) - 1.6))
    asked = pl.Series(np.datetime64("2024-01-01", "us") + at * np.timedelta64(1_000_000, "us"))
    frame = pl.DataFrame(
        {"x": x, "yes": rng.random(n) < p, "asked": asked.dt.replace_time_zone("UTC")}
    )
    return frame.with_columns(told=pl.col("asked") + timedelta(hours=2))


def history(frame):
    return History.of(frame, features=["x"], outcome=Outcome("yes", "told"), predicted_at="asked")


def relearned(frame, weigh):
    told = history(frame)
    champion = Version("v0", Logistic(), START, "scratch", 0)
    policy = Retrain(model=Logistic, on=everything(), weigh=weigh)
    return relearn(policy, told, champion, name="v1", now=NOW, last_rebuild=START)


def loss(made, **moved):
    new = world(days=60, seed=9, **moved).filter(pl.col("asked") >= START + timedelta(days=33))
    return log_losses(
        new["yes"].cast(float).to_numpy(), made.version.model.predict(new.select("x"))
    ).mean()


MOVED = {"middle": 1.2, "wide": 0.6}


def test_a_fit_is_weighed_to_the_latest_rows_where_only_the_features_moved_and_is_better_there():
    plain, weighed = (
        relearned(world(**MOVED), weigh) for weigh in (None, Weigh(classifier="logistic"))
    )
    assert (plain.weighed, weighed.weighed) == (False, True)
    assert loss(weighed, **MOVED) < loss(plain, **MOVED) - 0.02
    assert loss(weighed) > loss(plain), "where rows no longer are it is worse: that is the price"
    [why] = weighed.findings
    assert (why.check, why.subject, why.verdict.value) == ("retrain.weights", "v1", "ok")
    assert why.summary.startswith("v1 weighs its rows to the last 7d")
    assert why.evidence["kind"] == "covariate"
    assert 100 < why.evidence["effective_rows"] < DAYS * A_DAY
    assert why.evidence["overlap"] == "ok"


@pytest.mark.parametrize(
    ("moved", "because"),
    [
        ({}, "the shift is none"),
        ({"sign": -1.0}, "the shift is concept"),
        ({"sign": -1.0, **MOVED}, "the shift is covariate and concept"),
        ({"middle": 9.0, "wide": 0.3}, "the shift is covariate and concept|Too little overlap"),
    ],
    ids=["no shift", "concept", "both", "no overlap"],
)
def test_all_rows_count_alike_where_weights_would_not_be_right(moved, because):
    made = relearned(world(**moved), Weigh(classifier="logistic"))
    plain = relearned(world(**moved), None)
    x = pl.DataFrame({"x": np.linspace(-2, 2, 9)})
    assert not made.weighed
    assert np.array_equal(made.version.model.predict(x), plain.version.model.predict(x))
    [why] = made.findings
    assert why.verdict.value == "ok"
    assert not why.evidence["weighed"]
    assert any(words in why.summary for words in because.split("|"))


def test_too_little_overlap_takes_no_weights_however_covariate_the_shift():
    made = relearned(world(**MOVED), Weigh(least_share=0.999, classifier="logistic"))
    assert not made.weighed
    assert "Too little overlap" in made.findings[0].summary


def test_too_few_rows_tell_nothing():
    made = relearned(world(a_day=10), Weigh())
    assert not made.weighed
    assert "too few to tell" in made.findings[0].summary


def test_a_model_that_takes_no_weights_is_refused_when_it_is_declared():
    with pytest.raises(InputError, match="`majority` takes no weights"):
        Retrain(model=Majority, weigh=Weigh())
    assert Retrain(model=Majority).weigh is None


@pytest.mark.parametrize("wrong", [{"least_share": 0}, {"most_uncovered": 1}, {"level": 2}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"in \(0, 1\)"):
        Weigh(**wrong)


def test_a_length_that_is_none_is_refused():
    with pytest.raises(InputError):
        Weigh(toward="soon")
