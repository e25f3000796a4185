"""The shared vocabulary: Finding, Policy, Schema, Clock, Engine, Model, errors."""

from homeostat.core._clock import Clock, Cost, RealClock, SimulatedClock, measure
from homeostat.core._engine import Engine, LocalEngine
from homeostat.core._errors import (
    CorruptionError,
    GateError,
    HomeostatError,
    InputError,
    MissingExtraError,
    NotFoundError,
    RecordError,
    SchemaError,
    ServerError,
    StorageError,
    VersionError,
    suggest,
)
from homeostat.core._finding import Finding, Json, Verdict, worst
from homeostat.core._known_at import KnownAt, duration
from homeostat.core._model import Model, Updatable
from homeostat.core._policy import Condition, Decision, Policy, decide, finding
from homeostat.core._schema import Column, ColumnType, Expectation, Role, Schema

__all__ = [
    "Clock",
    "Column",
    "ColumnType",
    "Condition",
    "CorruptionError",
    "Cost",
    "Decision",
    "Engine",
    "Expectation",
    "Finding",
    "GateError",
    "HomeostatError",
    "InputError",
    "Json",
    "KnownAt",
    "LocalEngine",
    "MissingExtraError",
    "Model",
    "NotFoundError",
    "Policy",
    "RealClock",
    "RecordError",
    "Role",
    "Schema",
    "SchemaError",
    "ServerError",
    "SimulatedClock",
    "StorageError",
    "Updatable",
    "Verdict",
    "VersionError",
    "decide",
    "duration",
    "finding",
    "measure",
    "suggest",
    "worst",
]
