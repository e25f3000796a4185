"""The shared vocabulary: Finding, Policy, Schema, Clock, Engine, Model, errors.

Names load when first used: most of it is no business of a script that only logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
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
    from homeostat.core._expression import Expression
    from homeostat.core._expression_parser import parse_expression
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
    "Expression",
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
    "parse_expression",
    "suggest",
    "worst",
]

__getattr__ = lazily(
    globals(),
    {
        "_clock": ["Clock", "Cost", "RealClock", "SimulatedClock", "measure"],
        "_engine": ["Engine", "LocalEngine"],
        "_errors": [
            "CorruptionError",
            "GateError",
            "HomeostatError",
            "InputError",
            "MissingExtraError",
            "NotFoundError",
            "RecordError",
            "SchemaError",
            "ServerError",
            "StorageError",
            "VersionError",
            "suggest",
        ],
        "_expression": ["Expression"],
        "_expression_parser": ["parse_expression"],
        "_finding": ["Finding", "Json", "Verdict", "worst"],
        "_known_at": ["KnownAt", "duration"],
        "_model": ["Model", "Updatable"],
        "_policy": ["Condition", "Decision", "Policy", "decide", "finding"],
        "_schema": ["Column", "ColumnType", "Expectation", "Role", "Schema"],
    },
)
