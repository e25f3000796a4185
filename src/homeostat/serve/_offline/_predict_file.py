"""Whole Parquet files predicted in a stream: as much is in memory as a batch of rows takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from polars import selectors
from polars.exceptions import PanicException, PolarsError
from polars.io.plugins import register_io_source

from homeostat.core import HomeostatError, InputError, StorageError, suggest
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._http._message import Refused
from homeostat.serve._package import PackagedModel, unpack

if TYPE_CHECKING:
    from homeostat.record import Artifact

__all__ = ["Predicted", "predict_file"]

_WHY = "refused"
_LEFT = 1000  # rows that are predicted at the least, where batches are asked to be small


@dataclass(frozen=True, slots=True)
class Predicted:
    """What came of predicting a file.

    Args:
        path: Of the file that was written.
        rows: In it.
        refused: How many of them have no answer, because they break the schema.
        version: Of the model.
    """

    path: Path
    rows: int
    refused: int
    version: str


def predict_file(
    model: Artifact | PackagedModel | Mapping[str, bytes],
    source: str | Path | Sequence[str | Path] | pl.LazyFrame,
    target: str | Path,
    *,
    keep: Sequence[str] | None = None,
    bad_rows: Literal["fail", "null"] = "fail",
    batch_rows: int = 65_536,
) -> Predicted:
    """Predict Parquet files and write the answers beside their columns, in the same order.

    Each row is held to the schema that the server holds requests to. The target appears when it
    is whole: it is written beside itself and renamed. It takes one pass and the memory of some
    batches, however large the files are.

    Args:
        model: An artifact of the record, a package as `unpack` returns it, or its files.
        source: A file, several, a folder, a pattern such as ``"day=*/*.parquet"``, or a frame
            that Polars reads lazily.
        target: The Parquet file to write. Its column ``probability``, ``value``, or ``label`` and
            ``probabilities`` (a number for each label) holds the answers; its metadata name the
            version.
        keep: Columns of the source that are written too; None keeps all.
        bad_rows: What becomes of rows that break the schema: ``"fail"`` ends with the first of
            them and writes nothing, ``"null"`` answers null and says why in a column ``refused``.
        batch_rows: Rows that are predicted at a time.

    Raises:
        InputError: If the source lacks a feature, cannot be read, or has a row that breaks the
            schema; or the model fails or gives no answers.
        StorageError: If the target cannot be written.

    Example:
        >>> from tempfile import mkdtemp
        >>> from homeostat.core import Column, Schema
        >>> from homeostat.serve import pack, predict_file
        >>> from homeostat.train import Majority
        >>> model, folder = Majority(), Path(mkdtemp())
        >>> model.fit(pl.DataFrame({"hour": [1, 2]}), np.array([0.0, 1.0]))
        >>> files = pack(model, Schema((Column("hour", "int", {"feature"}),)))
        >>> pl.DataFrame({"id": ["a", "b"], "hour": [7, 9]}).write_parquet(folder / "in.parquet")
        >>> predict_file(files, folder / "in.parquet", folder / "out.parquet", keep=["id"]).rows
        2
        >>> pl.read_parquet(folder / "out.parquet").columns
        ['id', 'probability']
    """
    if bad_rows not in {"fail", "null"}:
        raise InputError(f"`bad_rows` is 'fail' or 'null', got {bad_rows!r}.")
    if batch_rows < 1:
        raise InputError(f"`batch_rows` is at least 1, got {batch_rows}.")
    deployed, target = _deployed(model), Path(target)
    rows = _scan(source, target)
    stream = _Stream(deployed, rows, keep, bad_rows == "null", max(batch_rows, _LEFT))
    stream.write(target)
    return Predicted(target, stream.rows, stream.refused, deployed.version)


class _Stream:
    """The answers to the rows of a source, batch by batch."""

    def __init__(
        self,
        deployed: Deployed,
        source: pl.LazyFrame,
        keep: Sequence[str] | None,
        sift: bool,  # noqa: FBT001 - within this module
        batch_rows: int,
    ) -> None:
        self.rows = self.refused = 0
        self._deployed, self._sift, self._batch_rows = deployed, sift, batch_rows
        try:
            known = source.collect_schema()
        except (PolarsError, OSError) as error:
            raise InputError(f"The source cannot be read as Parquet: {error}.") from None
        self._kept = list(known) if keep is None else list(keep)
        for name in (*deployed.features, *self._kept):
            if name not in known:
                raise InputError(f"The source has no column `{name}`.{suggest(name, known)}")
        self._none = deployed.answers.columns(_no_answers(deployed))
        told = {name: values.dtype for name, values in self._none.items()}
        if sift:
            told[_WHY] = pl.String()
        for name in told:
            if name in self._kept:
                raise InputError(
                    f"The source has a column `{name}`, as the answers do: leave it out by "
                    "`keep=[...]`, or rename it."
                )
        self._source = source.select(
            selectors.by_name(*dict.fromkeys([*self._kept, *deployed.features]))
        )
        self._schema = {name: known[name] for name in self._kept} | told
        self._failed: HomeostatError | None = None

    def write(self, target: Path) -> None:
        """Write the answers as a file that is there whole or not at all."""
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        answers = register_io_source(self._batches, schema=self._schema, validate_schema=True)
        said = {"homeostat.version": self._deployed.version}
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            answers.sink_parquet(part, maintain_order=True, metadata=said)
            part.replace(target)
        except (PolarsError, PanicException, OSError) as error:
            if self._failed is not None:
                raise self._failed from None
            raise StorageError(f"{target} cannot be written: {error}.") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _batches(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        """Yield the batches: called by Polars, which asks for all of them."""
        del with_columns, predicate, n_rows, batch_size
        try:
            for batch in self._source.collect_batches(
                chunk_size=self._batch_rows, maintain_order=True
            ):
                if batch.height:
                    yield self._answered(batch)
        except HomeostatError as error:
            self._failed = error
            raise
        except (PolarsError, OSError) as error:
            self._failed = InputError(f"The source cannot be read on: {error}.")
            raise

    def _answered(self, batch: pl.DataFrame) -> pl.DataFrame:
        features, kept = batch[list(self._deployed.features)], batch[self._kept]
        first, self.rows = self.rows, self.rows + batch.height
        try:
            answers = self._predict(self._deployed.frame(features))
        except Refused as refused:
            if not self._sift:
                raise _bad(refused, first) from None
            return kept.hstack(self._sifted(features))
        if self._sift:
            answers.append(pl.Series(_WHY, [None] * batch.height, dtype=pl.String))
        return kept.hstack(answers)

    def _sifted(self, features: pl.DataFrame) -> list[pl.Series]:
        """Return answers to the rows that keep the schema, and why the others have none."""
        why = self._deployed.sift(features)
        good = [row for row in range(features.height) if row not in why]
        self.refused += len(why)
        places = np.full(features.height, len(good), dtype=np.int64)
        places[good] = np.arange(len(good))
        if good:
            told = self._predict(self._deployed.frame(features[good]))
        else:
            told = [values.clear().alias(name) for name, values in self._none.items()]
        reasons = pl.Series(_WHY, [why.get(row) for row in range(features.height)], pl.String)
        return [*(_spread(values, places) for values in told), reasons]

    def _predict(self, features: pl.DataFrame) -> list[pl.Series]:
        deployed = self._deployed
        try:
            answers = deployed.predict(features)
        except HomeostatError:
            raise
        except (Exception, PanicException) as error:
            raise InputError(
                f"{deployed.version} failed on rows {self.rows - features.height:,} to "
                f"{self.rows - 1:,}: {error}."
            ) from error
        return [values.alias(name) for name, values in deployed.answers.columns(answers).items()]


def _deployed(model: Artifact | PackagedModel | Mapping[str, bytes]) -> Deployed:
    if isinstance(model, PackagedModel):
        return Deployed("model", model)
    if isinstance(model, Mapping):
        return Deployed("model", unpack(model))
    return Deployed(model.reference, unpack({name: model.read(name) for name in model.files}))


def _scan(source: str | Path | Sequence[str | Path] | pl.LazyFrame, target: Path) -> pl.LazyFrame:
    if isinstance(source, pl.LazyFrame):
        return source
    paths = [source] if isinstance(source, (str, Path)) else list(source)
    if not paths:
        raise InputError("The source has at least one file, got none.")
    if any(Path(path).absolute() == target.absolute() for path in paths):
        raise InputError(f"The target is the source, {target}: write to another file.")
    return pl.scan_parquet([Path(path) for path in paths])


def _no_answers(deployed: Deployed) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    form = deployed.answers
    return np.zeros((0, len(form.labels)) if form.kind == "classes" else 0)


def _spread(values: pl.Series, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    """Return values at their rows, null where there is none."""
    with_null = values.extend_constant(None, 1)
    return with_null.gather(places)


def _bad(refused: Refused, first: int) -> InputError:
    fields = refused.fields
    if not fields:
        return InputError(f"Rows from {first:,} on cannot be read: {refused}")
    one = fields[0]
    return InputError(
        f"Row {first + one.row:,} breaks the schema: field `{one.field}`: {one.message}, got "
        f"{one.value!r}. Mend it, or pass `bad_rows='null'` to predict the others."
    )
