"""The four phases, heuristic to complex, each fitted and asked on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homeostat.core import Cost, HomeostatError, InputError, measure

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from homeostat.core import Model

__all__ = ["PhaseResult", "fit_phases"]


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase: the fitted model, what it said of the validation rows, and what it cost.

    Args:
        phase: 1 for the first model, and so on.
        name: What the model is called.
        model: Fitted on the training rows.
        prediction: For each validation row, (m,).
        cost: Of the fit alone.
    """

    phase: int
    name: str
    model: Model
    prediction: NDArray[np.float64]
    cost: Cost


def fit_phases(
    models: Sequence[Model] | Mapping[str, Model],
    train: tuple[pl.DataFrame, NDArray[np.float64]],
    validation: pl.DataFrame,
) -> list[PhaseResult]:
    """Fit models in the order of their phases on the same rows; predict the same other rows.

    Start with what is simplest: a later phase has to earn its cost, by a paired comparison of
    its losses with the phase before (`homeostat.evaluate`).

    Args:
        models: In order, or by name; without names each is called by its family.
        train: Features and labels of the training rows.
        validation: Features of the validation rows; their labels are not needed here.

    Raises:
        InputError: If there is no model or two have one name.

    Example:
        >>> import polars as pl
        >>> from homeostat.train import Logistic, Majority
        >>> rows = pl.DataFrame({"x": [0, 1, 2, 3]}), np.array([0.0, 0.0, 1.0, 1.0])
        >>> results = fit_phases([Majority(), Logistic()], rows, rows[0])
        >>> [(one.phase, one.name, one.prediction[0].round(2).item()) for one in results]
        [(1, 'majority', 0.5), (2, 'logistic', 0.22)]
    """
    if isinstance(models, Mapping):
        named = list(models.items())
    else:
        named = [(model.family, model) for model in models]
    names = [name for name, _ in named]
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"Phases need models of different names, got {', '.join(names) or 'none'}: "
            "pass {name: model}."
        )
    return [_fit(i, name, model, train, validation) for i, (name, model) in enumerate(named, 1)]


def _fit(
    phase: int,
    name: str,
    model: Model,
    train: tuple[pl.DataFrame, NDArray[np.float64]],
    validation: pl.DataFrame,
) -> PhaseResult:
    try:
        with measure() as cost:
            model.fit(*train)
        return PhaseResult(phase, name, model, model.predict(validation), cost)
    except HomeostatError as error:
        error.add_note(f"While phase {phase}, `{name}`, was fitted and scored.")
        raise
