"""The facts of a model card, read from the record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from homeostat.core import CorruptionError, Finding, NotFoundError, Schema
from homeostat.evaluate import CardMetric, Intent, ModelFacts
from homeostat.loop._card_life import life_of

if TYPE_CHECKING:
    from homeostat.core import Json
    from homeostat.record import Artifact, Record, RunInfo

__all__ = ["facts_of_model", "facts_of_run", "trained_until"]

_PACKAGES = (
    "homeostat",
    "numpy",
    "polars",
    "scikit-learn",
    "lightgbm",
    "xgboost",
    "torch",
    "scipy",
)


def facts_of_model(record: Record, model: Artifact) -> ModelFacts:
    """Return what the record knows of a model.

    Args:
        record: The record.
        model: The artifact: of a round of the loop, of a live system, or of any other run.
    """
    maker = record.run(model.run)
    round_ = _round(record, maker)
    version = str(model.metadata.get("version", ""))
    if maker.kind == "live":
        origin = _published(record, maker, version)
        facts = _learned_live(record, maker, version) if origin is None else origin
    elif round_ is not None:
        facts, version = facts_of_run(record, round_), "v0"
        if not _first_of_live(record, round_.system, model):
            version = ""
    else:
        facts = _of_any_run(record, maker)
    system = maker.system or facts.name
    history, monitoring = life_of(record, system, version) if version else ((), ())
    return replace(
        facts,
        name=model.name,
        reference=model.reference,
        digest=model.id,
        made=model.made.isoformat(timespec="seconds"),
        aliases=tuple(sorted(model.aliases)),
        family=_family(model) or facts.family,
        schema=facts.schema or _schema(model),
        features=facts.features or _features(model),
        trained_until=facts.trained_until or trained_until(model),
        intent=_intent(facts.intent, model.metadata),
        history=history,
        monitoring=monitoring,
    )


def facts_of_run(record: Record, info: RunInfo) -> ModelFacts:
    """Return what a round of the loop knows of the model it chose, released or refused."""
    told: dict[str, Any] = {"findings": []}
    stages = {}
    for payload in record.events("stage", info.id)["payload"]:
        stage = json.loads(payload)
        if stage.get("run"):
            told["findings"] += record.found(stage["run"])
            stages[stage["name"]] = stage
            _take(record, stage, told)
    told["findings"] = (*told["findings"], *record.found(info.id))
    chosen = next((str(one["name"]) for one in told.get("phases", ()) if one.get("chosen")), "")
    if (trained := stages.get(f"train {chosen}")) is not None:
        told |= _trained(record, trained["run"])
    config = info.config
    features = config.get("features")
    gates = config.get("gates")
    return ModelFacts(
        name=info.system,
        outcome=str(config.get("outcome", "")),
        features=_texts(features),
        gates=_texts(gates) if isinstance(gates, list) else None,
        intent=_intent(Intent(), config.get("intent")),
        run=info.id,
        **_captured(info),
        **told,
    )


def _round(record: Record, maker: RunInfo) -> RunInfo | None:
    """Return the round of the loop that a run was a stage of, or is."""
    if maker.kind == "run":
        return maker
    parent = None if maker.parent is None else record.run(maker.parent)
    return parent if parent is not None and parent.kind == "run" else None


def _take(record: Record, stage: Mapping[str, Any], told: dict[str, Any]) -> None:
    """Take from one finished stage what is no finding."""
    if stage["stage"] == "split":
        told["split"] = stage["summary"]
    for reference in record.run(stage["run"]).made:
        artifact = record.artifact(reference)
        if artifact.type == "dataset":
            told |= _dataset(artifact)
        elif artifact.type == "phases":
            told["phases"] = tuple(json.loads(artifact.read("phases.json")))
        elif artifact.type == "metrics":
            rows = json.loads(artifact.read("metrics.json"))
            told["metrics"] = tuple(
                CardMetric(one["metric"], one["value"], one["low"], one["high"], one["n"])
                for one in rows
            )
            told["tested_rows"] = max((one["n"] for one in rows), default=None)
        elif artifact.type == "model":
            told["trained_until"] = trained_until(artifact)


def _dataset(artifact: Artifact) -> dict[str, Any]:
    told: dict[str, Any] = {"dataset": artifact.reference}
    for name in ("rows", "labelled"):
        if isinstance(artifact.metadata.get(name), int):
            told[name] = artifact.metadata[name]
    if "schema.json" in artifact.files:
        told["schema"] = _schema(artifact)
    if "lineage.json" in artifact.files:
        nodes = list(_walk(json.loads(artifact.read("lineage.json"))))
        told["sources"] = tuple(
            dict(one["source"]) for one in nodes if isinstance(one.get("source"), dict)
        )
        told["steps"] = tuple(f"{one['name']}: {one['step']}" for one in nodes if one.get("step"))
    return told


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a dataset and what it is made of, each once, the last step first."""
    seen, stack = set(), [node]
    while stack:
        one = stack.pop()
        if one["digest"] not in seen:
            seen.add(one["digest"])
            yield one
            stack += reversed(one["inputs"])


