"""Tensors of the Open Inference Protocol as columns, and columns as tensors; JSON or binary.

See https://github.com/kserve/open-inference-protocol and, for the binary form, Triton's
extension "binary_tensor_data": tensors follow the JSON, little-endian, texts after their length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from homeostat.core import Column, ColumnType, Schema
from homeostat.serve._http._message import Refused, shown

__all__ = ["DATATYPES", "Tensor", "read_inputs", "whole_numbers", "write_binary"]

DATATYPES: Mapping[str, str] = {
    ColumnType.BOOL: "BOOL",
    ColumnType.INT: "INT64",
    ColumnType.FLOAT: "FP64",
    ColumnType.STRING: "BYTES",
    ColumnType.CATEGORY: "BYTES",
    ColumnType.DATE: "BYTES",
    ColumnType.DATETIME: "BYTES",
}
"""The datatype that a column is described as."""
_NUMPY: Mapping[str, str] = {
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}
_NONE = type(None)
_KINDS: Mapping[str, tuple[Any, frozenset[type]]] = {
    "BYTES": (pl.String, frozenset({str, _NONE})),
    "BOOL": (pl.Boolean, frozenset({bool, _NONE})),
    "FP": (pl.Float64, frozenset({float, int, _NONE})),
    "INT": (pl.Int64, frozenset({int, _NONE})),
    "UINT": (pl.Int64, frozenset({int, _NONE})),
}
"""By what a datatype begins with: what it is read as, and JSON's types for it."""
_LENGTH = struct.Struct("<I")
_MAX_INPUTS = 10_000


