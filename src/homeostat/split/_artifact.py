"""A split as an artifact: JSON that says how, Arrow that says which row, and a digest of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import CorruptionError, InputError, Json, VersionError

__all__ = ["load_artifact", "save_artifact"]

_FORMAT = 1


def save_artifact(
    told: Mapping[str, Json], ids: NDArray[np.uint64], codes: NDArray[np.uint8]
) -> dict[str, bytes]:
    """Return ``split.json`` and ``rows.arrow``.

    Args:
        told: How rows were split.
        ids: Of the rows, shape (n,).
        codes: Part of each row in each fold, shape (folds, n).
    """
    columns = {f"part_{fold}": pl.Series(code) for fold, code in enumerate(codes)}
    arrow = BytesIO()
    pl.DataFrame({"row": pl.Series(ids), **columns}).write_ipc(arrow, compression="zstd")
    whole = {**told, "format": _FORMAT, "digest": _digest(told, ids, codes)}
    return {"split.json": json.dumps(whole).encode(), "rows.arrow": arrow.getvalue()}


def load_artifact(
    files: Mapping[str, bytes], kind: str
) -> tuple[dict[str, Any], NDArray[np.uint64], NDArray[np.uint8]]:
    """Read what :func:`save_artifact` wrote, checked against its digest."""
    try:
        told = json.loads(files["split.json"])
        rows = pl.read_ipc(BytesIO(files["rows.arrow"]))
        written, digest = told.pop("format"), told.pop("digest")
    except KeyError as error:
        raise InputError(
            f"A split is read of split.json and rows.arrow, got no {error}."
        ) from error
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise CorruptionError(f"The files of a split cannot be read: {error}.") from error
    if written > _FORMAT:
        raise VersionError(
            f"The split has format {written}, this Homeostat reads up to {_FORMAT}: upgrade."
        )
    if told["kind"] != kind:
        raise InputError(f"These are files of {told['kind']}, not of {kind}.")
    ids = rows["row"].to_numpy()
    codes = rows.drop("row").to_numpy().T.copy()
    if _digest(told, ids, codes) != digest:
        raise CorruptionError("The split does not match its digest: one of its files was changed.")
    return told, ids, codes


def _digest(told: Mapping[str, Json], ids: NDArray[np.uint64], codes: NDArray[np.uint8]) -> str:
    digest = sha256(json.dumps(told, sort_keys=True).encode())
    digest.update(ids.astype("<u8").tobytes())
    digest.update(np.ascontiguousarray(codes).tobytes())
    return digest.hexdigest()
