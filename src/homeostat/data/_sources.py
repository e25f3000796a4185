"""Sources: what every reader makes of what it read, and frames in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homeostat.core import Finding, InputError, Verdict
from homeostat.data import _cache, _digest
from homeostat.data._cache import Made
from homeostat.data._dataset import Dataset, SourceFile, SourceInfo
from homeostat.data._door import Frame, as_frame, mixed_zones
from homeostat.data._files import Loaded
from homeostat.data._quarantine import Dtype, OnBadRows, declared, hold, refuse

__all__ = ["Origin", "Piece", "from_frame", "made_of", "origin_of", "together"]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one file came to."""

    frame: pl.DataFrame | pl.LazyFrame
    rejected: pl.DataFrame
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a source's rows are from, before they are counted; see `SourceInfo`."""

    name: str
    location: str
    sha256: str
    query: str = ""
    version: str = ""
    files: tuple[SourceFile, ...] = ()


def from_frame(
    frame: Frame,
    *,
    name: str,
    dtypes: Mapping[str, Dtype] | None = None,
    on_bad_rows: OnBadRows = "quarantine",
) -> Dataset:
    """Make a dataset of a frame in memory: Polars, pandas, PyArrow, DuckDB, any Arrow PyCapsule.

    Args:
        frame: The rows.
        name: What to call them.
        dtypes: Types by column; a row with a value outside its type is put aside.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.

    Raises:
        InputError: If it is no frame, or has bad rows to refuse.
        SchemaError: If column names repeat or a column mixes types.

    Example:
        >>> from_frame(pl.DataFrame({"a": [1, 2]}), name="two").source.rows
        2
    """
    zones = mixed_zones(frame)
    content = as_frame(frame)
    held = hold(content, declared(dtypes, content.columns, name), file="memory")
    if on_bad_rows == "refuse":
        refuse(held.rejected)
    findings = tuple(_mixed(column, found) for column, found in zones.items())
    return made_of(
        Origin(name=name, location="memory", sha256=_digest.of_frame(content)),
        lambda: Piece(held.frame, held.rejected, findings),
        reading=("frame", dtypes) if dtypes else (),
    )


def _mixed(column: str, zones: list[str]) -> Finding:
    return Finding(
        check="source.time_zone",
        subject=column,
        verdict=Verdict.WARN,
        summary=f"Column `{column}` mixes the time zones {', '.join(zones)}; it was read as "
        "instants in UTC.",
        statistic=len(zones),
        threshold=1,
        evidence={"zones": zones},
    )


def origin_of(files: Sequence[Loaded], *, name: str, asked: object) -> Origin:
    """Return where files are from; several are one source, known by all of them."""
    if len(files) == 1:
        (one,) = files
        return Origin(
            name=name or one.stem, location=one.location, sha256=one.sha256, version=one.etag
        )
    folder = _common(files)
    pattern = Path(asked).name if isinstance(asked, (str, Path)) and "*" in Path(asked).name else ""
    return Origin(
        name=name or Path(folder).name or files[0].stem,
        location=f"{folder}/{pattern}" if pattern else folder,
        sha256=_digest.combine(*(f"{one.location}\0{one.sha256}" for one in files)),
        files=tuple(SourceFile(one.location, one.sha256, one.etag) for one in files),
    )


def _common(files: Sequence[Loaded]) -> str:
    """Return the folder that all the files are in."""
    parts = [one.location.split("/")[:-1] for one in files]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared) or "."


def together(pieces: Sequence[tuple[str, Piece]]) -> Piece:
    """Put the rows of several files under each other, by name, and say where they differ."""
    if len(pieces) == 1:
        return pieces[0][1]
    frames = [piece.frame.lazy() for _, piece in pieces]
    try:
        whole = pl.concat(frames, how="diagonal_relaxed")
        whole.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise InputError(f"The files cannot be put together: {error}. Pass `dtypes`.") from error
    findings = [found for _, piece in pieces for found in piece.findings]
    findings += _differences(
        [(at, frame.collect_schema()) for (at, _), frame in zip(pieces, frames, strict=True)]
    )
    rejected = pl.concat([piece.rejected for _, piece in pieces])
    return Piece(whole, rejected, tuple(findings))


