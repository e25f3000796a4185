"""One round of the loop: data, checks, training, evaluation, gates, a packaged release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat import data, evaluate, expect, features, leakage
from homeostat.core import (
    Clock,
    Finding,
    Json,
    Model,
    Policy,
    RealClock,
    Schema,
    TrackedRows,
    Verdict,
    finding,
    measure,
    worst,
)
from homeostat.loop._card import keep_card
from homeostat.loop._current import current_model, current_prediction
from homeostat.loop._declaration import System
from homeostat.loop._history import History
from homeostat.loop._phases import Answers, ladder, metric_rows, phase_rows, slice_rows
from homeostat.loop._release import ANSWERS, CHAMPION, Release, open_record, package_of
from homeostat.loop._stages import Made, Stages
from homeostat.record import Artifact, Record, Run
from homeostat.serve import pack
from homeostat.stats import Floats

if TYPE_CHECKING:
    from homeostat.split import Splits

_SOUND = Policy("sound", finding(verdict="fail"), "block")
#: Too little to judge by is no pass; but a rare slice must not block every release for good.
_GATES = Policy(
    "release",
    finding(verdict="fail") | (finding(verdict="unknown") & ~finding(check="slice.*")),
    "block",
)

__all__ = ["run"]


def run(
    system: System,
    record: Record | Path | str,
    *,
    clock: Clock | None = None,
    on_stage: Callable[[str, str, str], None] | None = None,
) -> Release:
    """Go once round the loop; stages whose inputs did not change are not run again.

    Args:
        system: The declaration.
        record: A record, or the folder of one.
        clock: What "now" is: rows and outcomes after it do not exist. The real clock unless told.
        on_stage: Called with a stage's name, its status and one line, as it begins and ends.

    Raises:
        GateError: If the data, a leak or a gate refused; its findings are in the record.
    """
    opened = open_record(record)
    now = clock or RealClock()
    config = {"now": now.now().isoformat(), **system.told()}
    with opened.start_run("run", system.name, system=system.name, config=config) as parent:
        stages = Stages(opened, parent, system.name)
        if on_stage is not None:
            stages.on_stage = on_stage
        release = _Round(system, stages, parent, now).go()
    keep_card(opened, release.model)
    return release


@dataclass(slots=True)
class _Round:
    system: System
    stages: Stages
    parent: Run
    clock: Clock
    history: History = field(init=False)
    frame: pl.DataFrame = field(init=False)
    label: NDArray[np.float64] = field(init=False)
    days: NDArray[np.int64] = field(init=False)
    splits: Splits = field(init=False)
    rows: Artifact | None = field(init=False)
    key: tuple[str, ...] = field(init=False)

    def go(self) -> Release:
        """Run the stages in order."""
        self._ingest()
        self._expect()
        self._split()
        self._leaks()
        self._features()
        answers = self._train()
        phases, best, baseline = self._evaluate(answers)
        self._gates(answers, best, baseline)
        model = self._release(answers, best)
        findings = tuple(self.stages.findings)
        return Release(
            self.system.name,
            self.parent.id,
            model,
            answers[baseline].artifact,
            self._feature_schema(),
            self._trained_until(),
            tuple(phases),
            findings,
            self.stages.all_cached,
        )

    def _ingest(self) -> None:
        system = self.system
        dataset = system.source(self.clock)
        whole = dataset.collect()
        history = History.of(
            whole,
            features=system.features,
            outcome=system.outcome,
            predicted_at=str(system.schema.predicted_at),
            key=system.schema.key,
        )
        self.history = history
        known = history.trainable(history.at(0), self.clock.now())
        self.frame = history.frame[known]
        self.label, self.days = history.label[known], history.days[known]
        self.key = (dataset.digest, sha256(known.tobytes()).hexdigest(), system.schema.digest)

        def make() -> Made:
            return Made(
                f"{len(history):,} rows, {len(known):,} with their outcome",
                dataset.findings,
                {
                    "lineage.txt": dataset.lineage().encode(),
                    "lineage.json": json.dumps(dataset.lineage_json()).encode(),
                    "schema.json": json.dumps(system.schema.to_json()).encode(),
                },
                "dataset",
                {"rows": len(history), "labelled": len(known), "digest": dataset.digest},
            )

        self.rows = self.stages.stage("ingest", make, key=self.key).artifact

    def _expect(self) -> None:
        suite = self.system.suite

        def make() -> Made:
            findings = expect.check(self.frame, self.system.schema, subject=self.system.name)
            if suite is not None:
                findings += suite.check(self.frame, subject=self.system.name)
            profile = data.Profile.of(self.frame, self.system.schema)
            bad = sum(found.verdict != "ok" for found in findings)
            return Made(
                f"{len(findings)} expectations, {bad} not met",
                findings,
                {"profile.bin": profile.to_bytes(), "profile.txt": data.describe(profile).encode()},
                "profile",
            )

        key = self.key if suite is None else (*self.key, suite.digest)
        self.stages.stage("expect", make, key=key, uses=[self.rows], policy=_SOUND)

    def _split(self) -> None:
        schema = self.system.schema
        self.splits = self.system.split(self.frame, time=schema.time)
        if schema.key and not self.splits.identity.key:
            self.splits = self.splits.known_by(self.frame, schema.key)

        def make() -> Made:
            findings = leakage.check_split(self.splits, self.frame, schema, rng=self.system.seed)
            findings += leakage.check_fitted(self.splits, self.frame, schema, self.system.features)
            return Made(self.splits.summary(), findings)

        self.key = (*self.key, self.splits.digest)
        key = (*self.key, *self.system.features, str(self.system.seed))
        self.stages.stage("split", make, key=key, uses=[self.rows], policy=_SOUND)

    def _leaks(self) -> None:
        system = self.system

        def make() -> Made:
            train = self._before_validation()
            findings = leakage.check_known_at(train, system.schema, system.features)
            if system.leak_scan:
                findings += leakage.scan_leaks(
                    train, system.schema, system.features, rng=system.seed
                )
            leaks = sorted({found.subject for found in findings if found.verdict == "fail"})
            summary = f"refused: {', '.join(leaks)}" if leaks else "none found"
            return Made(summary, findings)

        key = (*self.key, *system.features, str(system.leak_scan), str(system.seed))
        self.stages.stage("leaks", make, key=key, uses=[self.rows], policy=_SOUND)

    def _before_validation(self) -> pl.DataFrame:
        """Return all rows predicted before validation begins, also those without an outcome.

        Of parts that are not apart in time, those for training.
        """
        if not self.splits.boundaries:
            return self.splits.take("train", self.frame)
        end = self.splits.boundaries["validation"][0]
        return self.history.frame[self.history.predicted(self.history.at(0), end)]

    def _trained_until(self) -> datetime:
        """Return the time of the last training row."""
        time = self.splits.take("train", self.frame)[self.system.schema.time]
        return datetime.fromisoformat(str(time.max()))

    def _features(self) -> None:
        names = list(self.system.features)

        def make() -> Made:
            train = self.splits.take("train", self.frame).select(names)
            test = self.splits.take("test", self.frame).select(names)
            findings = features.generalization(train, test)
            weak = [found.subject for found in findings if found.verdict != "ok"]
            said = f"{len(weak)} generalize poorly: {', '.join(weak)}" if weak else "all generalize"
            return Made(f"{len(names)} features; {said}", findings)

        self.stages.stage("features", make, key=(*self.key, *names), uses=[self.rows])

    def _train(self) -> dict[str, Answers]:
        """Fit each phase on the training rows; score it on validation and test rows."""
        return {name: self._phase(name, make) for name, make in self.system.models.items()}

    def _phase(self, name: str, factory: Callable[[], Model]) -> Answers:
        names = list(self.system.features)

        def make() -> Made:
            model, frame = factory(), self.frame.select(names)
            parts = {p: self.splits.tracked(p, frame) for p in ("train", "validation", "test")}
            findings = self._seen(name, parts)
            if worst(findings) is Verdict.FAIL:
                return Made("refused: it would be judged on rows that it has seen", findings)
            with measure() as cost:
                model.fit(parts["train"].frame, self.label[self.splits.train])
            answers = {p: model.predict(parts[p].frame) for p in ("validation", "test")}
            stored = BytesIO()
            np.savez(
                stored,
                validation=answers["validation"],
                test=answers["test"],
                cpu_s=np.array(cost.cpu_s),
            )
            files = pack(model, self._feature_schema(), metadata={"phase": name})
            rows = int(self.splits.train.sum())
            return Made(
                f"fitted on {rows:,} rows in {cost.cpu_s:.1f} CPU-s",
                findings,
                files | {ANSWERS: stored.getvalue()},
                "trained",
                {"family": model.family, "rows": rows, "cpu_s": cost.cpu_s},
            )

        key = (*self.key, *names, data.digest_of(factory), str(self.system.seed))
        made = self.stages.stage("train", make, key=key, uses=[self.rows], name=name, policy=_SOUND)
        if made.artifact is None:
            raise AssertionError
        with np.load(BytesIO(made.artifact.read(ANSWERS)), allow_pickle=False) as stored:
            return Answers(
                made.artifact, stored["validation"], stored["test"], float(stored["cpu_s"])
            )

    def _seen(self, name: str, parts: Mapping[str, TrackedRows]) -> list[Finding]:
        """Hold the rows that a model is fitted on against those that it is judged on."""
        ledger = self.splits.ledger(policy=None)
        ledger.record(name, parts["train"])
        for part in ("validation", "test"):
            ledger.judge_on(f"{name} on {part}", parts[part])
        return ledger.findings()

    def _feature_schema(self) -> Schema:
        system = self.system
        return system.schema.select(system.features).with_roles(feature=system.features)

    def _evaluate(self, answers: Mapping[str, Answers]) -> tuple[list[dict[str, Json]], str, str]:
        label, days = self.label[self.splits.validation], self.days[self.splits.validation]
        given = {name: answer.validation for name, answer in answers.items()}
        comparison = evaluate.compare(label, given, blocks=days, rng=self.system.seed)
        best, baseline = ladder(label, given, days)
        phases = phase_rows(comparison, answers, best)
        test = self.splits.test

        def make() -> Made:
            scored = evaluate.metrics(self.label[test], answers[best].test, blocks=self.days[test])
            return Made(
                f"best: {best}",
                [*comparison.findings, *(judged := self._judged(answers[best].test))],
                reports={
                    "phases": phases,
                    "metrics": metric_rows(scored),
                    "slices": slice_rows(judged),
                    "calibration": dict(judged[0].evidence),
                },
            )

        key = (*self.key, *(answer.artifact.id for answer in answers.values()))
        used = [answer.artifact for answer in answers.values()]
        self.stages.stage("evaluate", make, key=key, uses=used)
        return phases, best, baseline

    def _judged(self, p: Floats) -> list[Finding]:
        """Judge the best model on the test rows, which no phase has seen."""
        label, days = self.label[self.splits.test], self.days[self.splits.test]
        found = [evaluate.calibration(label, p, blocks=days, rng=self.system.seed)]
        if by := self.system.schema.having("slice"):
            frame = self.splits.take("test", self.frame)
            found += evaluate.slices(label, p, frame, by=by, blocks=days)
        return found

    def _gates(self, answers: Mapping[str, Answers], best: str, baseline: str) -> None:
        test = self.splits.test
        others = {name: answer.test for name, answer in answers.items()}
        if baseline != best:
            others.setdefault("simpler", answers[baseline].test)
        seen = dict.fromkeys([*self.system.features, *self.system.schema.having("slice")])
        rows = self.splits.take("test", self.frame)
        current = current_model(self.stages.record, self.system.name, answers[best].artifact)

        def make() -> Made:
            before, note = None, ""
            if current is not None:
                before, note = current_prediction(current, rows, rows[self.system.schema.time])
            context = evaluate.GateContext(
                schema=self.system.schema,
                features=rows.select(list(seen)),
                label=self.label[test],
                prediction=answers[best].test,
                model=package_of(answers[best].artifact).model,
                current_prediction=before,
                current_note=note,
                others=others,
                blocks=self.days[test],
            )
            findings = [found for gate in self.system.gates for found in gate(context)]
            failed = sum(found.verdict == Verdict.FAIL for found in findings)
            return Made(f"{len(self.system.gates)} gates, {failed} findings against", findings)

        gates = [data.digest_of(gate) for gate in self.system.gates]
        fitted = [answer.artifact.id for answer in answers.values()]
        key = (*self.key, best, baseline, *fitted, *gates, current.id if current else "")
        used = [answers[best].artifact, self.rows, current]
        self.stages.stage("gates", make, key=key, uses=used, policy=_GATES)

    def _release(self, answers: Mapping[str, Answers], best: str) -> Artifact:
        chosen = answers[best].artifact

        def make() -> Made:
            sample = self.splits.take("test", self.frame).head(3)
            packed = pack(
                package_of(chosen).model,
                self._feature_schema(),
                sample=sample,
                metadata={
                    "system": self.system.name,
                    "phase": best,
                    "data": self.rows.id if self.rows else "",
                    "trained_until": str(self._trained_until()),
                },
            )
            return Made(
                f"packaged {best}", (), packed, "model", {"phase": best}, name=self.system.name
            )

        key = (*self.key, chosen.id)
        made = self.stages.stage("release", make, key=key, uses=[chosen, self.rows])
        if made.artifact is None:
            raise AssertionError
        self._alias(made.artifact)
        return made.artifact

    def _alias(self, model: Artifact) -> None:
        """Name the candidate; where nothing is in production yet, it is that too."""
        record = self.stages.record
        record.alias(model, "candidate", self.parent)
        known = record.artifacts(name=self.system.name)["aliases"].explode()
        if CHAMPION not in known:
            record.alias(model, CHAMPION, self.parent)
