"""A run is sent while it runs, and neither waits for the server nor fails with it."""

import os
import socket
import threading
from time import monotonic, sleep

import pytest

from homeostat.record import Record
from homeostat.sync import Accounts, Follower, push


@pytest.fixture
def follow():
    """Follow a record quickly."""
    followers = []

    def started(*arguments, **settings):
        quick = {"interval_s": 0.02, "longest_s": 0.1, "timeout_s": 2.0}
        follower = Follower(*arguments, **(quick | settings))
        followers.append(follower)
        return follower

    yield started
    for follower in followers:
        follower.close(timeout_s=0)


def until(true, seconds=20.0):
    """Ask until it is true, or time is up."""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it never came true"
        sleep(0.005)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_what_is_logged_shows_on_the_server_while_the_run_runs(ours, server, url, follow):
    follow(ours, url)
    with ours.start_run("train") as run:
        run.log({"loss": 0.5})
        until(lambda: server.runs().height and server.metrics(run.id).height == 1)
        assert server.run(run.id).status == "running"
        run.make("model", "model", {"m": b"weights"})
        until(lambda: server.artifacts().height == 1)
        assert server.artifact("model").read("m") == b"weights"


def test_closing_sends_the_rest(ours, server, url, follow, everything):
    follower = follow(ours, url, interval_s=60.0)
    with ours.start_run("train") as run:
        for i in range(1000):
            run.log({"loss": float(i)})
    assert follower.close()
    assert everything(server) == everything(ours)


def test_only_the_runs_that_are_followed_are_sent(ours, server, url, follow):
    with Record(ours.path, capture=False) as before:
        before.start_run("train", "private, before").finish()
    run = ours.start_run("train", "followed")
    follower = follow(ours, url, runs=[run.id])
    with Record(ours.path, capture=False) as beside:
        beside.start_run("train", "private, beside").finish()
    with Record(ours.path, capture=False) as worker:
        worker.attach_run(run.id).log({"of": 1.0}, step=0)
    run.finish()
    assert follower.close()
    assert server.runs()["name"].to_list() == ["followed"]
    assert server.metrics(run.id)["name"].to_list() == ["of"]


def test_a_run_that_is_resumed_is_sent_with_what_it_wrote_before(ours, server, url, follow):
    with Record(ours.path, capture=False) as before, before.start_run("train", id="mine") as run:
        run.log({"loss": 1.0})
    follower = follow(ours, url, runs=["another"])
    with ours.resume_run("mine") as run:
        follower.follow("mine", earlier=ours.logs("mine"))
        run.log({"loss": 0.5})
    assert follower.close()
    assert server.metrics("mine")["value"].to_list() == [1.0, 0.5]


def test_a_server_that_is_away_costs_the_run_nothing_and_gets_all_when_it_is_back(
    ours, server, serving, follow, everything, caplog
):
    port = free_port()
    follower = follow(ours, f"http://127.0.0.1:{port}")
    with ours.start_run("train") as run:
        for i in range(100):
            run.log({"loss": float(i)})
        until(lambda: follower.trouble)
        with serving(server, port=port):
            until(lambda: not follower.trouble and server.runs().height)
        for i in range(100):
            run.log({"loss": float(i)})
        until(lambda: follower.trouble)
        with serving(server, port=port):
            run.finish()
            assert follower.flush(20)
            assert everything(server) == everything(ours)
    warnings = [record for record in caplog.records if "out of reach" in record.message]
    assert 1 <= len(warnings) <= 3


def test_ending_waits_for_a_server_that_is_away_no_longer_than_told(ours, follow, url):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        follower = follow(ours, f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=30)
        ours.start_run("train").finish()
        start = monotonic()
        assert not follower.close(timeout_s=0.2)
        assert monotonic() - start < 5
    assert push(ours, url).logs == 1


def test_a_server_that_does_not_let_us_in_is_trouble_and_no_error(
    ours, server, url, follow, caplog
):
    Accounts(server.path).add("ada", role="writer")
    follower = follow(ours, url, token="wrong")
    ours.start_run("train").finish()
    until(lambda: follower.trouble)
    assert "does not know this token" in caplog.text


def test_a_child_leaves_the_parents_follower_alone(ours, server, url, follow):
    follower = follow(ours, url)
    run = ours.start_run("train")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.attach_run(run.id).log({"child": 1.0}, step=0)
            status = 0 if not follower.close() and not follower.flush() else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    run.finish()
    assert follower.close()
    assert server.metrics(run.id)["name"].to_list() == ["child"]


def test_the_thread_that_trains_does_not_wait(ours, follow):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        follow(ours, f"http://127.0.0.1:{silent.getsockname()[1]}")
        done = threading.Event()

        def train():
            with ours.start_run("train") as run:
                for i in range(2000):
                    run.log({"loss": float(i)})
            done.set()

        threading.Thread(target=train, daemon=True).start()
        assert done.wait(10)