def _differences(schemas: Sequence[tuple[str, pl.Schema]]) -> list[Finding]:
    """Report columns that are missing from some of the files, or of another type in some."""
    seen: dict[str, Counter[str]] = {}
    for _, schema in schemas:
        for column, dtype in schema.items():
            seen.setdefault(column, Counter())[str(dtype)] += 1
    findings = []
    for column, dtypes in seen.items():
        if len(dtypes) == 1 and dtypes.total() == len(schemas):
            continue
        lacking = [at for at, schema in schemas if column not in schema]
        kinds = ", ".join(f"{dtype} in {count}" for dtype, count in dtypes.items())
        absent = f"; {len(lacking)} lack it, such as {lacking[0]}" if lacking else ""
        findings.append(
            Finding(
                check="source.columns",
                subject=column,
                verdict=Verdict.WARN,
                summary=f"Column `{column}` differs between {len(schemas)} files: {kinds}{absent}.",
                statistic=len(dtypes) + bool(lacking),
                threshold=1,
                evidence={"dtypes": dict(dtypes), "lacking": lacking[:5]},
            )
        )
    return findings


def made_of(
    origin: Origin,
    read: Callable[[], Piece],
    *,
    reading: tuple[object, ...] = (),
    cache: str | Path | None = None,
    keep: bool = True,
) -> Dataset:
    """Return a source as a dataset.

    Args:
        origin: Where its rows are from.
        read: Reads them; not called if a cache folder holds the same content, read alike.
        reading: How it is read, where that decides what comes out.
        cache: Folder for what was read, and for steps from here on.
        keep: Whether what was read is worth a copy in the cache.
    """

    def make() -> Made:
        piece = read()
        return Made(piece.frame.lazy(), piece.findings, piece.rejected)

    folder = None if cache is None else Path(cache)
    digest = _digest.combine("source", origin.sha256, _digest.of_value(reading))
    made = _cache.kept(folder if keep else None, digest, make)
    info = SourceInfo(
        name=origin.name,
        location=origin.location,
        sha256=origin.sha256,
        rows=made.frame.select(pl.len()).collect().item(),
        rejected=made.rejected.height,
        query=origin.query,
        version=origin.version,
        files=origin.files,
    )
    findings = (_taken(info, made.rejected), *made.findings)
    content = Made(made.frame, findings, made.rejected)
    return Dataset(name=origin.name, digest=digest, source=info, cache=folder, _content=content)


def _taken(info: SourceInfo, rejected: pl.DataFrame) -> Finding:
    """Judge how much of a source could be read: nothing at all is unknown."""
    total = info.rows + info.rejected
    share = info.rejected / total if total else 0.0
    if not info.rows:
        verdict, fact = Verdict.UNKNOWN, f"`{info.name}` has no rows"
    else:
        verdict = Verdict.WARN if info.rejected else Verdict.OK
        fact = f"`{info.name}` has {info.rows:,} rows"
    aside = f"; {info.rejected:,} more ({share:.2%}) could not be read" if info.rejected else ""
    examples = [f"line {line}: {reason}" for _, line, _, reason, _ in rejected.head(5).rows()]
    columns = rejected["column"].value_counts(sort=True).head(20).rows() if info.rejected else []
    return Finding(
        check="source.rows",
        subject=info.name,
        verdict=verdict,
        summary=f"{fact}{aside}{', such as ' + examples[0] if examples else ''}.",
        statistic=share,
        threshold=0.0,
        evidence={
            "source": info.to_json(),
            "examples": examples,
            "rejected_by_column": {name or "whole row": count for name, count in columns},
        },
    )
