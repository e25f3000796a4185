"""Stages: the steps of one round of the loop, each a run, none run again when nothing changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import homeostat
from homeostat.core import Cost, Finding, GateError, Json, Policy, decide, measure, worst

if TYPE_CHECKING:
    from homeostat.record import Artifact, Record, Run

__all__ = ["Made", "Stages", "code_digest"]


@cache
def code_digest() -> str:
    """Return a digest of Homeostat's own source: what it made before a change is made again."""
    root = Path(homeostat.__file__).parent
    digest = sha256()
    for path in sorted(root.rglob("*.py")):
        if not {"web", "cli"} & set(path.relative_to(root).parts):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(slots=True)
class Made:
    """What a stage made.

    Args:
        summary: One line for people.
        findings: What it judged.
        files: What it made, by file name.
        type: Type of the artifact that holds the files.
        metadata: Of the artifact.
        name: Of the artifact; by the stage unless told.
        reports: Further artifacts for people to look at: JSON, by type.
    """

    summary: str
    findings: Iterable[Finding] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    type: str = ""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    name: str = ""
    reports: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished stage: what it found and the artifact it left, if any."""

    name: str
    summary: str
    findings: tuple[Finding, ...]
    artifact: Artifact | None
    cached: bool
    run_id: str


@dataclass(slots=True)
class Stages:
    """Runs stages of a system under one parent run.

    Args:
        record: Where all is kept.
        parent: The run of the whole round.
        system: Name of the system.
        on_stage: Called with name, status and summary as each stage begins and ends.
    """

    record: Record
    parent: Run
    system: str
    on_stage: Callable[[str, str, str], None] = lambda _name, _status, _summary: None
    findings: list[Finding] = field(default_factory=list)
    all_cached: bool = True

    def stage(
        self,
        kind: str,
        make: Callable[[], Made],
        *,
        key: Iterable[str],
        uses: Iterable[Artifact | None] = (),
        name: str = "",
        policy: Policy | None = None,
    ) -> Stage:
        """Make a stage, or take what an earlier round made from the same inputs.

        Args:
            kind: Such as ``"train"``.
            make: Does the work.
            key: Digests of everything the work depends on, besides Homeostat's own code.
            uses: Artifacts it reads.
            name: Distinguishes stages of one kind, such as the model.
            policy: Which findings end the round; None lets all pass.

        Raises:
            GateError: If the policy applies; the findings are in the record.
        """
        label = f"{kind} {name}".strip()
        digest = sha256("\0".join([code_digest(), label, *key]).encode()).hexdigest()
        self._tell(kind, label, "running", "")
        cost = Cost()
        stage = self._earlier(kind, digest, name)
        if stage is None:
            with measure() as cost:
                stage = self._make(kind, name, digest, make, uses)
        elif stage.artifact is not None:
            self.parent.use(stage.artifact)
        self.findings += stage.findings
        self.all_cached &= stage.cached
        refused = [] if policy is None else decide([policy], stage.findings)
        status = "refused" if refused else "cached" if stage.cached else "done"
        self._tell(kind, label, status, stage.summary, cost.wall_s, stage)
        if refused:
            raise GateError(f"{self.system}: stopped at {label}.", refused[0].findings)
        return stage

    def _make(
        self,
        kind: str,
        name: str,
        digest: str,
        make: Callable[[], Made],
        uses: Iterable[Artifact | None],
    ) -> Stage:
        with self.record.start_run(
            kind, name, system=self.system, config={"key": digest}, parent=self.parent.id
        ) as run:
            for artifact in uses:
                if artifact is not None:
                    run.use(artifact)
            made = make()
            findings = tuple(made.findings)
            run.find_all(findings)
            artifact = None
            if made.files:
                title = made.name or f"{self.system}-{name or made.type}"
                artifact = run.make(title, made.type, made.files, metadata=made.metadata)
            for type_, report in made.reports.items():
                content = json.dumps(report).encode()
                run.make(f"{self.system}-{type_}", type_, {f"{type_}.json": content})
            run.event("made", {"summary": made.summary})
        return Stage(name, made.summary, findings, artifact, cached=False, run_id=run.id)

    def _earlier(self, kind: str, digest: str, name: str) -> Stage | None:
        """Find the finished run that made this stage from the same inputs."""
        finished = self.record.runs(kind=kind, system=self.system, status="finished")
        for run_id, config in finished.select("id", "config").iter_rows():
            if json.loads(config).get("key") == digest:
                made = self.record.run(run_id).made
                return Stage(
                    name,
                    self._summary(run_id),
                    tuple(self.record.found(run_id)),
                    self.record.artifact(made[0]) if made else None,
                    cached=True,
                    run_id=run_id,
                )
        return None

    def _summary(self, run_id: str) -> str:
        [payload] = self.record.events("made", run_id)["payload"]
        return str(json.loads(payload)["summary"])

    def _tell(
        self,
        kind: str,
        label: str,
        status: str,
        summary: str,
        seconds: float = 0.0,
        stage: Stage | None = None,
    ) -> None:
        self.parent.event(
            "stage",
            {
                "stage": kind,
                "name": label,
                "status": status,
                "seconds": round(seconds, 3),
                "summary": summary,
                "verdict": worst(stage.findings).value if stage and stage.findings else "",
                "run": stage.run_id if stage else "",
            },
        )
        self.on_stage(label, status, summary)
