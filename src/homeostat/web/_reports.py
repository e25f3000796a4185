"""The JSON artifacts that the loop writes for people, read back and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from homeostat.core import InputError, Verdict
from homeostat.record import Artifact

__all__ = [
    "Calibration",
    "Freshness",
    "Phase",
    "PolicyRow",
    "ShiftMap",
    "Slice",
    "read_report",
]

Report = TypeVar("Report")


def _finite(value: object) -> object:
    """Take what is no finite number for no number at all."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


Number = Annotated[float | None, BeforeValidator(_finite)]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What one policy came to over a replay; ``from_best`` is paired, by day."""

    policy: str
    normalized_entropy: Number = None
    low: Number = None
    high: Number = None
    retrains: Number = None
    cpu_s: Number = None
    alarms: Number = None
    promotions: Number = None
    rejections: Number = None
    auc: Number = None
    from_best: Number = None
    from_best_low: Number = None
    from_best_high: Number = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """Loss by the age of the model; ``difference`` is paired with the youngest."""

    ages_days: Sequence[float]
    loss: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    difference: Sequence[Number] = ()
    difference_low: Sequence[Number] = ()
    difference_high: Sequence[Number] = ()
    conclusion: str = ""


@dataclass(frozen=True, slots=True)
class ShiftMap:
    """How far each feature lay from its reference in each window, and what that cost."""

    scale: str
    windows: Sequence[str]
    features: Sequence[str]
    effect: Sequence[Sequence[Number]]
    distance: Sequence[Sequence[Number]] = ()
    verdict: Sequence[Sequence[str | None]] = ()
    missing: Sequence[Sequence[Number]] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """A metric on a part of the rows."""

    slice: str
    n: int
    metric: str
    value: Number = None
    low: Number = None
    high: Number = None
    overall: Number = None
    verdict: Verdict = Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Phase:
    """One model of the four phases, against the one before."""

    phase: str | int
    name: str
    logloss: Number = None
    auc: Number = None
    low: Number = None
    high: Number = None
    difference: Number = None
    verdict: Verdict = Verdict.UNKNOWN
    cpu_s: Number = None
    words: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """Observed share by predicted probability; ``expected`` is the ECE of pure chance."""

    predicted: Sequence[float]
    observed: Sequence[Number]
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()
    count: Sequence[float] = ()
    ece: Number = None
    expected: Number = None
    p_value: Number = None


_FILES: Mapping[str, tuple[str, TypeAdapter[Any]]] = {
    "replay-table": ("table.json", TypeAdapter(list[PolicyRow])),
    "freshness": ("freshness.json", TypeAdapter(Freshness)),
    "shift-map": ("shift.json", TypeAdapter(ShiftMap)),
    "slices": ("slices.json", TypeAdapter(list[Slice])),
    "phases": ("phases.json", TypeAdapter(list[Phase])),
    "calibration": ("calibration.json", TypeAdapter(Calibration)),
}


def read_report(artifact: Artifact, kind: type[Report]) -> Report:  # noqa: ARG001 - says what is returned
    """Read a report of a known type.

    Args:
        artifact: Of type ``"replay-table"``, ``"freshness"``, ``"shift-map"``, ``"slices"``,
            ``"phases"`` or ``"calibration"``.
        kind: What is returned: the class of the report, or list of the class of its rows.

    Raises:
        InputError: If it does not hold what its type promises.
        CorruptionError: If its file does not match its digest.
    """
    filename, adapter = _FILES[artifact.type]
    try:
        data = json.loads(artifact.read(filename))
        if artifact.type == "calibration" and "curve" in data:
            data = {**data, **data["curve"]}
        report = adapter.validate_python(data)
    except (ValueError, TypeError) as error:
        why = _first(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"{artifact.reference} must hold a {artifact.type} in {filename}: {why}."
        ) from error
    return cast("Report", report)


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where or 'it'}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
