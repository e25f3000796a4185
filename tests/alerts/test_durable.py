"""State and messages outlive the process that had them."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pytest
from alerting import START, Collected, after, down, found, listening

from homeostat.alerts import Alerts, Cap, Escalation, Route, Rule, Webhook
from homeostat.core import StorageError, finding
from homeostat.record import Record


def kept(record, channel=None, **settings):
    channels = {} if channel is None else {"hook": channel}
    return Alerts(channels=channels, record=record, system="delay", **settings)


def test_another_process_finds_all_as_it_was_left(record, clock, channel):
    alerts = kept(record, channel, clock=clock)
    alerts.update(START, [found(), found("schema.missing_column")])
    alerts.silence(by="ann", length="1h", subject="wind")
    alerts.acknowledge(1, by="ann")
    alerts.feedback(2, useful=True, by="bob")
    again = kept(Record(record.path, clock=clock, capture=False), channel, clock=clock)
    assert again.all == alerts.all
    assert again.silences == alerts.silences
    assert again.outbox == alerts.outbox
    assert again.deliver().sent == 1


def test_what_is_read_from_the_journal_is_what_was_lived_through(record, clock):
    rng = np.random.default_rng(3)
    channel = Collected()
    rules = [
        Rule("slow", finding(check="a.*", verdict="fail"), hold_for="2h", keep_firing_for="3h"),
        Rule("rest", finding(verdict=["fail", "warn"])),
    ]
    routes = [
        Route("p", ["hook"], severity="page", repeat="8h", escalate=[Escalation("3h", ["hook"])]),
        Route("n", ["hook"], digest="1d"),
    ]
    alerts = kept(record, channel, rules=rules, routes=routes, cap=Cap(20), clock=clock)
    verdicts = ["ok", "ok", "warn", "fail", "unknown"]
    for hour in range(150):
        clock.sleep_until(after(hours=hour))
        channel.error = down() if rng.random() < 0.3 else None
        some = [
            found(check, subject, rng.choice(verdicts), statistic=rng.random(), threshold=0.1)
            for check in ("a.x", "schema.type", "shift.feature") for subject in "pq"
        ]  # fmt: skip
        alerts.update(after(hours=hour), some)
        alerts.deliver()
    assert len(alerts.all) > 20
    again = kept(Record(record.path, clock=clock), rules=rules, routes=routes, clock=clock)
    assert again._book == alerts._book
    assert not [one for one in record.verify() if one.verdict.value == "fail"]
    record.rebuild()
    assert kept(record, clock=clock)._book == alerts._book


WORKER = """
    import os, sys
    from datetime import UTC, datetime
    from homeostat.alerts import Alerts, Webhook
    from homeostat.core import Finding
    from homeostat.record import Record

    class Deadly:
        def __init__(self, url):
            self.hook = Webhook(url)
        def send(self, message):
            self.hook.send(message)
            os.kill(os.getpid(), 9)     # the receiver has it, and nobody noted so

    path, url, kind = sys.argv[1:]
    alerts = Alerts(channels={"hook": Deadly(url)}, record=Record(path, capture=False),
                    system="delay")
    alerts.update(datetime(2026, 1, 1, tzinfo=UTC), [
        Finding(check="schema.type", subject="temp", verdict="fail", summary="Text.")])
    if kind == "before":
        os.kill(os.getpid(), 9)
    alerts.deliver()
