"""The Open Inference Protocol, version 2 over REST: tensors to JSON and back.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md (2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, ServerError
from homeostat.serve._client._answers import JSON, Call, Who, polars_frame, read_object
from homeostat.serve._client._wire import Ask, Reply

__all__ = ["Inference", "infer", "model_path"]

_DATATYPES = {
    "bool": "BOOL",
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
}
_DTYPES = {datatype: np.dtype(name) for name, datatype in _DATATYPES.items()}


@dataclass(frozen=True, slots=True)
class Inference:
    """What a model answered by version 2.

    Args:
        model: Its name.
        version: Its version, as the server calls it; empty where it does not say.
        id: Of the request.
        outputs: Tensors by name; text as objects.
        parameters: Whatever else the server says.
    """

    model: str
    version: str
    id: str
    outputs: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, object]


def model_path(model: str, version: str | None = None) -> str:
    """Return where a model is."""
    path = f"/v2/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{quote(version, safe='')}"


def infer(
    inputs: Mapping[str, ArrayLike] | object,
    *,
    model: str,
    version: str | None,
    id_: str | None,
    parameters: Mapping[str, object] | None,
    who: Who,
) -> Call[Inference]:
    """Ask for an inference: of arrays by name, or of a frame's columns with shape (n, 1)."""
    if isinstance(inputs, Mapping):
        tensors = [_from_array(name, np.asarray(given)) for name, given in inputs.items()]
    else:
        tensors = [_from_column(column) for column in polars_frame(inputs)]
    if not tensors:
        raise InputError("An inference has at least one input, got none.")
    body: dict[str, object] = {"inputs": tensors}
    if id_ is not None:
        body["id"] = id_
    if parameters:
        body["parameters"] = dict(parameters)
    ask = Ask(
        "POST",
        f"{model_path(model, version)}/infer",
        orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY),
        who.headers(JSON),
    )
    return Call(ask, _read)


def _from_array(name: str, array: NDArray[Any]) -> dict[str, object]:
    datatype = _DATATYPES.get(array.dtype.name)
    shape = list(array.shape) or [1]
    if datatype is None:
        flat = array.ravel().tolist()
        if not all(isinstance(value, str) for value in flat):
            raise InputError(
                f"Input `{name}` must hold numbers, booleans or text, got {array.dtype.name}."
            )
        return {"name": name, "shape": shape, "datatype": "BYTES", "data": flat}
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"Input `{name}` holds NaN or infinity, which JSON cannot carry.")
    data = np.ascontiguousarray(array.ravel(), np.float32 if datatype == "FP16" else None)
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _from_column(column: pl.Series) -> dict[str, object]:
    shape = [len(column), 1]
    if column.dtype in {pl.String, pl.Categorical} or isinstance(column.dtype, pl.Enum):
        data = column.cast(pl.String).to_list()
        return {"name": column.name, "shape": shape, "datatype": "BYTES", "data": data}
    if column.null_count():
        dtype = str(column.dtype).lower()
        if dtype not in _DATATYPES:
            raise InputError(f"Column `{column.name}` must hold numbers, booleans or text.")
        data = column.to_list()
        return {"name": column.name, "shape": shape, "datatype": _DATATYPES[dtype], "data": data}
    return _from_array(column.name, column.to_numpy().reshape(-1, 1))


def _read(reply: Reply) -> Inference:
    answer = read_object(reply)
    try:
        return Inference(
            answer["model_name"],
            answer.get("model_version") or "",
            answer.get("id") or "",
            {one["name"]: _to_array(one) for one in answer["outputs"]},
            answer.get("parameters") or {},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServerError(f"The server's answer is no inference: {error!r}.") from None


def _to_array(tensor: Mapping[str, Any]) -> NDArray[Any]:
    dtype = _DTYPES.get(tensor["datatype"], np.dtype(object))
    return np.array(tensor["data"], dtype).reshape(tensor["shape"])
