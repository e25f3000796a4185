"""Plots as SVG text: horizontal bars, a waterfall, a swarm, a curve, a table of shades."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from homeostat.stats import Floats

__all__ = ["bars", "curve", "shades", "swarm", "waterfall"]

_UP, _DOWN, _INK, _DIM, _GRID = "#d1495b", "#2e75b6", "#1f2933", "#616e7c", "#e4e7eb"
_WIDTH, _ROW, _TOP, _RIGHT = 760, 26, 54, 90
_MOST_POINTS = 400  # of a swarm's line


def _text(x: float, y: float, words: str, *, at: str = "start", fill: str = _INK, size: int = 13,
          weight: int = 400) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{at}" fill="{fill}" font-size="{size}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, fill: str, tip: str = "") -> str:
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" '
        f'rx="2" fill="{fill}">{title}</rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str = _GRID, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashes}/>'
    )


def _page(title: str, height: float, parts: Iterable[str], width: int = _WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
        f'width="{width}" height="{height:.0f}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif">'
        f'<rect width="{width}" height="{height:.0f}" fill="#fff"/>'
        + _text(16, 26, title, size=16, weight=600)
        + "".join(parts)
        + "</svg>"
    )


def _left(labels: Iterable[str]) -> float:
    """Return where the plot begins, right of its labels."""
    return 24 + 7.2 * min(max((len(label) for label in labels), default=0), 40)


def _short(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:39]}…"


def number(value: float) -> str:
    """Write a number with three digits and its sign."""
    return f"{value:+.3g}"


def _ticks(low: float, high: float) -> list[float]:
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(m * power for m in (1, 2, 5, 10) if span / (m * power) <= 5.001)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


class _Axis:
    """From values to places, with a margin of 4 % on both sides."""

    def __init__(self, values: Iterable[float], left: float, right: float) -> None:
        known = [v for v in values if math.isfinite(v)] or [0.0]
        low, high = min(known), max(known)
        margin = 0.04 * (high - low) or 0.5
        self.low, self.high = low - margin, high + margin
        self.left, self.right = left, right

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)

    def drawn(self, top: float, bottom: float) -> list[str]:
        parts = []
        for tick in _ticks(self.low, self.high):
            parts.append(_line(self(tick), top, self(tick), bottom))
            parts.append(
                _text(self(tick), bottom + 16, f"{tick:.4g}", at="middle", fill=_DIM, size=11)
            )
        return parts


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    spans: Sequence[tuple[float, float] | None] | None = None,
) -> str:
    """Draw one horizontal bar a label, with intervals as whiskers."""
    ends = [end for span in spans or [] if span for end in span]
    left, bottom = _left(labels), _TOP + _ROW * len(labels)
    axis = _Axis([0.0, *values, *ends], left, _WIDTH - _RIGHT)
    parts = axis.drawn(_TOP - 6, bottom)
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = _TOP + i * _ROW
        start, end = sorted((axis(0), axis(value)))
        parts.append(_text(left - 10, y + 16, _short(label), at="end"))
        parts.append(_rect(start, y + 3, end - start, _ROW - 8, _DOWN, f"{label}: {value:.4g}"))
        span = spans[i] if spans else None
        reach = max(end, axis(span[1])) if span else end
        if span:
            parts.append(_line(axis(span[0]), y + 12, axis(span[1]), y + 12, _INK))
        parts.append(_text(reach + 6, y + 16, f"{value:.3g}", fill=_DIM, size=12))
    return _page(title, bottom + 30, parts)


def waterfall(
    labels: Sequence[str], steps: Sequence[float], base: float, *, title: str, unit: str
) -> str:
    """Draw how a prediction comes about: from the base, one step a feature, the largest first."""
    last = f"this prediction ({unit})"
    left, bottom = _left([*labels, last + "    "]), _TOP + _ROW * (len(labels) + 2)
    ends = [base + sum(steps[:i]) for i in range(len(steps) + 1)]
    axis = _Axis(ends, left, _WIDTH - _RIGHT)
    parts = [*axis.drawn(_TOP - 6, bottom)]
    parts.append(_text(left - 10, _TOP + 16, "on average", at="end", fill=_DIM))
    parts.append(_text(axis(base) + 6, _TOP + 16, f"{base:.4g}", fill=_DIM, size=12))
    parts.append(_line(axis(base), _TOP + 2, axis(base), _TOP + _ROW, _DIM, "3 3"))
    for i, (label, step) in enumerate(zip(labels, steps, strict=True)):
        y, (start, end) = _TOP + (i + 1) * _ROW, sorted((axis(ends[i]), axis(ends[i + 1])))
        fill = _UP if step > 0 else _DOWN
        parts.append(_text(left - 10, y + 16, _short(label), at="end"))
        parts.append(_rect(start, y + 3, end - start, _ROW - 8, fill, f"{label}: {number(step)}"))
        parts.append(_text(end + 6, y + 16, number(step), fill=fill, size=12, weight=600))
        parts.append(_line(axis(ends[i + 1]), y + 3, axis(ends[i + 1]), y + _ROW + 6, _DIM, "3 3"))
    y = _TOP + (len(labels) + 1) * _ROW
    parts.append(_text(left - 10, y + 16, last, at="end", weight=600))
    parts.append(_text(axis(ends[-1]) + 6, y + 16, f"{ends[-1]:.4g}", weight=600))
    return _page(title, bottom + 30, parts)


def swarm(labels: Sequence[str], values: Floats, data: Floats, *, title: str, unit: str) -> str:
    """Draw each row's values (n, labels) as points, coloured by the feature's value, low to high.

    At most 400 rows, evenly spaced, are drawn; missing values are grey.
    """
    rows = np.unique(np.linspace(0, max(len(values) - 1, 0), _MOST_POINTS).astype(int))
    values, data = values[rows[: len(values)]], data[rows[: len(values)]]
    line = 34
    left, bottom = _left(labels), _TOP + line * len(labels)
    axis = _Axis([0.0, *values.ravel().tolist()], left, _WIDTH - 40)
    parts = [*axis.drawn(_TOP - 6, bottom), _line(axis(0), _TOP - 6, axis(0), bottom, _DIM)]
    for i, label in enumerate(labels):
        middle = _TOP + line * (i + 0.5)
        parts.append(_text(left - 10, middle + 4, _short(label), at="end"))
        places = [axis(value) for value in values[:, i]]
        offsets = _spread(np.array(places), line / 2 - 4)
        for x, offset, colour in zip(places, offsets, _colours(data[:, i]), strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{middle + offset:.1f}" r="2.4" fill="{colour}"/>'
            )
    legend = f"{unit}; blue: low value of the feature, red: high, grey: missing"
    parts.append(
        _text((left + _WIDTH - 40) / 2, bottom + 36, legend, at="middle", fill=_DIM, size=11)
    )
    return _page(title, bottom + 48, parts)


def _spread(places: Floats, reach: float) -> Floats:
    """Lay points that would cover each other above and below the line, by turns."""
    bins = np.floor(places / 4).astype(int)
    order = np.argsort(bins, kind="stable")
    nth = np.empty(len(bins), dtype=int)
    firsts = np.searchsorted(bins[order], bins[order])
    nth[order] = np.arange(len(bins)) - firsts
    offset = np.where(nth % 2, 1, -1) * ((nth + 1) // 2)
    most = max(int(np.abs(offset).max(initial=0)), 1)
    return np.asarray(offset * min(2.6, reach / most))


def _colours(data: Floats) -> list[str]:
    known = np.isfinite(data)
    ranks = np.full(len(data), np.nan)
    distinct, code = np.unique(data[known], return_inverse=True)
    ranks[known] = code / max(len(distinct) - 1, 1)
    low, high = np.array([46, 117, 182]), np.array([209, 73, 91])
    return [
        "#9aa5b1" if math.isnan(rank) else "#{:02x}{:02x}{:02x}".format(
            *(low + rank * (high - low)).astype(int).tolist()
        )
        for rank in ranks.tolist()
    ]  # fmt: skip


def curve(shares: Sequence[float], *, title: str, marks: Sequence[tuple[int, str]]) -> str:
    """Draw the share of the first k features together, with marks at some k."""
    left, right, bottom = 60.0, _WIDTH - 40.0, 340.0
    count = len(shares)

    def x(k: int) -> float:
        return left + (right - left) * k / max(count, 1)

    def y(share: float) -> float:
        return bottom - (bottom - _TOP) * share

    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line(left, y(tick), right, y(tick)))
        parts.append(_text(left - 8, y(tick) + 4, f"{tick:.0%}", at="end", fill=_DIM, size=11))
    points = " ".join(f"{x(k):.1f},{y(share):.1f}" for k, share in enumerate([0.0, *shares]))
    parts.append(f'<polyline points="{points}" fill="none" stroke="{_DOWN}" stroke-width="2.5"/>')
    for k, words in marks:
        share = shares[k - 1]
        end = "end" if k > count / 2 else "start"
        parts.append(f'<circle cx="{x(k):.1f}" cy="{y(share):.1f}" r="4.5" fill="{_UP}"/>')
        parts.append(_text(x(k) + (-10 if end == "end" else 10), y(share) + 18, words, at=end))
    parts.append(_text((left + right) / 2, bottom + 30, "features, the most important first",
                       at="middle", fill=_DIM, size=12))  # fmt: skip
    return _page(title, bottom + 46, parts)


def shades(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Floats,
    words: Sequence[Sequence[str]],
    notes: Sequence[str],
    *,
    title: str,
) -> str:
    """Draw a table whose cells (rows, columns), in [0, 1] or NaN, are shaded, with a note a row."""
    left, wide, line = _left(rows), 92, 28
    width = int(left + wide * len(columns) + 24 + 7 * max((len(n) for n in notes), default=0))
    top = _TOP + 22
    parts = [
        _text(left + wide * (j + 0.5), top - 8, name, at="middle", fill=_DIM, size=12)
        for j, name in enumerate(columns)
    ]
    for i, row in enumerate(rows):
        y = top + i * line
        parts.append(_text(left - 10, y + 18, _short(row), at="end"))
        for j in range(len(columns)):
            share = float(cells[i, j])
            known = math.isfinite(share)
            tone = 1 - 0.85 * min(max(share, 0), 1) ** 0.6 if known else 1.0
            channels = [round(46 + 209 * tone), round(117 + 138 * tone), round(182 + 73 * tone)]
            fill = "#{:02x}{:02x}{:02x}".format(*channels) if known else "#f5f7fa"
            parts.append(_rect(left + wide * j + 2, y + 2, wide - 4, line - 4, fill, words[i][j]))
            ink = "#fff" if tone < 0.5 else _INK
            parts.append(
                _text(left + wide * (j + 0.5), y + 18, words[i][j], at="middle", fill=ink, size=12)
            )
        parts.append(_text(left + wide * len(columns) + 12, y + 18, notes[i], fill=_UP, size=12))
    return _page(title, top + line * len(rows) + 14, parts, max(width, 420))
