"""Manifest: what a package consists of, with the SHA-256 of each file and of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from homeostat.core import CorruptionError, InputError, Json, VersionError

__all__ = [
    "EXPECTED",
    "MANIFEST",
    "MODEL",
    "PROFILE",
    "SAMPLE",
    "SCHEMA",
    "checked_manifest",
    "read_manifest",
    "to_json",
    "with_manifest",
]

FORMAT = 2
MANIFEST, SCHEMA, SAMPLE, PROFILE = "manifest.json", "schema.json", "sample.json", "profile"
EXPECTED = "sample_answers.json"
MODEL = "model/"


def with_manifest(files: Mapping[str, bytes], facts: Mapping[str, Json]) -> dict[str, bytes]:
    """Return files with the manifest of them and of some facts."""
    manifest: dict[str, Json] = {
        "format": FORMAT,
        "files": {name: _digest(content) for name, content in sorted(files.items())},
        **facts,
    }
    own = manifest | {"sha256": _digest(to_json(manifest))}
    return dict(files) | {MANIFEST: to_json(own)}


def checked_manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the manifest of a package after checking every byte of it.

    Raises:
        CorruptionError: If a file is missing, was added or was changed; it names the file.
        VersionError: If the package was made by a newer Homeostat.
    """
    manifest = read_manifest(files)
    known = {SAMPLE, PROFILE, EXPECTED}
    ours = {name for name in files if name.startswith(MODEL) or name in known}
    for name in sorted({*manifest["files"], *ours}):
        if name not in files:
            raise CorruptionError(f"The package lacks `{name}`: fetch the package again.")
        if _digest(files[name]) != manifest["files"].get(name):
            raise CorruptionError(
                f"`{name}` in the package is not what was packed (its SHA-256 differs or it was "
                "added later): fetch the package again."
            )
    return manifest


def read_manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the manifest alone, checked against its own SHA-256."""
    try:
        manifest = dict(json.loads(files[MANIFEST]))
        own, written = manifest.pop("sha256"), int(manifest["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(
            f"A package needs a readable `{MANIFEST}` with its SHA-256, got {error!r}."
        ) from error
    if written > FORMAT:
        raise VersionError(
            f"The package has format {written}, this Homeostat reads up to "
            f"{FORMAT}: upgrade Homeostat."
        )
    if _digest(to_json(manifest)) != own:
        raise CorruptionError(f"`{MANIFEST}` was changed after packing: fetch the package again.")
    return manifest


def to_json(value: Mapping[str, Json]) -> bytes:
    """Return canonical JSON; raises InputError where there is none."""
    try:
        return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"A package's metadata must be JSON: {error}.") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
