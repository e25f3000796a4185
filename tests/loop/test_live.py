import json
import threading
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from shop import Misled, day, happened, iso, never, often, orders, shop, shown

from homeostat.core import SimulatedClock
from homeostat.loop import live, replay, run
from homeostat.loop._release import package_of
from homeostat.record import Record
from homeostat.serve import Client, assign, read_predictions, serving

PERIOD = (50, 66)
ROW = {"depot": "east", "distance": 9.5, "weight": 1.25, "queue": 21.0}


def kept(record, version):
    """The reference of a version that live made."""
    made = record.artifacts(name="shop").filter(
        pl.col("metadata").str.json_path_match("$.version") == version
    )
    return f"shop:v{made['version'].item()}"


def judged(record, run_id):
    findings = record.findings(run_id)
    return findings.select("at", "check", "subject", "verdict", "summary", "statistic", "p_value")


@pytest.mark.parametrize(
    "policy",
    [often(), often("misled", model=Misled), often("by steps", how="partial_fit")],
    ids=lambda policy: policy.name,
)
def test_live_and_replay_are_the_same_code_under_different_clocks(tmp_path, policy):
    system = shop(retrain=policy)
    with Record(tmp_path / "live", capture=False) as lived:
        operation = live(system, lived, clock=SimulatedClock(day(PERIOD[0])), until=day(PERIOD[1]))
        [live_run] = lived.runs(kind="live")["id"]
        with Record(tmp_path / "replayed", capture=False) as replayed:
            result = replay(system, replayed, *map(iso, PERIOD), policies=[policy])
            run_id = result.runs[policy.name]
            told = happened(replayed, run_id)
            assert {kind for kind, _, _ in told} >= {"shadow", "promote", "retrain", "alarm"}
            assert happened(lived, live_run) == told
            answers = shown(replayed, run_id)
            assert np.array_equal(operation.shown.astype(np.float32), answers, equal_nan=True)
            assert (~np.isnan(answers)).sum() > 2000
            names = ["name", "step", "value"]
            assert lived.metrics(live_run)[names].equals(replayed.metrics(run_id)[names])
            assert judged(lived, live_run).equals(judged(replayed, run_id))
            summary = json.loads(
                replayed.artifact(f"shop-replay-{policy.name}").read("summary.json")
            )
            assert operation.summary() | {"cpu_s": 0} == summary | {"cpu_s": 0}


def test_rows_that_come_late_to_the_books_move_no_answer_to_another_row(record):
    late = pl.Series(np.random.default_rng(1).random(orders().height) < 0.03)

    def books(clock):
        entered = pl.when(late & (pl.col("at") > day(50))).then(pl.duration(days=2))
        known = orders().filter(pl.col("at") + entered.fill_null(timedelta()) <= clock.now())
        return shop(known).source(clock)

    start, end = day(50), day(58)
    system = shop(source=books, retrain=never())
    operation = live(system, record, clock=SimulatedClock(start), until=end)
    [run_id] = record.runs(kind="live")["id"]
    [(_, promoted, _)] = happened(record, run_id, "promote")
    answers = operation.history.frame.with_columns(shown=operation.shown)
    asked = answers.filter(pl.col("at").is_between(promoted, end, closed="left"))
    missed = asked.filter(pl.col("shown").is_nan())
    assert missed.height > 5
    assert set(missed["order"]) <= set(orders().filter(late)["order"])
    model = package_of(record.artifact("shop:production"))
    answered = asked.filter(pl.col("shown").is_not_nan())
    assert np.array_equal(answered["shown"], model.predict(answered))


class Waits(SimulatedClock):
    """A simulated clock that lets the server follow the record, and asks it, before each day."""

    def __init__(self, start, record, client):
        super().__init__(start)
        self.record, self.client, self.answers = record, client, []

    def sleep_until(self, instant):
        if instant > self.now():
            wanted = self.record.artifact("shop:production").reference
            asked = (self.client.predict(ROW, key=str(n)) for n in range(20_000))
            served = next((one for one in asked if one.version == wanted), None)
            assert served is not None, f"the server never answered with {wanted}"
            self.answers.append((self.now(), served.version, served.probability))
        super().sleep_until(instant)


