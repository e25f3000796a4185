"""Simpson's paradox: an overall comparison that turns round once like is compared with like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._slicing._cuts import Cut, crossed, cut
from homeostat.evaluate._slicing._strata import FEWEST, Strata
from homeostat.stats import Floats, floats

__all__ = ["simpson", "simpson_scan"]

_ALPHA = 0.01  # that the arms' mix of groups differs at all; without that nothing can turn round
_VALUES = 50  # of a column, that are told apart


def simpson(
    outcome: ArrayLike,
    arm: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[str | tuple[str, ...]],
    level: float = 0.95,
    bins: int = 5,
) -> list[Finding]:
    """Say for each column whether it turns an overall comparison of two arms round.

    Use it wherever two arms had different rows: two treatments, two models that served
    different traffic, two months. Two models on the same rows have the same mix and cannot
    turn round: for them see :func:`compare_by_slice`.

    Args:
        outcome: A number a row, larger is better (0 or 1, or a negative loss), shape (n,).
        arm: Which of two arms a row was in, shape (n,).
        frame: Columns to group by, n rows.
        by: Their names, or tuples of names to be crossed.
        level: Confidence of the intervals.
        bins: Into how many groups numbers are cut.

    Returns:
        A finding ``simpson.reversal`` a column: fail where the overall difference and the one
        standardised to the pooled mix of groups are both sure and of opposite sign; warn where
        they are of opposite sign; ok where they agree; unknown where no group has both arms.
        Groups with fewer than five rows of an arm are left out. The evidence has the groups,
        both differences, the share of the groups that dissent and the one at which the arms
        would be even, and, for an outcome of 0 and 1, both odds ratios (Mantel and Haenszel
        1959).

    Raises:
        InputError: If there are not two arms, or lengths differ.

    Example:
        >>> frame = pl.DataFrame({"stones": ["small"] * 100 + ["large"] * 100})
        >>> arm = ["b"] * 80 + ["a"] * 20 + ["b"] * 20 + ["a"] * 80
        >>> outcome = [1] * 68 + [0] * 12 + [1] * 18 + [0] * 2 + [1] * 8 + [0] * 12 + [1] * 38
        >>> found = simpson(outcome + [0] * 42, arm, frame, by=["stones"])
        >>> found[0].verdict.value
        'warn'
    """
    values, names, arms = _arms(outcome, arm, frame)
    if len(names) != 2:
        raise InputError(f"A comparison needs two arms, got {len(names)}: {names[:5]}.")
    judge = _Judge((names[0], names[1]), level, _ALPHA)
    found = []
    for one in by:
        columns = (one,) if isinstance(one, str) else one
        cuts = [cut(frame, name, bins=bins, max_values=_VALUES) for name in columns]
        found.append(judge.finding(values, arms, reduce(crossed, cuts), " x ".join(columns)))
    return found


def simpson_scan(
    outcome: ArrayLike,
    arm: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[str] | None = None,
    pairs: bool = True,
    most: int = 200,
    level: float = 0.95,
    bins: int = 5,
) -> list[Finding]:
    """Look for Simpson's paradox over all columns and their pairs, between any two of the arms.

    Args:
        outcome: As in :func:`simpson`.
        arm: Which of two or more arms a row was in, shape (n,).
        frame: Columns to group by, n rows.
        by: Their names; None takes all but times, lists and structs.
        pairs: Whether pairs of columns are crossed too.
        most: How many groupings are looked at, for each two arms: columns first, then the pairs
            of those in which the arms differ most.
        level: Confidence of all claims together (Bonferroni over what is looked at).
        bins: Into how many groups numbers are cut.

    Returns:
        The findings of :func:`simpson` that are no ok, but of a pair only where neither of its
        columns turns the comparison round alone; then a finding ``simpson.scan`` for each two
        arms that says how many groupings were looked at, and how many ``most`` left out.

    Raises:
        InputError: If there are fewer than two arms, or lengths differ.

    Cost: O(n) for each grouping.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> hard, arm = np.repeat([0, 1], 2000), rng.random(4000) < np.repeat([0.2, 0.8], 2000)
        >>> right = rng.random(4000) < 0.9 - 0.4 * hard + 0.1 * arm
        >>> frame = pl.DataFrame({"hard": hard, "noise": rng.random(4000)})
        >>> for found in simpson_scan(right, np.where(arm, "new", "old"), frame):
        ...     print(found.check, found.subject, found.verdict)
        simpson.reversal hard fail
        simpson.scan new and old fail
    """
    values, names, arms = _arms(outcome, arm, frame)
    if len(names) < 2:
        raise InputError(f"A comparison needs two arms, got {len(names)}: {names[:5]}.")
    chosen = list(by) if by is not None else _groupable(frame)
    cuts = {name: cut(frame, name, bins=bins, max_values=_VALUES) for name in chosen}
    couples = list(combinations(range(len(names)), 2))
    found: list[Finding] = []
    for a, b in couples:
        rows = np.flatnonzero((arms == a) | (arms == b))
        here = {name: Cut(one.slices, one.codes[rows]) for name, one in cuts.items()}
        scan = _Scan(values[rows], (arms[rows] == b).astype(np.intp), here, (names[a], names[b]))
        found += scan.run(pairs=pairs, most=most, alpha=(1 - level) / len(couples))
    return found


def _arms(
    outcome: ArrayLike, arm: ArrayLike, frame: pl.DataFrame
) -> tuple[Floats, list[str], NDArray[np.intp]]:
    values = floats(outcome, "outcome", n=frame.height)
    names, arms = np.unique(np.asarray(arm).astype(str), return_inverse=True)
    if len(arms) != len(values):
        raise InputError(f"`arm` must have one value a row: {len(values)} rows, got {len(arms)}.")
    return values, names.tolist(), arms


def _groupable(frame: pl.DataFrame) -> list[str]:
    return [
        name
        for name, dtype in frame.schema.items()
        if not (dtype.is_temporal() or dtype.is_nested() or dtype in {pl.Object, pl.Binary})
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    values: Floats
    arms: NDArray[np.intp]
    cuts: dict[str, Cut]
    names: tuple[str, str]

    def run(self, *, pairs: bool, most: int, alpha: float) -> list[Finding]:
        singles = list(self.cuts)[:most]
        left = max(most - len(singles), 0) if pairs else 0
        couples = list(self._couples(singles, left))
        looked_at = len(singles) + len(couples)
        judge = _Judge(self.names, 1 - alpha / max(looked_at, 1), _ALPHA / max(looked_at, 1))
        turned: dict[tuple[str, ...], Finding] = {}
        for names in [*((name,) for name in singles), *couples]:
            if len(names) == 2 and any((name,) in turned for name in names):
                continue
            groups = reduce(crossed, [self.cuts[name] for name in names])
            found = judge.finding(self.values, self.arms, groups, " x ".join(names))
            if found.verdict in {Verdict.FAIL, Verdict.WARN}:
                turned[names] = found
        n = len(self.cuts)
        possible = n + (n * (n - 1) // 2 if pairs else 0)
        return [*turned.values(), self._summary(list(turned.values()), looked_at, possible)]

    def _couples(self, singles: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
        """Give pairs of columns, those in whose mix the arms differ most first."""
        strength = {name: self._strength(self.cuts[name]) for name in singles}
        order = sorted(singles, key=lambda name: -strength[name])
        couples = sorted(
            combinations(order, 2), key=lambda two: -(strength[two[0]] + strength[two[1]])
        )
        yield from couples[:most]

    def _strength(self, groups: Cut) -> float:
        """Return Cramer's V of group and arm."""
        n = np.bincount(groups.codes * 2 + self.arms, minlength=2 * len(groups.slices))
        table = n.reshape(-1, 2).astype(np.float64)
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1.0)
        return float(np.sum((table - expected) ** 2 / np.maximum(expected, 1e-300)) / table.sum())

    def _summary(self, turned: list[Finding], looked_at: int, possible: int) -> Finding:
        verdicts = {found.verdict for found in turned}
        first, second = self.names
        left = possible - looked_at
        unread = f"; {left:,} more were left out" if left else ""
        words = (
            f"{len(turned)} of {looked_at:,} groupings turn the comparison of {first} and {second} "
            f"round: {', '.join(found.subject for found in turned[:3])}"
            if turned
            else f"None of {looked_at:,} groupings turns the comparison of {first} and {second} "
            "round"
        )
        return Finding(
            check="simpson.scan",
            subject=f"{first} and {second}",
            verdict=Verdict.FAIL
            if Verdict.FAIL in verdicts
            else Verdict.WARN
            if turned
            else Verdict.OK
            if looked_at
            else Verdict.UNKNOWN,
            summary=f"{words}{unread}.",
            evidence={
                "arms": list(self.names),
                "looked_at": looked_at,
                "left_out": left,
                "turned": [found.subject for found in turned],
            },
        )


