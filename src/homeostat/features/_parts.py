"""Partitions: rows cut by time, computed, and written as files that are named by their content."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from homeostat.core import InputError, SchemaError, StorageError
from homeostat.data import digest_of
from homeostat.features._as_of import moments
from homeostat.features._catalog import Part
from homeostat.features._group import FeatureGroup

__all__ = ["compute_parts", "cut", "dated", "floor_of", "is_whole", "no_loss", "one_type"]

_START = "__start"


def floor_of(moment: datetime, every_us: int) -> int:
    """Return the first moment of the partition that a moment lies in."""
    if moment.tzinfo is None:
        raise InputError(f"A moment needs a time zone, got {moment.isoformat()} without one.")
    at = int(pl.Series([moment]).dt.cast_time_unit("us").to_physical().item())
    return at // every_us * every_us


def dated(
    group: FeatureGroup, rows: pl.DataFrame | pl.LazyFrame, first: int | None
) -> tuple[pl.DataFrame, int]:
    """Return the columns and rows that matter, and how many lack a key or a moment."""
    lazy = rows.lazy()
    frame = lazy.select(group.reads(lazy.collect_schema().names()))
    if first is not None:
        frame = frame.filter(pl.col(group.time).is_null() | (_microseconds(group) >= first))
    whole = frame.collect()
    for name in group.frame_columns[len(group.by) :]:
        moments(whole[name])
    kept = whole.drop_nulls(list(group.frame_columns))
    return kept, whole.height - kept.height


def cut(group: FeatureGroup, frame: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Cut rows into partitions by their first moment; rows keep their order."""
    start = _microseconds(group).floordiv(group.every_us) * group.every_us
    pieces = frame.with_columns(start.alias(_START)).partition_by(
        _START, as_dict=True, include_key=False, maintain_order=True
    )
    return {int(key[0]): piece for key, piece in sorted(pieces.items())}


def _microseconds(group: FeatureGroup) -> pl.Expr:
    return pl.col(group.time).dt.epoch("us")


def compute_parts(
    group: FeatureGroup,
    pieces: Mapping[int, pl.DataFrame],
    inputs: Mapping[int, str],
    events: Mapping[str, pl.DataFrame],
    *,
    folder: Path,
    now: int,
) -> list[Part]:
    """Compute pieces, all in one go, and write a file for each."""
    if not pieces:
        return []
    rows = pl.concat(pieces.values())
    values = rows.select(group.frame_columns).hstack(group.features.compute(rows, events))
    types = {name: str(dtype) for name, dtype in values.schema.items()}
    parts, offset = [], 0
    for start, piece in pieces.items():
        part = values.slice(offset, piece.height)
        offset += piece.height
        last = _last(group, part)
        file = _write(part, folder)
        parts.append(Part(start, inputs[start], file, part.height, last, types, now))
    return parts


def _last(group: FeatureGroup, part: pl.DataFrame) -> dict[str, int]:
    """Return by feature the moment of the last row that has a value."""
    held = part.select(
        _microseconds(group).filter(pl.col(name).is_not_null()).max().alias(name)
        for name in group.features.names
    ).row(0, named=True)
    return {name: at for name, at in held.items() if at is not None}


def _write(part: pl.DataFrame, folder: Path) -> str:
    """Write a file under another name and move it into place once it is on disk."""
    path = folder / f"{digest_of(part)}.parquet"
    draft = folder / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        if not path.exists():
            with draft.open("wb") as file:
                part.write_parquet(file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"{path.name} cannot be written in {folder}: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return path.name


def is_whole(path: Path) -> bool:
    """Say whether a file holds the content that its name tells."""
    try:
        return digest_of(pl.read_parquet(path)) == path.stem
    except (OSError, pl.exceptions.PolarsError):
        return False


def no_loss(
    group: FeatureGroup, kept: Mapping[int, Part], pieces: Mapping[int, pl.DataFrame]
) -> None:
    """Raise InputError where a partition would hold fewer rows than it does."""
    for start, part in kept.items():
        now = pieces[start].height if start in pieces else 0
        if now < part.rows:
            day = pl.Series([start]).cast(pl.Datetime("us", "UTC")).item()
            raise InputError(
                f"Group `{group.name}`: the partition from {day:%Y-%m-%d %H:%M} holds {part.rows} "
                f"rows and would hold {now}. Pass the whole source, or all of it from `since` on; "
                "where rows were really deleted pass `shrink=True`."
            )


def one_type(group: FeatureGroup, parts: Sequence[Part]) -> None:
    """Raise SchemaError where a column does not have one type in all partitions."""
    first = parts[0].types if parts else {}
    for part in parts:
        for name, kind in part.types.items():
            if first[name] != kind:
                raise SchemaError(
                    f"Group `{group.name}`: `{name}` was {first[name]} and is {kind} now: cast it "
                    "in the definition."
                )
