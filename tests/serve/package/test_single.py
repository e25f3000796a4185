import gc
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Column, InputError, Schema
from homeostat.serve import pack, unpack
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._package._trees import Trees
from homeostat.train import Boosted, LeafHead, Logistic, Majority

SCHEMA = Schema(
    (
        Column("hour", "int", {"feature"}),
        Column("delay", "float", {"feature"}, nullable=True),
        Column("kind", "category", {"feature"}, nullable=True, categories=("AA", "B6", "UA", "ZZ")),
        Column("place", "string", {"feature"}),
        Column("flag", "bool", {"feature"}),
    )
)


def deployed(model):
    rng = np.random.default_rng(0)
    n = 2000
    frame = pl.DataFrame(
        {
            "hour": rng.integers(0, 24, n),
            "delay": [None if x < -1 else x for x in rng.normal(size=n)],
            "kind": rng.choice(["AA", "B6", "UA"], n),
            "place": rng.choice([f"p{i}" for i in range(30)], n),
            "flag": rng.random(n) < 0.3,
        }
    )
    signal = frame["hour"].to_numpy() / 24 + (frame["kind"] == "AA").to_numpy()
    model.fit(frame, (signal + rng.normal(size=n) > 1).astype(float))
    return Deployed("m:v0", unpack(pack(model, SCHEMA)))


FAST = [deployed(Boosted(trees=30)), deployed(Logistic())]


@pytest.mark.parametrize("model", FAST)
@given(
    row=st.fixed_dictionaries(
        {
            "hour": st.integers(-(2**40), 2**40),
            "delay": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "kind": st.sampled_from(["AA", "B6", "UA", "ZZ", None]),
            "place": st.one_of(st.sampled_from(["p0", "p1"]), st.text()),
            "flag": st.booleans(),
        }
    )
)
def test_one_row_alone_is_answered_as_in_a_frame(model, row):
    assert model.one is not None
    assert model.one(row) == pytest.approx(model.predict_rows([row])[0], abs=1e-12)


WIDTH = 3
NUMBERS = Schema(tuple(Column(f"x{i}", "float", {"feature"}, nullable=True) for i in range(WIDTH)))


def of_numbers(model, width):
    schema = NUMBERS.select(NUMBERS.names[:width])
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.normal(size=2000) for name in schema.names})
    model.fit(frame, (frame["x0"].to_numpy() + rng.normal(size=2000) > 0).astype(float))
    return Deployed("m:v0", unpack(pack(model, schema)))


OF_NUMBERS = [
    of_numbers(model, width)
    for width in (1, WIDTH)
    for model in (Boosted(trees=10, min_leaf_rows=5), Logistic())
]


@pytest.mark.parametrize("model", OF_NUMBERS)
@given(
    st.lists(
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.floats(-5, 5),
        min_size=WIDTH,
        max_size=WIDTH,
    )
)
def test_a_row_of_numbers_is_answered_as_in_a_frame_however_large(model, values):
    row = dict(zip(model.features, values, strict=False))
    assert model.one is not None
    assert model.one(row) == pytest.approx(model.predict_rows([row])[0], abs=1e-12)
    many = pl.from_dicts([row] * 20, schema=dict.fromkeys(row, pl.Float64))
    assert model.one(row) == pytest.approx(model.predict(many)[19], abs=1e-12)


def test_trees_are_the_same_to_the_last_bit():
    model = FAST[0]
    rng = np.random.default_rng(1)
    for _ in range(300):
        row = {
            "hour": int(rng.integers(24)),
            "delay": float(rng.normal()),
            "kind": str(rng.choice(["AA", "B6", "ZZ"])),
            "place": f"p{rng.integers(40)}",
            "flag": bool(rng.integers(2)),
        }
        assert model.one(row) == model.predict_rows([row])[0]


def test_others_keep_the_frame():
    assert deployed(Majority()).one is None
    assert deployed(LeafHead(Boosted(trees=3))).one is None


def test_a_path_that_differs_anywhere_is_refused(monkeypatch, caplog):
    from homeostat.serve._package import _single

    codes = _single._codes

    def forgets_the_unseen(levels):
        found = codes(levels)
        return found and found | {_single._UNSEEN: 0.0}

    monkeypatch.setattr(_single, "_codes", forgets_the_unseen)
    assert deployed(Logistic()).one is None
    assert "differs" in caplog.text


def test_times_among_the_features_keep_the_frame():
    schema = Schema((Column("at", "datetime", {"feature"}),))
    model = Majority()
    model.rate_ = 0.5
    assert Deployed("m:v0", unpack(pack(model, schema))).one is None


def test_trees_are_let_go_and_nonsense_is_refused():
    text = FAST[0].package.model.booster_.model_to_string()
    for _ in range(20):
        assert 0 < Trees(text, 5).predict([1.0, math.nan, 0.0, 0.0, 1.0]) < 1
    gc.collect()
    with pytest.raises(InputError, match="LightGBM"):
        Trees("nonsense", 5)
