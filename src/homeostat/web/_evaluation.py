"""How good the model is: phases compared, calibration, slices."""

from __future__ import annotations

from dataclasses import fields

from homeostat.web._marks import reliability_marks
from homeostat.web._page import Ask, Table, View
from homeostat.web._read import reports
from homeostat.web._reports import Calibration, Phase, Slice
from homeostat.web._scale import Scale

__all__ = ["evaluation"]

_BADNESS = {"fail": 0, "warn": 1, "unknown": 2, "ok": 3}
_BINS = ("predicted", "observed", "low", "high", "count")


def evaluation(ask: Ask) -> View:
    """Show the latest phases, calibration and slices of a system."""
    all_phases = reports(ask.record, "phases", ask.system, list[Phase])
    all_slices = reports(ask.record, "slices", ask.system, list[Slice])
    curves = reports(ask.record, "calibration", ask.system, Calibration)
    phases = all_phases[0][1] if all_phases else []
    slices = all_slices[0][1] if all_slices else []
    slices = sorted(slices, key=lambda row: (_BADNESS[row.verdict], row.value or 0.0))
    data = {
        "phases": phases,
        "phases_ref": all_phases[0][0].reference if all_phases else None,
        "slices": slices,
        "slices_ref": all_slices[0][0].reference if all_slices else None,
        "calibration": curves[0][1] if curves else None,
        "calibration_ref": curves[0][0].reference if curves else None,
    }
    tables = [
        _table("phases", Phase, phases),
        _table("slices", Slice, slices),
    ]
    drawing: dict[str, object] = {
        "phase_scale": Scale.over(
            [0.0, *(v for r in phases for v in (r.low, r.high, r.difference))]
        ),
        "slice_scale": Scale.over(v for r in slices for v in (r.low, r.high, r.value, r.overall)),
    }
    if curves:
        bins = _bins(curves[0][1])
        drawing |= {"calibration_chart": reliability_marks(curves[0][1]), "calibration_rows": bins}
        tables.append(Table("calibration", _BINS, bins))
    return View("evaluation.html", "Evaluation", data, tables, drawing)


def _table(name: str, kind: type[Phase | Slice], rows: list[Phase] | list[Slice]) -> Table:
    columns = [field.name for field in fields(kind)]
    return Table(name, columns, [[getattr(row, column) for column in columns] for row in rows])


def _bins(calibration: Calibration) -> list[tuple[object, ...]]:
    """Return the bins as rows; None where a column is shorter."""
    length = len(calibration.predicted)
    columns = [list(getattr(calibration, name))[:length] for name in _BINS]
    return list(zip(*(column + [None] * (length - len(column)) for column in columns), strict=True))
