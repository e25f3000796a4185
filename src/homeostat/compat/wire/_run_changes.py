"""What clients change of projects, runs and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire._artifacts import global_id
from homeostat.compat.wire._collection_changes import delete_artifact
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._files import FileView, remove_file
from homeostat.compat.wire._history import history
from homeostat.compat.wire._names import checked_name, from_global, to_global
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._run_view import RunView
from homeostat.compat.wire._values import dumps
from homeostat.compat.wire._views import ProjectView
from homeostat.core import InputError, NotFoundError

__all__ = ["MUTATIONS"]

Given = Mapping[str, Any]
_DONE = {"success": True}
_MOST_FILES = 10_000


def upsert_model(ask: Ask, given: Given) -> dict[str, Any]:
    """Make a project, or change what is said of it."""
    entity = ask.entity(given.get("entityName"))
    new = ask.door.project(entity, given.get("name")) is None
    said = {field: given.get(field) for field in ("description", "repo", "access", "views")}
    facts = ask.door.ensure_project(entity, given.get("name"), ask.user, **said)
    project = ProjectView(ask, facts)
    return {"project": project, "model": project, "inserted": new}


def delete_model(ask: Ask, given: Given) -> dict[str, Any]:
    """Forget a project and its runs."""
    entity, name = from_global(given["id"], "Project")
    for run in list(ask.door.runs(entity, name)):
        ask.door.forget(run)
    ask.door.shelf.drop("projects", f"{entity}/{name}")
    return _DONE


def upsert_bucket(ask: Ask, given: Given) -> dict[str, Any]:
    """Make a run, or change what is said of it."""
    run = _named(ask, given)
    if run is None and given.get("id") and not given.get("name"):
        raise NotFoundError(f"There is no run of the id {given['id']!r} here.")
    changed = ask.door.upsert(run, given, ask.user)
    return {"bucket": RunView(ask, changed), "inserted": run is None}


def update_run_state(ask: Ask, given: Given) -> dict[str, Any]:
    """Set the state of a run that nothing runs."""
    run = _run(ask, given)
    state = given.get("state")
    if state not in {"PENDING", "pending"}:
        raise InputError(f"A run's state can be set to 'pending' alone, got {state!r}.")
    run.update(about={"wandb_state": "pending"})
    return _DONE


def rewind_run(ask: Ask, given: Given) -> dict[str, Any]:
    """Go back to a step; what was logged after it counts no more."""
    entity = ask.entity(given.get("entityName"))
    run = ask.door.run(entity, given.get("projectName"), str(given.get("runName")))
    if run is None:
        raise NotFoundError(f"There is no run {given.get('runName')!r} to rewind.")
    if given.get("metricName") != "_step":
        raise InputError(f"A run is rewound to a `_step`, got {given.get('metricName')!r}.")
    step = int(given["metricValue"])
    run.revive().rewind(step)
    rows = [row for row in history(run) if row["_step"] <= step]
    run.tails["history"] = dumps(rows[-1]) if rows else ""
    if not rows:
        run.tails.pop("history")
    left = {key: value for row in rows for key, value in row.items()}
    summary = {key: left.get(key, value) for key, value in run.summary.items() if key in left}
    lines = {**(run.about.get("wandb_lines") or {}), "history": len(rows)}
    run.update(summary=summary, about={"wandb_lines": lines})
    return {"rewound_run": RunView(ask, run)}


def stop_run(ask: Ask, given: Given) -> dict[str, Any]:
    """Ask a run to stop; its client looks every few seconds."""
    _run(ask, given).update(about={"stopped": True})
    return {**_DONE, "client_mutation_id": None}


def delete_run(ask: Ask, given: Given) -> dict[str, Any]:
    """Hide a run, and delete what it made if that is asked for; twice is as good as once."""
    entity, project, name = from_global(given.get("id"), "Run")
    run = ask.door.run(entity, project, name)
    if run is None:
        return _DONE
    for artifact in run.about.get("wandb_made") or () if given.get("deleteArtifacts") else ():
        delete_artifact(ask, {"artifactID": global_id(artifact), "deleteAliases": True})
    ask.door.forget(run)
    return _DONE


def create_run_files(ask: Ask, given: Given) -> dict[str, Any]:
    """Return where files of a run may be put."""
    entity = ask.entity(given.get("entityName"))
    run = ask.door.run(entity, given.get("projectName"), str(given.get("runName")))
    if run is None:
        raise NotFoundError(f"There is no run {given.get('runName')!r} to keep files of.")
    files = [FileView(ask, run, name, {}) for name in _names(given)]
    id_ = to_global("Run", run.entity, run.project, run.name)
    return {"run_id": id_, "upload_headers": [], "files": files}


def mark_run_files_uploaded(_: Ask, given: Given) -> dict[str, Any]:
    """Take note of what was noted already, as the content arrived."""
    _names(given)
    return _DONE


def delete_files(ask: Ask, given: Given) -> dict[str, Any]:
    """Take files away from runs."""
    for one in given.get("files") or ():
        *parts, name = from_global(one, "File")
        remove_file(ask.door.run_by_id(parts), name)
    return _DONE


def notify_scriptable_run_alert(ask: Ask, given: Given) -> dict[str, Any]:
    """Keep an alert as an event of the run."""
    entity = ask.entity(given.get("entityName"))
    run = ask.door.run(entity, given.get("projectName"), str(given.get("runName")))
    if run is None:
        raise NotFoundError(f"There is no run {given.get('runName')!r} to alert of.")
    facts = {field: given.get(field) for field in ("title", "text", "severity", "waitDuration")}
    with run.writing() as writer:
        writer.event("alert", facts)
    return _DONE


def create_custom_chart(ask: Ask, given: Given) -> dict[str, Any]:
    """Keep the definition of a chart."""
    entity, name = (
        ask.entity(given.get("entity")),
        checked_name(given.get("name"), "A chart's name"),
    )
    facts = {field: given.get(field) for field in ("displayName", "type", "access", "spec")}
    ask.door.shelf.put("charts", f"{entity}/{name}", **facts)
    return {"chart": {"id": to_global("CustomChart", entity, name)}}


def _named(ask: Ask, given: Given) -> WireRun | None:
    if given.get("name"):
        entity = ask.entity(given.get("entityName"))
        return ask.door.run(entity, given.get("modelName"), given["name"])
    return ask.door.run_by_id(from_global(given["id"], "Run")) if given.get("id") else None


def _run(ask: Ask, given: Given) -> WireRun:
    return ask.door.run_by_id(from_global(given.get("id") or given.get("runId"), "Run"))


def _names(given: Given) -> Sequence[str]:
    names = given.get("files") or ()
    if len(names) > _MOST_FILES:
        raise InputError(f"At most {_MOST_FILES} files a request, got {len(names)}.")
    return [str(name) for name in names]


MUTATIONS = {
    "upsert_model": upsert_model,
    "delete_model": delete_model,
    "upsert_bucket": upsert_bucket,
    "update_run_state": update_run_state,
    "rewind_run": rewind_run,
    "stop_run": stop_run,
    "delete_run": delete_run,
    "create_run_files": create_run_files,
    "mark_run_files_uploaded": mark_run_files_uploaded,
    "delete_files": delete_files,
    "notify_scriptable_run_alert": notify_scriptable_run_alert,
    "create_custom_chart": create_custom_chart,
}
