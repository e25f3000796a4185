"""Reliability curves as SVG text, in the colours of the reader's theme."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from homeostat.stats import Reliability

__all__ = ["BAND", "COLOURS", "DIM", "GRID", "curves_svg", "framed", "legend", "mark", "words"]

COLOURS = (
    "light-dark(#2e75b6, #7db4e8)",
    "light-dark(#c2410c, #fb9a5b)",
    "light-dark(#2f7d4f, #74c793)",
    "light-dark(#7a4fb5, #b99af0)",
)
_INK = "light-dark(#1f2933, #e4e7eb)"
DIM = "light-dark(#52606d, #9aa5b1)"
GRID = "light-dark(#e4e7eb, #323f4b)"
BAND = "light-dark(#cbd2d9, #3e4c59)"
_PAPER = "light-dark(#ffffff, #17202a)"
_LEFT, _TOP, _SIDE, _RIGHT = 64, 48, 340, 24
_HISTOGRAM = 64


def words(x: float, y: float, text: str, *, at: str = "start", fill: str = DIM, size: int = 12,
          more: str = "") -> str:  # fmt: skip
    """Return a text element."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{at}" font-size="{size}" '
        f'style="fill:{fill}"{more}>{escape(text)}</text>'
    )


def mark(points: list[tuple[float, float]], colour: str, tips: list[str]) -> str:
    """Return a line through points, and a dot with a tip at each."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" style="fill:{colour}">'
        f"<title>{escape(tip)}</title></circle>"
        for (x, y), tip in zip(points, tips, strict=True)
    )
    return f'<polyline points="{path}" style="fill:none;stroke:{colour};stroke-width:2"/>{dots}'


def framed(title: str, width: float, height: float, parts: list[str]) -> str:
    """Return the whole image; alone it follows the system's theme, in a page the page's."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif"><style>svg:root{color-scheme:light dark}</style>'
        f'<rect width="{width:.0f}" height="{height:.0f}" style="fill:{_PAPER}"/>'
        + words(16, 28, title, fill=_INK, size=16, more=' font-weight="600"')
        + "".join(parts)
        + "</svg>"
    )


def legend(names: list[str], x: float, y: float) -> list[str]:
    """Return names with their colours, one below the other."""
    parts = []
    for i, name in enumerate(names):
        colour = COLOURS[i % len(COLOURS)]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y + 20 * i - 4:.1f}" r="5" style="fill:{colour}"/>'
        )
        parts.append(words(x + 12, y + 20 * i, name, fill=_INK, size=13))
    return parts


def _x(value: float) -> float:
    return _LEFT + _SIDE * value


def _y(value: float) -> float:
    return _TOP + _SIDE * (1 - value)


def curves_svg(curves: Mapping[str, Reliability], *, title: str) -> str:
    """Draw reliability curves over the band of the last, with how many rows each bin has."""
    names = list(curves)
    longest = max(map(len, [*names, "where a calibrated one lies"]))
    width = _LEFT + _SIDE + _RIGHT + 16 + 7.4 * longest
    bottom = _TOP + _SIDE
    last = curves[names[-1]]
    parts = [*_axes(), _band(last), _diagonal()]
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        points = [(_x(p), _y(o)) for p, o in zip(curve.predicted, curve.observed, strict=True)]
        parts.append(_whiskers(curve, colour))
        parts.append(mark(points, colour, _tips(name, curve)))
    parts += _counts(curves, bottom + 44)
    parts.append(words(_x(0.5), bottom + 48 + _HISTOGRAM, "predicted probability", at="middle"))
    turned = f' transform="rotate(-90 16 {_y(0.5):.0f})"'
    parts.append(words(16, _y(0.5), "share that came true", at="middle", more=turned))
    side = _LEFT + _SIDE + _RIGHT
    parts += legend(names, side, _TOP + 16)
    y = _TOP + 16 + 20 * len(names)
    parts.append(f'<rect x="{side - 6}" y="{y - 10}" width="12" height="10" style="fill:{BAND}"/>')
    parts.append(words(side + 12, y, "where a calibrated one lies"))
    return framed(title, width, bottom + 62 + _HISTOGRAM, parts)


def _axes() -> list[str]:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        across, up = f"M{_x(0)} {_y(tick)}H{_x(1)}", f"M{_x(tick)} {_y(0)}V{_y(1)}"
        parts.append(f'<path d="{across}{up}" style="stroke:{GRID}"/>')
        parts.append(words(_x(0) - 8, _y(tick) + 4, f"{tick:.0%}", at="end", size=11))
        parts.append(words(_x(tick), _y(0) + 16, f"{tick:.0%}", at="middle", size=11))
    return parts


def _band(curve: Reliability) -> str:
    up = [(p, high) for p, high in zip(curve.predicted, curve.band_high, strict=True)]
    down = [(p, low) for p, low in zip(curve.predicted, curve.band_low, strict=True)]
    ring = " ".join(f"{_x(p):.1f},{_y(end):.1f}" for p, end in [*up, *reversed(down)])
    return f'<polygon points="{ring}" style="fill:{BAND};stroke:{BAND};stroke-width:2"/>'


def _diagonal() -> str:
    return (
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" '
        f'style="stroke:{DIM};stroke-dasharray:4 4"/>'
    )


def _whiskers(curve: Reliability, colour: str) -> str:
    ends = zip(curve.predicted, curve.low, curve.high, strict=True)
    return "".join(
        f'<line x1="{_x(p):.1f}" x2="{_x(p):.1f}" y1="{_y(low):.1f}" y2="{_y(high):.1f}" '
        f'style="stroke:{colour};stroke-opacity:.55"/>'
        for p, low, high in ends
    )


def _tips(name: str, curve: Reliability) -> list[str]:
    rows = zip(curve.predicted, curve.observed, curve.low, curve.high, curve.count, strict=True)
    return [
        f"{name}: predicted {p:.3f}, came true {o:.3f} [{low:.3f}, {high:.3f}], {n:,} rows"
        for p, o, low, high, n in rows
    ]


def _counts(curves: Mapping[str, Reliability], top: float) -> list[str]:
    """Draw how many rows stand behind each point, as bars below the curve."""
    most = max(max(curve.count) for curve in curves.values())
    wide, parts = 12 / len(curves), []
    for i, (name, curve) in enumerate(curves.items()):
        for p, n in zip(curve.predicted, curve.count, strict=True):
            tall = max(_HISTOGRAM * n / most, 0.5)
            x = _x(p) - 6 + i * wide
            parts.append(
                f'<rect x="{x:.1f}" y="{top - 16 + _HISTOGRAM - tall:.1f}" width="{wide:.1f}" '
                f'height="{tall:.1f}" style="fill:{COLOURS[i % len(COLOURS)]};fill-opacity:.7">'
                f"<title>{escape(name)}: {n:,} rows</title></rect>"
            )
    parts.append(words(_x(0) - 8, top - 4, f"{most:,}", at="end", size=11))
    parts.append(words(_x(0) - 8, top + 10, "rows", at="end", size=11))
    return parts
