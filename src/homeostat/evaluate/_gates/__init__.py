"""Gates: what a model must pass before it is released."""

from homeostat.evaluate._gates._against import beats, no_worse
from homeostat.evaluate._gates._behaviour import bears, behaves, directional, invariance
from homeostat.evaluate._gates._context import Gate, GateContext
from homeostat.evaluate._gates._quality import calibrated, covers, slices_at_least, slices_even

__all__ = [
    "Gate",
    "GateContext",
    "bears",
    "beats",
    "behaves",
    "calibrated",
    "covers",
    "directional",
    "invariance",
    "no_worse",
    "slices_at_least",
    "slices_even",
]