def _trained(record: Record, run: str) -> dict[str, Any]:
    for reference in record.run(run).made:
        artifact = record.artifact(reference)
        if artifact.type == "trained":
            meta = artifact.metadata
            seconds = meta.get("cpu_s")
            cost = f"{seconds:.3g} CPU-s" if isinstance(seconds, (int, float)) else ""
            rows = meta.get("rows")
            return {
                "family": str(meta.get("family", "")),
                "trained_rows": rows if isinstance(rows, int) else None,
                "cost": {"fitting": cost} if cost else {},
            }
    return {}


def _published(record: Record, live: RunInfo, version: str) -> ModelFacts | None:
    """Return the facts of the round whose release a live system began with, if it is that."""
    wanted = {"v0": "release", "baseline": "baseline"}.get(version)
    if wanted is None or wanted not in live.config:
        return None
    try:
        round_ = _round(record, record.run(record.artifact(str(live.config["release"])).run))
    except NotFoundError:
        return None
    if round_ is None:
        return None
    facts = facts_of_run(record, round_)
    if wanted == "release":
        return facts
    about = f"It answered until {live.system} released the model of that round."
    return replace(
        facts, metrics=(), family="", trained_rows=None, cost={}, gates=None,
        findings=tuple(f for f in facts.findings if not f.check.startswith(_OF_THE_CHOSEN)),
        intent=replace(facts.intent, caveats=(*facts.intent.caveats, about)),
    )  # fmt: skip


_OF_THE_CHOSEN = ("slice.", "calibration.", "behaviour.", "compare.")


def _learned_live(record: Record, live: RunInfo, version: str) -> ModelFacts:
    """Return what is known of a version that a live system learned by itself."""
    told: dict[str, Any] = {}
    for payload in record.events("retrain", live.id)["payload"]:
        event = json.loads(payload)
        if event.get("version") == version:
            told["trained_rows"] = event.get("rows") or None
            told["steps"] = (f"learned {event.get('how')}: {event.get('reason')}",)
            told["cost"] = {"fitting": f"{event.get('cpu_s')} CPU-s"}
    findings = _trial(record, live, version)
    release = live.config.get("release")
    round_ = None
    if release is not None:
        round_ = _round(record, record.run(record.artifact(str(release)).run))
    config = {} if round_ is None else round_.config
    return ModelFacts(
        name=live.system,
        outcome=str(config.get("outcome", "")),
        features=_texts(config.get("features")),
        intent=_intent(Intent(), config.get("intent")),
        findings=findings,
        run=live.id,
        **(_captured(live) | {"seeds": _seeds(live) | _seeds_of(config)}),
        **told,
    )


