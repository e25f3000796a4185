"""Comparing what two runs came to: each point, each result, each artifact."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import polars as pl

from homeostat.core import Json
from homeostat.record import Artifact, Record, RunInfo

__all__ = ["IGNORED", "Comparison", "Difference", "compare"]

IGNORED = ("_runtime", "_timestamp", "_wandb", "_wandb.*")
"""What is never compared, as it is of the clock; system metrics are not either."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that did not come out the same.

    Args:
        kind: ``"metric"``, ``"summary"``, ``"row"`` or ``"artifact"``.
        key: Its name.
        step: Where it first differs; None where there are no steps.
        original: What it was there; None if it was missing.
        reproduced: What it came to; None if it is missing.
        relative: The largest relative difference of its values; infinite where they have none.
        tolerated: Whether that is within the tolerance.
    """

    kind: str
    key: str
    step: int | None
    original: Json
    reproduced: Json
    relative: float
    tolerated: bool

    def __str__(self) -> str:
        where = "" if self.step is None else f" at step {self.step}"
        by = (
            ""
            if math.isinf(self.relative)
            else f" (largest relative difference {self.relative:.2g})"
        )
        before, after = _shown(self.original), _shown(self.reproduced)
        return f"{self.kind} {self.key}{where}: {before} then, {after} now{by}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and what differs.

    Args:
        points: How many points of metrics there were.
        metrics: How many metrics.
        results: How many entries of the summary.
        rows: How many logged texts, media and the like.
        artifacts: How many artifacts it made.
        differences: The first difference of each thing that differs, in the order of steps.
    """

    points: int
    metrics: int
    results: int
    rows: int
    artifacts: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    tolerance: float | Mapping[str, float]
    ignore: tuple[str, ...]

    def ignores(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.ignore)

    def bound(self, key: str) -> float:
        if isinstance(self.tolerance, Mapping):
            found = (t for pattern, t in self.tolerance.items() if fnmatchcase(key, pattern))
            return next(found, 0.0)
        return self.tolerance


def compare(
    record: Record,
    original: str,
    other: Record,
    reproduced: str,
    *,
    tolerance: float | Mapping[str, float] = 0.0,
    ignore: Collection[str] = (),
) -> Comparison:
    """Compare two runs.

    Args:
        record: Where the original is.
        original: Its id.
        other: Where the reproduction is; may be the same record.
        reproduced: Its id.
        tolerance: Relative difference that counts as no more than rounding; or one for each
            pattern of names, the first that matches, 0 for what none matches.
        ignore: Patterns of names (of metrics, results, artifacts) that are not compared.
    """
    rule = _Rule(tolerance, (*IGNORED, *ignore))
    before, after = record.run(original), other.run(reproduced)
    points = _points(record, original, other, reproduced)
    ignored = [name for name in points["name"].unique() if rule.ignores(name)]
    points = points.filter(~pl.col("name").is_in(ignored))
    rows = _rows(record, original)
    metrics = list(_metric_differences(points, rule))
    found = [
        *metrics,
        *_row_differences(rows, _rows(other, reproduced), rule),
        *_summary_differences(before, after, {one.key for one in metrics}, rule),
        *_artifact_differences(record, before, other, after, rule),
    ]
    return Comparison(
        points=points.height,
        metrics=points["name"].n_unique(),
        results=len([key for key in before.summary if not rule.ignores(key)]),
        rows=len(rows),
        artifacts=len(before.made),
        differences=tuple(found),
    )


def _points(record: Record, original: str, other: Record, reproduced: str) -> pl.DataFrame:
    """Return the values of each name, step and turn (a step may be logged twice) side by side."""

    def numbered(frame: pl.DataFrame) -> pl.DataFrame:
        turn = pl.int_range(pl.len()).over("name", "step")
        return frame.select("name", "step", "value", turn=turn)

    key = ["name", "step", "turn"]
    left, right = numbered(record.metrics(original)), numbered(other.metrics(reproduced))
    return left.join(right, on=key, how="full", coalesce=True, suffix="_now").sort(
        "step", "name", "turn"
    )


