"""The history of runs: their points as columns."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from homeostat.core import InputError, Json, suggest
from homeostat.record._history.series import Piece, Table, pieces_of, rewinds_of, tables_of
from homeostat.record._index.index import Index
from homeostat.record._json import to_bytes

__all__ = ["console", "follow", "history", "metrics", "system_metrics"]

_TIME = pl.Datetime("us", "UTC")
_OWN = {"run", "step", "time"}  # columns of the record's own
_COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "name": pl.String(),
    "step": pl.Int64(),
    "time": _TIME,
    "value": pl.Float64(),
}
_ROWS = """
SELECT r.run, r.step, r.time, r.payload FROM rows r
WHERE r.run IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM rewinds w WHERE w.run = r.run AND w.step < r.step
  AND CASE WHEN w.log = r.log THEN w.offset > r.offset ELSE w.time > r.time END)
ORDER BY r.run, r.step, r.time, r.log, r.offset
"""
_CONSOLE = """
SELECT time, stream, text FROM console WHERE run = ? ORDER BY log, offset
"""


def metrics(index: Index, runs: Sequence[str], names: Collection[str] | None) -> pl.DataFrame:
    """Return the points of runs, one a row, by run, name and step."""
    parts = [pl.DataFrame(schema=_COLUMNS)]
    for run, tables in _tables(index, runs, names).items():
        parts += _long_tables(run, tables)
    return pl.concat(parts)


def _long_tables(run: str, tables: Sequence[Table]) -> list[pl.DataFrame]:
    """Return the points of one run by name and step, however many names there are."""
    held = [table for table in tables if len(table.steps)]
    if not held:
        return []
    names = sorted(name for table in held for name in table.names)
    place = {name: number for number, name in enumerate(names)}
    numbers = [np.repeat([place[n] for n in table.names], len(table.steps)) for table in held]
    columns = {
        "step": np.concatenate([np.tile(table.steps, len(table.names)) for table in held]),
        "time": np.concatenate([np.tile(table.times, len(table.names)) for table in held]),
        "value": np.concatenate([table.values.ravel(order="F") for table in held]),
    }
    number = np.concatenate(numbers)
    order = np.argsort(number, kind="stable")
    return [
        _named(
            run,
            pl.Series("name", names).gather(number[order]),
            {k: v[order] for k, v in columns.items()},
        )
    ]


def system_metrics(index: Index, run: str) -> pl.DataFrame:
    """Return what the machine did, by name and time."""
    pieces = index.settled(lambda: pieces_of(index.query, index.logs, [run], "system"))[run]
    return pl.concat([pl.DataFrame(schema=_COLUMNS), *_as_written(run, pieces)]).sort(
        "name", "time", maintain_order=True
    )


def follow(index: Index, run: str, after: str) -> tuple[pl.DataFrame, str]:
    """Return the points written since a cursor, in order of writing, and the next cursor."""
    seen = _cursor(after)
    where = " AND ".join(["NOT (p.log = ? AND p.offset <= ?)"] * len(seen))
    values = [part for place in seen.items() for part in place]
    pieces = index.settled(
        lambda: pieces_of(index.query, index.logs, [run], "history", where=where, values=values)
    )[run]
    for piece in pieces:
        seen[piece.log] = max(piece.offset, seen.get(piece.log, -1))
    frame = pl.concat([pl.DataFrame(schema=_COLUMNS), *_as_written(run, pieces)])
    return frame, json.dumps(seen)


def console(index: Index, run: str) -> pl.DataFrame:
    """Return what a run printed."""
    rows = index.query(_CONSOLE, (run,))
    schema = {"time": pl.Int64(), "stream": pl.String(), "text": pl.String()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns((pl.col("time") // 1000).cast(_TIME)).sort(
        "time", maintain_order=True
    )


def history(
    index: Index, runs: Sequence[str], names: Collection[str] | None, *, stream: str, x: str
) -> pl.DataFrame:
    """Return a row a run and step, with a column a metric."""
    if stream not in {"history", "system"}:
        raise InputError(f"A stream is 'history' or 'system', got {stream!r}.")
    wanted = None if names is None or x in {"step", "time"} else {*names, x}
    tables = _tables(index, runs, wanted or names, stream)
    texts = _texts(index, runs, wanted or names) if stream == "history" else {}
    frames = [_wide(run, tables[run], texts.get(run, {})) for run in tables]
    schema = {"run": pl.String(), "step": pl.Int64(), "time": _TIME}
    frame = pl.concat([pl.DataFrame(schema=schema), *_alike(frames)], how="diagonal")
    if x in {"step", "time"}:
        return frame if x == "step" else frame.sort("run", "time", maintain_order=True)
    if x not in frame.columns:
        raise InputError(f"There is no `{x}` to put the history along.{suggest(x, frame.columns)}")
    along = frame.filter(pl.col(x).is_not_null()).sort("run", x, maintain_order=True)
    return along.select("run", x, pl.exclude("run", x))


def _tables(
    index: Index, runs: Sequence[str], names: Collection[str] | None, stream: str = "history"
) -> dict[str, list[Table]]:
    pieces = index.settled(lambda: pieces_of(index.query, index.logs, runs, stream, names=names))
    if stream == "system":
        for piece in (one for held in pieces.values() for one in held):
            piece.steps = piece.times
    rewinds = rewinds_of(index.rows, pieces) if stream == "history" else {}
    return {run: tables_of(held, rewinds.get(run, [])) for run, held in pieces.items()}


def _named(run: str, names: pl.Series, columns: Mapping[str, Any]) -> pl.DataFrame:
    return (
        pl.DataFrame(columns)
        .with_columns(names)
        .select(
            pl.lit(run).alias("run"), "name", "step", (pl.col("time") // 1000).cast(_TIME), "value"
        )
    )


def _as_written(run: str, pieces: Iterable[Piece]) -> list[pl.DataFrame]:
    """Return points in the order in which they were written, those of one call together."""
    frames = []
    for piece in pieces:
        count, width = piece.values.shape
        names = pl.Series("name", piece.names).gather(np.tile(np.arange(width), count))
        columns = {
            "step": np.repeat(piece.steps, width),
            "time": np.repeat(piece.times, width),
            "value": piece.values.ravel(),
        }
        frames.append(_named(run, names, columns))
    return frames


def _texts(
    index: Index, runs: Sequence[str], names: Collection[str] | None
) -> dict[str, dict[int, tuple[int, dict[str, Json]]]]:
    """Return what is no number: by run and step, when and what; of a name what came last."""
    found: dict[str, dict[int, tuple[int, dict[str, Json]]]] = {}
    for run, step, time, payload in index.rows(_ROWS, (json.dumps(list(runs)),)):
        said = {
            _column(name): value
            for name, value in json.loads(payload).items()
            if names is None or name in names
        }
        if said:
            _, known = found.setdefault(run, {}).get(step, (0, {}))
            found[run][step] = time, known | said
    return found


def _wide(
    run: str, tables: Sequence[Table], texts: Mapping[int, tuple[int, dict[str, Json]]]
) -> pl.DataFrame:
    frames = [_of_table(table) for table in tables if len(table.steps)]
    if texts:
        frames.append(_of_texts(texts))
    if not frames:
        return pl.DataFrame(schema={"run": pl.String(), "step": pl.Int64(), "time": _TIME})
    frame = frames[0] if len(frames) == 1 else _beside(frames)
    names = sorted(name for name in frame.columns if name not in _OWN)
    return frame.select(
        pl.lit(run).alias("run"), "step", (pl.col("time") // 1000).cast(_TIME), *names
    )


def _of_table(table: Table) -> pl.DataFrame:
    columns = {
        _column(name): np.ascontiguousarray(table.values[:, place])
        for place, name in enumerate(table.names)
    }
    own = {"step": table.steps, "time": table.times}
    return pl.DataFrame(columns | own)


def _column(name: str) -> str:
    """Return what a metric's column is called; some names are the record's own."""
    return f"metric.{name}" if name in _OWN else name


def _of_texts(texts: Mapping[int, tuple[int, dict[str, Json]]]) -> pl.DataFrame:
    steps = sorted(texts)
    names = sorted({name for _, said in texts.values() for name in said})
    columns: dict[str, Any] = {
        name: [
            to_bytes(texts[step][1][name]).decode() if name in texts[step][1] else None
            for step in steps
        ]
        for name in names
    }
    schema = {"step": pl.Int64(), "time": pl.Int64()} | dict.fromkeys(names, pl.String())
    return pl.DataFrame(
        {"step": steps, "time": [texts[step][0] for step in steps]} | columns, schema=schema
    )


def _beside(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put frames side by side, by step."""
    steps = np.sort(np.concatenate([frame["step"].to_numpy() for frame in frames]), kind="stable")
    steps = steps[np.append(True, steps[1:] != steps[:-1])]
    joined, times = pl.DataFrame({"step": steps}), []
    for frame in frames:
        fitted = _at_steps(frame, steps)
        times.append(fitted["time"])
        fresh = fitted.drop("step", "time")
        twice = [name for name in fresh.columns if name in joined.columns]
        joined = joined.hstack(fresh.rename({name: f"{name}\0text" for name in twice}))
        joined = joined.with_columns(_either(name) for name in twice).drop(
            f"{name}\0text" for name in twice
        )
    times = [time.alias(str(number)) for number, time in enumerate(times)]
    return joined.with_columns(pl.DataFrame(times).max_horizontal().alias("time"))


