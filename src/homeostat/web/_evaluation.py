"""How good the model is: phases compared, calibration, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from homeostat.web._marks import reliability_marks
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import reports
from homeostat.web._reports import Calibration, Phase, Slice
from homeostat.web._scale import Scale

__all__ = ["evaluation"]

_BADNESS = {"fail": 0, "warn": 1, "unknown": 2, "ok": 3}


def evaluation(ask: Ask) -> View:
    """Show the latest phases, calibration and slices of a system."""
    phases, phases_ref = _rows(ask, "phases")
    slices, slices_ref = _rows(ask, "slices")
    slices = sorted(slices, key=lambda row: (_BADNESS[row.verdict], row.value or 0.0))  # type: ignore[attr-defined]
    curves = reports(ask.record, "calibration", ask.system, Calibration)
    calibration = curves[0][1] if curves else None
    data = {
        "phases": phases, "phases_ref": phases_ref, "slices": slices, "slices_ref": slices_ref,
        "calibration": calibration, "calibration_ref": curves[0][0].reference if curves else None,
    }  # fmt: skip
    drawing: dict[str, object] = {
        "phase_scale": _scale(phases, ("low", "high", "difference"), (0.0,)),
        "slice_scale": _scale(slices, ("low", "high", "value", "overall")),
    }
    tables = [_table("phases", Phase, phases), _table("slices", Slice, slices)]
    if calibration:
        bins = _bins(calibration)
        drawing |= {"calibration_chart": reliability_marks(calibration), "calibration_rows": bins}
        tables.append(Table("calibration", ("predicted", "observed", "low", "high", "count"), bins))
    return View("evaluation.html", "Evaluation", data, tables, drawing)


def _rows(ask: Ask, type_: str) -> tuple[list[object], str | None]:
    found = reports(ask.record, type_, ask.system, list)
    return (found[0][1], found[0][0].reference) if found else ([], None)


def _scale(rows: Sequence[object], names: Sequence[str], more: Sequence[float] = ()) -> Scale:
    return Scale.over([*more, *(getattr(row, name) for row in rows for name in names)])


def _table(name: str, kind: type[Phase | Slice], rows: Sequence[object]) -> Table:
    columns = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return Table(name, columns, [[getattr(row, c) for c in columns] for row in rows])


def _bins(calibration: Calibration) -> list[tuple[object, ...]]:
    columns: Mapping[str, Sequence[object]] = {
        name: getattr(calibration, name) for name in ("predicted", "observed", "low", "high", "count")
    }
    length = len(columns["predicted"])
    filled = [list(column) + [None] * (length - len(column)) for column in columns.values()]
    return list(zip(*filled, strict=False))
