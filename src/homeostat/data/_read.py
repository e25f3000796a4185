"""Reading a file by what its name ends in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from homeostat.core import InputError
from homeostat.data._columnar import read_arrow, read_parquet
from homeostat.data._csv import read_csv
from homeostat.data._dataset import Dataset
from homeostat.data._json_lines import read_json_lines

__all__ = ["read"]

_READERS: Mapping[str, Callable[..., Dataset]] = {
    ".arrow": read_arrow,
    ".csv": read_csv,
    ".feather": read_arrow,
    ".ipc": read_arrow,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
    ".tsv": read_csv,
}
_COMPRESSED = {".bz2", ".gz", ".xz", ".zip", ".zst"}


def read(source: str | Path, **settings: Any) -> Dataset:  # noqa: ANN401 - the reader's own
    r"""Read files into a dataset by the reader that their name asks for.

    Args:
        source: A path, a pattern (``"in/*.parquet"``) or an address, whose name ends in csv,
            tsv, jsonl, ndjson, parquet, arrow, feather or ipc, compressed or not.
        **settings: Those of `read_csv`, `read_json_lines`, `read_parquet` or `read_arrow`.

    Raises:
        InputError: If the name ends in none of these.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "late.csv"
        ...     _ = path.write_text("minutes\n3\n4\n")
        ...     read(path).collect()["minutes"].sum()
        7
    """
    endings = [end.lower() for end in PurePosixPath(urlsplit(str(source)).path).suffixes]
    plain = [end for end in endings if end not in _COMPRESSED]
    ending = plain[-1] if plain else ""
    if ending not in _READERS:
        known = ", ".join(end[1:] for end in _READERS)
        raise InputError(
            f"What kind of file {str(source)!r} is cannot be told from its name: it must end in "
            f"{known}, or be read by a reader such as `read_csv`."
        )
    if ending == ".tsv":
        settings = {"separator": "\t", **settings}
    return _READERS[ending](source, **settings)
