"""Leaks without a rule: columns that tell too much, alone, in pairs, or by being missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from homeostat.core import Finding, Json, Schema, Verdict
from homeostat.leakage._evidence import Evidence, Pair
from homeostat.leakage._identities import identity_leaks
from homeostat.leakage._inflation import Inflation, weigh
from homeostat.leakage._missing import missing_leaks
from homeostat.leakage._offer import Offer, offer
from homeostat.leakage._report import worst_first
from homeostat.leakage._row_order import order_leaks
from homeostat.leakage._screen import Screened
from homeostat.leakage._shape import separation, settled
from homeostat.leakage._tables import Floats

__all__ = ["scan_leaks"]

_ALONE = 0.85  # AUC from which a single column is worth a question ...
_AHEAD = 1.5  # ... if it separates the classes this many times as far as its company together
_EXACT = 0.97  # AUC from which a column that is so far ahead is the label by another name
_SETTLED = 0.15  # share of a class that it settles, beyond what its AUC implies and noise
_SHAPED, _SHAPE = 0.8, 0.2  # AUC and such a share from which a column is a leak, whatever else
_BEFORE = 0.95  # part of its separation that a column keeps for the label of the instant before
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

    Five questions; the first two are answered by tables made on the earlier half of the rows and
    judged on the later half (by random halves where there is no time):

    - alone: does a column reach AUC 0.85, and separate the classes 1.5 times as far as its
      company: all less telling columns and the labels of earlier rows, added up? A strong
      feature has strong company, and in a slow series the past; a leak has not. Or does it
      settle 20 points more of a class (19 of 20 rows right), beyond noise, than two normal
      distributions of its AUC would, and leave the rest open? What happens after the outcome
      does; then AUC 0.8 is enough. A column that tells the label of the instant before as well
      as its own is passed over.
    - in pairs: do two columns together, or their difference or sum (of clock times, the minutes
      between), reach AUC 0.75 and 0.10 more than what each says added up, and lift all the
      other columns together by 0.02? (Arrival time and scheduled arrival time, each harmless.)
    - by being missing: is a column null where the label takes one value, or never came?
    - by identity: is the label an exact sum of columns, or a threshold of one?
    - by the order of rows: does the place of a row in the file tell its label, and does a column
      tell the place?

    The first two fail where the column is the label by another name (AUC 0.97) or settles 15
    points more of a class than two normal distributions of that AUC would, beyond noise; else they
    warn: a very good feature and a weak leak look the same, so when it is known must be said.
    A rule settles the question: a column that has one is not searched.

    What cannot be seen: leaks weaker than these thresholds, and those spread over three or more
    columns that are no sum.

    Args:
        frame: The rows; those without a label serve for the third question only.
        schema: Gives the label, the time, groups, the features and their rules.
        features: What is offered to the model; None takes the schema's features.
        label: Any column of one value a row, null where it never came: numbers are asked as
            "more than the median", more than two texts as "the most frequent".
        time: Time column; empty takes the frame's only one. Where there is no schema.
        rng: Generator or seed, for the sample of rows.
        max_rows: Labelled rows to look at.

    Returns:
        A finding for each leak, the worst first; else one that says what the most telling column
        was. Each states the AUC claimed with the leak and honest without it, with intervals (in
        the evidence), and their difference as its ``effect``. Where columns are so many that not
        all pairs are tried, one more finding says what was not looked at.

    Raises:
        InputError: If neither a schema nor label and features are given.
        SchemaError: If a column is missing.

    Cost: O(rows * pairs); 14 columns with 91 pairs take about half a second. Rows times pairs
    are bounded: of 10,000 columns all are looked at alone, the most telling in pairs.

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
    draw = np.random.default_rng(rng)
    found = missing_leaks(frame, offered.label, offered.suspects)
    found += order_leaks(frame, offered, draw)
    made = offered.evidence(frame, max_rows=max_rows, rng=draw)
    if isinstance(made, Finding):
        return [*found, made]
    evidence, screened = made
    found += identity_leaks(frame, offered, screened.chosen, draw)
    found += _associations(evidence, offered, {finding.subject for finding in found})
    found = worst_first(found)
    if screened.not_looked_at:
        found.append(_not_looked_at(screened))
    if any(one.verdict in {Verdict.FAIL, Verdict.WARN} for one in found):
        return found
    best = evidence.order[0]
    area = evidence.tables[best].auc
    summary = (
        f"None of {len(offered.suspects)} features gives the label away; {best} tells most, "
        f"AUC {area:.3f}."
    )
    return [_fine(summary, statistic=area), *found]


def _associations(evidence: Evidence, offered: Offer, known: Collection[str]) -> list[Finding]:
    vouched = set(offered.features) - set(offered.suspects)
    suspects = [name for name in evidence.tables if name not in vouched]
    alone = [name for name in evidence.order if name in suspects and _stands_out(evidence, name)]
    told = [pair for pair in evidence.pairs(suspects) if _is_told(pair)]
    told = [pair for pair in told if not set(pair.names) & set(alone)]
    blamed = _culprits(told, evidence, [name for name in suspects if name not in alone], known)
    honest = [name for name in evidence.order if name not in {*alone, *blamed}]
    found = [
        *(_alone(evidence, name, honest) for name in alone),
        *(_paired(evidence, name, pair, honest) for name, pair in blamed.items()),
    ]
    return [finding for finding in found if _lifts(finding)]


def _lifts(finding: Finding) -> bool:
    """Say whether a leak adds to the honest columns, or takes half of what they leave open.

    One whose shape gives it away needs a fifth of that: honest columns so good leave little.
    """
    gain, told = finding.effect or 0.0, finding.evidence
    left = 1 - float(str(told["honest"]))
    shaped = float(str(told["settled"])) >= _SHAPE
    return gain >= min(_LIFT, left / (5 if shaped else 2))


def _stands_out(evidence: Evidence, name: str) -> bool:
    area, rows = evidence.tables[name].auc, evidence.frame.height
    if area < _SHAPED:
        return False
    apart = separation(area, rows)
    ahead = area >= _ALONE and apart >= _AHEAD * separation(evidence.company(name), rows)
    if not ahead and settled(evidence.tables[name].score, evidence.halves) < _SHAPE:
        return False
    return separation(evidence.before(name), rows) < _BEFORE * apart


def _is_told(pair: Pair) -> bool:
    return pair.auc >= _TOGETHER and pair.synergy >= _SYNERGY


def _culprits(
    pairs: Sequence[Pair], evidence: Evidence, suspects: Sequence[str], known: Collection[str]
) -> dict[str, Pair]:
    """Find few columns that account for all pairs, each with its strongest pair."""
    left, found = list(pairs), {}
    while left:
        names = sorted({name for pair in left for name in pair.names if name in suspects})
        worst = max(
            names,
            key=lambda name: (
                round(sum(pair.synergy for pair in left if name in pair.names), 6),
                name in known,
                evidence.tables[name].auc,
            ),
        )
        found[worst] = next(pair for pair in left if worst in pair.names)
        left = [pair for pair in left if worst not in pair.names]
    return found


def _alone(evidence: Evidence, name: str, honest: Sequence[str]) -> Finding:
    table = evidence.tables[name]
    return _finding(
        "association",
        name,
        f"{name} alone reaches AUC {table.auc:.3f}",
        area=table.auc,
        shape=settled(table.score, evidence.halves),
        worth=_worth(evidence, honest, honest, table.score),
        compared=(table.auc, _ALONE),
        evidence={"auc_company": evidence.company(name)},
    )


def _paired(evidence: Evidence, name: str, pair: Pair, honest: Sequence[str]) -> Finding:
    rest = [one for one in honest if one not in pair.names]
    partner = next(other for other in pair.names if other != name)
    return _finding(
        "pair",
        name,
        f"{name} with {partner} reaches AUC {pair.auc:.3f}, added up they reach "
        f"{pair.additive:.3f}",
        area=pair.auc,
        shape=settled(pair.score, evidence.halves),
        worth=_worth(evidence, rest, honest, pair.score),
        compared=(pair.synergy, _SYNERGY),
        evidence={"pair": pair.names, "auc_additive": pair.additive},
    )


def _finding(
    check: str,
    name: str,
    told: str,
    *,
    area: float,
    shape: float,
    worth: Inflation,
    compared: tuple[float, float],
    evidence: dict[str, Json],
) -> Finding:
    sure = area >= _EXACT or shape >= _SETTLED
    advice = (
        f"take {name} out, or state when it is known."
        if sure
        else f"a very good feature or a leak, state when {name} is known."
    )
    return Finding(
        check=f"leakage.{check}",
        subject=name,
        verdict=Verdict.FAIL if sure else Verdict.WARN,
        statistic=compared[0],
        threshold=compared[1],
        effect=worth.value,
        summary=f"{told}; {worth}: {advice}",
        evidence={**evidence, "auc": area, "settled": shape, **worth.evidence()},
    )


def _worth(
    evidence: Evidence, beside: Sequence[str], honest: Sequence[str], leak: Floats
) -> Inflation:
    """Compare the better of the leak alone and with others with the honest columns."""
    claimed = max(
        evidence.judge(beside, leak), evidence.judge([], leak), key=lambda made: made.area
    )
    return weigh(claimed, evidence.judge(honest))


def _not_looked_at(screened: Screened) -> Finding:
    return Finding(
        check="leakage.scan",
        subject="pairs",
        verdict=Verdict.UNKNOWN,
        summary=f"Of very many columns {screened.not_looked_at}.",
    )


def _fine(summary: str, statistic: float | None = None) -> Finding:
    return Finding(
        check="leakage.scan",
        subject="features",
        verdict=Verdict.OK,
        statistic=statistic,
        summary=summary,
    )
