"""Directional expectation: raise a number, or add a phrase, and the output must follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json
from homeostat.evaluate._behaviour._data import Predict, admit, as_json, shown
from homeostat.evaluate._behaviour._invariance import require
from homeostat.evaluate._behaviour._judge import allowed, any_copy, crashed, judged, worst_places
from homeostat.evaluate._behaviour._outputs import Crashed, Output, Outputs, outputs_of, sampled
from homeostat.stats import Floats

__all__ = ["Rises", "check_directional", "check_phrases", "wrong_by"]

Rises = Literal["up", "down"]
_CHECK, _TEXT_CHECK = "behaviour.directional", "behaviour.phrases"
_PARTS = (1 / 8, 1 / 4, 1 / 2, 1.0)
_REFINED = 500  # rows among which the smallest raise that breaks is looked for


def check_directional(
    predict: Predict,
    frame: pl.DataFrame,
    column: str,
    *,
    rises: Rises = "up",
    step: float | None = None,
    tolerance: float = 1e-9,
    max_share: float = 0.0,
    max_rows: int | None = 2000,
    of_class: int | None = None,
    blocks: ArrayLike | None = None,
    minimum: int = 100,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Raise a number by an eighth, a quarter, a half and a whole step; count who goes wrong.

    Args:
        predict: From a frame to probabilities (n,) or (n, k), or numbers.
        frame: Rows as the model gets them.
        column: What is raised; rows where it is missing are left out.
        rises: ``"up"`` if the prediction must not fall as the column rises, ``"down"`` if it
            must not rise.
        step: By how much to raise it; None takes its standard deviation, at least 1 of a whole
            number.
        tolerance: By how much a prediction may go the wrong way.
        max_share: Share of rows that may.
        max_rows: How many rows are tried, at random; None is all.
        of_class: Whose probability, where the model returns (n, k); None is the last class.
        blocks: Which block a row is in, shape (n,); None takes rows as independent.
        minimum: Fewer rows are ``unknown``, unless they plainly go wrong.
        level: Confidence of the interval.
        output: What the model returns; see :func:`sensitivity`.
        rng: Generator or seed of the rows.

    Returns:
        A finding ``behaviour.directional`` with the rows that go furthest wrong, and as
        ``smallest`` the smallest raise that breaks any row (to a 32nd of the last step).

    Raises:
        InputError: If the column is not one of numbers, no row has a value, or the step is not
            above 0 (of whole numbers: whole).
    """
    require(frame, column)
    if not frame[column].dtype.is_numeric():
        raise InputError(f"`{column}` must be numbers to be raised, it is {frame[column].dtype}.")
    known = frame[column].cast(pl.Float64).is_finite().fill_null(value=False).to_numpy()
    places = np.flatnonzero(known)
    require(frame[places], column)
    rows = places[sampled(len(places), max_rows, np.random.default_rng(rng))]
    steps = _steps(frame[column].gather(places), step)
    within = allowed(blocks, frame.height, rows, max_share=max_share, minimum=minimum, level=level)
    test = _Raise(predict, column, rises, of_class, output)
    try:
        said, wrong = test(frame[rows], steps)
        smallest = _smallest(test, frame[rows], steps, wrong, tolerance)
    except Crashed as error:
        return crashed(_CHECK, column, error, within)
    examples: list[Json] = [
        {
            "at": int(rows[i]),
            "row": as_json(frame.row(int(rows[i]), named=True)),
            "step": steps[c],
            "before": said.shown(0, i),
            "after": said.shown(c + 1, i),
        }
        for c, i in worst_places(np.where(wrong > tolerance, wrong, -1.0))
    ]
    return judged(
        _CHECK,
        column,
        any_copy(wrong > tolerance),
        within,
        what=f"predictions do not go {rises} when {column} is raised by up to {steps[-1]:g}",
        examples=examples,
        evidence={
            "steps": steps,
            "smallest": smallest and smallest | {"at": int(rows[smallest["at"]])},
        },
        constant=said.constant,
    )


@dataclass(frozen=True, slots=True)
class _Raise:
    """Raises a column of rows by several steps, in one batch, and says how far each goes wrong."""

    predict: Predict
    column: str
    rises: Rises
    of_class: int | None
    output: Output

    def __call__(self, rows: pl.DataFrame, steps: Sequence[float]) -> tuple[Outputs, Floats]:
        dtype = rows.schema[self.column]
        copies = (
            rows.with_columns(  # beyond what the type can hold, a value stays as it is
                (pl.col(self.column) + step)
                .cast(dtype, strict=False)
                .fill_null(pl.col(self.column))
            )
            for step in steps
        )
        said = outputs_of(self.predict, rows, copies, output=self.output)
        return said, wrong_by(said, self.rises, self.of_class)


def wrong_by(said: Outputs, rises: Rises, of_class: int | None) -> Floats:
    """Return by how much each copy's output went against the direction, shape (c, n).

    Raises:
        InputError: If the outputs are names of classes, or there is no class of that number.
    """
    if rises not in {"up", "down"}:
        raise InputError(f'`rises` is "up" or "down", got {rises!r}.')
    if said.kind == "label" and not all(name.lstrip("-").isdigit() for name in said.names):
        raise InputError("Labels have no direction: pass a model that returns probabilities.")
    values = said.values
    if said.kind == "label":
        values = np.array([float(name) for name in said.names])[values.astype(np.intp)]
    if said.kind == "classes":
        k = values.shape[2]
        if of_class is not None and not -k <= of_class < k:
            raise InputError(f"`of_class` must be one of 0 to {k - 1}, got {of_class}.")
        values = values[:, :, k - 1 if of_class is None else of_class]
    sign = 1.0 if rises == "up" else -1.0
    return np.asarray((values[:1] - values[1:]) * sign, dtype=np.float64)


