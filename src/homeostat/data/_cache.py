"""The cache of sources and steps: Parquet files named by digest, whole or absent."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homeostat.core import CorruptionError, Finding, StorageError
from homeostat.data._quarantine import rejected_rows

__all__ = ["Made", "kept"]

_FINDINGS = "homeostat.findings"
_REJECTED = "homeostat.rejected"


@dataclass(frozen=True, slots=True)
class Made:
    """What reading a source or running a step came to."""

    frame: pl.LazyFrame
    findings: tuple[Finding, ...]
    rejected: pl.DataFrame


def kept(folder: Path | None, digest: str, make: Callable[[], Made]) -> Made:
    """Return a kept result, or make and keep it; without a folder it is only made.

    Raises:
        CorruptionError: If what is kept is no whole Parquet file.
        StorageError: If the disk refuses; nothing is left behind.
    """
    if folder is None:
        return make()
    path = folder / f"{digest}.parquet"
    if not path.exists():
        _write(path, make())
    return _read(path)


def _write(path: Path, made: Made) -> None:
    """Write the rows put aside first: the result is there only with them."""
    metadata = {_FINDINGS: json.dumps([found.to_json() for found in made.findings])}
    if made.rejected.height:
        _place(_aside(path), made.rejected, {})
        metadata[_REJECTED] = str(made.rejected.height)
    _place(path, made.frame.collect(), metadata)


def _aside(path: Path) -> Path:
    return path.with_suffix(".rejected.parquet")


def _place(path: Path, content: pl.DataFrame, metadata: dict[str, str]) -> None:
    """Write under another name, and move into place once it is on disk."""
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


def _read(path: Path) -> Made:
    """Return what is kept; its rows are read from disk as they are needed."""
    try:
        metadata = pl.read_parquet_metadata(path)
        aside = pl.read_parquet(_aside(path)) if _REJECTED in metadata else rejected_rows()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptionError(
            f"The kept step {path} cannot be read ({error}): delete it and it is made anew."
        ) from error
    findings = json.loads(metadata.get(_FINDINGS, "[]"))
    return Made(pl.scan_parquet(path), tuple(Finding.from_json(found) for found in findings), aside)