def test_a_server_follows_what_live_promotes(record):
    start, end = day(54), day(66)
    run(shop(), record, clock=SimulatedClock(start))
    with serving(record, "shop", poll_s=0.005) as server, Client(server.url) as client:
        clock = Waits(start, record, client)
        live(shop(), record, clock=clock, until=end)
        clock.sleep_until(day(100))
        assert server.counters.swaps >= 4
    [live_run] = record.runs(kind="live")["id"]
    promoted = [told["version"] for kind, _, told in happened(record, live_run, "promote")]
    assert len(promoted) >= 3
    changes = [after for before, after in pairwise(clock.answers) if after[1] != before[1]]
    names = [kept(record, version) for version in promoted]
    assert [version for _, version, _ in changes] == names
    log = read_predictions(record, "shop")
    assert set(names) <= set(log["version"])
    for name in names:
        [p] = {round(p, 12) for _, version, p in clock.answers if version == name}
        logged = log.filter(pl.col("version") == name)["probability"].round(12)
        assert logged.unique().to_list() == [p]


def test_a_canary_of_live_answers_its_share_on_the_server(record):
    """Stop while a canary is under way: servers go on with it."""
    start = day(50)
    shop().live(record, clock=SimulatedClock(start), until=day(51))
    [live_run] = record.runs(kind="live")["id"]
    assert [kind for kind, _, _ in happened(record, live_run)][-1] == "canary"
    with serving(record, "shop") as server, Client(server.url) as client:
        keys = [f"key {n}" for n in range(400)]
        answers = [client.predict(ROW, key=key) for key in keys]
    mine = assign(keys, 0.25, salt="baseline/v0")
    assert [one.arm == "challenger" for one in answers] == mine.tolist(), "as the loop takes it"
    assert 0.15 < mine.mean() < 0.35
    by_arm = {one.arm: one.version for one in answers}
    assert by_arm["champion"] == kept(record, "baseline")
    assert by_arm["challenger"] == kept(record, "v0")


def test_two_threads_may_go_round_on_one_record(record):
    """A retrain by hand beside a live loop: both are recorded whole."""
    clocks = [SimulatedClock(day(45)), SimulatedClock(day(46))]
    rounds = [
        threading.Thread(target=run, args=(shop(), record), kwargs={"clock": clock})
        for clock in clocks
    ]
    for one in rounds:
        one.start()
    for one in rounds:
        one.join()
    assert record.runs(kind="run")["status"].to_list() == ["finished"] * 2
    assert record.artifacts(name="shop").height == 2
    assert all(found.verdict == "ok" for found in record.verify())


def test_started_again_it_goes_on_with_the_version_that_is_live(record):
    system = shop().but(retrain=often())
    first = live(system, record, clock=SimulatedClock(day(52)), until=day(57))
    assert first.promotions > 0
    again = live(system, record, clock=SimulatedClock(day(57)), until=day(58))
    assert again.champion.name == first.champion.name
    assert record.runs(kind="run", system=system.name).height == 1
    served = record.artifact(f"{system.name}:production")
    assert served.metadata["version"] == first.champion.name


def test_started_again_it_goes_on_with_a_version_that_was_promoted_by_hand(record):
    live(shop(), record, clock=SimulatedClock(day(50)), until=day(52))
    chosen = run(shop(), record, clock=SimulatedClock(day(52))).model
    record.alias(chosen, "production")
    again = live(shop(), record, clock=SimulatedClock(day(52)), until=day(52))
    assert again.champion.name == chosen.reference
    assert record.artifact("shop:production").id == chosen.id


def test_a_first_start_that_broke_down_does_not_keep_it_from_starting(record, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("homeostat.loop._live.Reference.of", None)
        with pytest.raises(TypeError):
            live(shop(), record, clock=SimulatedClock(day(50)), until=day(52))
    again = live(shop(), record, clock=SimulatedClock(day(50)), until=day(54))
    assert again.retrains > 0
