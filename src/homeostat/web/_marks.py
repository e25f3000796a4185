"""The marks of charts that are drawn on the server as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from homeostat.web._reports import Calibration, Freshness
from homeostat.web._scale import Scale, ticks
from homeostat.web._words import brief, number, share

__all__ = ["freshness_marks", "reliability_marks"]

_Number = float | None


def freshness_marks(freshness: Freshness) -> dict[str, object]:
    """Return the marks of loss against the age of the model, in a box of 460 by 240.

    Where the study has paired differences they are drawn: they vary less than the losses.
    """
    paired = any(value is not None for value in freshness.difference)
    values, low, high = (
        (freshness.difference, freshness.difference_low, freshness.difference_high)
        if paired
        else (freshness.loss, freshness.low, freshness.high)
    )
    ages = freshness.ages_days
    y = Scale.over([0.0] * paired + [*values, *low, *high], 200.0, 12.0)
    x = Scale(0.0, max(ages, default=1.0), 48.0, 452.0)
    points = _points(ages, values)
    return {
        "title": "loss above the youngest model's" if paired else "loss",
        "zero": y(0.0) if paired else None,
        "line": _path((x(a), y(v)) for a, v in points),
        "dots": [
            {"x": x(a), "y": y(v), "text": f"{number(a)} days old: {number(v)}"} for a, v in points
        ],
        "band": _band(ages, low, high, x, y),
        "x_ticks": [{"at": x(v), "text": brief(v)} for v in ticks(0.0, x.high)],
        "y_ticks": [{"at": y(v), "text": brief(v)} for v in ticks(y.low, y.high, 5)],
    }


def reliability_marks(calibration: Calibration) -> dict[str, object]:
    """Return the marks of a reliability curve, in a box of 400 by 372.

    Both axes run from 0 to the next tenth above what is predicted or observed.
    """
    points = _points(calibration.predicted, calibration.observed)
    most = max((v for point in points for v in point), default=1.0)
    top = min(1.0, max(0.2, -(-most * 10 // 1) / 10))
    x, y = Scale(0.0, top, 40.0, 392.0), Scale(0.0, top, 320.0, 12.0)
    largest = max(calibration.count, default=0.0) or 1.0
    width = 0.8 * (x(top) - x(0.0)) / max(len(calibration.predicted), 12)
    heights = [48 * count / largest for count in calibration.count]
    return {
        "line": _path((x(p), y(o)) for p, o in points),
        "dots": [
            {"x": x(p), "y": y(o), "text": f"predicted {share(p)}, observed {share(o)}"}
            for p, o in points
        ],
        "band": _band(calibration.predicted, calibration.low, calibration.high, x, y),
        "diagonal": (x(0.0), y(0.0), x(top), y(top)),
        "counts": [
            {"x": round(x(p) - width / 2, 1), "y": round(320 - h, 1), "width": round(width, 1),
             "height": round(h, 1)}
            for p, h in zip(calibration.predicted, heights, strict=False)
        ],
        "ticks": [{"x": x(v), "y": y(v), "text": share(v)} for v in ticks(0.0, top, 5)],
    }  # fmt: skip


def _points(xs: Sequence[float], ys: Sequence[_Number]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(xs, ys, strict=False) if y is not None]


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _band(
    xs: Sequence[float], low: Sequence[_Number], high: Sequence[_Number], x: Scale, y: Scale
) -> str | None:
    """Return the outline between two lines; None where one of them is not known."""
    sides = [
        (x(at), y(a), y(b))
        for at, a, b in zip_longest(xs, low, high)
        if at is not None and a is not None and b is not None
    ]
    if len(sides) < 2:
        return None
    there = [(px, b) for px, _, b in sides]
    back = [(px, a) for px, a, _ in reversed(sides)]
    return _path(there + back) + "Z"
