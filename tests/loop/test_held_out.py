from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from shop import day, happened, often, orders, shop

from homeostat.adapt import DataWindow, everything
from homeostat.core import GateError, SimulatedClock
from homeostat.loop import freshness, live
from homeostat.loop._live import history_of
from homeostat.loop._relearn import relearn
from homeostat.loop._version import Version
from homeostat.train import Logistic

NOW = day(55)


def whole(frame=None):
    """The history with its future in it, as a replay has it."""
    return history_of(shop(frame), SimulatedClock(day(72)))


def champion(history, until=50):
    rows = history.trainable(history.at(0), day(until))
    model = Logistic()
    model.fit(history.features[rows], history.label[rows])
    return Version("v0", model, day(until), "scratch", len(rows))


def again(history, policy, held_out=None):
    return relearn(
        policy,
        history,
        champion(history),
        name="v1",
        now=NOW,
        last_rebuild=day(50),
        held_out=held_out,
    )


class Careless(DataWindow):
    """A choice of rows that does not keep to the rows it is offered."""

    def rows(self, times, now, **_settings):
        return np.arange(len(times) + 200)  # positions, 200 of them beyond what is known


def test_a_refit_learns_from_all_that_is_known_but_what_is_held_out():
    history = whole()
    known = history.trainable(history.at(0), NOW)
    held_out = known[1000:1500:5]
    policy = often(how="partial_fit", rebuild_every="1d", on=everything())
    made = again(history, policy, held_out)
    assert made.version.how == "scratch"
    assert made.version.rows == len(known) - 100
    expected, rows = Logistic(), np.setdiff1d(known, held_out)
    expected.fit(history.features[rows], history.label[rows])
    new = history.features.tail(50)
    assert np.array_equal(made.version.model.predict(new), expected.predict(new))
    assert made.findings == ()


def test_a_refit_that_would_learn_from_a_row_it_is_judged_by_is_refused(monkeypatch):
    history = whole()
    monkeypatch.setattr(np, "setdiff1d", lambda rows, _held_out: rows)
    held_out = history.trainable(history.at(0), NOW)[::7]
    with pytest.raises(GateError, match="refused by the fit ledger") as refused:
        again(history, often(how="partial_fit", rebuild_every="1d"), held_out)
    [found] = refused.value.findings
    assert (found.check, found.subject) == ("leakage.fit", "v1")
    assert found.statistic > 0


def test_a_refit_that_would_learn_from_the_future_is_refused(monkeypatch):
    history = whole()
    future = np.flatnonzero(~np.isnan(history.label))[-300:]
    monkeypatch.setattr(type(history), "learned", lambda _self, _start, _end: future)
    with pytest.raises(GateError, match="refused by the fit ledger") as refused:
        again(history, often(how="partial_fit"))
    assert "300 of" in refused.value.findings[0].summary


def test_copies_of_rows_that_judge_a_refit_are_found_by_their_key():
    copied = orders().filter(pl.col("at").is_between(day(56), day(66)))
    early = copied.with_columns(
        pl.col("at") - timedelta(days=20), pl.col("arrived_at") - timedelta(days=20)
    )
    history = whole(pl.concat([orders(), early]))
    with pytest.raises(GateError, match="refused by the fit ledger") as refused:
        again(history, often(on=everything()))
    [found] = [one for one in refused.value.findings if one.verdict == "fail"]
    assert (found.check, found.subject) == ("leakage.fit_parts", "test")


def test_a_few_copies_warn_and_the_refit_goes_on():
    copied = orders().filter(pl.col("at").is_between(day(60), day(60) + timedelta(minutes=60)))
    early = copied.with_columns(
        pl.col("at") - timedelta(days=20), pl.col("arrived_at") - timedelta(days=20)
    )
    made = again(whole(pl.concat([orders(), early])), often(on=everything()))
    assert [one.check for one in made.findings] == ["leakage.fit_parts"]
    assert made.findings[0].verdict == "warn"


def test_the_loop_refuses_such_a_challenger_and_goes_on_with_the_champion(record, monkeypatch):
    def refusing(*_args, **_settings):
        raise GateError("Training is refused by the fit ledger.", ())

    monkeypatch.setattr("homeostat.loop._relearn.entered", refusing)
    system = shop(watch=replace(shop().watch, explain=False, skew=None))
    operation = live(system, record, clock=SimulatedClock(day(50)), until=day(57))
    [run_id] = record.runs(kind="live")["id"]
    [first, *_] = happened(record, run_id, "reject")
    assert first[2]["version"] == "v1"
    assert "refused by the fit ledger" in first[2]["summary"]
    assert (operation.retrains, operation.champion.name) == (0, "v0")


def test_rows_held_out_stay_the_same_rows_when_others_come_late(record, monkeypatch):
    late = pl.Series(np.random.default_rng(1).random(orders().height) < 0.03)

    def books(clock):
        entered = pl.when(late).then(pl.duration(days=30)).fill_null(timedelta())
        known = orders().filter(pl.col("at") + entered <= clock.now())
        return shop(known).source(clock)

    system = shop(source=books, watch=replace(shop().watch, explain=False, skew=None))
    operation = live(system, record, clock=SimulatedClock(day(50)), until=day(50))
    before = operation.history.frame[operation._held_out]["order"].to_list()
    fresh = history_of(system, SimulatedClock(day(53)))
    assert len(fresh) - len(operation.history) > 300
    operation.refresh(fresh)
    assert operation.history.frame[operation._held_out]["order"].to_list() == before


def test_freshness_refuses_to_fit_on_copies_of_what_it_tests_on(record):
    copied = orders().filter(pl.col("at") > day(40))
    early = copied.with_columns(
        pl.col("at") - timedelta(days=25), pl.col("arrived_at") - timedelta(days=25)
    )
    settings = {"ages_days": (0, 7), "window_days": 28}
    with pytest.raises(GateError, match="refused by the fit ledger"):
        freshness(shop(pl.concat([orders(), early])), record, day(72), **settings)
    assert "days old" in freshness(shop(), record, day(72), **settings)
