import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, Schema
from homeostat.serve import pack, unpack
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._package._manifest import with_manifest

SCHEMA = Schema(
    (
        Column("hour", "int", {"feature"}),
        Column("delay", "float", {"feature"}, nullable=True),
        Column("carrier", "category", {"feature"}, categories=("AA", "B6", "UA")),
        Column("origin", "string", {"feature"}),
        Column("flag", "bool", {"feature"}),
        Column("late", "bool", {"label"}),
    )
).expect("expect_column_values_to_be_between", "hour", min_value=0, max_value=23)
NUMBERS = Schema(tuple(Column(f"x{i}", "float", {"feature"}) for i in range(4)))


def frame(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "hour": rng.integers(0, 24, n),
            "delay": [None if x < -1 else x for x in rng.normal(size=n)],
            "carrier": rng.choice(["AA", "B6", "UA"], n),
            "origin": rng.choice(["JFK", "LGA", "EWR"], n),
            "flag": rng.random(n) < 0.3,
        }
    )


def target(rows, seed=0):
    """A signal in hour and carrier, with noise."""
    noise = np.random.default_rng(seed + 1).normal(size=rows.height)
    return rows["hour"].to_numpy() / 8 + 2 * (rows["carrier"] == "AA").to_numpy() + noise


def matrix(n=400, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 4))


def as_rows(values):
    return pl.DataFrame(values, schema=list(NUMBERS.names), orient="row")


def proven(model, schema=SCHEMA, *, allow=(), **settings):
    """Pack, unpack and deploy: the deployed version's single-row path is shown to be right."""
    files = pack(model, schema, **settings)
    return Deployed("m:v0", unpack(files, allow=allow))


@pytest.fixture(scope="session")
def tools():
    return SimpleNamespace(
        schema=SCHEMA,
        numbers=NUMBERS,
        frame=frame,
        target=target,
        matrix=matrix,
        as_rows=as_rows,
        proven=proven,
    )


OWN = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * np.asarray(X)


def rate(frame):
    return np.clip(frame["x0"].to_numpy(), 0, 1)


def nothing(frame):
    return np.full(frame.height, np.nan)


class Threshold:
    def __init__(self, at):
        self.at = at

    def predict(self, frame):
        return (frame["x0"].to_numpy() > self.at).astype(float)

    def save(self):
        return {"at.txt": str(self.at).encode()}

    @classmethod
    def load(cls, files):
        return cls(float(files["at.txt"]))
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of a person's own, importable for the length of a test."""
    (tmp_path / "own_steps.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("own_steps", None)
    importlib.invalidate_caches()
    yield importlib.import_module("own_steps")
    sys.modules.pop("own_steps", None)


@pytest.fixture
def resealed():
    """What somebody who makes a whole package of their own would send: every digest is right."""

    def reseal(files, name, content):
        manifest = json.loads(files["manifest.json"])
        facts = {k: v for k, v in manifest.items() if k not in {"files", "format", "sha256"}}
        inner = {k: v for k, v in files.items() if k != "manifest.json"}
        return with_manifest(inner | {name: content}, facts)

    return reseal
