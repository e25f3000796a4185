"""Train the flight model of the demo on the rows it is given, and keep what comes of it."""

import argparse
import os
import random

import numpy as np
import polars as pl

from homeostat.demo.flights import flight_features
from homeostat.record import Record, observe_reads
from homeostat.stats import auc
from homeostat.train import Boosted

parser = argparse.ArgumentParser()
parser.add_argument("--rows", default="", help="A file; the artifact `flights` unless told.")
parser.add_argument("--seed", type=int)
parser.add_argument("--trees", type=int, default=40)
told = parser.parse_args()

record = Record(os.environ["RUNS"])
config = {"trees": told.trees, "validation": "the last fifth"} | (
    {} if told.seed is None else {"seed": told.seed}
)
with record.start_run("train", "flights", config=config) as run:
    reads = observe_reads()
    if told.rows:
        with open(told.rows, "rb") as file:  # noqa: PTH123 - as code of users does
            flights = pl.read_parquet(file)
    else:
        flights = pl.read_parquet(run.use("flights").read("rows.parquet"))
    features, label = flights.select(flight_features().names), flights["late"].to_numpy()
    cut = flights.height * 4 // 5
    seed = random.randrange(2**31) if told.seed is None else told.seed
    model = Boosted(trees=told.trees, seed=seed)
    model.fit(features[:cut], label[:cut].astype(float))
    for trees in range(10, told.trees + 1, 10):
        shown = model.booster_.predict(model.encoder_.encode(features[cut:]), num_iteration=trees)
        run.log(
            {"auc": auc(label[cut:], shown), "brier": float(np.mean((shown - label[cut:]) ** 2))}
        )
    run.make("delay", "model", {"model.txt": model.booster_.model_to_string().encode()})
    reads.finish(run)
record.close()
