from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, Schema
from homeostat.record import Record
from homeostat.serve import Client, pack, serving
from homeostat.train import Majority

SCHEMA = Schema(
    (
        Column("hour", "int", {"feature"}),
        Column("delay", "float", {"feature"}, nullable=True),
        Column("carrier", "category", {"feature"}, categories=("AA", "UA")),
        Column("late", "bool", {"label"}),
    ),
    name="flights",
).expect("expect_column_values_to_be_between", "hour", min_value=0, max_value=23)
FRAME = pl.DataFrame({"hour": [5, 6], "delay": [1.5, None], "carrier": ["AA", "UA"]})
ROW = {"hour": 5, "delay": 1.5, "carrier": "AA"}


def constant(rate):
    """A model that always answers (nearly) one rate, so an answer tells who gave it."""
    model = Majority()
    model.rate_ = rate
    return model


def release(record, rate, *, name="delay", alias="production"):
    """Put a constant model into the record."""
    files = pack(constant(rate), SCHEMA, sample=FRAME)
    with record.start_run("release") as run:
        return run.make(name, "model", files, aliases=(alias,) if alias else ())


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as opened:
        release(opened, 0.25)
        yield opened


@pytest.fixture
def server(record):
    with serving(record, "delay", token="secret", poll_s=0.01) as started:
        yield started


@pytest.fixture
def client(server):
    with Client(server.url, token="secret") as opened:
        yield opened


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 1000
    return pl.DataFrame(
        {
            "hour": rng.integers(0, 24, n),
            "delay": rng.normal(size=n),
            "carrier": rng.choice(["AA", "UA"], n),
        }
    )


@pytest.fixture(scope="session")
def kit():
    """What tests of this room share, since test modules are not importable."""
    return SimpleNamespace(schema=SCHEMA, frame=FRAME, row=ROW, constant=constant, release=release)
