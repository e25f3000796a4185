"""The shared vocabulary: Finding, Policy, Schema, Clock, Engine, Model, errors.

Names load when first used: most of it is no business of a script that only logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
    from homeostat.core._clock import Clock, Cost, RealClock, SimulatedClock, measure
    from homeostat.core._columns import require_columns
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
    from homeostat.core._fit_ledger import Fit, FitLedger
    from homeostat.core._known_at import KnownAt, duration
    from homeostat.core._model import Model, Updatable
    from homeostat.core._policy import Condition, Decision, Policy, decide, finding
    from homeostat.core._row_ids import mix, row_ids
    from homeostat.core._row_set import RowSet
    from homeostat.core._schema import Column, ColumnType, Expectation, Role, Schema
    from homeostat.core._tracked_rows import TrackedRows

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
    "Fit",
    "FitLedger",
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
    "RowSet",
    "Schema",
    "SchemaError",
    "ServerError",
    "SimulatedClock",
    "StorageError",
    "TrackedRows",
    "Updatable",
    "Verdict",
    "VersionError",
    "decide",
    "duration",
    "finding",
    "measure",
    "mix",
    "parse_expression",
    "require_columns",
    "row_ids",
    "suggest",
    "worst",
]

__getattr__ = lazily(
    globals(),
    {
        "_columns": ["require_columns"],
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
        "_fit_ledger": ["Fit", "FitLedger"],
        "_known_at": ["KnownAt", "duration"],
        "_model": ["Model", "Updatable"],
        "_policy": ["Condition", "Decision", "Policy", "decide", "finding"],
        "_row_ids": ["mix", "row_ids"],
        "_row_set": ["RowSet"],
        "_schema": ["Column", "ColumnType", "Expectation", "Role", "Schema"],
        "_tracked_rows": ["TrackedRows"],
    },
)
