"""Write the record of a system that lived a year, seeded: what the pages are tested on."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat.core import Finding, SimulatedClock, Verdict
from homeostat.record import Record

START = datetime(2013, 4, 1, tzinfo=UTC)
SYSTEM = "flight-delay"
FEATURES = [
    "carrier_delay_7d", "wind_gust", "origin_delay_1h", "precip", "visib", "hour", "pressure",
    "dest", "tailnum_delay_7d", "temp", "carrier", "distance", "month_of_plane", "seats",
]  # fmt: skip
POLICIES = {  # days between retrains, and whether they continue from the model before
    "never": (None, False),
    "monthly": (30, False),
    "weekly": (7, False),
    "daily": (1, False),
    "on-shift": (19, False),
    "on-shift, stateful": (12, True),
}
CONFIG = {
    "split": {"validation": "14d", "test": "14d", "gap": "1d"},
    "models": ["majority", "carrier rule", "logistic", "boosted"],
    "release": {"shadow": "1d", "canary": [0.05, 0.25], "guard": ["no_worse(logloss)"]},
    "seed": 0,
}
PHASES = [  # phase, name, log loss, AUC, CPU seconds
    ("baseline", "majority", 0.5312, 0.5, 0.02),
    ("heuristic", "carrier rule", 0.5021, 0.643, 0.4),
    ("simplest", "logistic", 0.4484, 0.721, 3.1),
    ("complex", "boosted", 0.4381, 0.742, 38.6),
]
SLICES = [  # slice, rows, AUC, half the interval, verdict
    ("carrier = HA", 28, 0.61, 0.19, "unknown"),
    ("origin = LGA & hour >= 20", 1204, 0.655, 0.031, "fail"),
    ("carrier = OO", 402, 0.668, 0.058, "warn"),
    ("visib < 2", 1811, 0.701, 0.026, "warn"),
    ("carrier = YV", 588, 0.711, 0.045, "ok"),
    ("origin = EWR", 9411, 0.735, 0.011, "ok"),
    ("origin = JFK", 8920, 0.749, 0.012, "ok"),
    ("hour < 9", 6022, 0.764, 0.019, "ok"),
]


def write_year(path, *, seed=0, system=SYSTEM, days=274):
    """Fill a record with one run of the loop and one replay a policy; return the record."""
    clock = SimulatedClock(START - timedelta(hours=2))
    record = Record(path, clock=clock)
    _Year(record, clock, np.random.default_rng(seed), system, days).write()
    return record


def found(check, subject, verdict, summary, **more):
    """Make a finding."""
    return Finding(check=check, subject=subject, verdict=Verdict(verdict), summary=summary, **more)


def day(number, hours=0):
    """Return an instant of the replayed time."""
    return START + timedelta(days=int(number), hours=hours)


class _Year:
    def __init__(self, record, clock, rng, system, days):
        self.record, self.clock, self.rng, self.system = record, clock, rng, system
        self.days = days

    def write(self):
        with self.record.start_run("run", "run", system=self.system, config=CONFIG) as self.run:
            self.data()
            self.models()
            self.judge()
        table = [self.replay(name, *policy) for name, policy in POLICIES.items()]
        with self.start("watch", "shift", parent=None) as watch:
            watch.use(self.table)
            for scale, length in (("day", 1), ("week", 7), ("month", 30)):
                self.shift(watch, scale, self.days // length, length)
            self.concept(watch)
            self.stage(watch, "watch", "3 of 14 features shifted.")
            report(watch, "replay-table", "table.json", table)
            report(watch, "freshness", "freshness.json", freshness())
        with self.start("retrain", "relearn") as relearn:
            self.stage(relearn, "relearn", "9 retrains, 7 promoted.")

    @contextmanager
    def start(self, kind, name="", *, parent=True):
        parent = self.run.id if parent else None
        run = self.record.start_run(kind, name or kind, system=self.system, parent=parent)
        with run:
            yield run
            self.clock.advance(timedelta(seconds=float(self.rng.gamma(2, 4))))

    def stage(self, run, stage, summary, status="done"):
        seconds = float(self.rng.gamma(2, 4))
        run.event(
            "stage", {"stage": stage, "status": status, "seconds": seconds, "summary": summary}
        )

    def data(self):
        with self.start("ingest") as run:
            for name, rows in (("flights", 3367), ("weather", 2611), ("planes", 332)):
                run.make(name, "dataset", {f"{name}.csv": b"row\n" * rows}, {"rows": rows})
            about = {"rows": 336_776, "columns": 31, "to": "2013-12-31"}
            self.joined = run.make("flights-joined", "dataset", {"rows.bin": b"\0" * 4000}, about)
        self.stage(self.run, "ingest", "336,776 rows from 3 sources.", "cached")
        with self.start("expect") as run:
            run.use(self.joined)
            run.find(found("schema.type", "dep_time", "ok", "31 of 31 columns have their type."))
            run.find(found(
                "expectation.expect_column_values_to_be_between", "wind_gust", "warn",
                "3 of 336,776 values of wind_gust exceed 1,000 mph.",
                statistic=8.9e-6, threshold=0.0,
                evidence={"failed": 3, "rows": [{"row": 1009 + i, "wind_gust": 1048.4 + i}
                                                for i in range(3)]},
            ))  # fmt: skip
            run.make("flights-schema", "schema", {"schema.json": b'{"columns": []}'})
        self.stage(self.run, "expect", "36 expectations held, 1 warning: wind_gust.")
        with self.start("features") as run:
            run.use(self.joined)
            files = {"features.bin": b"\0" * 9000}
            self.table = run.make("flight-features", "dataset", files, {"columns": 14})
        self.stage(self.run, "features", "14 features, point-in-time for each of 336,776 rows.")
        with self.start("split") as run:
            run.find(found("leakage.random_time_split", "split", "ok", "Split by time, 1 d apart."))
        self.stage(self.run, "split", "Train to 17 Feb, validation to 3 Mar, test to 31 Mar.")
        with self.start("leaks") as run:
            run.use(self.table)
            run.find_all([
                found("leakage.known_at", "dep_delay", "fail",
                      "dep_delay is known at departure, one hour after the prediction: left out."),
                found("leakage.known_at", "carrier", "ok", "carrier is known in time."),
                found("leakage.scan", "air_time", "unknown",
                      "air_time has 212 labelled rows in the scan, fewer than the 500 it needs."),
            ])  # fmt: skip
        self.stage(self.run, "leaks", "1 leak refused: dep_delay is known too late.")

    def models(self):
        self.phases = []
        for phase, name, loss, auc, cpu_s in PHASES:
            with self.start("train", name) as run:
                run.use(self.table)
                for step in range(60):
                    noise = self.rng.normal(0, 0.002)
                    run.log({"logloss": loss + 0.35 * np.exp(-step / 9) + noise}, step)
                run.log({"auc": auc}, 59)
                files = {"model.txt": f"{name} {self.rng.integers(1 << 30)}".encode()}
                about = {"family": name, "rows": 61_422}
                self.model = run.make(name.replace(" ", "-"), "model", files, about)
            gap = loss - self.phases[-1]["logloss"] if self.phases else None
            self.phases.append({
                "phase": phase, "name": name, "logloss": loss, "auc": auc, "cpu_s": cpu_s,
                "difference": gap, "low": gap and gap - 0.004, "high": gap and gap + 0.004,
                "verdict": "ok" if gap else "unknown",
            })  # fmt: skip
        self.stage(self.run, "train", "4 phases; boosted is best: log loss 0.4381.")

    def judge(self):
        with self.start("evaluate") as run:
            run.use(self.model)
            run.use(self.table)
            slices = [
                {"slice": name, "n": n, "metric": "auc", "value": auc, "low": auc - half,
                 "high": auc + half, "overall": 0.742, "verdict": verdict}
                for name, n, auc, half, verdict in SLICES
            ]  # fmt: skip
            for row in slices:
                run.find(found(
                    "slice.metric", row["slice"], row["verdict"],
                    f"AUC of {row['slice']} is {row['value']:.3f}; the whole has 0.742.",
                    statistic=row["value"], threshold=0.7, effect=row["value"] - 0.742,
                    evidence={"n": row["n"], "shares": {"JFK": 0.31, "EWR": 0.42, "LGA": 0.27}},
                ))  # fmt: skip
            report(run, "phases", "phases.json", self.phases)
            report(run, "slices", "slices.json", slices)
            report(run, "calibration", "calibration.json", calibration(self.rng))
        self.stage(self.run, "evaluate", "Log loss 0.4381 [0.432, 0.444]; 2 weak slices of 23.")
        with self.start("gates") as run:
            run.use(self.model)
            run.find(found("compare.better", "boosted", "ok", "boosted beats logistic by 0.0103."))
        self.stage(self.run, "gates", "4 of 4 gates passed.")
        with self.start("release") as run:
            run.use(self.model)
            self.record.alias(self.model, "production", run=run)
            summary = "The first model: there is none to compare it with."
            payload = {"version": self.model.reference, "replaced": None, "summary": summary}
            run.event("promote", payload, at=START)
        self.stage(self.run, "release", f"{self.model.reference} is live.")

    def replay(self, name, every, stateful):
        retrains = list(range(every, self.days, every)) if every else []
        cost = 4.1 if stateful else 38.6
        config = {"start": START.date().isoformat(), "every_days": every, "stateful": stateful}
        run = self.record.start_run("replay", name, system=self.system, config=config)
        with run:
            run.use(self.model)
            run.use(self.table)
            quality = self.quality(retrains)
            for step, entropy in enumerate(quality):
                run.log({
                    "normalized_entropy": entropy, "logloss": entropy * 0.531,
                    "auc": 0.99 - entropy * 0.3, "rows": 900 + int(self.rng.integers(120)),
                    "labelled": 1.0 if step < self.days - 2 else 0.4,
                    "positive_rate": 0.22 + self.rng.normal(0, 0.05),
                }, step)  # fmt: skip
            alarms = self.alarms(run, every)
            self.releases(run, name, retrains, "stateful" if stateful else "stateless", cost)
            self.clock.advance(timedelta(seconds=20 + len(retrains)))
        mean = float(np.mean(quality))
        return {
            "policy": name, "normalized_entropy": mean, "low": mean - 0.0042,
            "high": mean + 0.0046, "retrains": len(retrains), "alarms": alarms,
            "cpu_s": round(len(retrains) * cost, 1), "promotions": len(retrains) // 2,
        }  # fmt: skip

    def quality(self, retrains):
        days = np.arange(self.days)
        last = np.zeros(self.days)
        for at in retrains:
            last[at:] = at
        storms = 0.06 * np.exp(-(((days - 95) / 9) ** 2))
        age = np.minimum(days - last, 150)
        noise = self.rng.normal(0, 0.03, self.days)
        return 0.826 + 0.03 * np.sin((days - 60) / 58) + storms + 0.00062 * age + noise

    def alarms(self, run, every):
        chance = 0.012 + 0.0006 * (every or 80)
        days = np.flatnonzero(self.rng.random(self.days) < chance)
        for number in days:
            feature = FEATURES[int(self.rng.integers(5))]
            effect = float(self.rng.gamma(2, 0.004))
            judged = found(
                "shift.feature", feature, "fail" if effect > 0.008 else "warn",
                f"{feature} left its training range on {day(number):%d %b}: log loss is "
                f"{effect:.4f} worse than expected.",
                effect=effect, evidence={"window": day(number).date().isoformat(), "scale": "day"},
            )  # fmt: skip
            run.find(judged, at=day(number, 6))
            facts = ("check", "subject", "summary", "effect", "verdict")
            run.event("alarm", {key: getattr(judged, key) for key in facts}, at=day(number, 6))
        return len(days)

    def releases(self, run, name, retrains, how, cpu_s):
        champion = self.model.reference
        for i, number in enumerate(retrains):
            version = f"{name}:v{i + 1}"
            run.event("retrain", {
                "version": version, "how": how, "rows": 61_422 + 900 * number, "cpu_s": cpu_s,
                "reason": "wind_gust shifted" if "shift" in name else "schedule",
            }, at=day(number))  # fmt: skip
            kind = ["promote", "promote", "promote", "reject", "rollback"][self.rng.integers(5)]
            summary, verdict = {
                "promote": (f"{version} is better by 0.0062 over 2,114 flights.", "ok"),
                "reject": (f"{version} is not shown to be better after 4,000 flights.", "warn"),
                "rollback": (f"{version} is worse by 0.0214 [0.008, 0.034]: taken back.", "fail"),
            }[kind]
            run.event("shadow", {"challenger": version, "champion": champion}, at=day(number, 1))
            run.event("canary", {"challenger": version, "share": 0.05}, at=day(number + 1, 1))
            run.find(found("rollout.guardrail", version, verdict, summary), at=day(number + 3))
            payload = {"version": version, "replaced": champion, "summary": summary}
            run.event(kind, payload, at=day(number + 3))
            champion = version if kind == "promote" else champion

    def shift(self, run, scale, n, length):
        windows = [day(i * length).date().isoformat() for i in range(n)]
        strength = np.sort(self.rng.gamma(1.2, 0.004, len(FEATURES)))[::-1, None]
        phase = self.rng.normal(0, 1, (len(FEATURES), 1))
        season = np.abs(np.sin(np.linspace(0, 5, n) + phase))
        effect = strength * season * self.rng.gamma(4, 0.25, (len(FEATURES), n))
        distance = 0.02 + self.rng.gamma(2, 0.05, (len(FEATURES), 1)) * season
        verdict = np.where(effect > 0.008, "fail", np.where(effect > 0.006, "warn", "ok"))
        verdict = verdict.astype(object)
        verdict[-2, : n // 6] = "unknown"
        missing = np.where(self.rng.random(effect.shape) < 0.04, 0.3, 0.0)
        report(run, "shift-map", "shift.json", {
            "scale": scale, "windows": windows, "features": FEATURES, "effect": effect.tolist(),
            "distance": distance.tolist(), "verdict": verdict.tolist(), "missing": missing.tolist(),
        }, name=f"shift-{scale}")  # fmt: skip
        for i, j in zip(*np.nonzero(effect > 0.008), strict=True):
            if scale == "week":
                bins = [{"bin": k, "window": share} for k, share in
                        enumerate(self.rng.dirichlet(np.ones(8)).tolist())]  # fmt: skip
                run.find(found(
                    "shift.feature", FEATURES[i], "fail",
                    f"{FEATURES[i]} in the week of {windows[j]} costs {effect[i, j]:.4f}.",
                    statistic=float(distance[i, j]), threshold=0.1, effect=float(effect[i, j]),
                    evidence={"window": windows[j], "scale": scale, "bins": bins},
                ), at=day(j * 7))  # fmt: skip

    def concept(self, run):
        for number in (93, 96, 180):
            run.find(found(
                "shift.concept", "model", "fail",
                f"On {day(number):%d %b} the loss is 0.021 worse than the inputs explain.",
                effect=0.021, evidence={"window": day(number).date().isoformat()},
            ), at=day(number))  # fmt: skip


def report(run, type_, filename, data, name=None):
    """Keep a JSON report as an artifact."""
    return run.make(name or type_, type_, {filename: json.dumps(data).encode()})


def calibration(rng):
    """Return a reliability curve."""
    predicted = np.array([0.04, 0.08, 0.13, 0.18, 0.23, 0.3, 0.38, 0.47, 0.58, 0.71])
    count = np.array([4100, 5200, 4300, 3100, 2300, 1700, 1100, 700, 380, 120])
    observed = np.clip(predicted * 1.06 - 0.004 + rng.normal(0, 0.008, 10), 0, 1)
    half = 1.96 * np.sqrt(predicted * (1 - predicted) / count)
    return {
        "predicted": predicted.tolist(), "observed": observed.tolist(), "count": count.tolist(),
        "low": (observed - half).tolist(), "high": (observed + half).tolist(), "ece": 0.0113,
    }  # fmt: skip


def freshness():
    """Return a freshness study."""
    loss = [0.4212, 0.4226, 0.4241, 0.4265, 0.4312, 0.4380, 0.4421]
    return {
        "ages_days": [1, 3, 7, 14, 30, 60, 90], "loss": loss,
        "low": [value - 0.002 for value in loss], "high": [value + 0.0024 for value in loss],
        "conclusion": "A model a month old loses 0.010 [0.007, 0.013] of log loss against one a "
        "day old; between a day and a week the difference is not shown.",
    }  # fmt: skip
