"""The clients against the server that they are made for."""

import asyncio

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, NotFoundError
from homeostat.serve import AsyncClient, Client, RefusedError, joined, read_predictions, serving


def test_a_row_rows_and_a_frame_get_the_same_answers_from_both_clients(kit, server):
    rows = kit.frame.to_dicts()

    async def ask():
        async with AsyncClient(server.url, token="secret") as client:
            one = await client.predict(rows[0])
            many, frame = await asyncio.gather(
                client.predict_rows(rows), client.predict_frame(kit.frame)
            )
            return one, many, frame

    with Client(server.url, token="secret") as client:
        told = [client.predict(rows[0]), client.predict_rows(rows), client.predict_frame(kit.frame)]
    for one, many, frame in (told, asyncio.run(ask())):
        assert (one.probability, one.version, one.arm) == (0.25, "delay:v0", "champion")
        assert [answer.probability for answer in many] == [0.25, 0.25]
        assert frame["probability"].to_list() == [0.25, 0.25]
        assert frame["version"].to_list() == ["delay:v0"] * 2
    logged = read_predictions(server._record, "delay")
    assert len(logged) == 10


def test_a_call_sent_twice_under_one_key_is_one_prediction(kit, server):
    with Client(server.url, token="secret") as client:
        first, second = (client.predict(kit.row, idempotency_key="order-7") for _ in range(2))
        assert first == second
        with pytest.raises(RefusedError, match="another body"):
            client.predict(kit.row | {"hour": 6}, idempotency_key="order-7")
    assert len(read_predictions(server._record, "delay")) == 1


def test_a_wrong_field_is_told_with_its_rule(kit, server, client):
    with pytest.raises(RefusedError, match="Field `hour`") as raised:
        client.predict(kit.row | {"hour": 99})
    assert isinstance(raised.value, InputError)
    (wrong,) = raised.value.fields
    assert (wrong["field"], wrong["value"]) == ("hour", 99)


def test_feedback_by_id_by_key_and_in_bulk_reaches_the_joined_frame(kit, server, client):
    ids = [client.predict(kit.row, key=f"user-{n}").id for n in range(4)]
    assert client.feedback(ids[0], 1) == "accepted"
    assert client.feedback(ids[0], 1) == "repeated"
    with pytest.raises(RefusedError):
        client.feedback(ids[0], 0)
    with pytest.raises(NotFoundError):
        client.feedback("nobody-1", 1)
    told = client.feedback_many({ids[1]: 0, ids[2]: True})
    assert told["accepted"] == 2
    assert client.feedback_by_key("user-3", 1) == "kept"
    frame = joined(server._record, "delay").frame
    outcomes = dict(frame.select("id", "outcome").iter_rows())
    assert [outcomes[id_] for id_ in ids[:3]] == [1, 0, 1]


def test_the_open_inference_protocol_answers_the_same(kit, server, client):
    plain = client.infer(kit.frame, model="delay", id="r-1")
    assert (plain.model, plain.version, plain.id) == ("delay", "v0", "r-1")
    assert plain.outputs["probability"].tolist() == [0.25, 0.25]
    arrays = {"hour": np.array([5]), "delay": np.array([1.5]), "carrier": np.array(["AA"])}
    assert client.infer(arrays, model="delay", version="v0").outputs["probability"] == [0.25]
    with pytest.raises(NotFoundError):
        client.infer(kit.frame, model="other")
    for bad in ({"x": np.array([np.nan])}, {"x": np.array([1j])}, {}):
        with pytest.raises(InputError):
            client.infer(bad, model="delay")


def test_readiness_is_asked_once(kit, record):
    with serving(record, "delay") as server:
        client = Client(server.url)
        assert client.is_ready() is True
    assert client.is_ready() is False
    client.close()


def test_a_frame_of_categories_and_nulls_is_answered(kit, server, client):
    frame = kit.frame.with_columns(pl.col("carrier").cast(pl.Categorical))
    assert client.predict_frame(frame).height == 2
    assert client.predict_frame(frame.cast({"carrier": pl.Enum(["AA", "UA"])})).height == 2