"""


def killed(path, url, when):
    source = textwrap.dedent(WORKER)
    command = [sys.executable, "-c", source, str(path), url, when]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_process_killed_before_it_sent_loses_nothing(tmp_path):
    with listening(lambda _: (200, {})) as (url, requests):
        killed(tmp_path, url, "before")
        assert requests == []
        with Record(tmp_path, capture=False) as record:
            assert kept(record, Webhook(url)).deliver().sent == 1
            assert kept(record, Webhook(url)).deliver().sent == 0
    assert [orjson.loads(body)["title"] for *_, body in requests] == [
        "[PAGE] delay: schema.type on temp"
    ]


def test_a_process_killed_between_the_answer_and_its_note_sends_again_with_the_same_key(tmp_path):
    with listening(lambda _: (200, {})) as (url, requests):
        killed(tmp_path, url, "after")
        with Record(tmp_path, capture=False) as record:
            assert kept(record, Webhook(url)).deliver().sent == 1
    keys = [headers["Idempotency-Key"] for _, headers, _ in requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_webhook_that_is_down_gets_all_once_it_is_back_in_order(record, clock):
    state = {"up": False}
    with listening(lambda _: (200 if state["up"] else 503, {})) as (url, requests):
        alerts = kept(record, Webhook(url), clock=clock)
        for hour in range(6):
            clock.sleep_until(after(hours=hour))
            alerts.update(after(hours=hour), [found(verdict="ok" if hour % 2 else "fail")])
            alerts.deliver()
        assert len(alerts.outbox) == 6
        (sick,) = alerts.health()
        assert sick.verdict.value == "fail"
        assert "answered 503" in sick.summary
        state["up"] = True
        requests.clear()
        clock.advance(timedelta(hours=1, minutes=15))
        assert alerts.deliver().waiting == 0
    kinds = [orjson.loads(body)["kind"] for *_, body in requests]
    assert kinds == ["firing", "resolved"] * 3
    assert alerts.health()[0].verdict.value == "ok"


def test_tries_come_ever_less_often_but_never_more_than_an_hour_and_a_fifth_apart(clock, channel):
    alerts = Alerts(channels={"hook": channel}, clock=clock)
    alerts.update(START, [found()])
    channel.error = down()
    tries, moments = 0, []
    while clock.now() < after(hours=12):
        if alerts.deliver().failed:
            tries += 1
            moments.append(clock.now())
        clock.advance(timedelta(seconds=1) if tries < 8 else timedelta(minutes=1))
    gaps = np.diff([moment.timestamp() for moment in moments])
    assert 4 <= gaps[0] <= 7
    assert max(gaps) <= 3600 * 1.2 + 60
    assert all(1.3 < b / a < 3.1 for a, b in pairwise(gaps[:7]))


def test_the_receivers_wish_to_be_left_alone_is_kept(clock, channel):
    alerts = Alerts(channels={"hook": channel}, clock=clock)
    alerts.update(START, [found()])
    channel.error = down(retry_after_s=600.0)
    alerts.deliver()
    channel.error = None
    clock.sleep_until(after(seconds=599))
    assert alerts.deliver().sent == 0
    clock.sleep_until(after(seconds=600))
    assert alerts.deliver().sent == 1


def test_a_message_that_is_refused_does_not_hold_up_the_others_and_can_be_given_up(clock, channel):
    alerts = Alerts(channels={"hook": channel}, clock=clock)
    alerts.update(START, [found(subject="a")])
    channel.error = down(refused=True)
    alerts.deliver()
    channel.error = None
    alerts.update(START, [found("schema.type", subject="b")])
    assert alerts.deliver().sent == 1
    assert channel.titles == ["[PAGE] schema.type on b"]
    (left,) = alerts.outbox
    alerts.discard(left, by="ann")
    assert alerts.outbox == {}


def test_a_channel_that_raises_anything_loses_nothing(clock, channel):
    alerts = Alerts(channels={"hook": channel}, clock=clock)
    alerts.update(START, [found()])
    channel.error = ZeroDivisionError("secret://token")
    assert alerts.deliver().failed == 1
    (queued,) = alerts.outbox.values()
    assert queued.error == "The channel failed with ZeroDivisionError, which it should not."


def test_two_engines_on_one_record_raise_one_alert_and_send_one_message(record, clock):
    channel = Collected()
    one, two = (
        kept(Record(record.path, clock=clock, capture=False), channel, clock=clock) for _ in "ab"
    )
    one.update(START, [found()])
    two.update(START, [found()])
    two.acknowledge(1, by="ann")
    assert one.alert(1).acknowledged_by == "ann"
    one.deliver()
    two.deliver()
    assert channel.kinds == ["firing"]


def test_what_a_person_does_in_another_process_takes_nothing_from_the_one_that_tells(record, clock):
    channel = Collected()
    engine = kept(record, channel, clock=clock)
    engine.update(START, [found(subject=name) for name in "ab"])
    engine.update(after(minutes=1), [found(subject="a", verdict="ok")])  # its group waits
    person = kept(Record(record.path, clock=clock), clock=clock)
    silence = person.silence(by="ann", length="1h", subject="z", at=after(minutes=2))
    person.end_silence(silence.id, by="ann", at=after(minutes=3))
    person.tick(after(minutes=10))
    engine.tick(after(minutes=11))
    engine.deliver()
    assert channel.kinds == ["firing", "resolved"]


def test_threads_that_update_at_once_lose_no_alert(record, clock):
    alerts = kept(record, clock=clock)

    def work(name):
        for number in range(10):
            alerts.update(START, [found(subject=f"{name}{number}")])

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [alert.number for alert in alerts.all] == list(range(1, 41))
    assert kept(Record(record.path), clock=clock)._book == alerts._book


def test_a_disk_that_refuses_is_an_error_and_nothing_was_taken(record, clock, monkeypatch):
    alerts = kept(record, clock=clock)
    alerts.update(START, [found(subject="a")])
    write = os.write

    def full(file, data):
        if b"alerting" in bytes(data):
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError):
        alerts.update(after(hours=1), [found(subject="b")])
    monkeypatch.undo()
    assert [alert.subject for alert in alerts.all] == ["a"]
    alerts.update(after(hours=2), [found(subject="b")])
    assert [alert.subject for alert in alerts.all] == ["a", "b"]


def test_the_record_knows_the_names_of_channels_and_never_their_addresses(tmp_path):
    secret = "T00SECRET"
    with Record(tmp_path, capture=False) as record, listening(lambda _: (500, {})) as (url, _):
        alerts = kept(record, Webhook(f"{url}/{secret}"))
        alerts.update(START, [found()])
        alerts.deliver()
    held = b"".join(path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file())
    assert b"hook" in held
    assert secret.encode() not in held


def test_a_simulated_time_and_the_senders_real_time_do_not_mix(tmp_path, channel):
    with Record(tmp_path, capture=False) as record:
        alerts = kept(record, channel, rules=[Rule("r", finding(verdict="fail"), hold_for="1d")])
        for day in range(3):
            alerts.update(after(days=day), [found(verdict="fail")])
            alerts.deliver()
        assert alerts.alert(1).fired == after(days=1)
        assert channel.kinds == ["firing", "repeated"]  # a day later, by the alerts' time


def test_the_thread_ticks_and_delivers_until_the_block_ends(channel):
    alerts = Alerts(channels={"hook": channel})
    with alerts.start("0.01s"):
        alerts.update(None, [found()])
    assert channel.kinds == ["firing"]


def test_the_thread_outlives_a_disk_that_refuses_and_says_so(channel, monkeypatch, caplog):
    alerts = Alerts(channels={"hook": channel})
    alerts.update(None, [found()])
    tick, failed = alerts.tick, threading.Event()

    def fails_once():
        if not failed.is_set():
            failed.set()
            raise StorageError("The disk is full.")
        return tick()

    monkeypatch.setattr(alerts, "tick", fails_once)
    sent = threading.Event()
    monkeypatch.setattr(channel, "send", lambda _: sent.set())
    with alerts.start("0.01s"):
        assert sent.wait(20)
    assert "Alerts could not go on: The disk is full." in caplog.text


def test_instants_of_any_zone_are_kept_in_utc(record, clock):
    zone = timezone(timedelta(hours=2))
    alerts = kept(record, clock=clock)
    alerts.update(after(hours=1).astimezone(zone), [found()])
    kept(Record(record.path, clock=clock), clock=clock).acknowledge(1, by="ann")
    alerts.update(after(hours=3).astimezone(zone), [found(verdict="ok")])
    (alert,) = kept(Record(record.path, clock=clock), clock=clock).all
    assert alert.resolved == after(hours=3)
    assert alert.resolved.tzinfo is UTC


def test_opening_alerts_to_look_writes_nothing(record):
    assert kept(record).all == []
    assert len(record.runs()) == 0
