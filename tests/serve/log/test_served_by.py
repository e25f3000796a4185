"""From a version of a model down to what it answered."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, Schema, SimulatedClock
from homeostat.record import Record
from homeostat.serve import predictions_of, served_by
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder

START = datetime(2013, 4, 1, tzinfo=UTC)
NOON = int(START.timestamp() * 1e6)
SCHEMA = Schema((Column("x", "float", {"feature"}),))


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path, capture=False) as record:
        yield record


@pytest.fixture
def versions(record):
    with record.start_run("train") as run:
        return [run.make("delay", "model", {"m": b"%d" % i}) for i in range(2)]


def serve(record, name, answers):
    log = PredictionLog(log_folder(record.path, name), clock=SimulatedClock(START))
    for number, (version, arm) in enumerate(answers):
        log.announce(version.reference, SCHEMA)
        log.prediction(Stamp(NOON + number, version.reference, arm, 5, "k"), {"x": 1.0}, 0.5)
    return log


def test_a_version_leads_to_the_predictions_it_served(record, versions):
    old, new = versions
    log = serve(record, "delay", [(old, "champion"), (new, "challenger"), (old, "champion")])
    stamp = Stamp(NOON + 9, new.reference, "champion", 5, "k")
    log.batch(stamp, pl.DataFrame({"x": [1.0, 2.0]}), np.array([0.1, 0.2]))
    log.mirror(new.reference, ["a-0", "a-1", "a-2"], np.array([0.1, 0.2, 0.3]))
    log.close()
    serve(record, "delay beta/2", [(new, "champion")]).close()
    assert served_by(old, record).drop("first", "last").rows() == [("delay", "champion", 2)]
    found = served_by(new, record)
    assert found.drop("first", "last").rows() == [
        ("delay", "challenger", 1),
        ("delay", "champion", 2),
        ("delay", "mirror", 3),
        ("delay beta/2", "champion", 1),
    ]
    assert found["first"].to_list()[2] is None
    assert found["last"][1] == datetime(2013, 4, 1, 0, 0, 0, 9, UTC)
    listed = predictions_of(new, record)
    assert listed["version"].unique().to_list() == ["delay:v1"]
    assert listed["probability"].to_list() == [0.5, 0.1, 0.2]
    assert predictions_of(new, record.path, "delay beta/2").height == 1


def test_a_version_that_was_never_served_has_no_predictions(record, versions):
    assert served_by(versions[0], record).is_empty()
    serve(record, "delay", [(versions[1], "champion")]).close()
    assert served_by(versions[0], record).is_empty()
    assert predictions_of(versions[0], record).is_empty()


def test_a_feature_that_reads_like_a_version_is_not_taken_for_it(record, versions):
    old, new = versions
    log = PredictionLog(log_folder(record.path, "delay"), clock=SimulatedClock(START))
    log.announce(old.reference, SCHEMA)
    log.prediction(Stamp(NOON, old.reference, "champion", 5, "k"), {"x": new.reference}, 0.5)
    log.close()
    assert served_by(new, record).is_empty()
