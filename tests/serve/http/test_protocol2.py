"""The Open Inference Protocol, by its documents and as Triton's client speaks it."""

import http.client
import struct
from urllib.parse import urlsplit

import numpy as np
import orjson
import pytest

from homeostat.serve import read_predictions

INFER = "/v2/models/delay/infer"


def ask(server, method, path, body=None, **headers):
    """Send one request; return status, headers and content."""
    at = urlsplit(server.url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=10)
    sent = {"authorization": "Bearer secret"} | {k.replace("_", "-"): v for k, v in headers.items()}
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def infer(server, content, path=INFER, **headers):
    status, _, answer = ask(server, "POST", path, orjson.dumps(content), **headers)
    return status, orjson.loads(answer)


def tensors(n):
    return [
        {"name": "hour", "shape": [n], "datatype": "INT64", "data": list(range(n))},
        {"name": "delay", "shape": [n, 1], "datatype": "FP64", "data": [[1.5]] * n},
        {"name": "carrier", "shape": [n], "datatype": "BYTES", "data": ["AA"] * n},
    ]


def test_the_server_and_its_model_say_what_they_are(server):
    def get(path):
        status, _, content = ask(server, "GET", path)
        return status, orjson.loads(content)

    assert get("/v2")[1]["extensions"] == ["binary_tensor_data"]
    assert get("/v2/health/live") == (200, {"live": True})
    assert get("/v2/health/ready") == (200, {"ready": True})
    assert get("/v2/models/delay/ready") == (200, {"name": "delay", "ready": True})
    status, told = get("/v2/models/delay/versions/v0")
    assert (status, told["versions"], told["inputs"][2]) == (
        200,
        ["v0"],
        {"name": "carrier", "datatype": "BYTES", "shape": [-1]},
    )
    assert told["outputs"][0] == {"name": "probability", "datatype": "FP64", "shape": [-1]}
    for path in ("/v2/models/other", "/v2/models/delay/versions/v9", "/v2/else", "/v2/models"):
        assert get(path)[0] == 404
    assert ask(server, "GET", INFER)[0] == 405
    assert ask(server, "POST", "/v2/models/delay")[0] == 405
    assert ask(server, "GET", "/v2/models/delay", authorization="no")[0] == 401
    assert ask(server, "GET", "/v2/health/ready", authorization="no")[0] == 200


@pytest.mark.parametrize("n", [1, 3])
def test_an_infer_request_is_a_prediction_like_any_other(server, n):
    status, told = infer(server, {"id": "q", "inputs": tensors(n)})
    assert (status, told["id"], told["model_version"]) == (200, "q", "v0")
    probability, ids = told["outputs"]
    assert (probability["name"], probability["shape"]) == ("probability", [n])
    assert probability["data"] == [0.25] * n
    log = read_predictions(server._record, "delay")
    assert log["id"].to_list() == ids["data"]
    assert log["arm"].unique().to_list() == [told["parameters"]["arm"]]


def test_inputs_may_be_of_narrower_types_nested_and_null(server):
    first, delay, carrier = tensors(2)
    narrow = [
        first | {"datatype": "UINT8"},
        delay | {"datatype": "FP32", "shape": [2, 1], "data": [None, 2]},
        carrier,
    ]
    assert infer(server, {"inputs": narrow})[0] == 200
    whole = [first | {"datatype": "FP64", "data": [1.0, 2.0]}, delay, carrier]
    assert infer(server, {"inputs": whole})[0] == 200
    status, told = infer(server, {"inputs": [whole[0] | {"data": [1.5, 2.0]}, delay, carrier]})
    assert (status, "`hour`" in told["error"]) == (422, True)


def test_only_the_outputs_that_are_asked_for_are_told(server):
    asked = {"inputs": tensors(2), "outputs": [{"name": "probability"}]}
    assert [one["name"] for one in infer(server, asked)[1]["outputs"]] == ["probability"]
    asked["outputs"] = [{"name": "odds"}]
    status, told = infer(server, asked)
    assert (status, "probability, prediction_id" in told["error"]) == (400, True)
    assert read_predictions(server._record, "delay").height == 2  # the refused one is not logged


