"""Is a model good enough: metrics, comparison, calibration, slices, behaviour, confidence."""

from homeostat.evaluate._behaviour import check_directional, check_invariance
from homeostat.evaluate._calibration import calibration
from homeostat.evaluate._compare import Compared, Comparison, compare
from homeostat.evaluate._confidence import (
    RiskCoverage,
    abstain,
    confidence_threshold,
    risk_coverage,
)
from homeostat.evaluate._cube import Cube, cube
from homeostat.evaluate._cuts import Cut, Part, Slice, cut
from homeostat.evaluate._find import find_slices
from homeostat.evaluate._gates import (
    Gate,
    GateContext,
    beats,
    calibrated,
    directional,
    invariance,
    no_worse,
    slices_at_least,
)
from homeostat.evaluate._measures import row_losses
from homeostat.evaluate._metrics import Metric, metrics
from homeostat.evaluate._simpson import simpson
from homeostat.evaluate._slices import slices

__all__ = [
    "Compared",
    "Comparison",
    "Cube",
    "Cut",
    "Gate",
    "GateContext",
    "Metric",
    "Part",
    "RiskCoverage",
    "Slice",
    "abstain",
    "beats",
    "calibrated",
    "calibration",
    "check_directional",
    "check_invariance",
    "compare",
    "confidence_threshold",
    "cube",
    "cut",
    "directional",
    "find_slices",
    "invariance",
    "metrics",
    "no_worse",
    "risk_coverage",
    "row_losses",
    "simpson",
    "slices",
    "slices_at_least",
]
