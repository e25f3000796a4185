"""A system of your own: will an order be late? Released, watched and relearned over four months."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

import homeostat as hs
from homeostat.adapt import every
from homeostat.train import Boosted, Logistic, Majority

START = datetime(2026, 1, 1, tzinfo=UTC)


def orders(clock: hs.core.Clock) -> hs.data.Dataset:
    """Return the orders that exist by the clock; on day 80 the depot moves."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(120), 200)
    km, rain = rng.uniform(0, 50, day.size), rng.random(day.size) < 0.3
    slow = np.where(day < 80, km, 50 - km)
    late = rng.random(day.size) < 1 / (1 + np.exp(2.5 - slow / 12 - rain))
    ordered = [START + timedelta(days=int(d), minutes=7 * i % 1440) for i, d in enumerate(day)]
    frame = pl.DataFrame({"order": np.arange(day.size), "km": km, "rain": rain, "late": late})
    frame = frame.with_columns(ordered=pl.Series(ordered))
    frame = frame.with_columns(delivered=pl.col("ordered") + timedelta(days=2))
    return hs.data.from_frame(frame.filter(pl.col("ordered") <= clock.now()), name="orders")


schema = hs.data.infer(orders(hs.SimulatedClock(START + timedelta(days=60))).collect())
schema = schema.with_roles(feature=["km", "rain"], label=["late"], time=["ordered"], key=["order"])
schema = schema.with_known_at({"late": "delivered", "km": "always", "rain": "always"})

system = hs.System(
    name="late-orders",
    source=orders,
    schema=schema,
    outcome=hs.Outcome("late", known_at="delivered"),
    features=["km", "rain"],
    split=hs.split.by_time(validation="10d", test="10d", gap="2d"),
    models={"majority": Majority, "logistic": Logistic, "boosted": Boosted},
    gates=[hs.evaluate.beats("majority"), hs.evaluate.calibrated(0.05)],
    release=hs.Rollout(shadow="1d", canary=(0.25,), soak="1d", margin=0.03),
)

if __name__ == "__main__":
    replayed = system.replay(
        ".homeostat/late-orders", "2026-03-02", "2026-04-28",
        policies=[
            hs.Retrain(model=Logistic, name="never", when=[]),
            hs.Retrain(model=Logistic, name="weekly", when=[every("7d")],
                       on=hs.adapt.last("14d")),
        ],
    )  # fmt: skip
    print(replayed.table.select("policy", "normalized_entropy", "retrains", "alarms"))
    print(replayed.conclusion)
