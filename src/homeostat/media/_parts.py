"""How a table is kept: Parquet parts that stay as they are, and a manifest that lists them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from homeostat.core import CorruptionError, InputError, VersionError
from homeostat.media._cells import MIXED, is_media
from homeostat.media._content import Blob, Put

__all__ = [
    "ColumnFacts",
    "Manifest",
    "Part",
    "encode",
    "facts_of",
    "names_in",
    "read_part",
    "store",
]

_FORMAT = 1
_KEY = "homeostat.table"  # in the metadata of each Parquet file
_GROUP_ROWS = 65_536
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What a column is.

    Args:
        name: Its name.
        kind: What its cells are, such as ``"number"`` or ``"media"``; None where all are null.
        role: What it is for, such as ``"truth"``; empty where nobody said.
    """

    name: str
    kind: str | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table.

    Args:
        sha256: Its digest.
        size: Its bytes.
        rows: How many rows it has.
        media: The digest of a JSON list of the contents that its cells name; empty for none.
    """

    sha256: str
    size: int
    rows: int
    media: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The columns of a table, and its parts in order."""

    columns: Sequence[ColumnFacts]
    parts: Sequence[Part]

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return sum(part.rows for part in self.parts)

    def to_bytes(self) -> bytes:
        """Write the manifest as JSON."""
        columns, parts = [asdict(one) for one in self.columns], [asdict(one) for one in self.parts]
        found = {_KEY: _FORMAT, "rows": self.rows, "columns": columns, "parts": parts}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Manifest:
        """Rebuild a manifest from its JSON.

        Raises:
            VersionError: If a newer Homeostat wrote it.
            CorruptionError: If it is no manifest.
        """
        if data.get(_KEY, 0) > _FORMAT:
            raise VersionError(
                f"A table's manifest has format {_FORMAT} or older, got {data[_KEY]}: "
                "install a newer Homeostat."
            )
        try:
            columns = tuple(ColumnFacts(**one) for one in data["columns"])
            return cls(columns, tuple(Part(**one) for one in data["parts"]))
        except (KeyError, TypeError) as error:
            raise CorruptionError(
                f"A table's manifest lists columns and parts: {error}."
            ) from error


def encode(frame: pl.DataFrame, columns: Sequence[ColumnFacts]) -> bytes:
    """Return a frame as Parquet with the columns' kinds and roles in its metadata.

    Raises:
        InputError: If Parquet has no form for a column.
    """
    out = io.BytesIO()
    facts = json.dumps([asdict(one) for one in columns], ensure_ascii=False)
    try:
        frame.write_parquet(
            out, compression="zstd", row_group_size=_GROUP_ROWS, metadata={_KEY: facts}
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        types = ", ".join(f"{name} {dtype}" for name, dtype in frame.schema.items())
        raise InputError(f"The table cannot be written as Parquet ({types}): {error}.") from error
    return out.getvalue()


def store(frame: pl.DataFrame, columns: Sequence[ColumnFacts], put: Put) -> Part:
    """Put a frame as one part, and beside it the list of the contents that its cells name."""
    blob, named = put(encode(frame, columns)), names_in(frame, columns)
    media: Blob | None = put(json.dumps(sorted(named)).encode()) if named else None
    return Part(blob.sha256, blob.size, frame.height, media.sha256 if media else "")


def names_in(frame: pl.DataFrame, columns: Sequence[ColumnFacts] = ()) -> set[str]:
    """Return the digests of the contents that the cells of a frame name.

    A store keeps what is named in plain JSON, and nobody can see into a Parquet file.
    """
    found: set[str] = set()
    texts = [one.name for one in columns if one.kind in {"json", MIXED}]
    for column in frame:
        if is_media(column.dtype):
            fields = column.struct.unnest()
            found |= set(fields["sha256"].drop_nulls())
            said = fields["rest"] if "rest" in fields.columns else None
        else:
            said = column if column.name in texts and column.dtype == pl.String else None
        for text in () if said is None else said.drop_nulls().unique():
            found |= set(_DIGEST.findall(text))
    return found


def read_part(content: bytes | Path) -> pl.DataFrame:
    """Read a part whole.

    Raises:
        CorruptionError: If it is no Parquet file.
    """
    try:
        return pl.read_parquet(content, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        shown = content if isinstance(content, Path) else f"of {len(content)} bytes"
        raise CorruptionError(f"The table part {shown} is no Parquet file: {error}.") from error


def facts_of(content: bytes | Path) -> tuple[ColumnFacts, ...]:
    """Return the kinds and roles in the metadata of a Parquet file; none for another's file."""
    try:
        text = pl.read_parquet_metadata(content).get(_KEY)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CorruptionError(f"The table part {content!r} is no Parquet file: {error}.") from error
    return tuple(ColumnFacts(**one) for one in json.loads(text)) if text else ()
