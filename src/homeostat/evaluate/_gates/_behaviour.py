"""Gates on how a model behaves when its input is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from homeostat.core import Finding, Json
from homeostat.evaluate._behaviour._directional import check_directional
from homeostat.evaluate._behaviour._invariance import check_invariance
from homeostat.evaluate._behaviour._perturbations import Perturbation
from homeostat.evaluate._behaviour._sensitivity import check_perturbation
from homeostat.evaluate._behaviour._suite import BehaviourSuite
from homeostat.evaluate._gates._context import Gate, GateContext

__all__ = ["bears", "behaves", "directional", "invariance"]


def invariance(
    column: str,
    *,
    values: Sequence[Json] | None = None,
    tolerance: float = 0.05,
    max_share: float = 0.01,
    **settings: Any,  # noqa: ANN401 - those of the check
) -> Gate:
    """Ask that a column does not matter; see :func:`check_invariance` for the settings."""
    settings |= {"values": values, "tolerance": tolerance, "max_share": max_share}
    return _asks(f"invariance({column})", check_invariance, column, settings)


def directional(
    column: str,
    rises: Literal["up", "down"] = "up",
    *,
    step: float | None = None,
    max_share: float = 0.0,
    **settings: Any,  # noqa: ANN401 - those of the check
) -> Gate:
    """Ask that the prediction follows a column one way; see :func:`check_directional`."""
    settings |= {"rises": rises, "step": step, "max_share": max_share}
    return _asks(f"directional({column}, {rises})", check_directional, column, settings)


def bears(
    perturbation: str | Perturbation,
    strength: float | None = None,
    *,
    max_share: float = 0.05,
    **settings: Any,  # noqa: ANN401 - those of the check
) -> Gate:
    """Ask that a perturbation of some strength moves few predictions.

    See :func:`check_perturbation`; ``strength`` is its ``bears``.
    """
    settings |= {"bears": strength, "max_share": max_share}
    name = perturbation if isinstance(perturbation, str) else perturbation.name
    said = name if strength is None else f"{name}, {strength:g}"
    return _asks(f"bears({said})", check_perturbation, perturbation, settings)


def behaves(suite: BehaviourSuite) -> Gate:
    """Ask what a suite of behavioural tests asks, on the rows of the gate."""

    def asked(context: GateContext) -> list[Finding]:
        return suite.run(context.model.predict, context.features, label=context.label)

    return Gate(f"behaves({suite.name})", asked)


def _asks(
    name: str, check: Callable[..., Finding], about: object, settings: dict[str, Any]
) -> Gate:
    """Return the gate that asks one behavioural check of the model."""

    def asked(context: GateContext) -> list[Finding]:
        return [check(context.model.predict, context.features, about, **settings)]

    return Gate(name, asked)
