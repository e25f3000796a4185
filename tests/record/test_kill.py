"""A writer is killed at any moment: what it was told is written, is written."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from homeostat.core import Verdict, worst
from homeostat.record import Record

KILLER = Path(__file__).with_name("killed_writer.py")


def kill(folder, kills, seed):
    done = subprocess.run(
        [sys.executable, KILLER, str(folder), str(kills), str(seed)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(folder, kills, seed):
    acknowledged = kill(folder, kills, seed)
    assert len(acknowledged) == kills
    with Record(folder) as record:
        events = record.events("filled").group_by("run").agg("payload")
        payloads = {run: [json.loads(text) for text in texts] for run, texts in events.iter_rows()}
        for (_, run), *said in acknowledged:
            lost_nothing(record, run, said, payloads.get(run, []))
        assert record.runs()["status"].to_list() == ["crashed"] * kills
        findings = record.verify()
        report = record.rebuild()
        assert not report.changed
        assert {item.reason for item in report.damage} <= {"torn"}
        assert worst(findings) in {Verdict.OK, Verdict.WARN}
        torn = [
            found for found in findings if found.check == "record.log" and found.verdict == "warn"
        ]
        assert len(torn) == len(report.damage)
        frames = sum(len(said) for said in acknowledged)
        said = f"{kills} kills, {frames} acknowledged, {report.frames} kept, {len(torn)} torn"
        sys.stdout.write(said + "\n")


def lost_nothing(record, run, said, payloads):
    points = record.metrics(run).filter(pl.col("name") == "sequence")
    assert (points["value"] == points["step"]).all()
    assert {what[1] for what in said if what[0] == "metrics"} <= set(points["step"])
    kept = {payload["sequence"]: len(payload["filling"]) for payload in payloads}
    assert {what[1]: what[2] for what in said if what[0] == "event"}.items() <= kept.items()
    for what in said:
        if what[0] == "made":
            artifact = record.artifact(what[1])
            assert artifact.version == what[2]
            assert artifact.read("weights")


def test_twenty_writers_killed_at_random_moments_lose_nothing_acknowledged(tmp_path):
    check(tmp_path, kills=20, seed=1)


@pytest.mark.slow
def test_two_hundred_writers_killed_at_random_moments_lose_nothing_acknowledged(tmp_path):
    check(tmp_path, kills=200, seed=1000)