def _smallest(
    test: _Raise, rows: pl.DataFrame, steps: Sequence[float], wrong: Floats, tolerance: float
) -> dict[str, Any] | None:
    """Find the smallest raise that breaks a row, to a 32nd, among the rows that break first."""
    breaks = wrong > tolerance
    if not breaks.any():
        return None
    first = int(np.flatnonzero(breaks.any(axis=1))[0])
    order = np.argsort(-np.where(breaks[first], wrong[first], -np.inf), kind="stable")
    tried = order[: min(int(breaks[first].sum()), _REFINED)]
    between = np.linspace(steps[first - 1] if first else 0.0, steps[first], 33)[1:]
    if rows.schema[test.column].is_integer():
        between = np.unique(np.ceil(between))
    said, again = test(rows[tried], between.tolist())
    broken = again > tolerance
    at = int(np.flatnonzero(broken.any(axis=1))[0])
    row = int(np.argmax(np.where(broken[at], again[at], -np.inf)))
    return {
        "at": int(tried[row]),
        "step": float(between[at]),
        "before": said.shown(0, row),
        "after": said.shown(at + 1, row),
    }


def _steps(series: pl.Series, step: float | None) -> list[float]:
    whole = series.dtype.is_integer()
    if step is None:
        deviation = float(series.cast(pl.Float64).to_numpy().std())
        step = float(max(round(deviation), 1)) if whole else deviation or 1.0
    elif not step > 0 or (whole and step % 1):
        kind = "a whole number above 0" if whole else "above 0"
        raise InputError(f"The step of `{series.name}` must be {kind}, got {step}.")
    parts = [part * step for part in _PARTS]
    return sorted({float(max(round(part), 1)) for part in parts}) if whole else parts


def check_phrases(
    predict: Predict,
    texts: Sequence[str],
    phrases: Sequence[str] | str,
    *,
    rises: Rises = "up",
    where: Literal["start", "end"] = "end",
    tolerance: float = 0.05,
    max_share: float = 0.01,
    max_rows: int | None = 2000,
    of_class: int | None = None,
    blocks: ArrayLike | None = None,
    minimum: int = 100,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Add phrases whose effect is known to every text; count the outputs that go against it.

    Args:
        predict: From a list of texts to probabilities (n,) or (n, k), or numbers.
        texts: Texts, shape (n,).
        phrases: What is added, each to a copy of every text, such as ``"I love it."``.
        rises: ``"up"`` if the output must not fall by it, ``"down"`` if it must not rise.
        where: Whether a phrase goes before or after the text.
        tolerance: By how much an output may go the wrong way.
        max_share: Share of the texts that may.
        max_rows: How many texts are tried, at random; None is all.
        of_class: Whose probability, where the model returns (n, k); None is the last class.
        blocks: Which block a text is in, shape (n,); None takes texts as independent.
        minimum: Fewer texts are ``unknown``, unless they plainly go wrong.
        level: Confidence of the interval.
        output: What the model returns; see :func:`sensitivity`.
        rng: Generator or seed of the texts.

    Returns:
        A finding ``behaviour.phrases``; its interval is clustered by text.

    Example:
        >>> score = lambda texts: [0.5 + 0.1 * text.count("love") for text in texts]
        >>> print(check_phrases(score, ["It came."] * 200, "I love it.").verdict)
        ok
    """
    admitted = admit(texts)
    added = [phrases] if isinstance(phrases, str) else list(phrases)
    if not isinstance(admitted, list) or not added or not all(added):
        raise InputError("Phrases are added to a list of texts; pass texts and phrases.")
    rows = sampled(len(admitted), max_rows, np.random.default_rng(rng))
    some = [admitted[i] for i in rows]
    within = allowed(blocks, len(admitted), rows, max_share=max_share, minimum=minimum, level=level)
    subject = " / ".join(added)
    copies = [[_added(text, phrase, where) for text in some] for phrase in added]
    try:
        said = outputs_of(predict, some, copies, output=output)
    except Crashed as error:
        return crashed(_TEXT_CHECK, subject, error, within)
    wrong = wrong_by(said, rises, of_class)
    examples: list[Json] = [
        shown(some, copies[c], i, int(rows[i]))
        | {"before": said.shown(0, i), "after": said.shown(c + 1, i)}
        for c, i in worst_places(np.where(wrong > tolerance, wrong, -1.0))
    ]
    return judged(
        _TEXT_CHECK,
        subject,
        wrong > tolerance,
        within,
        what=f"predictions do not go {rises} when a phrase is added",
        examples=examples,
        constant=said.constant,
    )


def _added(text: str, phrase: str, where: Literal["start", "end"]) -> str:
    return f"{phrase} {text}".rstrip() if where == "start" else f"{text} {phrase}".lstrip()
