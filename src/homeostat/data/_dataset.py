"""Dataset: a frame that knows which sources and steps it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Concatenate, ParamSpec

import polars as pl

from homeostat.core import Finding, InputError, Json
from homeostat.data import _cache, _digest
from homeostat.data._cache import Made
from homeostat.data._column_lineage import ColumnLineage, lineage_of_column
from homeostat.data._quarantine import rejected_rows

__all__ = ["Dataset", "SourceFile", "SourceInfo", "Step", "StepResult"]

StepResult = (
    pl.LazyFrame
    | pl.DataFrame
    | tuple[pl.LazyFrame | pl.DataFrame, Sequence[Finding]]
    | tuple[pl.LazyFrame | pl.DataFrame, Sequence[Finding], pl.DataFrame]
)
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One of the files of a source: where it is, its SHA-256, what its store calls its version."""

    location: str
    sha256: str
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """Where rows came from.

    Args:
        name: What people call the source.
        location: Path relative to the working folder, an address without user, password and
            query, or ``"memory"``.
        sha256: Of the file's bytes; of several, of their checksums in order; of the rows where
            there is no file.
        rows: How many were taken.
        rejected: How many were put aside, with a reason each.
        query: What was asked of a database; else empty.
        version: What the store calls this version of it (its ETag), or the fingerprint of the
            database; empty where there is none.
        files: The files it is made of, where there are several.
    """

    name: str
    location: str
    sha256: str
    rows: int
    rejected: int = 0
    query: str = ""
    version: str = ""
    files: tuple[SourceFile, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the source as a plain JSON object; what it has not is left out."""
        told = asdict(self)
        return {name: told[name] for name in told if told[name] not in ("", ())}


@dataclass(frozen=True, slots=True)
class Step:
    """One named transformation: a function of frames, with its arguments."""

    name: str
    function: Callable[..., StepResult]
    arguments: Mapping[str, object]

    @property
    def digest(self) -> str:
        """Digest of the function's code and the arguments."""
        return _digest.combine(
            _digest.of_function(self.function, f"The function of step `{self.name}`"),
            *(
                _digest.combine(key, _digest.of_value(self.arguments[key], f"argument `{key}`"))
                for key in sorted(self.arguments)
            ),
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A frame with its lineage: a source, or a step over other datasets.

    Nothing runs until :meth:`lazy` or :meth:`collect`. Make one with `read_csv`, `read_json_lines`,
    `read_parquet`, `read_arrow`, `read_sql` or `from_frame`, and go on with :meth:`step`.

    Args:
        name: What people call it.
        digest: What it is: that of the content of a source, or of inputs, code and arguments.
        source: Where its rows came from; None for the result of a step.
        transform: The step that makes it; None for a source.
        inputs: What the step is applied to, in order.
        cache: Folder in which results of steps are kept; None keeps none.
    """

    name: str
    digest: str
    source: SourceInfo | None = None
    transform: Step | None = None
    inputs: tuple[Dataset, ...] = ()
    cache: Path | None = field(default=None, repr=False)
    _content: Made | None = field(default=None, repr=False)

    def step(
        self,
        name: str,
        function: Callable[Concatenate[pl.LazyFrame, Arguments], StepResult],
        *others: Dataset,
        cache: str | Path | None = None,
        **arguments: object,
    ) -> Dataset:
        """Return the dataset that a function makes of this one.

        Its digest is made of the inputs' digests, what the function does (bytecode, constants,
        closures, the functions it calls) and the arguments. With a cache folder, a step whose
        digest is there is read, not run. What a function reads from elsewhere (a file, a
        database, the clock) is not seen: make it a source or an argument.

        Args:
            name: Name of the result.
            function: Takes this dataset's LazyFrame, then those of ``others``, then
                ``arguments`` by name; returns a LazyFrame or DataFrame, or a tuple of that, of
                findings, and of rows it put aside where it did.
            others: Further inputs.
            cache: Folder for results from here on; None keeps this dataset's.
            arguments: Passed on by name.

        Raises:
            InputError: If the code or an argument has no content that can be digested.

        Example:
            >>> from homeostat.data import from_frame
            >>> rides = from_frame(pl.DataFrame({"km": [1.0, 12.0]}), name="rides")
            >>> far = rides.step("far", lambda rides, least: rides.filter(pl.col("km") > least),
            ...                  least=10)
            >>> far.collect().height
            1
        """
        step = Step(name, function, arguments)
        inputs = (self, *others)
        return Dataset(
            name=name,
            digest=_digest.combine("step", step.digest, *(one.digest for one in inputs)),
            transform=step,
            inputs=inputs,
            cache=Path(cache) if cache is not None else self.cache,
        )

    def lazy(self) -> pl.LazyFrame:
        """Return the content as a LazyFrame; with a cache, steps so far are run or read."""
        return self._made.frame

    def collect(self) -> pl.DataFrame:
        """Return the content as a DataFrame."""
        return self.lazy().collect()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The content, collected once and kept."""
        return self.collect()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What reading and the steps so far found, the sources' first."""
        found: list[Finding] = []
        for one in (*(inner.findings for inner in self.inputs), self._made.findings):
            found += [each for each in one if each not in found]
        return tuple(found)

    @property
    def rejected(self) -> pl.DataFrame:
        """Rows that this source or step put aside: file, line or row, column, reason, raw text."""
        return self._made.rejected

    @property
    def quarantine(self) -> pl.DataFrame:
        """All rows put aside on the way from the sources to here, with who did it in ``by``."""
        parts = [
            one.rejected.select(pl.lit(one.name).alias("by"), pl.all())
            for one in {one.digest: one for one in _upstream(self)}.values()
        ]
        return pl.concat(parts)

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """Every source that this dataset stands on, each once."""
        if self.source is not None:
            return (self.source,)
        return tuple(dict.fromkeys(found for one in self.inputs for found in one.sources))

    @cached_property
    def _made(self) -> Made:
        if self._content is not None:
            return self._content
        return _cache.kept(self.cache, self.digest, self._run)

    def _run(self) -> Made:
        if self.transform is None:
            raise InputError(
                f"Dataset `{self.name}` has neither content nor a step: make it with read_csv, "
                "read_parquet, read_json_lines or from_frame."
            )
        frames = (one.lazy() for one in self.inputs)
        made = self.transform.function(*frames, **self.transform.arguments)
        frame, findings, *aside = made if isinstance(made, tuple) else (made, ())
        if not isinstance(frame, (pl.LazyFrame, pl.DataFrame)):
            raise InputError(
                f"Step `{self.name}` must return a LazyFrame or DataFrame, got "
                f"{type(frame).__name__}."
            )
        return Made(frame.lazy(), tuple(findings), aside[0] if aside else rejected_rows())

    def lineage(self) -> str:
        """Return the path back to the sources, as a tree with digests.

        Example:
            >>> from homeostat.data import from_frame
            >>> rides = from_frame(pl.DataFrame({"km": [1.0, 12.0]}), name="rides")
            >>> ordered = rides.step("ordered", pl.LazyFrame.sort, by="km")
            >>> print(ordered.lineage())  # doctest: +ELLIPSIS
            ordered  step LazyFrame.sort(by='km')  ...
            └─ rides  memory, 2 rows, 0 rejected  sha256 ...
        """
        lines = [self._line()]
        for number, one in enumerate(self.inputs, start=1):
            last = number == len(self.inputs)
            first, *rest = one.lineage().splitlines()
            lines.append(f"{'└─' if last else '├─'} {first}")
            lines.extend(f"{'  ' if last else '│ '} {line}" for line in rest)
        return "\n".join(lines)

    def column_lineage(self, column: str) -> ColumnLineage:
        """Return where a column comes from: the columns of the sources and the steps between.

        Each step is asked through its plan, over inputs without rows. A step that collects its
        input, or runs Python over whole frames, cannot be seen into: there the answer says so.

        Raises:
            SchemaError: If there is no such column.

        Example:
            >>> from homeostat.data import from_frame
            >>> rides = from_frame(pl.DataFrame({"m": [900], "s": [60], "id": [1]}), name="rides")
            >>> query = "SELECT id, m / s AS v FROM self"
            >>> timed = rides.step("timed", pl.LazyFrame.sql, query=query)
            >>> timed.column_lineage("v").sources
            (('rides', 'm'), ('rides', 's'))
        """
        return lineage_of_column(self, column)

    @property
    def step_text(self) -> str:
        """The step that makes it, as a call; empty for a source."""
        return "" if self.transform is None else _call(self.transform)

    def _line(self) -> str:
        if self.source is not None:
            info = self.source
            many = f" ({len(info.files):,} files)" if info.files else ""
            about = f"{info.location}{many}, {info.rows:,} rows, {info.rejected:,} rejected"
            return f"{self.name}  {about}  sha256 {info.sha256[:12]}"
        return f"{self.name}  {self.step_text}  {self.digest[:12]}"

    def lineage_json(self) -> dict[str, Json]:
        """Return the path back to the sources as a plain JSON object."""
        return {
            "name": self.name,
            "digest": self.digest,
            "source": None if self.source is None else self.source.to_json(),
            "step": self.step_text or None,
            "inputs": [one.lineage_json() for one in self.inputs],
        }


def _upstream(dataset: Dataset) -> Iterator[Dataset]:
    """Yield what a dataset is made of and itself, the sources first."""
    for one in dataset.inputs:
        yield from _upstream(one)
    yield dataset


def _call(step: Step) -> str:
    name = getattr(step.function, "__qualname__", type(step.function).__name__)
    given = ", ".join(f"{key}={_short(value)}" for key, value in step.arguments.items())
    return f"step {name.rpartition('<locals>.')[2]}({given})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"<{type(value).__name__}>"
