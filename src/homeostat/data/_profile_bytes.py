"""A profile as bytes: a header of JSON, then the arrays, then a checksum."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from homeostat.core import CorruptionError, VersionError
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_quantiles import QuantileSketch
from homeostat.data._profile_values import HeavyHitters, ValueSample

__all__ = ["read_profile", "write_profile"]

_MAGIC = b"HSPF"
_FORMAT = 1
_HEAD = struct.Struct("<4sHI")  # magic, format, length of the JSON
_COUNTS = ("count", "nulls", "nans", "pos_infs", "neg_infs")


class _Writer:
    """Collects arrays in the narrowest type that holds them, and says where they are."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []

    def array(self, values: NDArray[Any]) -> Any:  # noqa: ANN401 - JSON
        if values.dtype == object:
            return {"text": values.tolist()}
        stored = values
        if values.dtype == np.int64 and len(values):
            stored = values.astype(_narrowest(int(values.min()), int(values.max())))
        self.blobs.append(stored.astype(stored.dtype.newbyteorder("<")).tobytes())
        return [stored.dtype.str[-2:], len(values), values.dtype.str[-2:]]


class _Reader:
    """Hands out the arrays in the order in which they were written."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def array(self, entry: Any) -> NDArray[Any]:  # noqa: ANN401 - JSON
        if isinstance(entry, dict):
            return np.array(entry["text"], object)
        stored, size, dtype = entry
        values = np.frombuffer(self.data, "<" + stored, size, self.at)
        self.at += values.nbytes
        return values.astype(dtype)


def write_profile(rows: int, columns: Mapping[str, ColumnProfile], edges: str) -> bytes:
    """Return a profile's bytes; columns are sorted by name."""
    writer = _Writer()
    entries = [[name, _write_column(writer, columns[name])] for name in sorted(columns)]
    header = orjson.dumps({"rows": rows, "edges": edges, "columns": entries})
    body = b"".join([_HEAD.pack(_MAGIC, _FORMAT, len(header)), header, *writer.blobs])
    return body + struct.pack("<I", zlib.crc32(body))


def read_profile(data: bytes) -> tuple[int, dict[str, ColumnProfile], str]:
    """Return rows, columns and digest of the edges."""
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise CorruptionError("These bytes are no profile: they do not begin like one.")
    _, version, length = _HEAD.unpack_from(data)
    if version > _FORMAT:
        raise VersionError(
            f"The profile has format {version}, this Homeostat reads up to {_FORMAT}: upgrade."
        )
    if zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
        raise CorruptionError("The profile is damaged: its checksum does not match.")
    start = _HEAD.size + length
    header = orjson.loads(data[_HEAD.size : start])
    reader = _Reader(data[start:-4])
    columns = {name: _read_column(reader, entry) for name, entry in header["columns"]}
    return header["rows"], columns, header["edges"]


def _write_column(writer: _Writer, column: ColumnProfile) -> dict[str, Any]:
    sample, heavy, kll = column.sample, column.heavy, column.kll
    return {
        "type": column.type,
        "counts": [getattr(column, name) for name in _COUNTS],
        "sums": [str(column.sum), str(column.squares)],
        "range": [column.min, column.max],
        "bins": writer.array(column.bins),
        "kll": None if kll is None else [writer.array(level) for level in kll.levels],
        "sample": sample
        and [
            writer.array(sample.hashes),
            writer.array(sample.values),
            writer.array(sample.counts),
            sample.complete,
            sample.room,
        ],
        "heavy": heavy
        and [
            writer.array(heavy.hashes),
            writer.array(heavy.values),
            writer.array(heavy.counts),
            heavy.error,
        ],
    }


def _read_column(reader: _Reader, entry: Mapping[str, Any]) -> ColumnProfile:
    read = reader.array
    return ColumnProfile(
        type=entry["type"],
        **dict(zip(_COUNTS, entry["counts"], strict=True)),
        sum=Fraction(entry["sums"][0]),
        squares=Fraction(entry["sums"][1]),
        min=entry["range"][0],
        max=entry["range"][1],
        bins=read(entry["bins"]),
        kll=(kll := entry["kll"]) and QuantileSketch(tuple(read(level) for level in kll)),
        sample=(sample := entry["sample"])
        and ValueSample(
            read(sample[0]), read(sample[1]), read(sample[2]), complete=sample[3], room=sample[4]
        ),
        heavy=(heavy := entry["heavy"])
        and HeavyHitters(read(heavy[0]), read(heavy[1]), read(heavy[2]), error=heavy[3]),
    )


def _narrowest(low: int, high: int) -> np.dtype[Any]:
    for name in ("u1", "u2", "u4", "i1", "i2", "i4"):
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return np.dtype(name)
    return np.dtype("i8")