def _metric_differences(points: pl.DataFrame, rule: _Rule) -> Iterator[Difference]:
    value, now = pl.col("value"), pl.col("value_now")
    size = pl.max_horizontal(value.abs(), now.abs())
    relative = ((value - now).abs() / size).fill_nan(math.inf).fill_null(math.inf)
    differing = points.filter(~value.eq_missing(now)).with_columns(relative=relative)
    each = differing.group_by("name", maintain_order=True).agg(
        pl.col("step", "value", "value_now").first(), pl.col("relative").max()
    )
    for name, step, before, after, by in each.iter_rows():
        yield Difference("metric", name, step, before, after, by, by <= rule.bound(name))


def _rows(record: Record, run: str) -> dict[tuple[str, int], str]:
    """Return what was logged that is no number, by name and step, as JSON."""
    history = record.history(run)
    texts = [
        name for name, type_ in history.schema.items() if type_ == pl.String() and name != "run"
    ]
    found = {}
    for row in history.select("step", *texts).iter_rows(named=True):
        for name in texts:
            if row[name] is not None:
                found[name, row["step"]] = row[name]
    return found


def _row_differences(
    before: Mapping[tuple[str, int], str], after: Mapping[tuple[str, int], str], rule: _Rule
) -> Iterator[Difference]:
    told: set[str] = set()
    for name, step in sorted({*before, *after}, key=lambda key: (key[1], key[0])):
        was, is_ = before.get((name, step)), after.get((name, step))
        if was != is_ and name not in told and not rule.ignores(name):
            told.add(name)
            yield Difference("row", name, step, was, is_, math.inf, tolerated=False)


def _summary_differences(
    before: RunInfo, after: RunInfo, told: set[str], rule: _Rule
) -> Iterator[Difference]:
    for key in dict.fromkeys([*before.summary, *after.summary]):
        was, is_ = before.summary.get(key), after.summary.get(key)
        if key not in told and not rule.ignores(key) and not _equal(was, is_):
            by = _relative(was, is_)
            yield Difference("summary", key, None, was, is_, by, by <= rule.bound(key))


def _artifact_differences(
    record: Record, before: RunInfo, other: Record, after: RunInfo, rule: _Rule
) -> Iterator[Difference]:
    was = [record.artifact(reference) for reference in before.made]
    is_ = [other.artifact(reference) for reference in after.made]
    for name in dict.fromkeys(artifact.name for artifact in (*was, *is_)):
        left = [artifact for artifact in was if artifact.name == name]
        right = [artifact for artifact in is_ if artifact.name == name]
        if rule.ignores(name) or [a.files for a in left] == [a.files for a in right]:
            continue
        files = {
            file
            for one, two in zip(left, right, strict=False)
            for file in one.files.keys() | two.files.keys()
            if one.files.get(file) != two.files.get(file)
        }
        shown = f"{name} ({', '.join(sorted(files)[:3])})" if files else name
        yield Difference(
            "artifact", shown, None, _sizes(left), _sizes(right), math.inf, tolerated=False
        )


def _sizes(artifacts: list[Artifact]) -> Json:
    sizes = [f"{sum(a.sizes.values())} bytes" for a in artifacts]
    return ", ".join(sizes) or None


def _equal(was: Json, is_: Json) -> bool:
    return was == is_ or repr(was) == repr(is_)  # NaN is what it was


def _relative(was: Json, is_: Json) -> float:
    numbers = (int, float)
    if not isinstance(was, numbers) or not isinstance(is_, numbers):
        return math.inf
    size = max(abs(was), abs(is_))
    by = abs(was - is_) / size if size else 0.0
    return math.inf if math.isnan(by) else by


def _shown(value: Json) -> str:
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
