"""What was kept of what was asked: shares of the parts, and of each class in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict

__all__ = ["judge_parts"]

_OFF = 0.05  # a part may hold this much more or less of the rows than was asked for


def judge_parts(
    part: NDArray[np.int64],
    shares: Mapping[str, float],
    classes: Mapping[str, NDArray[np.int64]],
    *,
    whole: bool,
) -> tuple[Finding, ...]:
    """Judge the sizes of parts, and for each column whether every class is in every part.

    Args:
        part: Of each row, shape (n,).
        shares: Asked for, by name of the part.
        classes: By column, class of each row.
        whole: Whether groups or copies were kept whole.
    """
    asked = np.array(list(shares.values()))
    return (
        _sizes(np.bincount(part, minlength=asked.size), shares, whole=whole),
        *(_classes(name, part, codes, asked) for name, codes in classes.items()),
    )


def _sizes(rows: NDArray[np.int64], shares: Mapping[str, float], *, whole: bool) -> Finding:
    got = rows / max(rows.sum(), 1)
    off = np.abs(got - list(shares.values()))
    worst = int(off.argmax())
    name = list(shares)[worst]
    text = f"{name} has {got[worst]:.1%} of the rows, {shares[name]:.1%} were asked for"
    bad = bool(off[worst] > _OFF)
    why = ": groups are too large to be parted evenly" if bad and whole else ""
    return Finding(
        check="split.shares",
        subject=name,
        verdict=Verdict.WARN if bad else Verdict.OK,
        summary=f"{text}{why}.",
        statistic=float(off[worst]),
        threshold=_OFF,
        evidence={"rows": dict(zip(shares, rows.tolist(), strict=True))},
    )


def _classes(
    name: str, part: NDArray[np.int64], codes: NDArray[np.int64], asked: NDArray[np.float64]
) -> Finding:
    k = int(codes.max(initial=-1)) + 1
    table = np.bincount(codes * asked.size + part, minlength=k * asked.size).reshape(k, -1)
    size = table.sum(axis=1)
    table, size = table[size > 0], size[size > 0]
    off = float(np.abs(table - size[:, None] * asked).max(initial=0.0))
    absent = int((table == 0).any(axis=1).sum())
    if absent:
        summary = (
            f"{absent:,} of {size.size:,} values of {name} are not in every part, the rarest has "
            f"{size.min():,} rows: what is judged says nothing about them."
        )
    else:
        summary = f"All {size.size:,} values of {name} are in every part, to within {off:.1f} rows."
    return Finding(
        check="split.strata",
        subject=name,
        verdict=Verdict.WARN if absent else Verdict.OK,
        summary=summary,
        statistic=float(absent),
        threshold=0.0,
        effect=off,
        evidence={"values": int(size.size), "most_rows_off": off},
    )
