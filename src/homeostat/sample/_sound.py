"""Whether distances mean anything here: what SMOTE and Tomek links stand on."""

from __future__ import annotations

import numpy as np

from homeostat.core import Finding, Verdict
from homeostat.sample._columns import Measured
from homeostat.sample._space import Space
from homeostat.sample._tomek import TomekLinks
from homeostat.sample._work import Work
from homeostat.stats import Floats

__all__ = ["few_neighbours", "smote_findings", "tomek_findings"]

_LOOKED_AT = 500  # rows from which the contrast is told
_CONTRAST = 0.5  # nearest at over half the typical distance: neighbours are hardly nearer
_CATEGORIES = 0.5  # share of columns from which categories outweigh numbers
_FEWEST = 20


def smote_findings(table: Measured, work: Work) -> list[Finding]:
    """Judge the rows of the smaller classes for SMOTE."""
    small = np.flatnonzero(work.codes != work.counts.argmax())
    n_categories = len(table.categorical)
    share = n_categories / max(n_categories + len(table.numeric), 1)
    seen = small[:: max(1, len(small) // _LOOKED_AT)][:_LOOKED_AT]
    found = [_concentration("SMOTE", table.scaled(seen))] if table.numeric else []
    if n_categories:
        found.append(_categories(share, table))
    return found


def tomek_findings(space: Space, work: Work, links: TomekLinks) -> list[Finding]:
    """Say how many links there are, and whether distances mean anything."""
    counts = work.counts
    share = len(links) / max(len(work.codes), 1)
    told = Finding(
        check="sample.tomek",
        subject=work.label,
        verdict=Verdict.OK if np.count_nonzero(counts) > 1 else Verdict.UNKNOWN,
        summary=(
            f"{len(links):,} of {len(work.codes):,} rows ({share:.2%}) are the commoner half of "
            "a Tomek link."
        ),
        statistic=share,
        evidence={"links": len(links), "rows": len(work.codes)},
    )
    return [told, _concentration("Tomek links", space.scaled)]


def _concentration(method: str, x: Floats) -> Finding:
    """Compare the nearest distance with the typical one (Beyer et al. 1999)."""
    step = max(1, len(x) // _LOOKED_AT)
    seen = x[::step][:_LOOKED_AT]
    if len(seen) < _FEWEST:
        return Finding(
            check="sample.distance",
            subject=method,
            verdict=Verdict.UNKNOWN,
            summary=(
                f"{len(seen)} rows are too few to say whether distances tell near from far; "
                f"{_FEWEST} would do."
            ),
        )
    norms = np.einsum("ij,ij->i", seen, seen)
    apart = np.sqrt(np.maximum(norms[:, None] + norms - 2 * seen @ seen.T, 0))
    np.fill_diagonal(apart, np.nan)
    typical = float(np.nanmedian(apart))
    nearest = float(np.median(np.nanmin(apart, axis=1)))
    ratio = nearest / typical if typical > 0 else 1.0
    bad = ratio > _CONTRAST
    return Finding(
        check="sample.distance",
        subject=method,
        verdict=Verdict.WARN if bad else Verdict.OK,
        summary=(
            f"The nearest of {len(seen)} rows is at {ratio:.0%} of the typical distance in "
            f"{x.shape[1]} columns"
            + (
                f": neighbours are hardly nearer than any row, so {method} is close to chance. "
                "Choose fewer columns, or weigh classes instead."
                if bad
                else f", so {method} has neighbours to go by."
            )
        ),
        statistic=ratio,
        threshold=_CONTRAST,
        effect=ratio,
        evidence={"columns": x.shape[1], "rows": len(seen), "nearest": nearest, "typical": typical},
    )


def _categories(share: float, table: Measured) -> Finding:
    levels = [int(column.max(initial=-1)) + 1 for column in table.codes.T]
    names = dict(zip(table.categorical, levels, strict=True))
    bad = share > _CATEGORIES
    return Finding(
        check="sample.categories",
        subject="SMOTE",
        verdict=Verdict.WARN if bad else Verdict.OK,
        summary=(
            f"{share:.0%} of the columns hold categories"
            + (
                ": a category has no value between two, so most of a synthetic row is a copy by "
                "vote. Weigh classes, or oversample at random, instead."
                if bad
                else ", the others are interpolated."
            )
        ),
        statistic=share,
        threshold=_CATEGORIES,
        effect=share,
        evidence={"levels": names},
    )


def few_neighbours(work: Work, code: int, k: int, wanted: int) -> Finding:
    """Say that a class is too small for the neighbours that were asked for."""
    name = work.classes[code]
    return Finding(
        check="sample.neighbours",
        subject=str(name),
        verdict=Verdict.WARN,
        summary=(
            f"Class {name!r} has {k + 1} rows, so {k} instead of {wanted} neighbours were used: "
            "its synthetic rows lie in a very small part of the space."
        ),
        statistic=float(k),
        threshold=float(wanted),
    )
