"""TensorFlow's TensorProto, as NumPy arrays or lists of bytes.

Field numbers are those of tensorflow/core/framework/tensor.proto and types.proto.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.compat.importers._wire import (
    WireError,
    blob,
    doubles,
    fields,
    floats,
    signed,
    varints,
)

__all__ = ["Tensor", "tensor"]

Tensor = NDArray[np.generic] | list[bytes]
_STRING, _BFLOAT16 = 7, 14
_TYPES = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "<u1",
    5: "<i2",
    6: "<i1",
    9: "<i8",
    10: "?",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
_VALUES = {5, 6, 7, 10, 11, 13, 16, 17}
_MOST = 1 << 28


def tensor(data: bytes) -> Tensor:
    """Return a tensor's values: an array of its shape, or a flat list of texts.

    Raises:
        WireError: If it is of a type that is not read here, or its parts do not agree.
    """
    kind, content = 0, b""
    shape: tuple[int, ...] = ()
    values: list[float | int] = []
    texts: list[bytes] = []
    for field, value in fields(data):
        match field:
            case 1:
                kind = signed(value)
            case 2:
                shape = _shape(blob(value))
            case 4:
                content = blob(value)
            case 5:
                values.extend(floats(value).tolist())
            case 6:
                values.extend(doubles(value).tolist())
            case 8:
                texts.append(blob(value))
            case _ if field in _VALUES:
                values.extend(varints(value))
    if kind == _STRING:
        return texts
    return _array(kind, shape, content, values)


def _shape(data: bytes) -> tuple[int, ...]:
    sizes = []
    for field, value in fields(data):
        if field == 2:
            size = next((signed(v) for f, v in fields(blob(value)) if f == 1), 0)
            if size < 0:
                raise WireError("a tensor's size is not known")
            sizes.append(size)
    return tuple(sizes)


def _array(
    kind: int, shape: tuple[int, ...], content: bytes, values: list[float | int]
) -> NDArray[np.generic]:
    if kind not in {*_TYPES, _BFLOAT16}:
        raise WireError(f"a tensor of type {kind} is not read here")
    count = math.prod(shape)
    if count > _MOST:
        raise WireError(f"a tensor of {count} values is too large")
    if content:
        array = _from_content(kind, content)
    elif kind == _BFLOAT16 or _TYPES[kind] == "<f2":
        bits = np.array(values, np.uint16)  # half_val holds the bits as integers
        array = _from_content(kind, bits.tobytes())
    else:
        array = np.array(values).astype(_TYPES[kind])
    if 0 < array.size < count:  # the last value stands for all that follow
        array = np.concatenate([array, np.repeat(array[-1:], count - array.size)])
    if array.size != count:
        raise WireError(f"a tensor of shape {shape} cannot hold {array.size} values")
    return array.reshape(shape)


def _from_content(kind: int, content: bytes) -> NDArray[np.generic]:
    if kind == _BFLOAT16:
        wide = np.frombuffer(content, "<u2").astype("<u4") << 16
        return wide.view("<f4")
    type_ = np.dtype(_TYPES[kind])
    if len(content) % type_.itemsize:
        raise WireError("a tensor breaks off")
    return np.frombuffer(content, type_)
