"""Monitoring files and the prediction log, and what was alerted, from the command line."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.alerts import Alerts, File
from homeostat.core import Finding
from homeostat.record import Record

START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(first, last, *, concept=0.0, n=300):
    rng = np.random.default_rng(first)
    size = n * (last - first)
    x = rng.normal(size=size)
    p = 1 / (1 + np.exp(-x))
    at = [START + timedelta(days=first, minutes=1440 / n * i) for i in range(size)]
    late = (rng.random(size) < np.clip(p - concept, 0, 1)).astype(int)
    return pl.DataFrame({"at": at, "x": x, "p": p, "late": late})


@pytest.fixture
def ask(homeostat):
    """Call the command line; its exit code, what it printed, and what it said went wrong."""

    def call(*arguments):
        told = homeostat(*map(str, arguments))
        return told.code, told.out, told.err

    return call


@pytest.fixture
def files(tmp_path):
    rows(0, 30).write_parquet(tmp_path / "before.parquet")
    rows(30, 36).write_parquet(tmp_path / "quiet.parquet")
    rows(30, 36, concept=0.4).write_parquet(tmp_path / "broken.parquet")
    return tmp_path


ROLES = ("--at", "at", "--prediction", "p", "--outcome", "late")


def test_quiet_rows_end_well_and_broken_ones_say_why_with_exit_code_1(ask, files):
    code, out, _ = ask(
        "monitor", "files", files / "before.parquet", files / "quiet.parquet", *ROLES
    )
    assert (code, "6 windows: 0 pages" in out) == (0, True)
    code, out, _ = ask(
        "monitor", "files", files / "before.parquet", files / "broken.parquet", *ROLES
    )
    assert code == 1
    assert "page 1: " in out
    assert "loss changed by" in out
    code, out, _ = ask(
        "monitor", "files", files / "before.parquet", files / "broken.parquet", *ROLES, "--json"
    )
    assert {row["check"] for row in json.loads(out)} >= {"shift.concept"}


def test_rows_without_times_are_judged_as_one_window(ask, files):
    for name in ("before", "broken"):
        frame = pl.read_parquet(files / f"{name}.parquet").drop("at")
        frame.write_csv(files / f"{name}.csv")
    code, out, _ = ask("monitor", "files", files / "before.csv", files / "broken.csv", *ROLES[2:])
    assert code == 1
    assert "fail accuracy.window" in out


def test_a_column_that_is_not_there_is_one_sentence(ask, files):
    code, _, error = ask(
        "monitor", "files", files / "before.parquet", files / "quiet.parquet", "--at", "when"
    )
    assert code == 1
    assert "The frame has no column `when`. There is: `at`" in error


def test_a_log_without_predictions_is_one_sentence(ask, tmp_path):
    Record(tmp_path, capture=False).close()
    code, _, error = ask("monitor", "log", "delay", "--record", tmp_path)
    assert code == 1
    assert "No prediction of `delay` is on the log yet" in error


@pytest.fixture
def alerted(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        engine = Alerts(
            record=record, system="delay", channels={"file": File(tmp_path / "told.txt")}
        )
        gone = Finding(
            check="schema.missing_column",
            subject="temp",
            verdict="fail",
            summary="temp is not in the window.",
        )
        engine.update(datetime.now(UTC), [gone])
    return tmp_path / "record"


def test_alerts_are_listed_taken_on_silenced_and_judged(ask, alerted):
    where = ("--record", alerted, "--system", "delay")
    _, out, _ = ask("alerts", "list", *where)
    assert "firing" in out
    assert "temp is not in the window." in out
    _, out, _ = ask("alerts", "ack", "1", "--by", "Ada", "--note", "looking", *where)
    assert "(Ada has it)" in out
    _, out, _ = ask(
        "alerts", "silence", "--check", "schema.*", "--for", "2h", "--by", "Ada", *where
    )
    assert out.startswith("Silence s1 of schema.* on * ends ")
    code, out, _ = ask("alerts", "judge", "1", "--useful", "--by", "Ada", *where)
    assert code == 0
    _, out, _ = ask("alerts", "list", "--json", *where)
    assert json.loads(out)[0]["acknowledged_by"] == "Ada"
    code, _, error = ask("alerts", "ack", "7", "--by", "Ada", *where)
    assert code == 1
    assert "There is no alert 7 of system 'delay'; there are 1." in error


def test_messages_go_through_the_channels_that_the_environment_names(
    ask, alerted, monkeypatch, tmp_path
):
    where = ("--record", alerted, "--system", "delay")
    monkeypatch.setenv("HOMEOSTAT_ALERTS", f"file=file://{tmp_path}/sent.txt")
    _, out, _ = ask("alerts", "test", "file", *where)
    assert out == "file took a test message.\n"
    _, out, _ = ask("alerts", "send", *where)
    assert "1 sent, 0 not taken" in out
    assert "temp is not in the window." in (tmp_path / "sent.txt").read_text()
    _, out, _ = ask("alerts", "digest", *where)
    assert "temp is not in the window." in out
    code, _, error = ask("alerts", "test", "pager", *where)
    assert code == 1
    assert "pager" in error
