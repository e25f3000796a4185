"""Table: rows of numbers, texts and media, logged as a value and appended to without rewriting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from homeostat.core import CorruptionError, InputError
from homeostat.media._cells import MIXED, is_rewritten
from homeostat.media._chunk import Chunk, Chunks
from homeostat.media._columns import Columns, Dtype
from homeostat.media._content import Content, Put, Read, Row
from homeostat.media._door import as_frame, digest_only
from homeostat.media._parts import ColumnFacts, Manifest, Part, read_part
from homeostat.media._revive import revived
from homeostat.media._view import TableView

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table"]


class Table:
    """Rows with named columns; a cell is a number, a text, a time, a list, a dict or media.

    A column holds one kind of value, nothing (None) aside. There is no largest number of rows, and
    a table that grows is stored by its new rows only.

    Args:
        columns: The names, for `data` and `add_data`.
        data: Rows, as a list of lists or of dicts, or a 2-d array; or a frame.
        rows: The same as `data`.
        dataframe: A frame: Polars, or anything with the Arrow PyCapsule interface, as pandas has.
        dtype: What columns hold, one type for all or by name: int, float, str, bool, list, dict, a
            media class, or `typing.Any` for mixed ones. None: as the first cells are.
        optional: Whether cells may be None; one answer for all columns, or one a column.
        allow_mixed_types: Whether a column may hold several kinds; it is then kept as JSON.
        log_mode: Taken for W&B's sake: each log keeps the table as it is, by its new rows only.
        roles: What columns are for, such as ``{"guess": "prediction"}``; kept in the files.

    Raises:
        InputError: If rows have not as many values as there are columns, names repeat, a column
            mixes kinds, or a value is of a kind that no cell holds.

    Example:
        >>> table = Table(columns=["id", "guess"], data=[[1, "cat"]])
        >>> table.add_data(2, "dog")
        >>> table.add_data(3)
        Traceback (most recent call last):
        homeostat.core._errors.InputError: A row of this table has 2 values (id, guess), got 1.
        >>> table
        Table(2 rows of id, guess)
    """

    def __init__(
        self,
        columns: Sequence[object] | None = None,
        data: object = None,
        rows: object = None,
        dataframe: object = None,
        dtype: Dtype = None,
        optional: bool | Sequence[bool] = True,  # noqa: FBT001, FBT002 - W&B's signature
        allow_mixed_types: bool = False,  # noqa: FBT001, FBT002 - likewise
        log_mode: str = "IMMUTABLE",
        *,
        roles: Mapping[str, str] | None = None,
    ) -> None:
        if log_mode not in {"IMMUTABLE", "MUTABLE", "INCREMENTAL"}:
            raise InputError(f"`log_mode` is IMMUTABLE, MUTABLE or INCREMENTAL, got {log_mode!r}.")
        source = _one_of(data, rows, dataframe)
        if _is_frame(source) or dataframe is not None:
            source = as_frame(source)
        self._columns = Columns(_names(columns, source), mixed=allow_mixed_types)
        self._columns.declare(dtype, optional, roles)
        self._chunks = Chunks()
        self._fill(source)

    def _fill(self, source: object) -> None:
        if isinstance(source, pl.DataFrame):
            frame = source.select(self.columns)
            if MIXED not in self._columns.frame(frame).values():
                self._columns.kinds = self._columns.frame(frame)
                self._chunks.add_frame(frame)
                return
            source = frame.iter_rows()
        elif isinstance(source, Mapping):  # columns of Python values
            source = zip(*(source[name] for name in self.columns), strict=True)
        elif isinstance(source, np.ndarray):
            source = source.tolist()
        if isinstance(source, (str, bytes)) or not isinstance(source, Iterable):
            raise InputError(
                f"The data of a table are a list of rows, got {type(source).__name__}."
            )
        for row in source:
            self._add(row)

    def add_data(self, *values: object) -> None:
        """Add a row: as many values as there are columns.

        Raises:
            InputError: If there are more or fewer, or one is of another kind than its column.
        """
        self._add(values)

    def add_row(self, *values: object) -> None:
        """Do the same as :meth:`add_data`."""
        self._add(values)

    def _add(self, values: object) -> None:
        cells, kinds = self._columns.row(values)
        self._widen(kinds)
        self._chunks.add(cells)

    def _widen(self, kinds: dict[str, str | None]) -> None:
        """Let columns hold more; rows stored in a form that no longer fits come back."""
        before = self._columns.kinds
        if any(is_rewritten(before[name], kind) for name, kind in kinds.items()):
            self._chunks.loosen(self.facts)
        self._columns.kinds = kinds

    def add_column(self, name: str, data: Iterable[object]) -> None:
        """Add a column: as many values as there are rows. All rows are stored anew.

        Raises:
            InputError: If the name is there already, or there are more or fewer values.
        """
        name, values = str(name), data.tolist() if isinstance(data, np.ndarray) else list(data)
        if name in self._columns.kinds:
            raise InputError(f"This table has a column `{name}` already.")
        if self._columns.kinds and len(values) != len(self):
            raise InputError(f"This table has {len(self)} rows, got {len(values)} of `{name}`.")
        new = Columns([name], mixed=self._columns.mixed)
        cells = []
        for value in values:
            kept, new.kinds[name] = new.cell(name, value)
            cells.append(kept)
        rows = self.data if self._columns.kinds else [[] for _ in values]
        self._columns.kinds |= new.kinds
        joined = [[*row, value] for row, value in zip(rows, cells, strict=True)]
        self._chunks = Chunks([Chunk(rows=joined)] if joined else [])

    def add_computed_columns(
        self, compute: Callable[[int, dict[str, object]], Mapping[str, object]]
    ) -> None:
        """Add columns computed from each row: ``compute(index, row as dict)`` gives values."""
        rows = (dict(zip(self.columns, row, strict=True)) for row in self)
        found = [dict(compute(i, row)) for i, row in enumerate(rows)]
        for name in dict.fromkeys(name for one in found for name in one):
            self.add_column(name, [one.get(name) for one in found])

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns.kinds)

    @property
    def facts(self) -> list[ColumnFacts]:
        """Name, kind and role of each column."""
        return self._columns.facts

    @property
    def data(self) -> list[list[object]]:
        """All rows, as lists of values. What is changed in them is not changed in the table."""
        return list(self)

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[list[object]]:
        return self._chunks.rows(self.facts)

    def iterrows(self) -> Iterator[tuple[int, list[object]]]:
        """Give each row's index and its values."""
        return enumerate(self)

    def get_index(self) -> list[int]:
        """Return the rows' indices, as a column that refers to them."""
        return list(range(len(self)))

    def get_column(
        self, name: str, convert_to: str | None = None
    ) -> list[object] | npt.NDArray[Any]:
        """Return the values of a column, as a list or, with ``convert_to="numpy"``, as an array."""
        if convert_to not in {None, "numpy"}:
            raise InputError(f"A column is converted to 'numpy' or not at all, got {convert_to!r}.")
        place = self.columns.index(self._columns.known(name))
        values = [row[place] for row in self]
        return np.asarray(values) if convert_to else values

    def get_dataframe(self) -> pd.DataFrame:
        """Return the table as a pandas frame, as W&B's client does; see also :meth:`frame`."""
        try:
            import pandas as pd  # noqa: PLC0415 - heavy, and not ours
        except ImportError as error:
            raise InputError(
                "`get_dataframe` gives a pandas frame, but pandas is not installed: "
                "run `pip install pandas`, or use `frame()`."
            ) from error
        return pd.DataFrame(self.data, columns=self.columns)

    def frame(self, put: Put = digest_only) -> pl.DataFrame:
        """Return the table as a Polars frame; media are structs with their SHA-256 and facts.

        Args:
            put: Keeps the media; by default they are only named.
        """
        return self._chunks.frame(self.facts, put)

    def view(self) -> TableView:
        """Return a view that filters, sorts, groups and joins; media in it are only named."""
        return TableView.of(self.frame())

    def to_row(self, put: Put) -> Row:
        """Put the rows that are not stored yet, and a manifest; return the row that stands for all.

        What the same ``put`` took before is not put again: pass one callable for one store.
        """
        blob = put(Manifest(self.facts, self._chunks.store(self.facts, put)).to_bytes())
        return {
            "_type": "table-file",
            "sha256": blob.sha256,
            "size": blob.size,
            "nrows": len(self),
            "ncols": len(self.columns),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:
        """Return the table that a row stands for; parts are read when they are used.

        Tables that W&B's client wrote (``.table.json``) are read too.

        Raises:
            CorruptionError: If the content is no table.
        """
        data = table_json(row, read)
        revive = partial(revived, read=read)
        if "parts" not in data:
            cells = [[_cell(one, revive) for one in values] for values in data["data"]]
            return cls(columns=data["columns"], data=cells, allow_mixed_types=True)
        manifest = Manifest.read(data)
        found = cls()
        found._columns = Columns.read(manifest.columns)
        chunks = [Chunk(load=partial(_load, part, read), part=part) for part in manifest.parts]
        found._chunks = Chunks(chunks, revive)
        return found

    def __repr__(self) -> str:
        return f"Table({len(self)} rows of {', '.join(self.columns) or 'no columns'})"


def table_json(row: Mapping[str, Any], read: Read) -> Mapping[str, Any]:
    """Return the JSON of a table's row: our manifest, or a table of W&B's client.

    Raises:
        CorruptionError: If it is neither.
    """
    try:
        data = json.loads(Content.stored(row, read).read())
    except ValueError as error:
        raise CorruptionError(f"The table {row.get('sha256')} is no JSON: {error}.") from error
    if not isinstance(data, Mapping) or not ("parts" in data or {"columns", "data"} <= set(data)):
        raise CorruptionError(f"The table {row.get('sha256')} has neither parts nor data.")
    return data


def _load(part: Part, read: Read) -> pl.DataFrame:
    return read_part(read(part.sha256))


def _cell(value: object, revive: Callable[[Row], object]) -> object:
    return revive(value) if isinstance(value, dict) and "_type" in value else value


def _one_of(*given: object) -> object:
    found = [one for one in given if one is not None]
    if len(found) > 1:
        raise InputError("A table is made of one of data, rows and dataframe, got several.")
    return found[0] if found else ()


def _is_frame(source: object) -> bool:
    return hasattr(source, "__arrow_c_stream__") or isinstance(source, pl.LazyFrame)


def _names(columns: Sequence[object] | None, source: object) -> Iterable[object]:
    """Return the names of the columns: as given, of the frame, or of rows that are dicts."""
    held = list(source) if isinstance(source, Mapping) else getattr(source, "columns", None)
    if held is not None:
        if columns is not None:
            Columns(held).known(
                str(next((one for one in columns if str(one) not in held), held[0]))
            )
        return held if columns is None else columns
    if columns is not None:
        return columns
    first = source[0] if isinstance(source, Sequence) and source else None
    if first is not None and not isinstance(first, Mapping):
        raise InputError("Rows need the names of their columns: pass Table(columns=[...]).")
    return list(first or ())