def _at_steps(frame: pl.DataFrame, steps: Any) -> pl.DataFrame:  # noqa: ANN401 - an array
    """Return the rows of a frame at some steps, null where it has none."""
    own = frame["step"].to_numpy()
    if len(own) == len(steps):
        return frame
    places = np.minimum(np.searchsorted(own, steps), len(own) - 1)
    there = pl.Series(own[places] == steps)
    rows = pl.DataFrame({"there": there, "place": places}).select(
        pl.when("there").then("place").alias("place")
    )
    return frame.select(pl.all().gather(rows["place"]))


def _either(name: str) -> pl.Expr:
    """Return a column that was a number at some steps and a text at others, as texts."""
    text = pl.col(f"{name}\0text")
    return pl.coalesce(text, pl.col(name).cast(pl.String())).alias(name)


def _alike(frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """Give a column that is a text in one frame that type in all."""
    texts = {name for f in frames for name, kind in f.schema.items() if kind == pl.String()}
    return [frame.cast(dict.fromkeys(texts & set(frame.columns), pl.String())) for frame in frames]


def _cursor(text: str) -> dict[str, int]:
    try:
        return {str(log): int(place) for log, place in json.loads(text or "{}").items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"A cursor is what `follow` returned, got {text[:80]!r}.") from error
