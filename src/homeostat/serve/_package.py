"""Packages: a model with all that a server needs, as plain files that run no code when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson

from homeostat.core import CorruptionError, InputError, Json, Model, Schema, VersionError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["PackagedModel", "pack", "unpack"]

_FORMAT = 1
_MANIFEST, _SCHEMA, _SAMPLE, _PROFILE = "manifest.json", "schema.json", "sample.json", "profile"
_MODEL = "model/"


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model with its schema, its origin and a sample request.

    Args:
        model: Ready to predict.
        schema: Of its training data; its features are what a request carries.
        manifest: Format, family, digests, and where the model comes from.
        sample: Rows as requests would bring them.
        profile: The training reference for the monitors, as bytes; None where not packed.
    """

    model: Model
    schema: Schema
    manifest: Mapping[str, Any] = field(repr=False)
    sample: tuple[Mapping[str, Json], ...] = field(default=(), repr=False)
    profile: bytes | None = field(default=None, repr=False)

    @property
    def family(self) -> str:
        """The model's family, under which it is read."""
        return str(self.manifest["family"])

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the probability of label 1 for each row, shape (n,)."""
        return self.model.predict(features.select(self.schema.features))


def pack(
    model: Model,
    schema: Schema,
    *,
    sample: pl.DataFrame | None = None,
    profile: bytes | None = None,
    metadata: Mapping[str, Json] | None = None,
) -> dict[str, bytes]:
    """Pack a fitted model into files.

    Args:
        model: Fitted; its ``family`` names how it is read back.
        schema: Of the training data; its features become the request's fields.
        sample: Rows with the schema's features, to warm and verify a server with.
        profile: The training reference, as ``Profile.to_bytes()``.
        metadata: Where it comes from: data version, code version, environment, scores; JSON.

    Returns:
        Files by name; ``manifest.json`` holds the SHA-256 of each, and of itself.

    Raises:
        InputError: If the model saves a file whose name leaves the package, or the metadata
            has no JSON form.

    Example:
        >>> from homeostat.core import Column
        >>> class Half:
        ...     family = "half"
        ...     def save(self): return {"half.txt": b"0.5"}
        >>> files = pack(Half(), Schema((Column("x", "float", {"feature"}),)))
        >>> sorted(files)
        ['manifest.json', 'model/half.txt', 'schema.json']
        >>> unpack(files, load=lambda family, files: Half()).family
        'half'
    """
    files = {_MODEL + _inside(name): bytes(content) for name, content in model.save().items()}
    files[_SCHEMA] = _to_json(schema.to_json())
    if sample is not None:
        files[_SAMPLE] = orjson.dumps(sample.select(schema.features).to_dicts())
    if profile is not None:
        files[_PROFILE] = profile
    manifest: dict[str, Json] = {
        "format": _FORMAT,
        "family": model.family,
        "files": {name: _digest(content) for name, content in sorted(files.items())},
        "metadata": dict(metadata or {}),
    }
    files[_MANIFEST] = _to_json(manifest | {"sha256": _digest(_to_json(manifest))})
    return files


def unpack(
    files: Mapping[str, bytes],
    *,
    load: Callable[[str, Mapping[str, bytes]], Model] | None = None,
) -> PackagedModel:
    """Read a package back after checking every byte of it.

    Args:
        files: As `pack` made them; what stands beside them is no part of the package.
        load: Rebuilds a model from its family and files; None takes ``homeostat.train.load``.

    Raises:
        CorruptionError: If a file is missing, was added or was changed; it names the file.
        VersionError: If the package was made by a newer Homeostat.
    """
    manifest = _manifest(files)
    ours = {name for name in files if name.startswith(_MODEL) or name in {_SAMPLE, _PROFILE}}
    for name in sorted({*manifest["files"], *ours}):
        if name not in files:
            raise CorruptionError(f"The package lacks `{name}`: fetch the package again.")
        if _digest(files[name]) != manifest["files"].get(name):
            raise CorruptionError(
                f"`{name}` in the package is not what was packed (its SHA-256 differs or it was "
                "added later): fetch the package again."
            )
    if load is None:
        load = import_module("homeostat.train").load  # only reading a model needs the estimators
    inner = {n.removeprefix(_MODEL): c for n, c in files.items() if n.startswith(_MODEL)}
    return PackagedModel(
        load(manifest["family"], inner),
        Schema.from_json(json.loads(files[_SCHEMA])),
        manifest,
        tuple(json.loads(files.get(_SAMPLE, b"[]"))),
        files.get(_PROFILE),
    )


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        manifest = dict(json.loads(files[_MANIFEST]))
        own, written = manifest.pop("sha256"), int(manifest["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(
            f"A package needs a readable `{_MANIFEST}` with its SHA-256, got {error!r}."
        ) from error
    if written > _FORMAT:
        raise VersionError(
            f"The package has format {written}, this Homeostat reads up to "
            f"{_FORMAT}: upgrade Homeostat."
        )
    if _digest(_to_json(manifest)) != own:
        raise CorruptionError(f"`{_MANIFEST}` was changed after packing: fetch the package again.")
    return manifest


def _inside(name: str) -> str:
    if not name or name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise InputError(f"A model's file stays inside its package, got the name {name!r}.")
    return name


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _to_json(value: Mapping[str, Json]) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"A package's metadata must be JSON: {error}.") from error