def test_tensors_may_follow_in_binary_and_be_answered_so(server):
    texts = b"".join(struct.pack("<I", len(t)) + t for t in (b"AA", b"UA"))
    parts = [np.array([5, 6], "<i2").tobytes(), np.array([1.5, 0.5], "<f4").tobytes(), texts]
    kinds = [("hour", "INT16"), ("delay", "FP32"), ("carrier", "BYTES")]
    inputs = [
        {"name": name, "shape": [2], "datatype": kind, "parameters": {"binary_data_size": len(p)}}
        for (name, kind), p in zip(kinds, parts, strict=True)
    ]
    head = orjson.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}})
    body = head + b"".join(parts)
    length = {"inference_header_content_length": str(len(head))}
    status, headers, content = ask(server, "POST", INFER, body, **length)
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    at = int(headers["inference-header-content-length"])
    told = orjson.loads(content[:at])["outputs"]
    assert told[0]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(content[at : at + 16], "<f8").tolist() == [0.25, 0.25]
    size = struct.unpack_from("<I", content, at + 16)[0]
    ids = read_predictions(server._record, "delay")["id"].to_list()
    assert content[at + 20 : at + 20 + size].decode() == ids[0]
    for wrong, cut in (({"inference_header_content_length": "99999"}, body), (length, body[:-1])):
        assert ask(server, "POST", INFER, cut, **wrong)[0] == 400


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"inputs": []},
        {"inputs": [1]},
        {"inputs": [{"name": "hour"}]},
        {"inputs": [{"name": "hour", "datatype": ["INT64"], "shape": [1], "data": [1]}]},
        {"inputs": [{"name": "hour", "datatype": "INT64", "shape": [2], "data": [1]}]},
        {"inputs": [{"name": "hour", "datatype": "INT64", "shape": [-1], "data": [1]}]},
        {"inputs": [{"name": "hour", "datatype": "INT64", "shape": [1, 1, 1], "data": [1]}]},
        {"inputs": [{"name": "hour", "datatype": "INT64", "shape": [1], "data": ["x"]}]},
        {"inputs": [{"name": "hour", "datatype": "FP64", "shape": [1], "data": [True]}]},
        {"inputs": [{"name": "hour", "datatype": "UINT64", "shape": [1], "data": [2**64 - 1]}]},
        {"inputs": [{"name": "hour", "datatype": "INT64", "shape": [2], "data": [[1], 2]}]},
        {"inputs": [{"name": "all", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]},
        {"inputs": [*tensors(1), tensors(1)[0]]},
        {"inputs": [*tensors(1)[:2], tensors(3)[2]]},
        {"inputs": tensors(1), "id": 7},
        {"inputs": tensors(1), "outputs": "probability"},
        {"inputs": tensors(1), "parameters": 3},
        {"inputs": [tensors(1)[0] | {"parameters": {"binary_data_size": 8}}]},
    ],
)
def test_what_is_no_infer_request_is_refused_in_words(server, content):
    status, told = infer(server, content)
    assert status == 400
    assert told["error"].endswith(".")


def test_a_field_that_breaks_the_schema_is_named(server):
    late = [tensors(1)[0] | {"data": [24]}, *tensors(1)[1:]]
    status, told = infer(server, {"inputs": late})
    assert (status, told["fields"][0]["field"], told["fields"][0]["value"]) == (422, "hour", 24)
    status, told = infer(server, {"inputs": tensors(2)[:2]})
    assert (status, told["fields"][0]["field"]) == (422, "carrier")


def test_a_repeated_infer_request_is_one_prediction(server):
    first, second = (infer(server, {"inputs": tensors(1)}, idempotency_key="k") for _ in range(2))
    assert first == second
    assert infer(server, {"inputs": tensors(2)}, idempotency_key="k")[0] == 422
    assert read_predictions(server._record, "delay").height == 1
