"""The leakage lab: a scoreboard of what is found, what is left alone, and what it costs.

    python benchmarks/leakage.py            # everything
    python benchmarks/leakage.py lab scan   # some parts

- lab: the seven wrong practices on data whose honest AUC is a half, averaged over five seeds:
  what the wrong protocol claims and what the honest one gives, as the findings state it.
- planted: nine leaks in tables of eight kinds, of 2,000 rows; clean: such tables without a leak, as
  they are and split by time. `--from 4000` draws other tables.
- scan: the pair of arrival times among 91 pairs of the flights, beside a boosted tree a pair.
- wide: 10,000 columns, and a text of a million distinct values.
"""

import argparse
import sys
from itertools import combinations

import numpy as np
import polars as pl

from homeostat.core import Column, Schema, measure
from homeostat.leakage import (
    KINDS,
    LEAKS,
    audit_leaks,
    check_preparation,
    check_sites,
    check_split,
    clean_table,
    plant_leak,
    scan_leaks,
)
from homeostat.split import by_time, random_split

SEEDS = range(5)
COLUMNS = [
    *("dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "carrier", "flight"),
    *("tailnum", "origin", "dest", "air_time", "distance", "hour", "minute"),
]
ROWS = 30_000
LAB_ROWS = 2_000  # of a table of the lab


class Oversample:
    """Draw the rarer class again until both are equal."""

    def fit_resample(self, x, y):
        ones, zeros = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        few, many = sorted((ones, zeros), key=len)
        more = np.random.default_rng(0).choice(few, len(many) - len(few))
        rows = np.concatenate([np.arange(len(y)), more])
        return x[rows], y[rows]


class Interpolate(Oversample):
    """SMOTE in its plain form: points between a row of the rarer class and a near one."""

    def fit_resample(self, x, y):
        from sklearn.neighbors import NearestNeighbors

        rng = np.random.default_rng(0)
        few = x[y == (y.mean() < 0.5)]
        start = rng.integers(0, len(few), abs(int(len(y) - 2 * len(few))))
        near = NearestNeighbors(n_neighbors=6).fit(few).kneighbors(few, return_distance=False)
        end = near[start, rng.integers(1, 6, len(start))]
        made = few[start] + rng.random((len(start), 1)) * (few[end] - few[start])
        label = np.full(len(made), float(y.mean() < 0.5))
        return np.vstack([x, made]), np.concatenate([y, label])


def nearest(_seed):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(3)


def linear(_seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500)


def schema_of(frame, label="y", **roles):
    kinds = {"Datetime": "datetime", "String": "string"}
    return Schema(
        tuple(Column(n, kinds.get(type(t).__name__, "float")) for n, t in frame.schema.items())
    ).with_roles(label=[label], **roles)


def selected(seed):
    from sklearn.feature_selection import SelectKBest

    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(200, 5000)), rng.permutation(np.arange(200) % 2)
    return check_preparation(lambda: SelectKBest(k=100), x, y, model=linear, rng=seed)


def resampled(step):
    def run(seed):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(1500, 4)), (rng.random(1500) < 0.08).astype(float)
        model = nearest if step is Interpolate else None
        return check_preparation(step, x, y, rng=seed, **({"model": model} if model else {}))

    return run


def copied(seed):
    rng = np.random.default_rng(seed)
    draw = rng.normal(size=(2, 800))
    once = pl.DataFrame({"x": draw[0], "z": draw[1], "y": rng.integers(0, 2, 800) * 1.0})
    frame = pl.concat([once] * 6)
    found = check_split(random_split(frame, rng=seed), frame, schema_of(frame), rng=seed)
    return next(one for one in found if one.check == "leakage.duplicates")


def patients(seed):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(240), 15)
    look = rng.normal(size=240)[patient] + 0.001 * rng.normal(size=patient.size)
    number = rng.permutation(10_000)[:240][patient]
    y = rng.integers(0, 2, 240)[patient] * 1.0
    frame = pl.DataFrame({"patient": number, "x": look, "y": y})
    found = check_split(random_split(frame, rng=seed), frame, schema_of(frame), rng=seed)
    return next(one for one in found if one.subject == "patient")


def walk(seed):
    rng = np.random.default_rng(seed)
    level = rng.normal(size=3000).cumsum()
    y = (level > np.convolve(level, np.ones(301) / 301, "same")).astype(float)
    at = pl.datetime_range(
        pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 3, 1, 59), "1m", eager=True
    )
    frame = pl.DataFrame({"at": at, "x": np.arange(3000) / 3000, "y": y})
    schema = schema_of(frame, time=["at"])
    return check_split(random_split(frame, rng=seed), frame, schema, rng=seed)[0]


def scanner(seed):
    rng = np.random.default_rng(seed)
    ill, hospital = rng.integers(0, 2, 4000), np.repeat(["A", "B"], 2000)
    sent = np.where(rng.random(4000) < 0.908, ill, 1 - ill)
    used = np.where(hospital == "A", sent, rng.integers(0, 2, 4000))
    frame = pl.DataFrame({"hospital": hospital, "scanner": used * 1.0, "y": ill * 1.0})
    return check_sites(frame, schema_of(frame, group=["hospital"]), model=linear, rng=seed)[0]


LAB = {
    "1 random split of a random walk": walk,
    "2 select 100 of 5,000 noise features first": selected,
    "2 oversample before the split": resampled(Oversample),
    "2 SMOTE before the split": resampled(Interpolate),
    "3 duplicates in both": copied,
    "4 same group in both": patients,
    "5 scanner, judged at hospital A": scanner,
}