class Tensor(NamedTuple):
    """A named tensor, its values flat in row-major order.

    Args:
        name: Of the input or output.
        datatype: Such as ``"FP64"``.
        shape: Of one or two dimensions.
        data: A list of JSON's values, or an array.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | NDArray[Any]


def read_inputs(inputs: object, binary: bytes, schema: Schema) -> pl.DataFrame:
    """Return a request's inputs as columns.

    A feature is an input of its name and shape (n,) or (n, 1); or one input of shape (n, k) holds
    all k features in the order of the schema.

    Args:
        inputs: As read from JSON.
        binary: What follows the JSON.
        schema: Of the k features.

    Raises:
        Refused: With status 400, naming the input.
    """
    if not isinstance(inputs, list) or not inputs or len(inputs) > _MAX_INPUTS:
        raise Refused(400, f"`inputs` is a list of tensors, got {shown(inputs)}.")
    tensors, at = [], 0
    for given in inputs:
        tensor, at = _tensor(given, binary, at)
        tensors.append(tensor)
    if at != len(binary):
        raise Refused(400, f"{len(binary):,} bytes follow the JSON, its tensors have {at:,}.")
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise Refused(400, "Each input has a name of its own.")
    k = len(schema.names)
    if len(tensors) == 1 and len(tensors[0].shape) == 2 and tensors[0].name not in schema.names:
        tensors = _split(tensors[0], schema.names)
    rows = tensors[0].shape[0]
    for tensor in tensors:
        if tensor.shape[0] != rows or prod(tensor.shape) != rows:
            raise Refused(
                400,
                f"Input `{tensor.name}` has shape {list(tensor.shape)}: each feature is an input "
                f"of shape [{rows}] or [{rows}, 1], or one input of [n, {k}] holds them all.",
            )
    known = {column.name: column for column in schema.columns}
    return pl.DataFrame([_series(tensor, known.get(tensor.name)) for tensor in tensors])


def _tensor(given: Any, binary: bytes, at: int) -> tuple[Tensor, int]:  # noqa: ANN401 - what was sent
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise Refused(400, f"An input is an object with `name`, got {shown(given)}.")
    name, datatype, shape = given["name"], given.get("datatype"), given.get("shape")
    if not isinstance(datatype, str) or (datatype not in _NUMPY and datatype != "BYTES"):
        raise Refused(400, f"Input `{shown(name)}` has no datatype that is known here.")
    if not (isinstance(shape, list) and 1 <= len(shape) <= 2 and all(map(_is_size, shape))):
        raise Refused(400, f"Input `{shown(name)}` has one or two dimensions, got {shown(shape)}.")
    size, n = (given.get("parameters") or {}).get("binary_data_size"), prod(shape)
    if size is None:
        data = _flat(given.get("data"), name)
        if len(data) != n:
            raise Refused(400, f"Input `{shown(name)}` has {len(data):,} values, its shape {n:,}.")
        return Tensor(name, datatype, tuple(shape), data), at
    if not _is_size(size) or at + size > len(binary):
        raise Refused(400, f"Input `{shown(name)}` is longer than what follows the JSON.")
    values = _read_binary(binary[at : at + size], datatype, n, name)
    return Tensor(name, datatype, tuple(shape), values), at + size


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 31


def _flat(data: object, name: str) -> list[Any]:
    """Return values as one list; they may come in rows."""
    if not isinstance(data, list):
        raise Refused(400, f"Input `{shown(name)}` has no `data`.")
    if data and isinstance(data[0], list):
        if not all(isinstance(row, list) for row in data):
            raise Refused(400, f"Input `{shown(name)}` has rows and values side by side.")
        return [value for row in data for value in row]
    return data


def _read_binary(part: bytes, datatype: str, n: int, name: str) -> list[Any] | NDArray[Any]:
    if datatype == "BYTES":
        texts = list(_texts(part, name))
        if len(texts) != n:
            raise Refused(400, f"Input `{shown(name)}` has {len(texts):,} texts, its shape {n:,}.")
        return texts
    kind = np.dtype(_NUMPY[datatype])
    if len(part) != n * kind.itemsize:
        raise Refused(
            400,
            f"Input `{shown(name)}` has {len(part):,} bytes, its shape needs "
            f"{n * kind.itemsize:,}.",
        )
    return np.frombuffer(part, kind)


def _texts(part: bytes, name: str) -> Iterable[str]:
    at = 0
    while at < len(part):
        end = at + _LENGTH.size
        size = _LENGTH.unpack_from(part, at)[0] if end <= len(part) else len(part)
        if end + size > len(part):
            raise Refused(400, f"Input `{shown(name)}` is cut off within a text.")
        try:
            yield part[end : end + size].decode()
        except UnicodeDecodeError:
            raise Refused(400, f"Input `{shown(name)}` holds text that is no UTF-8.") from None
        at = end + size


def _split(matrix: Tensor, names: Sequence[str]) -> list[Tensor]:
    rows, k = matrix.shape
    if k != len(names):
        raise Refused(
            400, f"Input `{shown(matrix.name)}` has {k} columns, there are {len(names)} features."
        )
    return [
        Tensor(name, matrix.datatype, (rows,), matrix.data[number::k])
        for number, name in enumerate(names)
    ]


def _series(tensor: Tensor, column: Column | None) -> pl.Series:
    """Return a tensor as a column; whole floats as integers where those are wanted."""
    name, datatype, data = tensor.name, tensor.datatype, tensor.data
    dtype, types = next(known for begin, known in _KINDS.items() if datatype.startswith(begin))
    right = isinstance(data, np.ndarray) or types.issuperset(map(type, data))
    try:
        if isinstance(data, np.ndarray):
            values = pl.Series(name, data).cast(dtype)
        else:
            floats = right and dtype == pl.Float64
            given = [None if v is None else float(v) for v in data] if floats else data
            values = pl.Series(name, given, dtype=dtype, strict=True)
    except (PolarsError, TypeError, OverflowError, ValueError):
        right = False
    if not right:
        raise Refused(400, f"Input `{shown(name)}` holds values that are no {datatype}.")
    wants_whole = column is not None and column.type is ColumnType.INT
    return whole_numbers(values) if wants_whole else values


def whole_numbers(values: pl.Series) -> pl.Series:
    """Return floats as integers where all of them are whole, else as they are."""
    if not values.dtype.is_float():
        return values
    try:
        whole = values.cast(pl.Int64)
    except PolarsError:
        return values
    return whole if whole.cast(pl.Float64).equals(values.cast(pl.Float64)) else values


def write_binary(tensor: Tensor) -> bytes:
    """Return a tensor's values in binary form."""
    if tensor.datatype == "BYTES":
        texts = (str(text).encode() for text in tensor.data)
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return np.ascontiguousarray(tensor.data, _NUMPY[tensor.datatype]).tobytes()
