"""Evidence: what a system's declaration, its data and its record tell of how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat import features, leakage
from homeostat.core import Clock, Finding, InputError, NotFoundError, Schema
from homeostat.loop._history import History
from homeostat.split import Splits
from homeostat.stats import Floats, log_losses

if TYPE_CHECKING:
    from homeostat.core import Model
    from homeostat.loop._declaration import System
    from homeostat.record import Record

__all__ = ["Evidence", "of_record", "of_system"]

_ROWS = 2_000  # test rows on which each feature is shuffled


@dataclass(slots=True)
class Evidence:
    """What is known; None and empty where nothing is.

    Args:
        system: Name of the system.
        run: The round of the loop, in the record.
        schema: Of the data.
        features: What the model sees.
        findings: What the round judged, or what was judged just now.
        lineage: Of the dataset: sources and steps.
        split: How rows are parted, in words.
        forward: Whether each part lies wholly after the one before.
        keys: Rows whose key occurs before, and how many of them lie on both sides of the split.
        fitted: Rows that each model was fitted on, by its name.
        train_rows: Rows of the training part.
        model: Reference of the released model.
        model_sources: Artifacts that the model's lineage starts from.
        code: Whether the code that ran was captured.
        importance: How much the model uses each feature.
        how: Where the importance is from.
    """

    system: str
    run: str = ""
    schema: Schema | None = None
    features: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    lineage: Mapping[str, Any] | None = None
    split: str = ""
    forward: bool | None = None
    keys: tuple[int, int] | None = None
    fitted: dict[str, int] = field(default_factory=dict)
    train_rows: int | None = None
    model: str = ""
    model_sources: tuple[str, ...] = ()
    code: bool | None = None
    importance: dict[str, float] | None = None
    how: str = ""

    def checks(self, *names: str) -> list[Finding]:
        """Return findings of these checks; a name that ends in a dot takes all below it."""
        return [
            found
            for found in self.findings
            if any(found.check == n or (n[-1] == "." and found.check.startswith(n)) for n in names)
        ]

    def steps(self) -> Iterator[str]:
        """Yield the names of the steps that made the dataset, the last one first."""
        stack = [] if self.lineage is None else [self.lineage]
        while stack:
            one = stack.pop()
            if one["step"]:
                yield f"{one['name']}: {one['step']}"
            stack += one["inputs"]

    def sources(self) -> dict[str, str]:
        """Return the checksum of each source by its name."""
        found: dict[str, str] = {}
        stack = [] if self.lineage is None else [self.lineage]
        while stack:
            one = stack.pop()
            if one["source"] is not None:
                found[str(one["source"]["name"])] = str(one["source"]["sha256"])
            stack += one["inputs"]
        return found


def of_record(record: Record, name: str, run: str) -> Evidence:
    """Read what a round left in the record.

    Args:
        record: The record.
        name: Of the system; empty where ``run`` tells it.
        run: Id of the round; empty takes the last that ended.

    Raises:
        NotFoundError: If there is no such round.
    """
    if not run:
        rounds = record.runs(kind="run", system=name)
        ended = rounds.filter(pl.col("status").is_in(["finished", "failed"]))
        if ended.is_empty():
            raise NotFoundError(f"No round of `{name}` has ended in the record: run it first.")
        run = str(ended["id"][0])
    info = record.run(run)
    config = info.config.get("features")
    known = Evidence(
        info.system or name,
        run=run,
        features=tuple(str(one) for one in config) if isinstance(config, list) else (),
        code=info.code is not None,
    )
    for payload in record.events("stage", run)["payload"]:
        told = json.loads(payload)
        if told["run"]:
            known.findings += record.found(told["run"])
            _take(known, record, told)
    known.findings += record.found(run)
    return known


def _take(known: Evidence, record: Record, told: Mapping[str, str]) -> None:
    """Take from one finished stage what is not a finding."""
    made = record.run(told["run"]).made
    artifact = record.artifact(made[0]) if made else None
    if told["stage"] == "split":
        known.split = told["summary"]
    if artifact is None:
        return
    if told["stage"] == "ingest":
        known.schema = Schema.from_json(json.loads(artifact.read("schema.json")))
        known.lineage = json.loads(artifact.read("lineage.json"))
    elif told["stage"] == "train":
        known.fitted[told["name"].partition(" ")[2]] = int(str(artifact.metadata["rows"]))
    elif told["stage"] == "release":
        known.model = artifact.reference
        known.model_sources = tuple(node.label for node in artifact.lineage().sources())


def of_system(known: Evidence, system: System, clock: Clock, model: Model | None) -> Evidence:
    """Add what the declaration and its data tell; what the record tells is not judged again."""
    known.system, known.schema, known.features = system.name, system.schema, tuple(system.features)
    dataset = system.source(clock)
    known.lineage = dataset.lineage_json()
    history = History.of(
        dataset.collect(),
        features=system.features,
        outcome=system.outcome,
        predicted_at=str(system.schema.predicted_at),
        key=system.schema.key,
    )
    rows = history.trainable(history.at(0), clock.now())
    frame, label = history.frame[rows], history.label[rows]
    splits = system.split(frame, time=system.schema.time)
    known.split, known.train_rows = splits.summary(), int(splits.train.sum())
    known.forward = _forward(frame[system.schema.time], splits)
    known.keys = _repeated(frame, splits, system.schema.key)
    test = frame.select(system.features).filter(pl.Series(splits.test))
    if model is not None and known.importance is None:
        known.importance = _shuffled(model, test, label[splits.test], seed=system.seed)
        known.how = "log loss added by shuffling it"
    known.findings += _traces(system, history.frame, rows, splits)
    known.findings += _judged(known, system, frame, splits)
    return known


def _traces(
    system: System, whole: pl.DataFrame, rows: NDArray[np.int64], splits: Splits
) -> list[Finding]:
    """Search for statistics over the rows of the parts, and over all rows there are.

    Whoever prepared the table did not know of the gap between parts or of rows without outcome.
    """
    names = list(system.features)
    found = leakage.check_fitted(splits, whole[rows], system.schema, names)
    train, test = np.zeros((2, whole.height), dtype=np.bool_)
    train[rows], test[rows] = splits.train, splits.test
    parts = {"train": train, "validation": ~train & ~test, "test": test}
    everywhere = Splits(parts, splits.method)
    more = leakage.check_fitted(everywhere, whole, system.schema, names)
    known = {(one.check, one.subject) for one in found}
    return found + [one for one in more if (one.check, one.subject) not in known]


def _judged(
    known: Evidence, system: System, frame: pl.DataFrame, splits: Splits
) -> Iterable[Finding]:
    """Judge what no round has judged."""
    schema, names = system.schema, list(system.features)
    train, test = (splits.take(part, frame) for part in ("train", "test"))
    yield from features.useless(train.select(names), importance=known.importance)
    if not known.checks("leakage.random_time_split"):
        yield from leakage.check_split(splits, frame, schema, rng=system.seed)
    if not known.checks("features.generalization"):
        yield from features.generalization(train.select(names), test.select(names))
    if not known.run:
        yield from leakage.check_known_at(train, schema, names)
        if system.leak_scan:
            yield from leakage.scan_leaks(train, schema, names, rng=system.seed)


def _forward(time: pl.Series, splits: Splits) -> bool:
    parts = [time.filter(pl.Series(splits.masks[part])) for part in ("train", "validation", "test")]
    return bool(parts[0].max() < parts[1].min() and parts[1].max() < parts[2].min())  # type: ignore[operator]


def _repeated(frame: pl.DataFrame, splits: Splits, key: tuple[str, ...]) -> tuple[int, int] | None:
    """Count the rows whose key came before, and those keys that are on both sides."""
    if not key:
        return None
    part = pl.when(pl.Series(splits.train)).then(0).otherwise(1)
    keys = frame.select(*key, part.alias("_part")).filter(
        pl.Series(splits.train | splits.validation | splits.test)
    )
    sides = keys.group_by(key).agg(n=pl.len(), sides=pl.col("_part").n_unique())
    return int(sides["n"].sum()) - sides.height, int((sides["sides"] > 1).sum())


def _shuffled(model: Model, test: pl.DataFrame, label: Floats, *, seed: int) -> dict[str, float]:
    """Return how much log loss it adds to shuffle each feature, on some test rows."""
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.permutation(test.height)[:_ROWS])
    frame, known = test[chosen], label[chosen]
    if not frame.height:
        raise InputError("There is no test row to tell importance by.")
    base = log_losses(known, model.predict(frame)).mean()
    order = draw.permutation(frame.height)
    added = {
        name: log_losses(known, model.predict(frame.with_columns(frame[name][order]))).mean() - base
        for name in frame.columns
    }
    return {name: max(0.0, float(loss)) for name, loss in added.items()}
