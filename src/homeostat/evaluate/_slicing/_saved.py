"""A slice that was confirmed, kept: followed in later rows, and sent to people for labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict, suggest
from homeostat.evaluate._slicing._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._slicing._found import loss_words
from homeostat.evaluate._slicing._gate import MEAN_LOSS
from homeostat.evaluate._slicing._judged import Loss, losses_of
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import Floats, block_codes, check_binary, class_probabilities, holm

__all__ = ["SavedSlice", "follow_slices", "slice_queue"]

_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSlice:
    """A slice with what was known when it was confirmed; plain JSON, so it can be an artifact.

    Args:
        slice: Its conditions.
        loss: Name of the loss by which it is worse.
        mean: Its mean loss, on the rows that confirmed it.
        rest: That of the other rows there.
        worse: By how much it was worse: ``mean - rest``.
        worse_error: The standard error of that.
        n: How many rows confirmed it.
        share: Their share of the rows.
        finder: What found it.

    Example:
        >>> saved = SavedSlice(slice=Slice.where("hour > 18"), loss="logloss", mean=0.7, rest=0.5,
        ...                    worse=0.2, worse_error=0.02, n=900, share=0.1)
        >>> SavedSlice.from_json(saved.to_json()) == saved
        True
    """

    slice: Slice
    loss: str
    mean: float
    rest: float
    worse: float
    worse_error: float
    n: int
    share: float
    finder: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Keep the slice of a finding ``slice.found``.

        Raises:
            InputError: If the finding is another, or says that there is no slice.
        """
        told = finding.evidence
        needed = ("slice", "metric", "worse_error", "n", "share", "rest")
        if finding.check != "slice.found" or any(name not in told for name in needed):
            raise InputError(
                f"A slice is kept of a finding `slice.found` that names one, got "
                f"`{finding.check}` on {finding.subject}."
            )
        values: Mapping[str, Any] = told
        return cls(
            slice=Slice.from_json(values["slice"]),
            loss=str(values["metric"]),
            mean=float(finding.statistic or 0.0),
            rest=float(values["rest"]),
            worse=float(finding.effect or 0.0),
            worse_error=float(values["worse_error"]),
            n=int(values["n"]),
            share=float(values["share"]),
            finder=str(values.get("finder", "")),
        )

    def mask(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Return which rows of a frame belong, shape (n,)."""
        return self.slice.mask(frame)

    def __str__(self) -> str:
        return str(self.slice)

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self) | {"slice": self.slice.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`.

        Raises:
            InputError: If the object is no saved slice.
        """
        try:
            return cls(**(dict(data) | {"slice": Slice.from_json(data["slice"])}))
        except (KeyError, TypeError) as error:
            raise InputError(
                f"A saved slice is an object as `SavedSlice.to_json` gives it: {error}."
            ) from error


def follow_slices(
    saved: Sequence[SavedSlice],
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    loss: Loss | None = None,
    minimum: int = 50,
    blocks: ArrayLike | None = None,
    alpha: float = 0.05,
) -> list[Finding]:
    """Ask of later rows, or of another model, whether slices found before are still worse.

    The slices were named beforehand, so all rows may test them.

    Args:
        saved: The slices.
        label: As in :func:`find_slices`, of rows that were not there when they were found.
        p: As in :func:`find_slices`.
        frame: The columns that the slices need, n rows.
        loss: The loss; None takes the one that each slice was found by.
        minimum: A slice of fewer rows is unknown.
        blocks: Which block (a day) a row is in.
        alpha: Level of the claims, over all the slices (Holm).

    Returns:
        A finding ``slice.followed`` a slice: fail where it is still worse than the rest and
        surely more so than when found; warn where it is still worse; ok where it is not shown to
        be worse and surely less so than when found; unknown where the rows are too few to tell.
        The statistic is its mean loss now, the effect how much worse than the rest it is; the
        evidence has the change since it was found, with its interval.

    Raises:
        InputError: If lengths differ, a column is not there, or a slice was found by a loss of
            one's own and ``loss`` is not passed.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> frame = pl.DataFrame({"hour": rng.integers(0, 24, 9000)})
        >>> p = rng.random(9000)
        >>> label = rng.random(9000) < np.where(frame["hour"] > 18, 0.5, p)
        >>> saved = SavedSlice(slice=Slice.where("hour > 18"), loss="logloss", mean=0.98, rest=0.5,
        ...                    worse=0.48, worse_error=0.03, n=900, share=0.2)
        >>> follow_slices([saved], label, p, frame)[0].verdict.value
        'warn'
    """
    judged = [_judged(one, label, p, frame, loss, minimum, blocks) for one in saved]
    still = holm([_still(now) for now in judged]).tolist()
    moved = [_moved(one, now) for one, now in zip(saved, judged, strict=True)]
    more = holm([exceedance(change, error, df) for change, error, df in moved]).tolist()
    less = holm([exceedance(-change, error, df) for change, error, df in moved]).tolist()
    return [
        _followed(one, now, change, (p_still, p_more, p_less), alpha)
        for one, now, change, p_still, p_more, p_less in zip(
            saved, judged, moved, still, more, less, strict=True
        )
    ]


@dataclass(frozen=True, slots=True)
class _Now:
    n: int
    n_rows: int
    test: Contrast | None
    loss: str


def _judged(
    one: SavedSlice,
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    loss: Loss | None,
    minimum: int,
    blocks: ArrayLike | None,
) -> _Now:
    try:
        losses, name = losses_of(loss or one.loss, label, p)
    except InputError as error:
        if loss is None and "no loss" in str(error):
            raise InputError(
                f"The slice {one} was found by the loss `{one.loss}`, which is your own: "
                "pass it as `loss`."
            ) from error
        raise
    if frame.height != len(losses):
        n = len(losses)
        raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
    mask = one.mask(frame)
    n = int(mask.sum())
    day = None if blocks is None else block_codes(blocks, len(losses))[0]
    test = contrast((losses,), mask, day, MEAN_LOSS) if n >= minimum else None
    return _Now(n, len(mask), test if test is None or test.worse is not None else None, name)


def _still(now: _Now) -> float:
    if now.test is None or now.test.worse is None:
        return 1.0
    return exceedance(now.test.worse, now.test.worse_error, now.test.df)


def _moved(one: SavedSlice, now: _Now) -> tuple[float, float, int]:
    """Return how much more it is worse than when it was found, the error, degrees of freedom."""
    if now.test is None or now.test.worse is None:
        return 0.0, 1.0, 1
    error = float(np.hypot(now.test.worse_error, one.worse_error))
    return now.test.worse - one.worse, error, now.test.df


def _followed(
    one: SavedSlice,
    now: _Now,
    moved: tuple[float, float, int],
    p_values: tuple[float, float, float],
    alpha: float,
) -> Finding:
    evidence: dict[str, Json] = {"saved": one.to_json(), "metric": now.loss, "n": now.n}
    if now.test is None or now.test.worse is None:
        return Finding(
            check="slice.followed",
            subject=str(one),
            verdict=Verdict.UNKNOWN,
            summary=f"{now.n:,} rows where {one} are too few to say whether it is still worse.",
            evidence=evidence,
        )
    (still, more, less), (change, error, df) = p_values, moved
    verdict, words = _verdict(still < alpha, more < alpha, less < alpha)
    half = float(special.stdtrit(df, (1 + _LEVEL) / 2)) * error
    return Finding(
        check="slice.followed",
        subject=str(one),
        verdict=verdict,
        summary=(
            f"{loss_words(now.loss)} where {one} is {now.test.inside:.4g} {now.test.interval}, "
            f"{now.test.worse:+.3g} beside the rest: {words} ({one.worse:+.3g} when found, "
            f"p = {still:.2g})."
        ),
        statistic=now.test.inside,
        threshold=now.test.outside,
        p_value=still,
        effect=now.test.worse,
        evidence=evidence
        | {
            "rest": now.test.outside,
            "share": now.n / now.n_rows,
            "change": change,
            "change_low": change - half,
            "change_high": change + half,
        },
    )


def _verdict(still: bool, more: bool, less: bool) -> tuple[Verdict, str]:  # noqa: FBT001 - a truth table
    if still and more:
        return Verdict.FAIL, "still worse, and more so than when it was found"
    if still:
        less_words = ", though less so than when it was found" if less else ""
        return Verdict.WARN, f"still worse{less_words}"
    if less:
        return Verdict.OK, "no longer shown to be worse, and surely less so than when found"
    return Verdict.UNKNOWN, "neither shown to be still worse nor to be mended"


def slice_queue(
    saved: Sequence[SavedSlice],
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    key: str,
    most: int = 100,
) -> pl.DataFrame:
    """Choose rows of weak slices for people to label, the most informative first.

    Args:
        saved: The slices.
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        frame: Rows without a label: the columns that the slices need, and ``key``.
        key: The column that names a row.
        most: How many rows are chosen.

    Returns:
        At most ``most`` rows of ``key``, ``reason`` (the slice) and ``priority`` in [0, 1]: the
        entropy of the prediction, as a share of the largest possible, times the slice's excess
        loss as a share of the worst slice's. A row in several slices is there once, for the one
        that gives it the highest priority; slices that are not worse give none.

    Raises:
        InputError: If lengths differ or a column is not there.

    Example:
        >>> frame = pl.DataFrame({"id": [7, 8, 9], "hour": [20, 21, 3]})
        >>> saved = SavedSlice(slice=Slice.where("hour > 18"), loss="logloss", mean=0.7, rest=0.5,
        ...                    worse=0.2, worse_error=0.02, n=900, share=0.1)
        >>> slice_queue([saved], [0.9, 0.5, 0.5], frame, key="id")["id"].to_list()
        [8, 7]
    """
    if key not in frame.columns:
        raise InputError(f"There is no column `{key}`.{suggest(key, frame.columns)}")
    unsure = _entropy(p, frame.height)
    worst = max((one.worse for one in saved), default=0.0)
    priority = np.zeros(frame.height)
    reason = np.full(frame.height, -1, dtype=np.intp)
    for i, one in enumerate(saved):
        if one.worse <= 0:
            continue
        here = np.where(one.mask(frame), unsure * one.worse / worst, -1.0)
        better = here > np.where(reason < 0, -1.0, priority)
        priority[better], reason[better] = here[better], i
    chosen = np.flatnonzero(reason >= 0)
    chosen = chosen[np.argsort(-priority[chosen], kind="stable")][:most]
    names = [str(saved[i]) for i in reason[chosen].tolist()]
    return pl.DataFrame(
        {
            key: frame[key][chosen.tolist()],
            "reason": pl.Series(names, dtype=pl.String),
            "priority": priority[chosen],
        }
    )


def _entropy(p: ArrayLike, n: int) -> Floats:
    """Return each prediction's entropy as a share of the largest possible, shape (n,)."""
    if np.ndim(p) == 2:
        q = class_probabilities(p)
    else:
        _, one = check_binary(np.zeros(np.shape(p)), p)
        q = np.stack([one, 1 - one], axis=1)
    if len(q) != n:
        raise InputError(f"`frame` must have {len(q)} rows as `p` has, got {n}.")
    found: Floats = special.entr(q).sum(axis=1) / np.log(q.shape[1])
    return found
