"""How much a model moves as its inputs get worse: a curve over strengths, and what it bears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._behaviour._curve import Asked, Sensitivity, Tried, ask, curve_of, tried_at
from homeostat.evaluate._behaviour._data import Predict, admit, kind_of, shown
from homeostat.evaluate._behaviour._judge import Allowed, allowed, crashed, judged, worst_places
from homeostat.evaluate._behaviour._outputs import Crashed, Output
from homeostat.evaluate._behaviour._perturbations import Perturbation, find_perturbation

__all__ = ["check_perturbation", "sensitivity"]

_CHECK = "behaviour.perturbation"


def sensitivity(
    predict: Predict,
    rows: Any,  # noqa: ANN401 - a frame, texts or images
    perturbation: str | Perturbation,
    *,
    strengths: Sequence[float] | None = None,
    label: ArrayLike | None = None,
    repeats: int = 1,
    threshold: float = 0.5,
    tolerance: float | None = None,
    max_rows: int | None = 2000,
    blocks: ArrayLike | None = None,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
    **settings: Any,  # noqa: ANN401 - those of the perturbation
) -> Sensitivity:
    """Return how much a model moves at each strength of a perturbation.

    All copies of all strengths go to the model together, in batches of at most 100,000 rows (or
    256 MiB of images).

    Args:
        predict: From rows to probabilities (n,) or (n, k), numbers, or labels.
        rows: A frame, a list of texts, or images (n, h, w) or (n, h, w, c).
        perturbation: Its name in ``PERTURBATIONS``, or one of your own.
        strengths: In its unit; None takes its own.
        label: What is right, one a row; the curve then has a score too.
        repeats: How many random copies of each row at each strength.
        threshold: Where a probability becomes a decision.
        tolerance: By how much an output may change; None asks only that the decision stays, and
            of numbers that they change by no more than 0.05 of their standard deviation.
        max_rows: How many rows are tried, at random; None is all.
        blocks: Which block a row is in, shape (n,); None takes rows as independent.
        level: Confidence of the intervals, which are clustered by source row.
        output: What the model returns; ``"auto"`` takes two dimensions for classes, text and
            whole numbers for labels, floats within [0, 1] for probabilities, others for numbers.
        rng: Generator or seed.
        **settings: Those of the perturbation, such as ``columns``.

    Raises:
        InputError: If the perturbation does not fit the rows, outputs are no outputs, or the
            model raises; :func:`check_perturbation` makes a finding of the last.

    Example:
        >>> import polars as pl
        >>> rows = np.linspace(0, 1, 1000)
        >>> curve = sensitivity(lambda f: f["x"].to_numpy().clip(0, 1),
        ...                     pl.DataFrame({"x": rows}), "noise", strengths=[0.01, 1.0])
        >>> curve.bears(0.05)
        0.01
    """
    tried = tried_at(rows, perturbation, strengths, repeats, max_rows, rng, settings)
    within = allowed(blocks, len(tried.data), tried.places, level=level)
    try:
        asked = ask(predict, tried, output)
    except Crashed as error:
        raise InputError(
            f"The model takes the rows as they are and raised on changed ones: {error}."
        ) from error
    return curve_of(tried, asked, within, label, threshold=threshold, tolerance=tolerance)


def check_perturbation(
    predict: Predict,
    rows: Any,  # noqa: ANN401 - a frame, texts or images
    perturbation: str | Perturbation,
    *,
    bears: float | None = None,
    strengths: Sequence[float] | None = None,
    max_share: float = 0.05,
    max_drop: float | None = None,
    label: ArrayLike | None = None,
    repeats: int = 1,
    threshold: float = 0.5,
    tolerance: float | None = None,
    max_rows: int | None = 2000,
    blocks: ArrayLike | None = None,
    minimum: int = 100,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
    **settings: Any,  # noqa: ANN401 - those of the perturbation
) -> Finding:
    """Judge whether a model bears a perturbation of some strength; the curve is the evidence.

    Args:
        predict: As in :func:`sensitivity`.
        rows: As there.
        perturbation: As there.
        bears: The strength the model should bear; None is the least of ``strengths``.
        strengths: Others for the curve; None takes the perturbation's own.
        max_share: Share of copies that may move at that strength.
        max_drop: With a label, judge instead how much the score may get worse at that strength:
            accuracy falls, or the mean absolute error of numbers grows.
        label: As in :func:`sensitivity`.
        repeats: As there.
        threshold: As there.
        tolerance: As there.
        max_rows: As there.
        blocks: As there.
        minimum: Fewer rows are ``unknown``, unless they plainly fail.
        level: As there.
        output: As there.
        rng: As there.
        **settings: As there.

    Returns:
        A finding ``behaviour.perturbation`` with the curve, the strength borne, and up to three
        of the copies that moved furthest at the strength asked. Copies of texts and images that
        could not be changed are not counted. A model that raises on changed rows fails.

    Example:
        >>> score = lambda texts: [0.9 if "good" in text else 0.1 for text in texts]
        >>> found = check_perturbation(score, ["a good one"] * 200, "case", bears=1.0)
        >>> print(found.verdict, found.statistic)
        fail 1.0
    """
    known = find_perturbation(perturbation, kind_of(admit(rows)))
    asked_for = sorted(known.strengths if strengths is None else strengths)
    if bears is None and asked_for:
        bears = asked_for[0]
    if bears is not None:
        asked_for = sorted({*asked_for, bears})
    tried = tried_at(rows, known, asked_for, repeats, max_rows, rng, settings)
    within = allowed(
        blocks,
        len(tried.data),
        tried.places,
        max_share=max_share,
        minimum=minimum,
        level=level,
    )
    subject = known.name if "columns" not in settings else f"{known.name} of {settings['columns']}"
    try:
        asked = ask(predict, tried, output)
    except Crashed as error:
        return crashed(_CHECK, subject, error, within)
    curve = curve_of(tried, asked, within, label, threshold=threshold, tolerance=tolerance)
    at = tried.strengths.index(float(bears or 0))
    found = _moved_at(tried, asked, curve, within, at, (subject, threshold, tolerance))
    return found if max_drop is None else _dropped(found, curve, at, max_drop)


def _moved_at(
    tried: Tried,
    asked: Asked,
    curve: Sensitivity,
    within: Allowed,
    at: int,
    how: tuple[str, float, float | None],
) -> Finding:
    subject, threshold, tolerance = how
    of = slice(at * tried.repeats, (at + 1) * tried.repeats)
    counted = asked.counted(tried.found.kind)[of]
    moved = asked.said.moved(threshold, tolerance, flips_only=True)[of] & counted
    decided = asked.said.decisions(threshold)
    flipped = 0.0 if decided is None else decided[1:][of] != decided[:1]
    far = np.where(moved, asked.said.changes()[of] + flipped, -1.0)
    rows = tried.rows()
    examples: list[Json] = []
    for c, i in worst_places(far):
        number = of.start + c
        made = tried.copy(number)
        said = {"before": asked.said.shown(0, i), "after": asked.said.shown(number + 1, i)}
        examples.append(shown(rows, made, i, int(tried.places[i])) | said)
    unit = tried.found.unit
    return judged(
        _CHECK,
        subject,
        moved,
        within,
        counted=counted,
        what=f"predictions move under {subject} of {curve.points[at].strength:g} ({unit})",
        examples=examples,
        evidence={
            "strength": curve.points[at].strength,
            "unit": unit,
            "bears": curve.bears(within.max_share),
            "unchanged": int((~asked.changed[of]).sum()),
            "curve": curve.to_json(),
        },
        constant=asked.said.constant,
    )


def _dropped(found: Finding, curve: Sensitivity, at: int, max_drop: float) -> Finding:
    """Judge the drop of the score instead of the share that moved."""
    point = curve.points[at]
    if point.drop is None:
        raise InputError("`max_drop` judges a score: pass the `label` as well.")
    if point.drop_low is None or point.drop_high is None or found.verdict is Verdict.UNKNOWN:
        verdict = Verdict.UNKNOWN
    elif point.drop_low > max_drop:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.WARN if point.drop > max_drop else Verdict.OK
    between = "" if point.drop_low is None else f" [{point.drop_low:.4g}, {point.drop_high:.4g}]"
    summary = (
        f"Under {found.subject} of {point.strength:g} ({curve.unit}) the score gets worse by "
        f"{point.drop:.4g}{between} (allowed {max_drop:g})."
    )
    return replace(
        found,
        verdict=verdict,
        summary=summary,
        statistic=point.drop,
        threshold=max_drop,
        effect=point.drop,
    )
