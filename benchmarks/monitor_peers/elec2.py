"""Electricity prices of New South Wales, week by week: seasons and autocorrelation, not rows.

Run it with `python benchmarks/monitor_peers/elec2.py FOLDER`, where FOLDER (or the environment
variable HOMEOSTAT_DATA with `elec2` in it) holds `electricity.csv`, 45,312 half hours (Harries
1999). The first 52 weeks are the reference. A test for independent rows calls nearly every
week of it shifted; each week is judged here by the 51 others. Then what comes after, and what
models are worth: the last label repeated is the baseline that none of them beats.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from lightgbm import LGBMClassifier
from scipy import stats

from homeostat.core import measure
from homeostat.data import Edges, Profile
from homeostat.monitor import Alarms, FeatureShift

WEEK, REFERENCE = 336, 52
COLUMNS = ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
START = datetime(1996, 5, 6, tzinfo=UTC)
BAD = {"fail", "warn"}


def read(folder):
    frame = pl.read_csv(folder / "electricity.csv")
    weeks = [frame[i : i + WEEK] for i in range(0, frame.height - WEEK + 1, WEEK)]
    return frame, [week.select(COLUMNS) for week in weeks]


def rows_are_independent(weeks, reference):
    """Share of weeks in which a KS test at 5 %, divided by columns, finds any column shifted."""
    whole = pl.concat(weeks[:REFERENCE])
    flagged = [
        min(stats.ks_2samp(whole[c], week[c], method="asymp").pvalue for c in COLUMNS)
        < 0.05 / len(COLUMNS)
        for week in reference
    ]
    return float(np.mean(flagged))


def left_out(weeks):
    """Judge each week of the reference by all the others: what is told, and the alarms."""
    told, alarms, raised = [], Alarms(), []
    for i in range(REFERENCE):
        others = weeks[:i] + weeks[i + 1 : REFERENCE]
        edges = Edges.of(pl.concat(others))
        shift = FeatureShift.of([Profile.of(week, edges=edges) for week in others], edges)
        found = shift.judge(Profile.of(weeks[i], edges=edges))
        told.append([f"{f.check} {f.subject}" for f in found if f.verdict.value in BAD])
        raised += alarms.update(START + timedelta(weeks=i), found)
    return told, [alarm for alarm in raised if alarm.change == "opened"]


def later(weeks):
    """Judge the weeks after the reference."""
    edges = Edges.of(pl.concat(weeks[:REFERENCE]))
    shift = FeatureShift.of([Profile.of(w, edges=edges) for w in weeks[:REFERENCE]], edges)
    alarms, told, raised = Alarms(), [], []
    for i in range(REFERENCE, len(weeks)):
        found = shift.judge(Profile.of(weeks[i], edges=edges))
        told.append([f.subject for f in found if f.verdict.value in BAD])
        at = START + timedelta(weeks=i)
        raised += alarms.update(at, found, until=at + timedelta(weeks=1))
    return told, [alarm for alarm in raised if alarm.change == "opened"]


def models(frame):
    """Accuracy from week 9 on: test on a week, then learn from it."""
    y = (frame["class"] == "UP").to_numpy().astype(int)
    x = frame.select("day", "period", *COLUMNS).to_numpy()
    first, right = 8 * WEEK, []
    for start in range(first, len(y), WEEK):
        past = slice(max(0, start - 26 * WEEK), start)
        model = LGBMClassifier(n_estimators=100, num_leaves=31, verbose=-1, n_jobs=1)
        model.fit(x[past], y[past])
        right.append(model.predict(x[start : start + WEEK]) == y[start : start + WEEK])
    return {
        "majority of all": float(max(y.mean(), 1 - y.mean())),
        "LightGBM, weekly anew from 26 weeks": float(np.concatenate(right).mean()),
        "persistence (the last label)": float((y[1:] == y[:-1]).mean()),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser()
    known = os.environ.get("HOMEOSTAT_DATA")
    folder = Path(known, "elec2") if known else None
    parser.add_argument("folder", nargs="?", type=Path, default=folder)
    chosen = parser.parse_args(arguments)
    if chosen.folder is None or not (chosen.folder / "electricity.csv").exists():
        print("elec2 is left out: name the folder that has electricity.csv, or set HOMEOSTAT_DATA")
        return
    frame, weeks = read(chosen.folder)
    inside = rows_are_independent(weeks, weeks[:REFERENCE])
    print(f"independent rows, KS: {inside:.0%} of the {REFERENCE} reference weeks flagged")
    with measure() as cost:
        told, alarms = left_out(weeks)
    share = np.mean([bool(names) for names in told])
    print(f"ours, each week by the 51 others: {share:.1%} told, {len(alarms)} alarms")
    print(f"  {[names for names in told if names]}  ({cost.cpu_s:.1f} CPU-s)")
    after, alarms = later(weeks)
    for column in COLUMNS:
        print(
            f"later weeks, {column:10} told in {np.mean([column in names for names in after]):.0%}"
        )
    for alarm in alarms:
        print(f"  {alarm}")
    for name, accuracy in models(frame).items():
        print(f"{name:38} accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
