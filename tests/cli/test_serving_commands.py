"""What is served, from the command line: rollouts by hand, whole files, the prediction log."""

import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, HomeostatError, Schema
from homeostat.record import Record
from homeostat.serve import Client, pack, serving
from homeostat.train import Majority

SCHEMA = Schema((Column("hour", "int", {"feature"}),))


@pytest.fixture
def served(tmp_path):
    """A record with a model in production and a second version of it."""
    with Record(tmp_path / "record", capture=False) as record, record.start_run("release") as run:
        for number, aliases in ((0.0, ["production"]), (1.0, [])):
            model = Majority()
            model.fit(pl.DataFrame({"hour": [1, 2, 3]}), np.array([0.0, number, 1.0]))
            run.make("delay", "model", pack(model, SCHEMA), aliases=aliases)
    return tmp_path / "record"


@pytest.fixture
def ask(homeostat):
    """Call the command line; its exit code, what it printed, and what it said went wrong."""

    def call(*arguments):
        told = homeostat(*map(str, arguments))
        return told.code, told.out, told.err

    return call


def test_a_rollout_is_started_held_looked_at_and_ended_by_hand(ask, served):
    where = ("--record", served)
    by = ("--who", "Ada", "--why", "a try")
    _, out, _ = ask("rollout", "start", "delay", "delay:v1", *by, "--p99", "50ms", *where)
    assert out == "delay:v1 against delay:v0: shadow, 0% of traffic.\n"
    code, _, error = ask("rollout", "start", "delay", "delay:v1", *by, *where)
    assert code == 1
    assert "is under way for `delay`" in error
    _, out, _ = ask("rollout", "decide", "delay", *where)
    assert "shadow: continue" in out
    _, out, _ = ask("rollout", "pause", "delay", *by, *where)
    assert "held: " in out
    _, out, _ = ask("rollout", "resume", "delay", *by, *where)
    assert "held" not in out
    _, out, _ = ask("rollout", "promote", "delay", *by, *where)
    assert out == "delay:v1 against delay:v0: promote, 100% of traffic.\n"
    _, out, _ = ask("rollout", "status", "delay", *where)
    assert "promote" in out
    assert json.loads(ask("rollout", "status", "delay", "--json", *where)[1])
    with Record.open(served) as record:
        assert record.artifact("delay:production").reference == "delay:v1"
    code, _, error = ask("rollout", "rollback", "delay", *by, *where)
    assert code == 1
    assert "is over: promote" in error


def test_a_version_that_is_not_there_is_one_sentence(ask, served):
    code, _, error = ask(
        "rollout", "start", "delay", "delay:v9", "--who", "Ada", "--record", served
    )
    assert code == 1
    assert "delay:v9" in error or "no version" in error.lower()


def test_whole_files_are_predicted(ask, served, tmp_path):
    rows = pl.DataFrame({"id": ["a", "b"], "hour": [7, 9]})
    rows.write_parquet(tmp_path / "in.parquet")
    _, out, _ = ask(
        "predict", "delay:production", tmp_path / "in.parquet", tmp_path / "out.parquet",
        "--keep", "id", "--record", served,
    )  # fmt: skip
    assert "2 rows by delay:v0" in out
    assert pl.read_parquet(tmp_path / "out.parquet").columns == ["id", "probability"]


def test_failed_requests_are_listed_with_their_reason(ask, served):
    def no_features(row):
        raise OSError("the feature store is down")

    with (
        serving(served, "delay", prepare=no_features) as server,
        Client(server.url) as client,
        pytest.raises(HomeostatError),
    ):
        client.predict({"hour": 7})
    code, out, _ = ask("predictions", "failures", "delay", "--record", served)
    assert code == 0
    assert all(word in out for word in ("delay:v0", "champion", "error", "500"))


def test_the_log_is_listed_and_sealed(ask, served):
    with serving(served, "delay") as server, Client(server.url) as client:
        client.predict({"hour": 7})
    _, out, _ = ask("predictions", "files", "delay", "--record", served)
    assert "process" in out
    code, out, _ = ask("predictions", "seal", "delay", "--record", served)
    assert code == 0
    assert "1" in out
