"""Leaks without a rule: columns that tell too much, alone, in pairs, or by being missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from homeostat.core import Finding, Schema, Verdict
from homeostat.split._evidence import Evidence, Pair, separation
from homeostat.split._missing import missing_leaks
from homeostat.split._offer import Offer, offer

__all__ = ["scan_leaks"]

_ALONE = 0.85  # AUC from which a single column is worth a question ...
_AHEAD = 1.5  # ... if it separates the classes this many times as far as all lesser ones together
_TOGETHER, _SYNERGY = 0.75, 0.10  # AUC of a pair, and its AUC beyond what its columns add up to
_LIFT = 0.02  # AUC that a leak adds to all honest columns together


def scan_leaks(
    frame: pl.DataFrame,
    schema: Schema | None = None,
    features: Sequence[str] | None = None,
    *,
    label: str = "",
    time: str = "",
    rng: np.random.Generator | int,
    max_rows: int = 40_000,
) -> list[Finding]:
    """Search features that have no known-at rule for what gives the label away.

    Three questions, each answered by tables made on the earlier half of the rows and judged
    on the later half (by random halves where there is no time):

    - alone: does a column reach AUC 0.85, and separate the classes 1.5 times as far as all
      less telling columns together? (A strong feature has strong company, a leak has not.)
    - in pairs: do two columns together, or their difference, reach AUC 0.75 and 0.10 more than
      what each says added up? (So arrival time and scheduled arrival time, each harmless.)
      And does that lift all the other columns together by 0.02? (A pattern need not.)
    - by being missing: is a column null where the label takes one value, or never came?

    A column that fails is refused until it gets a known-at rule, which settles the question.
    What cannot be seen: leaks weaker than these thresholds, and those spread over three or more
    columns. A single honest feature of AUC 0.85 among noise is asked about in vain.

    Args:
        frame: The rows; those without a label serve for the third question only.
        schema: Gives the label, the time, the features and their rules.
        features: What is offered to the model; None takes the schema's features.
        label: Column of 0 and 1, with nulls where it never came; where there is no schema.
        time: Time column, or none; where there is no schema.
        rng: Generator or seed, for the sample of rows.
        max_rows: Labelled rows to look at.

    Returns:
        A failing finding for each leak; else one that says what the most telling column was.

    Raises:
        InputError: If the label is not 0 and 1.
        SchemaError: If a column is missing.

    Cost: O(rows * features^2); 14 columns with 91 pairs take about half a second.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> due, took = rng.uniform(size=(2, 2000)) * 1000
        >>> frame = pl.DataFrame({"due": due, "came": due + took, "late": took > 500})
        >>> [(found.verdict.value, found.subject) for found in
        ...  scan_leaks(frame, label="late", features=["due", "came"], rng=0)]
        [('fail', 'came')]
    """
    offered = offer(frame, schema, features=features, label=label, time=time)
    if not offered.suspects:
        return [_fine("Every feature has a known-at rule, so there is nothing to search for.")]
    found = missing_leaks(frame, offered.label, offered.suspects)
    evidence = offered.evidence(frame, max_rows=max_rows, rng=rng)
    if isinstance(evidence, Finding):
        return [*found, evidence]
    found += _associations(evidence, offered, {finding.subject for finding in found})
    best = evidence.order[0]
    area = evidence.tables[best].auc
    summary = (
        f"None of {len(offered.suspects)} features gives the label away; {best} tells most, "
        f"AUC {area:.3f}."
    )
    return found or [_fine(summary, statistic=area)]


def _associations(evidence: Evidence, offered: Offer, missing: Collection[str]) -> list[Finding]:
    suspects = offered.suspects
    alone = [name for name in evidence.order if name in suspects and _stands_out(evidence, name)]
    told = [pair for pair in evidence.pairs(suspects) if _is_told(pair)]
    told = [pair for pair in told if not set(pair.names) & set(alone)]
    blamed = _culprits(told, evidence, [name for name in suspects if name not in alone], missing)
    honest = [name for name in evidence.order if name not in {*alone, *blamed}]
    found = [
        *(_alone(evidence, name, honest) for name in alone),
        *(_paired(evidence, name, pair, honest) for name, pair in blamed.items()),
    ]
    return [finding for finding in found if (finding.effect or 0.0) >= _LIFT]


def _stands_out(evidence: Evidence, name: str) -> bool:
    area, rows = evidence.tables[name].auc, evidence.frame.height
    if area < _ALONE:
        return False
    rest = evidence.additive(evidence.rest(name))
    return separation(area, rows) >= _AHEAD * separation(rest, rows)


def _is_told(pair: Pair) -> bool:
    return pair.auc >= _TOGETHER and pair.synergy >= _SYNERGY


def _culprits(
    pairs: Sequence[Pair], evidence: Evidence, suspects: Sequence[str], missing: Collection[str]
) -> dict[str, Pair]:
    """Find few columns that account for all pairs, each with its strongest pair."""
    left, found = list(pairs), {}
    while left:
        names = sorted({name for pair in left for name in pair.names if name in suspects})
        worst = max(
            names,
            key=lambda name: (
                round(sum(pair.synergy for pair in left if name in pair.names), 6),
                name in missing,
                evidence.tables[name].auc,
            ),
        )
        found[worst] = next(pair for pair in left if worst in pair.names)
        left = [pair for pair in left if worst not in pair.names]
    return found


def _alone(evidence: Evidence, name: str, honest: Sequence[str]) -> Finding:
    table, without = evidence.tables[name], evidence.additive(honest)
    with_it = evidence.additive(honest, table.score)
    return Finding(
        check="leakage.association",
        subject=name,
        verdict=Verdict.FAIL,
        statistic=table.auc,
        threshold=_ALONE,
        effect=with_it - without,
        summary=(
            f"{name} alone reaches AUC {table.auc:.3f}; it lifts the other features from "
            f"{without:.3f} to {with_it:.3f}: take it out, or state when it is known."
        ),
        evidence={"auc": table.auc, "auc_without": without, "auc_with": with_it},
    )


def _paired(evidence: Evidence, name: str, pair: Pair, honest: Sequence[str]) -> Finding:
    without = evidence.additive(honest)
    with_it = evidence.additive([one for one in honest if one not in pair.names], pair.score)
    partner = next(other for other in pair.names if other != name)
    return Finding(
        check="leakage.pair",
        subject=name,
        verdict=Verdict.FAIL,
        statistic=pair.synergy,
        threshold=_SYNERGY,
        effect=with_it - without,
        summary=(
            f"{name} with {partner} reaches AUC {pair.auc:.3f}, added up they reach "
            f"{pair.additive:.3f}; the pair lifts the other features from {without:.3f} to "
            f"{with_it:.3f}: take {name} out, or state when it is known."
        ),
        evidence={
            "pair": pair.names,
            "auc": pair.auc,
            "auc_additive": pair.additive,
            "auc_without": without,
            "auc_with": with_it,
        },
    )


def _fine(summary: str, statistic: float | None = None) -> Finding:
    return Finding(
        check="leakage.scan",
        subject="features",
        verdict=Verdict.OK,
        statistic=statistic,
        summary=summary,
    )
