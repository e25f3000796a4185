"""Sources: where rows enter, each with its name, location, checksum and counts."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from homeostat.core import Finding, InputError, Verdict
from homeostat.data import _digest
from homeostat.data._dataset import Dataset, SourceInfo, rejected_rows
from homeostat.data._door import Frame, as_frame, mixed_zones

__all__ = ["OnBadRows", "from_frame", "made_of", "read_json_lines", "read_parquet"]

OnBadRows = Literal["quarantine", "refuse"]


def from_frame(frame: Frame, *, name: str) -> Dataset:
    """Make a dataset of a frame in memory: Polars, pandas, PyArrow, or any Arrow PyCapsule.

    Args:
        frame: The rows.
        name: What to call them.

    Raises:
        SchemaError: If column names repeat or a column mixes types.

    Example:
        >>> from_frame(pl.DataFrame({"a": [1, 2]}), name="two").source.rows
        2
    """
    zones = mixed_zones(frame)
    content = as_frame(frame)
    findings = [_mixed(column, found) for column, found in zones.items()]
    digest = _digest.of_frame(content)
    return made_of(content, name=name, location="memory", sha256=digest, findings=findings)


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


def read_parquet(path: str | Path, *, name: str = "") -> Dataset:
    """Read a Parquet file; its content stays on disk until it is asked for.

    Raises:
        InputError: If there is no such file or it is no Parquet.

    Example:
        >>> read_parquet("absent.parquet")
        Traceback (most recent call last):
        homeostat.core._errors.InputError: absent.parquet cannot be read: [Errno 2] No such \
file or directory: 'absent.parquet'.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        frame = pl.scan_parquet(path)
        rows = frame.select(pl.len()).collect().item()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    return made_of(
        frame, name=name or path.stem, location=location_of(path), sha256=digest, rows=rows
    )


def read_json_lines(
    source: str | Path | bytes,
    *,
    name: str = "",
    dtypes: Mapping[str, pl.DataType] | None = None,
    on_bad_rows: OnBadRows = "quarantine",
) -> Dataset:
    r"""Read one JSON object a line; lines that are none are put aside, not dropped.

    Args:
        source: A path or the bytes of a file.
        name: What to call it; the file's stem by default.
        dtypes: Types by column, where they are not to be inferred over the whole file.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.

    Raises:
        InputError: If there is no such file, no line of it is an object, a value does not fit
            its column, or there are bad rows to refuse.

    Example:
        >>> read = read_json_lines(b'{"a": 1}\n{"a": \n', name="events")
        >>> read.collect().rows(), read.rejected.rows()
        ([(1,)], [(2, 'not a JSON object', '{"a": ')])
    """
    raw, location = _bytes_of(source)
    lines = raw.removeprefix(b"\xef\xbb\xbf").splitlines()
    bad = [number for number, line in enumerate(lines, 1) if line.strip() and not _is_object(line)]
    rejected = rejected_rows(
        [(n, "not a JSON object", lines[n - 1].decode(errors="backslashreplace")) for n in bad]
    )
    if on_bad_rows == "refuse":
        refuse(rejected, location)
    aside = set(bad)
    good = [line for number, line in enumerate(lines, 1) if line.strip() and number not in aside]
    if not good:
        raise InputError(f"{location} holds no JSON object: one is expected on each line.")
    try:
        frame = pl.read_ndjson(
            io.BytesIO(b"\n".join(good)), infer_schema_length=None, schema_overrides=dtypes
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{location} cannot be read as columns: {error}.") from error
    return made_of(
        frame,
        name=name or Path(location).stem,
        location=location,
        sha256=hashlib.sha256(raw).hexdigest(),
        rejected=rejected,
        reading=("json lines", dtypes or {}),
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _bytes_of(source: str | Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, "memory"
    try:
        return Path(source).read_bytes(), location_of(Path(source))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error}.") from error


def location_of(path: Path) -> str:
    """Return a path relative to the working folder; of one outside it, only the name."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


def refuse(rejected: pl.DataFrame, location: str) -> None:
    """Raise for the first of the rejected rows, if there is one."""
    if rejected.height:
        line, reason, _ = rejected.row(0)
        raise InputError(
            f"Line {line} of {location}: {reason}; {rejected.height:,} rows cannot be read. "
            'Mend the file or pass on_bad_rows="quarantine".'
        )


def made_of(
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    name: str,
    location: str,
    sha256: str,
    rows: int | None = None,
    rejected: pl.DataFrame | None = None,
    findings: list[Finding] | None = None,
    reading: tuple[object, ...] = (),
) -> Dataset:
    """Wrap what a reader read; ``reading`` is how, where that decides what comes out."""
    rejected = rejected_rows() if rejected is None else rejected
    if isinstance(frame, pl.DataFrame):
        rows = frame.height
    info = SourceInfo(
        name=name, location=location, sha256=sha256, rows=rows or 0, rejected=rejected.height
    )
    return Dataset(
        name=name,
        digest=_digest.combine("source", sha256, _digest.of_value(reading)),
        source=info,
        rejected=rejected,
        _content=(frame.lazy(), (_taken(info, rejected), *(findings or ()))),
    )


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
    examples = [f"line {line}: {reason}" for line, reason, _ in rejected.head(5).rows()]
    return Finding(
        check="source.rows",
        subject=info.name,
        verdict=verdict,
        summary=f"{fact}{aside}{', such as ' + examples[0] if examples else ''}.",
        statistic=share,
        threshold=0.0,
        evidence={"source": info.to_json(), "examples": examples},
    )
