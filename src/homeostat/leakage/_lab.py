"""The leakage lab: tables that are clean by construction, and the leaks that are planted in them.

A detector is worth what it finds here and what it leaves alone. Clean tables have what detectors
mistake for leaks: strong features, alone or in company, interactions, slow series with features
that follow them, groups whose effect a new group has too, nulls that mean something weak, codes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Column, InputError, Schema, suggest

__all__ = ["KINDS", "LEAKS", "clean_table", "plant_leak"]

Floats = NDArray[np.float64]
_START = datetime(2024, 1, 1, tzinfo=UTC)

#: What clean tables look like; `clean_table` goes through them by its seed.
KINDS = ("mixed", "strong", "company", "slow", "panel", "interaction", "wide", "rare")


def clean_table(seed: int, *, rows: int = 4000) -> tuple[pl.DataFrame, Schema]:
    """Return a table without a leak, of the kind ``KINDS[seed % 8]``, and its schema.

    - mixed: numbers, codes, texts, flags and nulls, each telling a little;
    - strong: one feature of AUC 0.80 to 0.95 among noise;
    - company: several strong features that say much the same;
    - slow: labels and features follow a slow series; yesterday's label and averages are features;
    - panel: devices observed again and again, whose effect is in a feature that new ones have;
    - interaction: two features tell by their product or by their difference, with noise;
    - wide: 80 features, most of them noise;
    - rare: one row in twenty has label 1.

    Rows have a time, in order; features have no known-at rule, so that a scan must judge.

    Args:
        seed: Decides kind and draw.
        rows: How many.

    Example:
        >>> frame, schema = clean_table(0, rows=500)
        >>> frame.height, schema.label, len(schema.features) > 3
        (500, 'y', True)
    """
    rng = np.random.default_rng([7, seed])
    kind = KINDS[seed % len(KINDS)]
    columns, logit = _MAKERS[kind](rng, rows)
    logit = logit - np.quantile(logit, 0.95 if kind == "rare" else rng.uniform(0.4, 0.8))
    y = rng.random(rows) < 1 / (1 + np.exp(-logit))
    if kind == "slow":
        columns = {**columns, "y_before": np.concatenate([[False], y[:-1]]).astype(float)}
    frame = pl.DataFrame({"at": _times(rows), **columns, "y": y.astype(np.int64)})
    return frame, _schema(frame, groups=["device"] if kind == "panel" else [])


def plant_leak(
    frame: pl.DataFrame, schema: Schema, leak: str, *, rng: np.random.Generator | int = 0
) -> tuple[pl.DataFrame, Schema, str]:
    """Plant one of ``LEAKS`` in a clean table; return it, its schema, and what is to be found.

    Args:
        frame: Of :func:`clean_table`; columns or rows are added, or their order changed.
        schema: Of the frame; what is added is a feature.
        leak: Name in ``LEAKS``.
        rng: Generator or seed.

    Raises:
        InputError: If there is no such leak.

    Example:
        >>> frame, schema, subject = plant_leak(*clean_table(0, rows=500), "copy of the label")
        >>> subject in schema.features
        True
    """
    if leak not in LEAKS:
        raise InputError(f"There is no leak `{leak}`.{suggest(leak, LEAKS)}")
    planted, subject = LEAKS[leak](frame, np.random.default_rng(rng))
    return planted, widened(schema, planted), subject


def widened(schema: Schema, frame: pl.DataFrame) -> Schema:
    """Return the schema of a table to which columns were added: they are features."""
    new = [name for name in frame.columns if name not in schema.names]
    added = _schema(frame.select(new), groups=[]) if new else None
    return Schema((*schema.columns, *(added.columns if added else ())))


def _times(rows: int) -> pl.Series:
    return pl.datetime_range(
        _START, _START + timedelta(hours=rows - 1), "1h", eager=True, time_unit="us"
    )


def _schema(frame: pl.DataFrame, groups: list[str]) -> Schema:
    def roles(name: str) -> set[str]:
        return {"at": {"time"}, "y": {"label"}}.get(
            name, {"group"} if name in groups else {"feature"}
        )

    def kind(dtype: pl.DataType) -> str:
        if dtype.is_temporal():
            return "datetime"
        return "float" if dtype.is_float() else "int" if dtype.is_integer() else "string"

    return Schema(
        tuple(Column(n, kind(t), roles(n), nullable=True) for n, t in frame.schema.items())  # type: ignore[arg-type]
    )


Made = tuple[dict[str, Any], Floats]


def _mixed(rng: np.random.Generator, rows: int) -> Made:
    age, income = rng.normal(size=rows), rng.lognormal(0, 1, rows)
    code, city = rng.integers(0, 40, rows), rng.integers(0, 300, rows)
    effect = rng.normal(size=40) * 0.6
    asked = rng.random(rows) < 0.7
    logit = 0.8 * age + 0.5 * np.log(income) + effect[code] + 0.4 * asked
    columns: dict[str, Any] = {
        "age": age,
        "income": np.where(asked, income, np.nan),
        "code": [f"c{i}" for i in code],
        "city": city,
        "flag": rng.integers(0, 2, rows),
        "hour": np.arange(rows) % 24,
    }
    return columns, logit


def _strong(rng: np.random.Generator, rows: int) -> Made:
    x = rng.normal(size=rows)
    columns = {"score": x} | {f"noise_{i}": rng.normal(size=rows) for i in range(5)}
    return columns, rng.uniform(1.8, 4.5) * x


def _company(rng: np.random.Generator, rows: int) -> Made:
    base = rng.normal(size=rows)
    columns = {f"test_{i}": base + rng.normal(size=rows) * rng.uniform(0.2, 0.8) for i in range(6)}
    return columns, 4 * base


def _slow(rng: np.random.Generator, rows: int) -> Made:
    level = _walk(rng, rows, 0.995)
    other = _walk(rng, rows, 0.99)
    columns = {
        "level": level + rng.normal(size=rows) * 0.1 * level.std(),
        "level_before": np.concatenate([[level[0]], level[:-1]]),
        "mean_24": np.convolve(level, np.ones(24) / 24)[:rows],
        "unrelated": other,
    }
    return columns, 6 * (level / level.std())


def _panel(rng: np.random.Generator, rows: int) -> Made:
    device = rng.integers(0, 200, rows)
    wear = rng.normal(size=200)[device] + 0.3 * rng.normal(size=rows)
    columns = {"device": device, "wear": wear, "load": rng.normal(size=rows)}
    return columns, 1.5 * wear + rng.normal(size=rows)


def _interaction(rng: np.random.Generator, rows: int) -> Made:
    a, b = rng.normal(size=(2, rows))
    columns = {"a": a, "b": b, "c": rng.normal(size=rows)}
    together = a * b if rng.random() < 0.5 else a - b
    return columns, 1.2 * together


def _wide(rng: np.random.Generator, rows: int) -> Made:
    x = rng.normal(size=(rows, 80))
    return {f"x{i}": x[:, i] for i in range(80)}, x[:, :6] @ rng.normal(size=6)


def _rare(rng: np.random.Generator, rows: int) -> Made:
    columns, logit = _mixed(rng, rows)
    return columns, logit


_MAKERS: dict[str, Callable[[np.random.Generator, int], Made]] = {
    "mixed": _mixed,
    "strong": _strong,
    "company": _company,
    "slow": _slow,
    "panel": _panel,
    "interaction": _interaction,
    "wide": _wide,
    "rare": _rare,
}


def _walk(rng: np.random.Generator, rows: int, keep: float) -> Floats:
    """Draw an autoregressive series of order one."""
    from scipy.signal import lfilter  # noqa: PLC0415 - a quarter of a second to import

    series: Floats = lfilter([1.0], [1.0, -keep], rng.normal(size=rows))
    return series


def _copy(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    noise = rng.normal(size=frame.height) * 0.01
    return frame.with_columns(outcome=pl.col("y") * 3.0 + pl.Series(noise)), "outcome"


def _after(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """Something that happens after half of the positive rows, and never else."""
    told = (frame["y"].to_numpy() == 1) & (rng.random(frame.height) < 0.75)
    amount = np.where(told, rng.lognormal(3, 1, frame.height), rng.lognormal(-3, 1, frame.height))
    return frame.with_columns(refund=pl.Series(amount)), "refund"


def _pair(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    start = rng.uniform(0, 1000, frame.height)
    y = frame["y"].to_numpy()
    took = np.where(y == 1, rng.uniform(30, 60, y.size), rng.uniform(0, 30, y.size))
    return frame.with_columns(began=pl.Series(start), ended=pl.Series(start + took)), "ended"


def _triple(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    parts = rng.normal(size=(2, frame.height))
    y = frame["y"].to_numpy()
    total = np.where(y == 1, rng.uniform(0, 2, y.size), rng.uniform(-2, 0, y.size))
    columns = {"part_1": parts[0], "part_2": parts[1], "part_3": total - parts.sum(axis=0)}
    return frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()}), "part_3"


def _absent(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """The articles that were read much are the ones that were translated."""
    y = frame["y"].to_numpy()
    there = rng.random(y.size) < np.where(y == 1, 0.9, 0.02)
    value = np.where(there, rng.integers(1, 5, y.size), np.nan)
    return frame.with_columns(pl.Series("translations", value, nan_to_null=True)), "translations"


def _sorted(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """Rows are written class by class, in batches, and numbered."""
    order = np.argsort(frame["y"].to_numpy() * 4 + rng.random(frame.height) * 5, kind="stable")
    return frame[order].with_row_index("number"), "number"


def _encoded(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    shop = pl.Series("shop", rng.integers(0, frame.height // 4, frame.height))
    return frame.with_columns(shop, shop_rate=pl.col("y").mean().over(shop)), "shop_rate"


def _copies(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    again = frame[rng.integers(0, frame.height, frame.height // 2)]
    return pl.concat([frame, again])[rng.permutation(frame.height + again.height)], "split"


def _grouped(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """Patients have one outcome each and look like themselves."""
    count = frame.height // 15
    patient = rng.permutation(np.arange(frame.height) % count)
    ill = rng.integers(0, 2, count)
    look = rng.normal(size=count)[patient] + 0.001 * rng.normal(size=frame.height)
    number = rng.permutation(10 * count)[:count][patient]
    return frame.with_columns(
        patient=pl.Series(number), look=pl.Series(look), y=pl.Series(ill[patient].astype(np.int64))
    ), "patient"


#: What can be planted: name and maker.
LEAKS: dict[str, Callable[[pl.DataFrame, np.random.Generator], tuple[pl.DataFrame, str]]] = {
    "copy of the label": _copy,
    "written after the outcome": _after,
    "pair of times": _pair,
    "sum of three": _triple,
    "missing unless it happened": _absent,
    "order of rows": _sorted,
    "target encoding before the split": _encoded,
    "duplicates across the split": _copies,
    "groups across the split": _grouped,
}
