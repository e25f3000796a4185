"""The list of runs, and the page of one."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from homeostat.core import NotFoundError, Verdict, worst
from homeostat.record import RunInfo
from homeostat.web._links import query
from homeostat.web._lists import Sorting, cut, filters
from homeostat.web._page import Ask, Table, View, missing
from homeostat.web._read import events_of, found_rows, run_rows
from homeostat.web._words import instant, number, title

__all__ = ["flat", "run", "runs"]

_SORTED_BY = ("name", "kind", "system", "status", "started", "seconds")
_MOST = 12
_MOST_EVENTS = 200
_BADNESS = ("fail", "unknown", "warn", "ok")


def runs(ask: Ask) -> View:
    """List the runs, filtered and sorted as the address says."""
    took = (pl.col("finished") - pl.col("started")).dt.total_microseconds() / 1e6
    everything = ask.record.runs().with_columns(took.alias("seconds"))
    chosen, fields = filters(ask, everything, ("kind", "system", "status"))
    sorting = Sorting.of(ask, _SORTED_BY)
    chosen = sorting.applied(chosen)
    shown, pager = cut(ask, chosen)
    names = ("id", "kind", "name", "system", "status", "started", "finished", "parent", "seconds")
    data = {"total": len(chosen), "runs": run_rows(shown)}
    drawing = {
        "fields": fields, "sorting": sorting, "pager": pager,
        "filtered": any(field["value"] for field in fields),
    }  # fmt: skip
    table = Table("runs", names, chosen.select(names).iter_rows())
    return View("runs.html", "Runs", data, [table], drawing)


def run(ask: Ask) -> View:
    """Show one run."""
    try:
        info = ask.record.run(ask.names["run"])
    except NotFoundError:
        known = ask.record.runs()["id"].to_list()
        return missing("run", ask.names["run"], known, ask.link.run)
    metrics = ask.record.metrics(info.id)
    events = ask.record.events(run=info.id)
    found = ask.record.findings(run=info.id)
    rank = pl.col("verdict").replace_strict(dict(zip(_BADNESS, range(4), strict=True)))
    findings = found_rows(found.sort(rank, maintain_order=True).head(_MOST))
    children = run_rows(ask.record.runs(parent=info.id).reverse())
    data = {
        "run": _plain(info),
        "metrics": _summaries(ask, info.id, metrics),
        "findings": findings,
        "findings_total": len(found),
        "events": events_of(events.tail(_MOST_EVENTS)),
        "events_total": len(events),
        "children": children,
        "used": [_reference(ask, reference) for reference in info.used],
        "made": [_reference(ask, reference) for reference in info.made],
        "config": flat(info.config),
        **_captured(info),
    }
    tables = [
        Table("metrics", metrics.columns, metrics.iter_rows()),
        Table("findings", found.columns, found.iter_rows()),
        Table("events", events.columns, events.iter_rows()),
    ]
    start = instant(info.config.get("start"))
    drawing = {
        "csv": f"{ask.path}.csv",
        "events_csv": f"{ask.path}.csv?table=events",
        "parent_name": _name(ask, info.parent),
        "run_start": start.isoformat() if start else None,
        "verdict_of": _worst(found),
    }
    return View("run.html", info.name or info.kind, data, tables, drawing)


def flat(config: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as rows of a dotted key and a text.

    Example:
        >>> flat({"rate": 0.1, "split": {"gap": "1d", "parts": [1, 2]}})
        [('rate', '0.1'), ('split.gap', '1d'), ('split.parts', '[1, 2]')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append((f"{prefix}{key}", text))
    return rows


def _plain(info: RunInfo) -> dict[str, object]:
    end = info.finished
    return {
        "id": info.id, "kind": info.kind, "name": info.name, "system": info.system,
        "status": info.status, "error": info.error, "parent": info.parent,
        "started": info.started, "finished": end,
        "seconds": (end - info.started).total_seconds() if end else None,
    }  # fmt: skip


def _summaries(ask: Ask, run_id: str, metrics: pl.DataFrame) -> list[dict[str, object]]:
    """Return, for each metric, its last, lowest and highest value and where its points are."""
    value = pl.col("value")
    known = value.filter(value.is_finite())
    frame = metrics.group_by("name", maintain_order=True).agg(
        value.last().alias("last"), known.min().alias("min"), known.max().alias("max"),
        pl.len().alias("n"),
    )  # fmt: skip
    base = f"{ask.link.run(run_id)}/series"
    return [
        {
            **row,
            "src": query(base, name=row["name"]),
            "csv": query(base, name=row["name"], form="csv"),
            "words": f"{title(row['name'])}: {row['n']} values from {number(row['min'])} to "
            f"{number(row['max'])}, the last {number(row['last'])}",
        }
        for row in frame.iter_rows(named=True)
    ]


def _reference(ask: Ask, reference: str) -> dict[str, str]:
    return {"ref": reference, "type": ask.record.artifact(reference).type}


def _name(ask: Ask, run_id: str | None) -> str:
    if run_id is None:
        return ""
    try:
        parent = ask.record.run(run_id)
    except NotFoundError:
        return run_id
    return f"{parent.kind} {parent.name}".strip()


def _worst(found: pl.DataFrame) -> Verdict:
    """Return the worst verdict; of none, unknown."""
    present = set(found["verdict"].to_list())
    return next((Verdict(verdict) for verdict in _BADNESS if verdict in present), worst([]))


def _captured(info: RunInfo) -> dict[str, object]:
    """Return the captured code and environment as rows."""
    code, environment = [], []
    if info.command:
        code.append(("command", " ".join(info.command)))
    if info.code is not None:
        state = "with uncommitted changes" if info.code.dirty else "clean"
        if info.code.commit:
            code += [
                ("commit", f"{info.code.commit} ({state})"),
                ("branch", info.code.branch or "detached"),
            ]
        if info.code.note:
            code.append(("note", info.code.note))
    if info.environment is not None:
        about = info.environment
        environment = [
            ("python", about.python), ("platform", about.platform), ("host", about.host),
            ("processors", f"{about.usable_cpus} of {about.cpus}"),
            *about.variables.items(),
        ]  # fmt: skip
    packages = info.environment.packages if info.environment else {}
    return {
        "code": code,
        "environment": environment,
        "patch": info.code.patch if info.code else "",
        "packages": [f"{name}=={version}" for name, version in packages.items()],
    }
