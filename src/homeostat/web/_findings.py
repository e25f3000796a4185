"""The list of findings, and the page of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from homeostat.core import NotFoundError
from homeostat.web._lists import cut, filters
from homeostat.web._page import Ask, Table, View, missing
from homeostat.web._read import found_rows, run_rows
from homeostat.web._words import brief

__all__ = ["finding", "findings"]

_KEPT = ("system", "run", "kind", "subject")
_NUMBERS = ("statistic", "threshold", "p_value", "effect")
_MOST_ROWS = 50
_MOST_BARS = 40


def findings(ask: Ask) -> View:
    """List the findings, the latest first, filtered as the address says."""
    everything = ask.record.findings(run=ask.get("run"), system=ask.get("system")).reverse()
    if kind := ask.get("kind"):
        ids = ask.record.runs(kind=kind)["id"].to_list()
        everything = everything.filter(pl.col("run").is_in(ids))
    if subject := ask.get("subject"):
        everything = everything.filter(pl.col("subject") == subject)
    check = ask.get("check")
    if check and check.endswith("*"):
        everything = everything.filter(pl.col("check").str.starts_with(check[:-1]))
        chosen, fields = filters(ask, everything, ("verdict",))
    else:
        chosen, fields = filters(ask, everything, ("verdict", "check"))
    shown, pager = cut(ask, chosen)
    data = {"total": len(chosen), "findings": found_rows(shown)}
    kept = [(name, value) for name in _KEPT if (value := ask.get(name))]
    kept += [("check", check)] if check and check.endswith("*") else []
    drawing = {
        "fields": fields, "kept": kept, "pager": pager,
        "filtered": bool(kept) or any(field["value"] for field in fields),
    }  # fmt: skip
    table = Table("findings", chosen.columns, chosen.iter_rows())
    return View("findings.html", "Findings", data, [table], drawing)


def finding(ask: Ask) -> View:
    """Show one finding with its evidence."""
    id_ = ask.names["finding"]
    frame = _one(ask, id_)
    if frame.is_empty():
        return missing("finding", id_, (), ask.link.finding)
    found = found_rows(frame)[0]
    evidence = json.loads(frame["evidence"][0])
    runs = run_rows(ask.record.runs().filter(pl.col("id") == found.run))
    data = {"finding": found, "evidence": evidence}
    numbers = [(name, getattr(found, name)) for name in _NUMBERS]
    items = _items(evidence)
    drawing = {
        "items": items,
        "numbers": [(name, value) for name, value in numbers if value is not None],
        "run_label": runs[0].label if runs else found.run,
    }
    table = Table("finding", frame.columns, frame.iter_rows())
    return View("finding.html", f"{found.check} on {found.subject}", data, [table], drawing)


def _one(ask: Ask, id_: str) -> pl.DataFrame:
    """Return a frame of the one finding of an id, or an empty one."""
    try:
        run = ask.record.lineage(id_).root
    except NotFoundError:
        run = ""
    return ask.record.findings(run=run).filter(pl.col("id") == id_)


def _items(evidence: Mapping[str, object]) -> list[dict[str, object]]:
    """Return each piece of evidence as what reads best: a table, bars, a list or a text."""
    return [{"name": name, **_item(value)} for name, value in evidence.items()]


def _item(value: object) -> dict[str, object]:
    if isinstance(value, Mapping) and value:
        return _bars(value) or _table([value])
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(row, Mapping) for row in value):
            return _table(value)
        shown = [v if isinstance(v, str) else json.dumps(v) for v in value[:_MOST_ROWS]]
        return {"kind": "list", "rows": shown, "more": max(0, len(value) - _MOST_ROWS)}
    if _is_number(value) and value is not None:
        return {"kind": "text", "text": brief(value)}
    return {"kind": "text", "text": value if isinstance(value, str) else json.dumps(value)}


def _table(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return a list of objects as a table of their keys."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(key)) for key in columns] for row in rows[:_MOST_ROWS]]
    numeric = [all(_is_number(row.get(key)) for row in rows) for key in columns]
    more = max(0, len(rows) - _MOST_ROWS)
    return {"kind": "table", "columns": columns, "rows": cells, "numeric": numeric, "more": more}


def _cell(value: object) -> object:
    plain = value is None or isinstance(value, (str, int, float))
    return value if plain else json.dumps(value, ensure_ascii=False)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _bars(counts: Mapping[str, object]) -> dict[str, object] | None:
    """Return named amounts as bars; None where they are not all amounts."""
    amounts = [value for value in counts.values() if _is_number(value) and value is not None]
    if len(amounts) != len(counts) or len(counts) > _MOST_BARS or min(amounts) < 0:  # type: ignore[type-var, operator]
        return None
    most = max(amounts) or 1  # type: ignore[type-var]
    rows = [(name, value, value / most) for name, value in counts.items()]  # type: ignore[operator]
    return {"kind": "bars", "rows": rows}
