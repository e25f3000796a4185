"""Write the record of a system that lived a year, seeded: what the pages are tested on."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat.core import Finding, SimulatedClock, Verdict
from homeostat.record import Record

START = datetime(2013, 4, 1, tzinfo=UTC)
DAYS = 274
SYSTEM = "flight-delay"
FEATURES = [
    "carrier_delay_7d", "wind_gust", "origin_delay_1h", "precip", "visib", "hour", "pressure",
    "dest", "tailnum_delay_7d", "temp", "carrier", "distance", "month_of_plane", "seats",
]  # fmt: skip
POLICIES = {  # name: (days between retrains, stateful)
    "never": (None, False),
    "monthly": (30, False),
    "weekly": (7, False),
    "daily": (1, False),
    "on-shift": (19, False),
    "on-shift, stateful": (12, True),
}


def write_year(path, *, seed=0, system=SYSTEM, days=DAYS):
    """Fill a record with one run of the loop and one replay a policy; return the record."""
    rng = np.random.default_rng(seed)
    clock = SimulatedClock(START - timedelta(hours=2))
    record = Record(path, clock=clock)
    with record.start_run("run", name="run", system=system, config=CONFIG) as run:
        model, dataset = _stages(record, run, system, clock, rng)
    summaries = [
        _replay(record, name, every, stateful, system, clock, rng, days, model, dataset)
        for name, (every, stateful) in POLICIES.items()
    ]
    with record.start_run("watch", name="shift", system=system) as watch:
        watch.use(dataset)
        _shift(watch, rng, days)
        watch.event("stage", _stage("watch", "done", 41.2, "3 of 14 features shifted."))
        _report(watch, "replay-table", "replay-table", "table.json", summaries)
        _report(watch, "freshness", "freshness", "freshness.json", _freshness())
    with record.start_run("retrain", name="relearn", system=system, parent=run.id) as relearn:
        relearn.event("stage", _stage("relearn", "done", 12.0, "9 retrains, 7 promoted."))
    return record


CONFIG = {
    "system": SYSTEM,
    "split": {"validation": "14d", "test": "14d", "gap": "1d"},
    "models": ["majority", "carrier rule", "logistic", "boosted"],
    "release": {"shadow": "1d", "canary": [0.05, 0.25], "guard": ["no_worse(logloss)"]},
    "retrain": {"when": ["shifted()", "every 7d"], "how": "stateful"},
    "seed": 0,
}


def _stage(stage, status, seconds, summary):
    return {"stage": stage, "status": status, "seconds": seconds, "summary": summary}


def _report(run, name, type_, filename, data):
    return run.make(name, type_, {filename: json.dumps(data).encode()})


def _stages(record, run, system, clock, rng):
    def child(kind, name=""):
        clock.advance(timedelta(minutes=2))
        return record.start_run(kind, name=name or kind, system=system, parent=run.id)

    def done(stage, summary, *, status="done", seconds=None):
        took = float(rng.gamma(2, 4)) if seconds is None else seconds
        clock.advance(timedelta(seconds=took))
        run.event("stage", _stage(stage, status, took, summary))

    with child("ingest") as ingest:
        raw = [
            ingest.make(name, "dataset", {f"{name}.csv": f"{name}\n".encode() * n}, {"rows": n})
            for name, n in (("flights", 3367), ("weather", 2611), ("planes", 332))
        ]
        dataset = ingest.make(
            "flights-joined", "dataset", {"rows.bin": b"rows" * 4000},
            {"rows": 336_776, "columns": 31, "from": "2013-01-01", "to": "2013-12-31"},
        )  # fmt: skip
    done("ingest", "336,776 rows from 3 sources.", status="cached")
    with child("expect") as expect:
        expect.use(dataset)
        expect.find(_found("schema.type", "dep_time", "ok", "31 of 31 columns have their type."))
        expect.find(
            _found(
                "expectation.expect_column_values_to_be_between", "wind_gust", "warn",
                "3 of 336,776 values of wind_gust exceed 1,000 mph; the sensor at EWR broke on 12 Feb.",
                statistic=8.9e-6, threshold=0.0,
                evidence={"rows": [{"row": 1009 + i, "origin": "EWR", "wind_gust": 1048.4 + i}
                                   for i in range(3)], "failed": 3},
            )
        )  # fmt: skip
        expect.make("flights-schema", "schema", {"schema.json": b'{"columns": []}'})
    done("expect", "36 expectations held, 1 warning: wind_gust above 1,000 mph.")
    with child("features") as features:
        features.use(dataset)
        table = features.make("flight-features", "dataset", {"f.bin": b"f" * 9000}, {"columns": 14})
        features.make("training-profile", "profile", {"profile.bin": b"p" * 700})
    done("features", "14 features, point-in-time for each of 336,776 rows.")
    with child("split") as split:
        split.use(table)
        split.find(_found("leakage.random_time_split", "split", "ok", "Split by time, 1 day apart."))
    done("split", "Train to 17 Feb, validation to 3 Mar, test to 31 Mar; 1 day apart.")
    with child("leaks") as leaks:
        leaks.use(table)
        leaks.find_all([
            _found("leakage.known_at", "dep_delay", "fail",
                   "dep_delay is known at departure, one hour after the prediction: left out.",
                   evidence={"known_at": "dep_time_utc", "predicted_at": "sched_dep_utc - 1h"}),
            _found("leakage.known_at", "carrier", "ok", "carrier is known before the prediction."),
            _found("leakage.scan", "air_time", "unknown",
                   "air_time has 212 labelled rows in the scan, fewer than the 500 it needs."),
        ])  # fmt: skip
    done("leaks", "1 leak refused: dep_delay is known only after the prediction.")
    model = None
    phases = []
    for phase, name, loss, score, cpu in PHASES:
        with child("train", name) as train:
            train.use(table)
            for step in range(60):
                train.log({"logloss": loss + 0.35 * np.exp(-step / 9) + rng.normal(0, 0.002)}, step=step)
            train.log({"auc": score}, step=59)
            files = {"model.txt": f"{name} {seed_text(rng)}".encode()}
            model = train.make("boosted" if name == "boosted" else name.replace(" ", "-"), "model",
                               files, {"family": name, "rows": 61_422})  # fmt: skip
        before = phases[-1]["logloss"] if phases else None
        gap = None if before is None else round(loss - before, 4)
        phases.append({
            "phase": phase, "name": name, "logloss": loss, "auc": score, "difference": gap,
            "low": None if gap is None else gap - 0.004, "high": None if gap is None else gap + 0.004,
            "verdict": "unknown" if gap is None else ("ok" if gap < -0.004 else "warn"), "cpu_s": cpu,
        })  # fmt: skip
    done("train", "4 phases; boosted is best: log loss 0.4381.")
    with child("evaluate") as evaluate:
        evaluate.use(model)
        evaluate.use(table)
        evaluate.find_all(_slice_findings())
        _report(evaluate, "phases", "phases", "phases.json", phases)
        _report(evaluate, "slices", "slices", "slices.json", SLICES)
        _report(evaluate, "calibration", "calibration", "calibration.json", _calibration(rng))
    done("evaluate", "Log loss 0.4381 [0.432, 0.444], AUC 0.742; 2 weak slices of 23.")
    with child("gates") as gates:
        gates.use(model)
        gates.find_all([
            _found("compare.better", "boosted", "ok", "boosted beats logistic by 0.0103 [0.006, 0.014]."),
            _found("calibration.ece", "boosted", "ok", "ECE 0.011 is within 0.05.", statistic=0.011, threshold=0.05),
        ])  # fmt: skip
    done("gates", "4 of 4 gates passed.")
    with child("release") as release:
        release.use(model)
        record.alias(model, "production", run=release)
        release.event("promote", {"version": model_ref(model), "replaced": None,
                                  "summary": "The first model: nothing to compare with."}, at=START)  # fmt: skip
    done("release", f"{model_ref(model)} is live.")
    return model, table


def seed_text(rng):
    return str(rng.integers(1 << 30))


def model_ref(model):
    return f"{model.name}:v{model.version}"


def _found(check, subject, verdict, summary, **more):
    return Finding(check=check, subject=subject, verdict=Verdict(verdict), summary=summary, **more)


PHASES = [
    ("baseline", "majority", 0.5312, 0.5, 0.02),
    ("heuristic", "carrier rule", 0.5021, 0.643, 0.4),
    ("simplest", "logistic", 0.4484, 0.721, 3.1),
    ("complex", "boosted", 0.4381, 0.742, 38.6),
]
SLICES = [
    {"slice": name, "n": n, "metric": "auc", "value": value, "low": value - width,
     "high": value + width, "overall": 0.742, "verdict": verdict}
    for name, n, value, width, verdict in [
        ("carrier = HA", 28, 0.61, 0.19, "unknown"),
        ("origin = LGA & hour >= 20", 1204, 0.655, 0.031, "fail"),
        ("carrier = OO", 402, 0.668, 0.058, "warn"),
        ("dest = HNL", 31, 0.69, 0.17, "unknown"),
        ("visib < 2", 1811, 0.701, 0.026, "warn"),
        ("carrier = YV", 588, 0.711, 0.045, "ok"),
        ("origin = EWR", 9411, 0.735, 0.011, "ok"),
        ("carrier = DL", 4218, 0.741, 0.016, "ok"),
        ("origin = JFK", 8920, 0.749, 0.012, "ok"),
        ("carrier = WN", 1012, 0.757, 0.033, "ok"),
        ("hour < 9", 6022, 0.764, 0.019, "ok"),
    ]
]  # fmt: skip


def _slice_findings():
    return [
        _found("slice.metric", row["slice"], row["verdict"],
               f"AUC of {row['slice']} is {row['value']:.3f} over {row['n']} rows; the whole has 0.742.",
               statistic=row["value"], threshold=0.7, effect=row["value"] - 0.742,
               evidence={"n": row["n"], "interval": [row["low"], row["high"]],
                         "shares": {"JFK": 0.31, "EWR": 0.42, "LGA": 0.27}})
        for row in SLICES
    ]  # fmt: skip


def _calibration(rng):
    predicted = np.array([0.04, 0.08, 0.13, 0.18, 0.23, 0.3, 0.38, 0.47, 0.58, 0.71])
    count = np.array([4100, 5200, 4300, 3100, 2300, 1700, 1100, 700, 380, 120])
    observed = np.clip(predicted * 1.06 - 0.004 + rng.normal(0, 0.008, 10), 0, 1)
    half = 1.96 * np.sqrt(predicted * (1 - predicted) / count)
    return {
        "predicted": predicted.tolist(), "observed": observed.tolist(), "count": count.tolist(),
        "low": (observed - half).tolist(), "high": (observed + half).tolist(), "ece": 0.0113,
    }  # fmt: skip


def _freshness():
    ages = [1, 3, 7, 14, 30, 60, 90]
    loss = [0.4212, 0.4226, 0.4241, 0.4265, 0.4312, 0.4380, 0.4421]
    return {
        "ages_days": ages, "loss": loss, "low": [v - 0.002 for v in loss],
        "high": [v + 0.0024 for v in loss],
        "conclusion": "A model a month old loses 0.010 [0.007, 0.013] of log loss against a day-old "
        "one; between a day and a week the difference is not shown.",
    }  # fmt: skip


def _retrains(every, days):
    return [] if every is None else list(range(every, days, every))


def _replay(record, name, every, stateful, system, clock, rng, days, model, dataset):
    clock.advance(timedelta(minutes=5))
    retrains = _retrains(every, days)
    config = {"start": START.date().isoformat(), "policy": name, "every_days": every, "how": "stateful" if stateful else "stateless"}
    with record.start_run("replay", name=name, system=system, config=config) as run:
        run.use(model)
        run.use(dataset)
        run.event("stage", _stage("watch", "running", 0.0, "Replaying."))
        entropy = _quality(rng, days, retrains)
        for step in range(days):
            run.log({
                "normalized_entropy": entropy[step], "logloss": entropy[step] * 0.531,
                "auc": 0.99 - entropy[step] * 0.3 + rng.normal(0, 0.01), "rows": 900 + int(rng.integers(120)),
                "labelled": 1.0 if step < days - 2 else 0.4, "positive_rate": 0.22 + rng.normal(0, 0.05),
                "mean_prediction": 0.22 + rng.normal(0, 0.02),
            }, step=step)  # fmt: skip
        alarms = _alarms(run, name, rng, days, every)
        promoted = _releases(run, name, retrains, rng, stateful, model, dataset)
    mean = float(np.mean(entropy))
    return {
        "policy": name, "normalized_entropy": mean, "low": mean - 0.0042, "high": mean + 0.0046,
        "retrains": len(retrains), "cpu_s": round(len(retrains) * (4.1 if stateful else 38.6), 1),
        "alarms": alarms, "promoted": promoted,
    }  # fmt: skip


def _quality(rng, days, retrains):
    day = np.arange(days)
    last = np.zeros(days)
    for at in retrains:
        last[at:] = at
    age = np.minimum(day - last, 150)
    season = 0.03 * np.sin((day - 60) / 58) + 0.06 * np.exp(-(((day - 95) / 9) ** 2))
    return 0.826 + season + 0.00062 * age + rng.normal(0, 0.03, days)


def _at(day, hours=0.0):
    return START + timedelta(days=int(day), hours=hours)


def _alarms(run, name, rng, days, every):
    chance = 0.06 if every is None else 0.012 + 0.0006 * every
    raised = 0
    for day in np.flatnonzero(rng.random(days) < chance):
        feature = FEATURES[int(rng.integers(5))]
        effect = float(rng.gamma(2, 0.004))
        verdict = "fail" if effect > 0.008 else "warn"
        found = _found(
            "accuracy.window" if raised % 4 == 3 else "shift.feature",
            "day" if raised % 4 == 3 else feature, verdict,
            f"{feature} left its training range on {_at(day):%d %b}: log loss is {effect:.4f} worse than expected.",
            statistic=effect * 11, threshold=0.05, p_value=min(1.0, 0.001 / (1 + raised)), effect=effect,
            evidence={"window": _at(day).date().isoformat(), "n": 911},
        )  # fmt: skip
        run.find(found, at=_at(day, 6))
        run.event("alarm", {"check": found.check, "subject": found.subject, "summary": found.summary,
                            "effect": effect, "verdict": verdict}, at=_at(day, 6))  # fmt: skip
        raised += 1
    return raised


def _releases(run, name, retrains, rng, stateful, model, dataset):
    promoted, champion = 0, model_ref(model)
    for i, day in enumerate(retrains):
        version = f"{name}:v{i + 1}"
        run.event("retrain", {"version": version, "how": "stateful" if stateful else "stateless",
                              "reason": "wind_gust shifted" if "shift" in name else "schedule",
                              "rows": 61_422 + 900 * int(day), "cpu_s": 4.1 if stateful else 38.6}, at=_at(day))  # fmt: skip
        if i < 3:
            made = run.make("boosted", "model", {"model.txt": f"{version} {seed_text(rng)}".encode()},
                            {"trained_to": _at(day).date().isoformat()})  # fmt: skip
            del made
        if name == "daily":
            run.event("promote", {"version": version, "replaced": champion, "summary": "Swapped in."}, at=_at(day, 1))
            champion, promoted = version, promoted + 1
            continue
        run.event("shadow", {"challenger": version, "champion": champion}, at=_at(day, 1))
        run.event("canary", {"challenger": version, "share": 0.05}, at=_at(day + 1, 1))
        kind = ["promote", "promote", "promote", "promote", "reject", "rollback"][int(rng.integers(6))]
        verdict = {"promote": "ok", "reject": "warn", "rollback": "fail"}[kind]
        words = {
            "promote": f"{version} is better by {rng.gamma(2, 0.003):.4f} over 2,114 flights.",
            "reject": f"{version} is not shown to be better after 4,000 flights.",
            "rollback": f"{version} is worse by 0.0214 [0.008, 0.034]: taken back.",
        }[kind]
        payload = {"version": version, "summary": words}
        if kind == "promote":
            payload["replaced"] = champion
            champion, promoted = version, promoted + 1
        run.find(_found("rollout.guardrail", version, verdict, words), at=_at(day + 3))
        run.event(kind, payload, at=_at(day + 3))
    return promoted


def _shift(run, rng, days):
    for scale, length in (("day", 1), ("week", 7), ("month", 30)):
        n = days // length
        windows = [_at(i * length).date().isoformat() for i in range(n)]
        strength = np.sort(rng.gamma(1.2, 0.004, len(FEATURES)))[::-1]
        season = np.abs(np.sin(np.linspace(0, 5, n) + rng.normal(0, 1, (len(FEATURES), 1))))
        effect = strength[:, None] * season * rng.gamma(4, 0.25, (len(FEATURES), n))
        distance = 0.02 + rng.gamma(2, 0.05, (len(FEATURES), 1)) * season
        verdict = np.where(effect > 0.012, "fail", np.where(effect > 0.008, "warn", "ok"))
        verdict[-2, : n // 6] = "unknown"
        missing = np.where(rng.random(effect.shape) < 0.04, rng.random(effect.shape), 0.0)
        _report(run, f"shift-{scale}", "shift-map", "shift.json", {
            "scale": scale, "windows": windows, "features": FEATURES, "effect": effect.tolist(),
            "distance": distance.tolist(), "verdict": verdict.tolist(), "missing": missing.tolist(),
        })  # fmt: skip
        if scale != "week":
            continue
        for i, j in zip(*np.nonzero(effect > 0.008), strict=True):
            run.find(_found(
                "shift.feature", FEATURES[i], str(verdict[i, j]),
                f"{FEATURES[i]} in the week of {windows[j]} lies {distance[i, j]:.2f} from training and costs {effect[i, j]:.4f} of log loss.",
                statistic=float(distance[i, j]), threshold=0.1, effect=float(effect[i, j]),
                evidence={"window": windows[j], "scale": scale, "bins": [
                    {"bin": k, "reference": 0.1, "window": float(v)} for k, v in enumerate(rng.dirichlet(np.ones(10)))]},
            ), at=_at(j * 7))  # fmt: skip
    for day in (93, 94, 96, 180):
        run.find(_found("shift.concept", "model", "fail",
                        f"On {_at(day):%d %b} the outcome follows the features differently: 0.021 worse than the inputs explain.",
                        effect=0.021, evidence={"window": _at(day).date().isoformat()}), at=_at(day))  # fmt: skip
