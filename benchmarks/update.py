"""Update policies over ten months of flights: quality and CPU seconds of each, side by side.

Every night each policy learns from outcomes known by then, or does not, and answers for the
flights of the next day. NE is log loss over that of a constant prediction: lower is better. The
ratio is the policy's training cost over that of the leaf head. Run on a quiet machine it takes
about two minutes::

    python benchmarks/update.py [--share 0.2] [--policy leaf]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from homeostat.adapt import (
    DataWindow,
    Trigger,
    TriggerState,
    cheapest_indistinguishable,
    compare_options,
    every,
    everything,
    last,
    update,
)
from homeostat.core import Model, measure
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.stats import auc, log_losses, normalized_entropy
from homeostat.train import Boosted, LeafHead, Logistic

START = datetime(2013, 2, 27, 9, tzinfo=UTC)  # four or five in the morning in New York
END = datetime(2014, 1, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    name: str
    model: Model
    when: Trigger | None
    how: str = "scratch"
    on: DataWindow = everything()  # noqa: RUF009 - frozen
    rebuild_every: str | None = None


POLICIES = (
    Policy("never", Boosted(), None),
    Policy("scratch monthly, all", Boosted(), every("28d")),
    Policy("scratch monthly, last 84 d", Boosted(), every("28d"), on=last("84d")),
    Policy("scratch weekly, last 56 d", Boosted(), every("7d"), on=last("56d")),
    Policy("continue weekly, new rows", Boosted(), every("7d"), "continue"),
    Policy("refit leaves weekly", Boosted(), every("7d"), "refit"),
    Policy("refit weekly, rebuilt 56 d", Boosted(), every("7d"), "refit", rebuild_every="56d"),
    Policy("leaf head daily", LeafHead(), every("1d"), "leaf-head"),
    Policy(
        "leaf head daily, rebuilt 56 d", LeafHead(), every("1d"), "leaf-head", rebuild_every="56d"
    ),
    Policy("logistic, never", Logistic(), None),
    Policy("logistic, a step a row daily", Logistic(), every("1d"), "partial_fit"),
)


@dataclass(frozen=True)
class Rows:
    features: pl.DataFrame
    label: np.ndarray
    predicted_at: np.ndarray
    known_at: np.ndarray

    def take(self, chosen):
        return self.features[chosen], self.label[chosen]


def flights(share):
    with tempfile.TemporaryDirectory() as cache:
        frame = flights_dataset(Path(cache)).collect().filter(pl.col("late").is_not_null())
    frame = frame.sort("predicted_at")
    if share < 1:
        frame = frame.filter(np.random.default_rng(0).random(frame.height) < share)
    return Rows(
        frame.select(flight_features().names),
        frame["late"].cast(pl.Float64).to_numpy(),
        frame["predicted_at"].to_numpy().astype("datetime64[us]").astype(np.int64),
        frame["landed_at"].to_numpy().astype("datetime64[us]").astype(np.int64),
    )


def replay(policy, rows):
    """Return predictions of the rows from START on, and CPU seconds of learning and of all."""
    answers = np.full(len(rows.label), np.nan)
    with measure() as total:
        start = update(policy.model, *rows.take(known(rows, START)), how="scratch")
        model, learning, updates = start.model, start.cost.cpu_s, 0
        updated = rebuilt = now = START
        while now < END:
            state = TriggerState(now, updated)
            if policy.when is not None and policy.when.due(state):
                report = learn(policy, model, rows, now, updated=updated, rebuilt=rebuilt)
                model, updated, updates = report.model, now, updates + 1
                learning += report.cost.cpu_s
                rebuilt = now if report.how == "scratch" else rebuilt
            today = slice(*np.searchsorted(rows.predicted_at, [us(now), us(now + DAY)]))
            answers[today] = model.predict(rows.features[today])
            now += DAY
    return answers, learning, total.cpu_s, updates


def learn(policy, model, rows, now, *, updated, rebuilt):
    stateless = policy.how == "scratch"
    new = np.flatnonzero((rows.known_at >= us(updated)) & (rows.known_at < us(now)))
    chosen = np.flatnonzero(policy.on.rows(rows.predicted_at, now) & (rows.known_at < us(now)))
    rebuilds = policy.rebuild_every is not None
    return update(
        model,
        *rows.take(new),
        how=policy.how,
        history=rows.take(chosen) if stateless or rebuilds else None,
        rebuild_every=policy.rebuild_every,
        since_rebuild=now - rebuilt,
    )


def known(rows, now):
    return np.flatnonzero(rows.known_at < us(now))


def us(at):
    return round(at.timestamp() * 1e6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="share of the rows to use")
    parser.add_argument("--policy", default="", help="only policies whose name holds this")
    asked = parser.parse_args()
    rows = flights(asked.share)
    results = {p.name: replay(p, rows) for p in POLICIES if asked.policy in p.name}
    tested = (rows.predicted_at >= us(START)) & (rows.predicted_at < us(END))
    label, day = rows.label[tested], rows.predicted_at[tested] // 86_400_000_000
    losses = {name: log_losses(label, found[0][tested]) for name, found in results.items()}
    cost = {name: found[1] for name, found in results.items()}
    options = {o.name: o for o in compare_options(losses, cost, blocks=day)}
    unit = cost.get("leaf head daily", 1.0)
    print(f"{tested.sum():,} flights, {len(np.unique(day))} days")
    print(
        f"{'policy':32}{'NE':>7}{'AUC':>7}{'updates':>9}{'train s':>9}{'ratio':>7}{'all s':>7}",
        end="",
    )
    print("  log loss above the best, by whole days")
    for name, (answers, learning, total, updates) in results.items():
        p, o = answers[tested], options[name]
        print(
            f"{name:32}{normalized_entropy(label, p):7.4f}{auc(label, p):7.4f}{updates:9d}"
            f"{learning:9.2f}{learning / unit:7.1f}{total:7.1f}  {o.difference:+.4f} "
            f"[{o.difference_low:.4f}, {o.difference_high:.4f}]"
        )
    print(cheapest_indistinguishable(list(options.values())).summary)


if __name__ == "__main__":
    main()
