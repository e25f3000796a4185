"""The small drawings of a profile page: SVG without styles of its own, which any policy allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from homeostat.data._profile_histogram import Histogram

__all__ = ["bar", "composition", "drift", "heat_level", "labelled", "spark", "stacked"]

_LEVELS = 8


def spark(drawn: Histogram | None, label: str, *others: Histogram | None, height: int = 28) -> str:
    """Draw a histogram as one path; others, in the same bins, as outlines upon it."""
    held = [one for one in (drawn, *others) if one is not None]
    if not held:
        return ""
    top = max(float(one.shares.max(initial=0.0)) for one in held) or 1.0
    paths = []
    for i, one in enumerate((drawn, *others)):
        if one is not None:
            paths.append(f'<path class="s{i}" d="{_bars(one, top, height)}"/>')
    return (
        f'<svg class="spark" viewBox="0 0 120 {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{"".join(paths)}</svg>'
    )


def _bars(drawn: Histogram, top: float, height: int) -> str:
    k = max(len(drawn.shares), 1)
    step = 120 / k
    gap = 0.2 * step if drawn.single else 0.0
    tall = height - 1
    parts = []
    for i, share in enumerate(drawn.shares.tolist()):
        if share > 0:
            up = max(0.6, tall * share / top)
            parts.append(f"M{i * step + gap / 2:.1f} {height}v{-up:.1f}h{step - gap:.1f}v{up:.1f}z")
    return "".join(parts)


def labelled(drawn: Histogram, words: Sequence[str], low: str, high: str) -> str:
    """Draw a histogram large, each bar with its words, and the ends of its range below."""
    k, height = max(len(drawn.shares), 1), 110
    top = float(drawn.shares.max(initial=0.0)) or 1.0
    step = 360 / k
    gap = min(1.0, 0.15 * step) if not drawn.single else 0.2 * step
    bars = []
    for i, (share, said) in enumerate(zip(drawn.shares.tolist(), words, strict=True)):
        up = max(0.8, (height - 2) * share / top) if share > 0 else 0.0
        bars.append(
            f'<g><title>{escape(said)}</title><rect class="hit" x="{i * step:.1f}" y="0" '
            f'width="{step:.1f}" height="{height}"/><rect class="s0" x="{i * step + gap / 2:.1f}" '
            f'y="{height - up:.1f}" width="{max(step - gap, 0.5):.1f}" height="{up:.1f}"/></g>'
        )
    return (
        f'<figure class="hist"><svg viewBox="0 0 360 {height}" preserveAspectRatio="none" '
        f'role="img" aria-label="Histogram from {escape(low)} to {escape(high)}">{"".join(bars)}'
        f'<path class="axis" d="M0 {height}H360"/></svg>'
        f"<figcaption><span>{escape(low)}</span><span>{escape(high)}</span></figcaption></figure>"
    )


def composition(shares: Iterable[tuple[str, float]], label: str) -> str:
    """Draw the shares of the most frequent values as segments of one bar."""
    return _svg(_segments(shares, 8, 12), label)


def stacked(rows: Iterable[Iterable[tuple[str, float]]], label: str) -> str:
    """Draw the shares of the same values in two samples, one bar below the other."""
    bars = [_segments(row, 3 + 12 * i, 10) for i, row in enumerate(rows)]
    return _svg(f'{bars[0]}<g class="q">{"".join(bars[1:])}</g>', label)


def drift(drawn: Sequence[Histogram | None], label: str) -> str:
    """Draw histograms in the same bins as columns of one picture, darker where more lies."""
    known = [one for one in drawn if one is not None]
    bins = max((len(one.shares) for one in known), default=0)
    top = max((float(one.shares.max(initial=0.0)) for one in known), default=0.0)
    if not bins or not top:
        return ""
    wide, tall = 600 / len(drawn), 150 / bins
    paths: dict[int, list[str]] = {}
    for i, one in enumerate(drawn):
        shares = [] if one is None else one.shares.tolist()
        for j, share in enumerate(shares):
            if share > 0:
                shade = min(_LEVELS, 1 + int(_LEVELS * share / top))
                at = (
                    f"M{i * wide:.1f} {150 - (j + 1) * tall:.1f}h{wide:.1f}v{tall:.1f}h{-wide:.1f}z"
                )
                paths.setdefault(shade, []).append(at)
    marks = "".join(f'<path class="f{k}" d="{"".join(ds)}"/>' for k, ds in sorted(paths.items()))
    return (
        '<svg class="drift" viewBox="0 0 600 150" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{marks}</svg>'
    )


def _segments(shares: Iterable[tuple[str, float]], y: int, tall: int) -> str:
    at, parts = 0.0, [f'<rect class="sunk" x="0" y="{y}" width="120" height="{tall}"/>']
    for i, (said, share) in enumerate(shares):
        wide = 120 * min(share, 1.0)
        if wide >= 0.4:
            parts.append(
                f'<rect class="g{min(i, 5)}" x="{at:.1f}" y="{y}" '
                f'width="{max(wide - 0.8, 0.4):.1f}" height="{tall}">'
                f"<title>{escape(said)}</title></rect>"
            )
        at += wide
    return "".join(parts)


def _svg(marks: str, label: str) -> str:
    return (
        '<svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{marks}</svg>'
    )


def bar(share: float, kind: str = "s0") -> str:
    """Draw a share of 1 as a bar."""
    wide = min(max(share, 0.0), 1.0) * 100
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="sunk" width="100" height="6"/><rect class="{kind}" width="{wide:.1f}" '
        'height="6"/></svg>'
    )


def heat_level(strength: float) -> str:
    """Return the class of a cell's colour."""
    return "na" if np.isnan(strength) else f"k{round(_LEVELS * min(abs(strength), 1.0))}"