def _trial(record: Record, live: RunInfo, version: str) -> tuple[Finding, ...]:
    """Return what the rollout found of a version: what was written as its stages ended."""
    ended = {
        at
        for kind in ("canary", "promote", "reject")
        for at, payload in record.events(kind, live.id).select("at", "payload").iter_rows()
        if json.loads(payload).get("version") == version
    }
    frame = record.findings(live.id, check="rollout.*")
    about = frame.filter(pl.col("at").is_in(list(ended)))
    return tuple(Finding.from_json(row | {"evidence": json.loads(row["evidence"])})
                 for row in about.iter_rows(named=True))  # fmt: skip


def _of_any_run(record: Record, maker: RunInfo) -> ModelFacts:
    """Return what a run that is no part of the loop says of a model it made."""
    told: dict[str, Any] = {}
    data = [record.artifact(reference) for reference in maker.used]
    for artifact in data:
        if artifact.type == "dataset":
            told |= _dataset(artifact)
    numbers = {
        name: value
        for name, value in maker.summary.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return ModelFacts(
        name=maker.name or maker.kind,
        metrics=tuple(CardMetric(name, float(value)) for name, value in sorted(numbers.items())),
        findings=tuple(record.found(maker.id)),
        intent=_intent(Intent(), maker.config.get("intent")),
        run=maker.id,
        **_captured(maker),
        **told,
    )


def _first_of_live(record: Record, system: str, model: Artifact) -> bool:
    """Say whether a live system began with this release."""
    configs = record.runs(kind="live", system=system)["config"]
    return any(json.loads(one).get("release") == model.id for one in configs)


def _captured(info: RunInfo) -> dict[str, Any]:
    """Return code, environment and seeds of a run."""
    code, environment = {}, {}
    if info.code is not None:
        if info.code.commit:
            code = {"commit": info.code.commit}
            code["state"] = "uncommitted changes" if info.code.dirty else "clean"
            code |= {f"remote {name}": url for name, url in sorted(info.code.remotes.items())}
        if info.code.note:
            code["note"] = info.code.note
    if info.command:
        code["command"] = " ".join(info.command)
    if (about := info.environment) is not None:
        environment = {"Python": about.python, "platform": about.platform}
        environment |= {"processor": about.cpu} if about.cpu else {}
        environment |= {f"GPU {i}": one for i, one in enumerate(about.gpus)}
        environment |= {n: about.packages[n] for n in _PACKAGES if n in about.packages}
    return {"code": code, "environment": environment, "seeds": _seeds(info)}


def _seeds(info: RunInfo) -> dict[str, str]:
    variables = {} if info.environment is None else info.environment.variables
    hashed = {name: value for name, value in variables.items() if "SEED" in name.upper()}
    return _seeds_of(info.config) | hashed


def _seeds_of(config: Mapping[str, Json]) -> dict[str, str]:
    return {name: str(config[name]) for name in sorted(config) if "seed" in name.lower()}


def _family(model: Artifact) -> str:
    if "manifest.json" in model.files:
        try:
            return str(json.loads(model.read("manifest.json")).get("family", ""))
        except (CorruptionError, NotFoundError, ValueError):
            return ""
    return str(model.metadata.get("family", ""))


def trained_until(model: Artifact) -> str:
    """Return until when a model was trained, in ISO form; empty where it is not recorded."""
    told = model.metadata.get("until") or model.metadata.get("trained_until")
    if not told and "manifest.json" in model.files:
        told = json.loads(model.read("manifest.json")).get("metadata", {}).get("trained_until")
    return str(told or "")


def _schema(artifact: Artifact) -> Schema | None:
    if "schema.json" not in artifact.files:
        return None
    return Schema.from_json(json.loads(artifact.read("schema.json")))


def _features(model: Artifact) -> tuple[str, ...]:
    schema = _schema(model)
    return () if schema is None else tuple(schema.features)


def _intent(known: Intent, told: object) -> Intent:
    """Return what people said, with what else was said of this very model."""
    if not isinstance(told, Mapping):
        return known
    inner = told.get("intent", told)
    if not isinstance(inner, Mapping):
        return known
    return Intent.from_json({**known.to_json(), **inner})


def _texts(values: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in values) if isinstance(values, list) else ()