def lab(_first):
    print(f"{'leakage lab (AUC, mean of five seeds)':<46} wrong  right  verdicts")
    for name, run in LAB.items():
        found = [run(seed) for seed in SEEDS]
        wrong, right = (
            np.mean([one.evidence[key] for one in found]) for key in ("claimed", "honest")
        )
        good = wrong >= 0.9 and abs(right - 0.5) <= 0.07
        verdicts = ", ".join(sorted({one.verdict.value for one in found}))
        print(f"  {name:<44} {wrong:.3f}  {right:.3f}  {verdicts}  {'ok' if good else 'NOT MET'}")


def hit(found, subject):
    return any(
        one.verdict == "fail"
        and (subject in one.subject or subject in one.evidence.get("pair", []))
        for one in found
    )


def audited(seed, leak):
    frame, schema = clean_table(seed, rows=LAB_ROWS)
    frame, schema, subject = plant_leak(frame, schema, leak, rng=seed)
    if leak == "order of rows":
        frame, schema = frame.drop("at"), schema.select(n for n in schema.names if n != "at")
    split = leak in {"target encoding before the split", "duplicates across the split"}
    return audit_leaks(
        frame, schema, random_split(frame, rng=seed) if split else None, rng=seed
    ), subject


def planted(first):
    with measure() as cost:
        total = 0
        print(f"{'planted leaks':<46} found")
        for leak in LEAKS:
            missed = [kind for i, kind in enumerate(KINDS) if not hit(*audited(first + i, leak))]
            total += len(KINDS) - len(missed)
            print(f"  {leak:<44} {len(KINDS) - len(missed)} of {len(KINDS)} {missed or ''}")
    print(f"  {'all':<44} {total} of {len(LEAKS) * len(KINDS)}, {cost.cpu_s:.0f} CPU-s")


def clean(first, tables=40):
    cut = by_time(validation="300h", test="300h", gap="24h")
    for how, split in {"as they are": None, "split by time": cut}.items():
        leaks, asked = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
        with measure() as cost:
            for seed in range(first, first + tables):
                frame, schema = clean_table(seed, rows=LAB_ROWS)
                splits = split(frame, time="at") if split else None
                found = {one.verdict.value for one in audit_leaks(frame, schema, splits, rng=seed)}
                leaks[KINDS[seed % len(KINDS)]] += "fail" in found
                asked[KINDS[seed % len(KINDS)]] += "warn" in found
        told = {kind: (leaks[kind], asked[kind]) for kind in KINDS if leaks[kind] or asked[kind]}
        print(
            f"{tables} clean tables {how}: {sum(leaks.values())} called a leak, "
            f"{sum(asked.values())} asked about, {cost.cpu_s:.0f} CPU-s; by kind {told}"
        )


def boosted_pairs(frame):
    import lightgbm as lgb

    from homeostat.stats import auc

    numbers = frame.with_columns(pl.col(pl.String).rank("dense")).select(COLUMNS)
    x, y, half = numbers.cast(pl.Float64).to_numpy(), frame["late"].to_numpy(), ROWS // 2
    settings = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    best = {}
    for pair in combinations(range(len(COLUMNS)), 2):
        model = lgb.train(settings, lgb.Dataset(x[:half, pair], y[:half]), 40)
        best[pair] = auc(y[half:], model.predict(x[half:, pair]))
    return max((area, [COLUMNS[i] for i in pair]) for pair, area in best.items() if 2 not in pair)


def scan(_first):
    from homeostat.demo.flights import flights_dataset

    flights = flights_dataset().collect().filter(pl.col("late").is_not_null())
    frame = flights[np.sort(np.random.default_rng(0).permutation(flights.height)[:ROWS])]
    with measure() as tables:
        found = scan_leaks(
            frame, None, COLUMNS, label="late", time="predicted_at", rng=0, max_rows=ROWS
        )
    pair = max((one for one in found if one.check == "leakage.pair"), key=lambda one: one.statistic)
    with measure() as trees:
        area, names = boosted_pairs(frame)
    print("91 pairs of the flights")
    told = pair.evidence
    print(f"  tables {tables.cpu_s:6.2f} CPU-s  {told['pair']} AUC {told['auc']:.4f}, whole scan")
    print(f"  trees  {trees.cpu_s:6.2f} CPU-s  {names} AUC {area:.4f}, pairs only, no dep_delay")
    print(f"  {trees.cpu_s / tables.cpu_s:.1f} times less CPU; {pair.summary}")


def wide(_first):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 10_000))
    y = rng.integers(0, 2, 2000)
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(10_000)}).with_columns(
        leak=pl.Series(y + rng.normal(size=2000) * 0.1), y=pl.Series(y)
    )
    with measure() as cost:
        found = scan_leaks(frame, None, frame.columns, label="y", rng=0)
    print("bad inputs")
    print(
        f"  10,000 columns: {cost.cpu_s:.1f} CPU-s, found {found[0].subject}; {found[-1].summary}"
    )
    ids = pl.Series("id", rng.permutation(1_000_000)).cast(pl.String)
    frame = pl.DataFrame([ids, pl.Series("y", rng.integers(0, 2, 1_000_000))])
    with measure() as cost:
        found = scan_leaks(frame, None, ["id"], label="y", rng=0)
    print(f"  1,000,000 distinct texts: {cost.cpu_s:.1f} CPU-s, {found[0].summary}")


PARTS = {"lab": lab, "planted": planted, "clean": clean, "scan": scan, "wide": wide}


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all if none")
    asked.add_argument("--from", dest="first", type=int, default=1_000_000, help="first table")
    given = asked.parse_args()
    for name in given.parts or PARTS:
        PARTS[name](given.first - given.first % len(KINDS))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
