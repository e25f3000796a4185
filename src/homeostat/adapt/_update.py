"""One door for every way to make a model learn what is new."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from homeostat.core import Cost, InputError, Model, duration, measure, suggest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["UpdateReport", "takes_weights", "update", "ways"]

# Each way to update, and the method that a model needs for it.
_METHODS = {
    "scratch": "fit",
    "stateful": "update",
    "partial_fit": "partial_fit",
    "continue": "continue_boosting",
    "refit": "refit",
    "leaf-head": "update_head",
}


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What an update did. Whether the new model is better is for a gate to say.

    Args:
        model: The updated model; the one that was given is as it was.
        how: The way it was done: ``"scratch"`` where a rebuild was due.
        rows: How many rows it learned from.
        cost: CPU and wall seconds.
    """

    model: Model
    how: str
    rows: int
    cost: Cost

    @property
    def summary(self) -> str:
        """The update in a sentence."""
        return (
            f"`{self.model.family}` learned from {self.rows:,} rows by {self.how!r} in "
            f"{self.cost.cpu_s:.3g} CPU seconds."
        )


def update(
    model: Model,
    features: pl.DataFrame,
    label: NDArray[np.float64],
    *,
    how: str,
    history: tuple[pl.DataFrame, NDArray[np.float64]] | None = None,
    rebuild_every: str | timedelta | None = None,
    since_rebuild: timedelta | None = None,
    weight: NDArray[np.float64] | None = None,
) -> UpdateReport:
    """Return an updated copy of a model, and what that cost.

    Args:
        model: Stays as it is, so it can go on serving while the copy is tried.
        features: The new rows, in the order of time.
        label: Their labels, 0 and 1.
        how: ``"scratch"`` fits anew (stateless); ``"stateful"`` is the family's own update;
            ``"partial_fit"`` takes gradient steps, ``"refit"`` moves leaf values,
            ``"continue"`` adds trees, ``"leaf-head"`` trains the head over fixed trees.
        history: The rows to fit on from scratch; None takes the new rows.
        rebuild_every: With a stateful way, fit from scratch on ``history`` when the last fit
            from scratch is this long ago: structure from much data, now and then; what moves,
            with every batch.
        since_rebuild: How long ago that was.
        weight: How much each row counts in a fit from scratch, such as importance weights, (n,);
            None counts all alike. An update of what was learned takes none.

    Raises:
        InputError: If the model cannot be updated that way, a rebuild has no history, or weights
            are given that are not taken.

    Example:
        >>> import numpy as np, polars as pl
        >>> from homeostat.train import PreviousPeriod
        >>> model = PreviousPeriod(rows=2)
        >>> model.fit(pl.DataFrame({"x": [1, 2]}), np.array([0.0, 0.0]))
        >>> new = pl.DataFrame({"x": [3, 4]}), np.array([1.0, 1.0])
        >>> report = update(model, *new, how="stateful")
        >>> report.model.predict(new[0])[0] > model.predict(new[0])[0]
        np.True_
    """
    if _is_due(rebuild_every, since_rebuild):
        if history is None:
            raise InputError("A rebuild is due and has nothing to fit on: pass `history`.")
        how = "scratch"
    _check(model, how)
    if weight is not None and (how != "scratch" or not takes_weights(model)):
        raise InputError(
            f"`{model.family}` takes no weights by {how!r}: weigh rows in a fit from scratch, of "
            "a model whose `fit` has an argument `weight`."
        )
    chosen = history if how == "scratch" and history is not None else (features, label)
    updated = copy.deepcopy(model)
    settings = {} if weight is None else {"weight": weight}
    with measure() as cost:
        getattr(updated, _METHODS[how])(*chosen, **settings)
    return UpdateReport(updated, how, len(chosen[1]), cost)


def takes_weights(model: Model) -> bool:
    """Say whether a model's fit takes weights of rows: an argument `weight`.

    Example:
        >>> from homeostat.train import Boosted, Majority
        >>> takes_weights(Boosted()), takes_weights(Majority())
        (True, False)
    """
    return "weight" in inspect.signature(model.fit).parameters


def ways(model: Model) -> list[str]:
    """Return the ways in which a model can be updated.

    Example:
        >>> from homeostat.train import Boosted, Majority
        >>> ways(Majority()), ways(Boosted())
        (['scratch'], ['scratch', 'stateful', 'continue', 'refit'])
    """
    return [way for way, method in _METHODS.items() if callable(getattr(model, method, None))]


def _check(model: Model, how: str) -> None:
    if how not in _METHODS:
        raise InputError(f"There is no way to update called {how!r}.{suggest(how, _METHODS)}")
    if how not in ways(model):
        raise InputError(
            f"`{model.family}` cannot be updated by {how!r}, as it has no method "
            f"`{_METHODS[how]}`; it can be by: {', '.join(ways(model))}."
        )


def _is_due(every: str | timedelta | None, since: timedelta | None) -> bool:
    if every is None:
        return False
    if since is None:
        raise InputError("`rebuild_every` needs `since_rebuild`, the age of the last rebuild.")
    return since >= duration(every)
