"""The marks of charts over runs: a dot a run, or a line a run through its values."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from homeostat.web._columns import shown
from homeostat.web._scale import Scale, ticks
from homeostat.web._words import brief

__all__ = ["Values", "number_of", "parallel_marks", "scatter_marks"]

Values = Sequence[object]
_WIDTH, _HEIGHT = 560.0, 300.0
_MOST_CLASSES = 20


def number_of(value: object) -> float | None:
    """Return a value as a number that can be drawn; None where it is none.

    Example:
        >>> number_of(2), number_of("nan"), number_of(True), number_of(float("inf"))
        (2.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def scatter_marks(xs: Values, ys: Values) -> dict[str, object]:
    """Return the dots of runs whose two values are numbers, in a box of 560 by 300.

    An axis whose values are all above 0 and span more than two powers of ten is logarithmic.
    """
    x, x_ticks, x_log = _axis([number_of(v) for v in xs], 52.0, _WIDTH - 12)
    y, y_ticks, y_log = _axis([number_of(v) for v in ys], _HEIGHT - 34, 10.0)
    dots = []
    for place, (left, up) in enumerate(zip(xs, ys, strict=True)):
        a, b = number_of(left), number_of(up)
        if a is not None and b is not None:
            dots.append({"x": x(_up(a, log=x_log)), "y": y(_up(b, log=y_log)), "run": place})
    return {"dots": dots, "x_ticks": x_ticks, "y_ticks": y_ticks, "x_log": x_log, "y_log": y_log}


def _axis(
    values: Sequence[float | None], start: float, end: float
) -> tuple[Scale, list[dict[str, object]], bool]:
    known = [value for value in values if value is not None]
    log = bool(known) and min(known) > 0 and max(known) > 100 * min(known)
    drawn = [_up(value, log=log) for value in known]
    scale = Scale.over(drawn, start, end)
    found = ticks(scale.low, scale.high, 5)
    if log:
        found = [tick for tick in found if tick == round(tick)] or found
    texts = [brief(10**tick if log else tick, 3) for tick in found]
    marks = [{"at": scale(tick), "text": text} for tick, text in zip(found, texts, strict=True)]
    return scale, marks, log


def _up(value: float, *, log: bool) -> float:
    return math.log10(value) if log else value


def parallel_marks(columns: Sequence[tuple[str, Values]]) -> dict[str, object]:
    """Return a line for each run through its value in each column, in a box of 100 by 240.

    Texts stand in their order, at equal distances; a run that lacks a value has a gap there.
    """
    step = 100 / max(len(columns) - 1, 1)
    axes, places = [], []
    for i, (name, values) in enumerate(columns):
        heights, low, high = _heights(values)
        places.append(heights)
        axes.append({"x": round(i * step, 2), "name": name, "low": low, "high": high})
    count = len(columns[0][1]) if columns else 0
    lines = [
        _line([(axes[i]["x"], heights[run]) for i, heights in enumerate(places)])
        for run in range(count)
    ]
    return {"axes": axes, "lines": lines, "pad": round(step / 2, 2)}


def _heights(values: Values) -> tuple[list[float | None], str, str]:
    """Return where each value stands on its axis, and the words at its two ends."""
    known = [value for value in values if value is not None]
    numbers = [number_of(value) for value in values]
    if known and all(number_of(value) is not None for value in known):
        scale, _, log = _axis(numbers, 230.0, 10.0)
        drawn = [None if n is None else scale(_up(n, log=log)) for n in numbers]
        real = [n for n in numbers if n is not None]
        return drawn, brief(min(real), 3), brief(max(real), 3)
    texts = sorted({json.dumps(value) for value in known})[:_MOST_CLASSES]
    scale = Scale(-0.5, len(texts) - 0.5, 230.0, 10.0)
    order = {text: scale(i) for i, text in enumerate(texts)}
    heights = [None if v is None else order.get(json.dumps(v)) for v in values]
    ends = [shown(json.loads(text)).text for text in (texts[:1] + texts[-1:])] or ["", ""]
    return heights, ends[0], ends[-1]


def _line(points: Sequence[tuple[object, float | None]]) -> str:
    path, drawing = "", False
    for x, y in points:
        if y is not None:
            path += f"{'L' if drawing else 'M'}{x} {y}"
        drawing = y is not None
    return path
