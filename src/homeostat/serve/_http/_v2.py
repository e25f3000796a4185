"""The Open Inference Protocol, version 2, over HTTP: what KServe, Triton and MLServer speak.

The server's one model answers at ``/v2/models/NAME``; each infer request is a prediction like
any other: validated, routed, logged and counted. A version may be named in the path, if it is in
force; who does so is no part of an experiment.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

import numpy as np
import orjson
import polars as pl

from homeostat.core import Json
from homeostat.serve._http._answers import AnswerForm
from homeostat.serve._http._batch import Answered, media_type
from homeostat.serve._http._deployed import Deployed, read_json
from homeostat.serve._http._message import JSON, Answer, Refused, Request, Response, shown
from homeostat.serve._http._predict import Predictor
from homeostat.serve._http._tensors import DATATYPES, Tensor, read_inputs, write_binary

__all__ = ["Protocol2"]

_HEADER_LENGTH = b"inference-header-content-length"
_ONE_ROW = 1


class Protocol2:
    """Answers what begins with ``/v2``.

    Args:
        name: Of the model.
        predictor: Answers predictions.
    """

    def __init__(self, name: str, predictor: Predictor) -> None:
        self._name = name
        self._predictor = predictor

    def answer(self, request: Request, *, ready: bool) -> Answer:
        """Answer a request; raises Refused.

        Args:
            request: Whose path begins with ``/v2``.
            ready: Whether the server takes requests.
        """
        parts = [unquote(part) for part in request.path.strip("/").split("/")[1:]]
        if parts[:1] == ["models"] and len(parts) >= 2:
            return self._model(request, parts[1], parts[2:], ready=ready)
        if request.method not in {"GET", "HEAD"}:
            raise Refused(405, f"`{request.path}` is read by GET.")
        if not parts:
            return _told(_server())
        if parts == ["health", "live"]:
            return _told({"live": True})
        if parts == ["health", "ready"]:
            return _told({"ready": ready}, 200 if ready else 503)
        raise _nothing(request)

    def _model(self, request: Request, name: str, rest: list[str], *, ready: bool) -> Answer:
        if name != self._name:
            raise Refused(404, f"There is no model {shown(name)} here, there is `{self._name}`.")
        pinned = None
        if rest[:1] == ["versions"] and len(rest) >= 2:
            pinned, rest = self._version(rest[1]), rest[2:]
        if rest == ["infer"]:
            if request.method != "POST":
                raise Refused(405, f"`{request.path}` is asked by POST.")
            return self._predictor.once(request, partial(self._infer, pinned))
        if request.method not in {"GET", "HEAD"}:
            raise Refused(405, f"`{request.path}` is read by GET.")
        if not rest:
            return _told(self._metadata(pinned or self._predictor.route.champion))
        if rest == ["ready"]:
            return _told({"name": name, "ready": ready}, 200 if ready else 503)
        raise _nothing(request)

    def _version(self, asked: str) -> Deployed:
        """Return a version that is in force, by its number or its whole reference."""
        in_force = self._predictor.route.deployed
        for one in in_force:
            if asked in {one.version, _short(one), _short(one).removeprefix("v")}:
                return one
        known = ", ".join(map(_short, in_force))
        raise Refused(404, f"Version {shown(asked)} is not in force, {known} is.")

    def _metadata(self, deployed: Deployed) -> dict[str, Any]:
        schema = deployed.schema
        outputs = [
            {"name": name, "datatype": datatype, "shape": [-1, *more]}
            for name, datatype, *more in _outputs(deployed.answers)
        ]
        inputs = [
            {"name": one.name, "datatype": DATATYPES[one.type], "shape": [-1]}
            for one in schema.columns
        ]
        versions = [_short(one) for one in self._predictor.route.deployed]
        return {
            "name": self._name,
            "versions": versions,
            "platform": f"homeostat_{deployed.package.family}",
            "inputs": inputs,
            "outputs": outputs,
        }

    def _infer(self, pinned: Deployed | None, request: Request) -> Answer:
        content, binary = _read(request)
        predictor = self._predictor
        ask = predictor.ask(request)
        ask.pinned = pinned
        wishes = _Wishes(content)
        self._check(wishes)
        ask.render = partial(self._render, wishes)
        inputs = content.get("inputs")
        row = None if binary else _row(inputs)
        if row is not None:
            return predictor.one(ask, row)
        return predictor.many(ask, partial(_read_frame, inputs, binary), len(request.body))

    def _check(self, wishes: _Wishes) -> None:
        """Raise Refused where an output is asked for that no version in force gives."""
        in_force = self._predictor.route.deployed
        known = [name for one in in_force for name, *_ in _outputs(one.answers)]
        for name in wishes.names:
            if name not in known:
                are = ", ".join(dict.fromkeys(known))
                raise Refused(400, f"There is no output {shown(name)}, there are {are}.")

    def _render(self, wishes: _Wishes, answered: Answered) -> Response:
        """Tell answers as tensors: those that were asked for, all where none were."""
        tensors = {tensor.name: tensor for tensor in _tensors(answered)}
        outputs, binary = [], []
        for name in wishes.names or tensors:
            tensor = tensors.get(name)
            if tensor is None:  # of an arm that answers in another form
                continue
            told: dict[str, Any] = {"name": name, "datatype": tensor.datatype}
            told["shape"] = list(tensor.shape)
            if wishes.binary.get(name, wishes.all_binary):
                binary.append(write_binary(tensor))
                told["parameters"] = {"binary_data_size": len(binary[-1])}
            else:
                told["data"] = tensor.data if isinstance(tensor.data, list) else tensor.data.ravel()
            outputs.append(told)
        content: dict[str, Any] = {
            "model_name": self._name,
            "model_version": _short(answered.deployed),
            "parameters": {"arm": answered.arm},
            "outputs": outputs,
        }
        if wishes.id is not None:
            content["id"] = wishes.id
        head = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        if not binary:
            return Response(head)
        headers = {_HEADER_LENGTH.decode(): str(len(head))}
        return Response(b"".join((head, *binary)), 200, "application/octet-stream", headers)


class _Wishes:
    """What a request says of its answer.

    Args:
        content: The request.
    """

    __slots__ = ("all_binary", "binary", "id", "names")

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.id = content.get("id")
        if self.id is not None and not isinstance(self.id, str):
            raise Refused(400, f"`id` is a text, got {shown(self.id)}.")
        asked, more = content.get("outputs") or [], content.get("parameters") or {}
        if not isinstance(more, dict):
            raise Refused(400, f"`parameters` is an object, got {shown(more)}.")
        whole = isinstance(asked, list) and all(
            isinstance(one, dict) and isinstance(one.get("name"), str) for one in asked
        )
        if not whole:
            raise Refused(400, "`outputs` is a list of objects with `name`.")
        self.names = [one["name"] for one in asked]
        said = {one["name"]: (one.get("parameters") or {}).get("binary_data") for one in asked}
        self.binary = {name: wish for name, wish in said.items() if isinstance(wish, bool)}
        self.all_binary = more.get("binary_data_output") is True


def _read(request: Request) -> tuple[dict[str, Any], bytes]:
    """Return a request's JSON and the tensors that follow it."""
    media_type(request)  # refuses what is compressed
    given, body = request.headers.get(_HEADER_LENGTH), request.body
    length = len(body)
    if given is not None:
        length = int(given) if given.isdigit() and len(given) < 12 else -1
        if not 0 <= length <= len(body):
            raise Refused(400, "`Inference-Header-Content-Length` is the length of the JSON part.")
    content = read_json(body[:length])
    if not isinstance(content, dict):
        raise Refused(400, f"An infer request is an object with `inputs`, got {shown(content)}.")
    return content, body[length:]


