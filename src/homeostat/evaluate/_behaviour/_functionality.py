"""Minimum functionality: cases so plain that a model which misses them cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json
from homeostat.evaluate._behaviour._data import Data, Predict, admit
from homeostat.evaluate._behaviour._judge import Allowed, judged
from homeostat.evaluate._behaviour._outputs import Output, Outputs, outputs_of
from homeostat.evaluate._behaviour._quality import losses
from homeostat.evaluate._behaviour._templates import fill_templates

__all__ = ["check_functionality", "check_templates"]

_CHECK = "behaviour.functionality"


def check_functionality(
    predict: Predict,
    rows: Any,  # noqa: ANN401 - a frame, texts or images
    expected: ArrayLike | None = None,
    *,
    between: tuple[float, float] | None = None,
    name: str = "cases",
    threshold: float = 0.5,
    tolerance: float = 0.0,
    max_share: float = 0.0,
    complete: bool = True,
    level: float = 0.95,
    output: Output = "auto",
    lineage: pl.DataFrame | None = None,
) -> Finding:
    """Judge a model on cases whose answer is plain.

    Args:
        predict: From rows to probabilities (n,) or (n, k), numbers, or labels.
        rows: A frame, a list of texts, or images.
        expected: What is right, for all rows or one a row: 0 or 1 for a probability, a class's
            number for classes, its name for labels, a number for numbers.
        between: Or the range in which every output (n,) must lie, ends included.
        name: What the cases are called.
        threshold: Where a probability becomes a decision.
        tolerance: By how much a number may miss.
        max_share: Share of the cases that may fail.
        complete: Whether the cases are all there are: any excess share then fails, however few
            they are. If not, they are a sample and judged by their interval.
        level: Confidence of the interval.
        output: What the model returns; see :func:`sensitivity`.
        lineage: Where each case comes from, one row a case; shown with those that fail.

    Returns:
        A finding ``behaviour.functionality`` with up to three of the cases that fail.

    Raises:
        InputError: If both or none of ``expected`` and ``between`` are given, or do not fit.

    Example:
        >>> check_functionality(lambda t: ["good" in x for x in t], ["a good one"], True).verdict
        <Verdict.OK: 'ok'>
    """
    data = admit(rows)
    if (expected is None) == (between is None):
        raise InputError("Say what is right by one of `expected` and `between`.")
    said = outputs_of(predict, data, (), output=output)
    if between is None:
        given = np.asarray(expected)
        right = np.full(len(data), given) if given.ndim == 0 else given
        missed = losses(said, right, threshold)[0]
        failed = missed > (tolerance if said.kind == "number" else 0)
        wanted: list[Json] = [_plain(one) for one in right]
    else:
        failed, missed = _outside(said, between)
        wanted = [list(between)] * len(data)
    worst = [int(i) for i in np.argsort(-missed, kind="stable")[:3] if failed[i]]
    examples: list[Json] = [
        _case(data, i, lineage) | {"expected": wanted[i], "said": said.shown(0, i)} for i in worst
    ]
    return judged(
        _CHECK,
        name,
        failed[None, :],
        Allowed(max_share=max_share, level=level),
        what=f"{name} get another answer than the plain one",
        examples=examples,
        complete=complete,
    )


def check_templates(
    predict: Predict,
    templates: str | Sequence[str],
    slots: Mapping[str, Sequence[str | int | float]],
    expected: Any = None,  # noqa: ANN401 - as check_functionality takes it
    *,
    between: tuple[float, float] | None = None,
    max_texts: int | None = None,
    rng: np.random.Generator | int = 0,
    name: str = "texts of the template",
    threshold: float = 0.5,
    max_share: float = 0.0,
    level: float = 0.95,
    output: Output = "auto",
) -> Finding:
    """Judge a model on every text of some templates; see :func:`fill_templates`.

    Args:
        predict: From a list of texts to outputs.
        templates: With slots in brackets.
        slots: What each slot may hold.
        expected: What is right of all the texts; see :func:`check_functionality`.
        between: Or the range of the output.
        max_texts: At most how many texts of each template; the finding is then by interval.
        rng: Generator or seed of the drawing.
        name: What the texts are called.
        threshold: Where a probability becomes a decision.
        max_share: Share of the texts that may fail.
        level: Confidence of the interval.
        output: What the model returns; see :func:`sensitivity`.

    Example:
        >>> found = check_templates(lambda t: ["find" in x.lower() for x in t],
        ...     "Find me a [CUISINE] restaurant", {"CUISINE": ["Thai", "Greek"]}, True)
        >>> found.verdict, found.evidence["n"]
        (<Verdict.OK: 'ok'>, 2)
    """
    made = fill_templates(templates, slots, max_texts=max_texts, rng=rng)
    return check_functionality(
        predict,
        made["text"].to_list(),
        expected,
        between=between,
        name=name,
        threshold=threshold,
        max_share=max_share,
        complete=max_texts is None,
        level=level,
        output=output,
        lineage=made.drop("text"),
    )


def _outside(
    said: Outputs, between: tuple[float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    low, high = between
    if not low <= high or said.kind not in {"probability", "number"}:
        raise InputError(f"`between` is (low, high) of an output a row, got {between}.")
    values = said.values[0]
    missed = np.maximum(low - values, values - high)
    return missed > 0, missed


def _case(data: Data, i: int, lineage: pl.DataFrame | None) -> dict[str, Json]:
    told: dict[str, Json] = {"at": i}
    if isinstance(data, pl.DataFrame):
        told["row"] = {name: str(value) for name, value in data.row(i, named=True).items()}
    elif isinstance(data, list):
        told["text"] = data[i]
    if lineage is not None:
        row = lineage.row(i, named=True)
        told["from"] = {name: value for name, value in row.items() if value is not None}
    return told


def _plain(value: Any) -> Json:  # noqa: ANN401 - a NumPy scalar
    found: Json = value.item() if hasattr(value, "item") else value
    return found
