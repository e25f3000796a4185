"""The cache of steps: one Parquet file each, named by digest, whole or absent."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import polars as pl

from homeostat.core import CorruptionError, Finding, StorageError

__all__ = ["read", "write"]

_FINDINGS = "homeostat.findings"


def write(path: Path, frame: pl.LazyFrame, findings: tuple[Finding, ...]) -> None:
    """Run a step's plan and keep the result: under another name, moved into place once on disk.

    Raises:
        StorageError: If the disk refuses; nothing is left behind.
    """
    content = frame.collect()
    metadata = {_FINDINGS: json.dumps([found.to_json() for found in findings])}
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            content.write_parquet(file, metadata=metadata)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise StorageError(f"{path.name} cannot be written in {path.parent}: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> tuple[pl.LazyFrame, tuple[Finding, ...]]:
    """Return a kept result, read from disk as it is needed.

    Raises:
        CorruptionError: If the file is no whole Parquet file.
    """
    try:
        metadata = pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptionError(
            f"The kept step {path} cannot be read ({error}): delete it and it is made anew."
        ) from error
    findings = json.loads(metadata.get(_FINDINGS, "[]"))
    return pl.scan_parquet(path), tuple(Finding.from_json(found) for found in findings)