@dataclass(frozen=True, slots=True)
class _Judge:
    """What is asked of a grouping of two arms, and what to say of it."""

    arms: tuple[str, str]
    level: float
    mix_alpha: float

    def finding(self, values: Floats, arms: NDArray[np.intp], groups: Cut, subject: str) -> Finding:
        strata = Strata.of(values, arms, groups.codes, len(groups.slices))
        like = strata.both()
        if not len(like.n):
            first, second = self.arms
            return Finding(
                check="simpson.reversal",
                subject=subject,
                verdict=Verdict.UNKNOWN,
                summary=f"No group of {subject} has {FEWEST} rows of both {first} and {second}.",
            )
        labels = [str(one) for one in groups.slices]
        return self._judged(strata, like, subject, labels)

    def _judged(self, strata: Strata, like: Strata, subject: str, labels: list[str]) -> Finding:
        crude_means, crude, crude_error = strata.pooled().difference()
        means, standard, error = like.difference()
        turned = crude * standard < 0 and like.mix_p_value() < self.mix_alpha
        reach = float(special.ndtri((1 + self.level) / 2))
        sure = abs(crude) > reach * crude_error and abs(standard) > reach * error
        even = like.break_even()
        return Finding(
            check="simpson.reversal",
            subject=subject,
            verdict=(Verdict.FAIL if sure else Verdict.WARN) if turned else Verdict.OK,
            summary=self._summary(like, subject, crude, standard, even, turned=turned),
            statistic=crude,
            effect=standard,
            evidence={
                "arms": list(self.arms),
                "overall": crude_means.tolist(),
                "standardised": means.tolist(),
                "low": standard - reach * error,
                "high": standard + reach * error,
                "odds_ratio": strata.pooled().odds_ratio(),
                "odds_ratio_within": like.odds_ratio(),
                "break_even_share": None if even is None else even[0],
                "dissenting_share": None if even is None else even[1],
                "groups": _groups(strata, labels),
            },
        )

    def _summary(
        self,
        like: Strata,
        subject: str,
        crude: float,
        standard: float,
        even: tuple[float, float] | None,
        *,
        turned: bool,
    ) -> str:
        first = self.arms[0]
        better, worse = self.arms if standard > 0 else self.arms[::-1]
        by_group = like.total[:, 0] / like.n[:, 0] - like.total[:, 1] / like.n[:, 1]
        agreeing = int(np.sum(by_group * standard > 0))
        words = "turns the overall comparison round" if turned else "keeps the overall comparison"
        mix = "" if even is None else (
            f"; {worse} would be ahead if the other groups were more than {even[0]:.1%} of the "
            f"rows ({even[1]:.1%} now)"
        )  # fmt: skip
        return (
            f"{subject} {words}: {first} less {self.arms[1]} is {crude:+.4f} overall but "
            f"{standard:+.4f} at the same mix; {better} is better than {worse} in {agreeing} of "
            f"{len(like.n)} groups{mix}."
        )


def _groups(strata: Strata, labels: list[str]) -> list[Json]:
    return [
        {
            "group": label,
            "rows": n,
            "means": [t / m if m else None for t, m in zip(total, n, strict=True)],
        }
        for label, n, total in zip(labels, strata.n.tolist(), strata.total.tolist(), strict=True)
    ]
