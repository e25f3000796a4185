"""The files of a model: JSON and npz, which run no code when read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from homeostat.core import InputError, VersionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_arrays", "read_file", "read_json", "write_arrays", "write_json"]

_FORMAT = 1
_JSON = "model.json"


def write_json(family: str, settings: Mapping[str, Any], state: Mapping[str, Any]) -> bytes:
    """Return ``model.json``: the constructor's settings and what was learned.

    Floats are written so that they are read back to the last bit.
    """
    document = {"family": family, "format": _FORMAT, "settings": settings, "learned": state}
    return json.dumps(document, sort_keys=True, allow_nan=False).encode()


def read_json(files: Mapping[str, bytes], family: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings and learned state from ``model.json``.

    Raises:
        InputError: If the file is missing, is no JSON, or belongs to another family.
        VersionError: If it was written by a newer Homeostat.
    """
    try:
        document = json.loads(read_file(files, _JSON, family))
        found, written = document["family"], document["format"]
        settings, state = document["settings"], document["learned"]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"`{_JSON}` of a `{family}` model cannot be read: {error}.") from error
    if found != family:
        raise InputError(f"These are the files of a `{found}` model, not of a `{family}`.")
    if written > _FORMAT:
        raise VersionError(
            f"The model has format {written}, this Homeostat reads up to {_FORMAT}: upgrade."
        )
    return settings, state


def read_file(files: Mapping[str, bytes], name: str, family: str) -> bytes:
    """Return one file; raise InputError naming what is there where it is not."""
    if name not in files:
        raise InputError(
            f"A `{family}` model needs the file `{name}`, got: "
            f"{', '.join(sorted(files)) or 'none'}."
        )
    return bytes(files[name])


def write_arrays(**arrays: NDArray[Any]) -> bytes:
    """Return arrays as npz; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_arrays(files: Mapping[str, bytes], name: str, family: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file; pickled objects in it are refused."""
    try:
        with np.load(io.BytesIO(read_file(files, name, family)), allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"`{name}` of a `{family}` model cannot be read: {error}.") from error