def _row(inputs: object) -> dict[str, object] | None:
    """Return the values of inputs that hold one each and say so in the plainest way."""
    if not isinstance(inputs, list) or not inputs:
        return None
    row: dict[str, object] = {}
    for one in inputs:
        if type(one) is not dict or "parameters" in one or type(one.get("datatype")) is not str:
            return None
        data, datatype = one.get("data"), one.get("datatype")
        plain = datatype in _ROW_TYPES and one.get("shape") in ([1], [1, 1])
        if not plain or type(data) is not list or len(data) != _ONE_ROW:
            return None
        if type(data[0]) is not _ROW_TYPES[datatype]:
            return None
        row[str(one.get("name"))] = data[0]
    return row if len(row) == len(inputs) else None


_ROW_TYPES: Mapping[Any, type] = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}


def _read_frame(inputs: object, binary: bytes, deployed: Deployed) -> pl.DataFrame:
    frame = read_inputs(inputs, binary, deployed.schema)
    return deployed.frame(frame)


def _tensors(answered: Answered) -> list[Tensor]:
    deployed, _, ids, answers = answered
    n, ids_of = len(ids), Tensor("prediction_id", "BYTES", (len(ids),), ids)
    form = deployed.answers
    if form.kind != "classes":
        return [Tensor(form.kind, "FP64", (n,), answers), ids_of]
    labels = Tensor("label", "BYTES", (n,), form.likeliest(answers))
    shares = np.asarray(answers)
    return [labels, Tensor("probabilities", "FP64", (n, shares.shape[1]), shares), ids_of]


def _outputs(form: AnswerForm) -> list[tuple[Any, ...]]:
    """Return the outputs as names, datatypes, and sizes of further dimensions."""
    ids = ("prediction_id", "BYTES")
    if form.kind != "classes":
        return [(form.kind, "FP64"), ids]
    return [("label", "BYTES"), ("probabilities", "FP64", len(form.labels)), ids]


def _short(deployed: Deployed) -> str:
    return deployed.version.rpartition(":")[2]


def _told(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, JSON)


def _nothing(request: Request) -> Refused:
    return Refused(404, f"There is no {shown(request.path)} in the Open Inference Protocol.")


@cache
def _server() -> dict[str, Json]:
    version = importlib.metadata.version("homeostat")
    return {"name": "homeostat", "version": version, "extensions": ["binary_tensor_data"]}
