"""The expect room: what must hold of data, checked in one query, by batch and by request."""

from collections.abc import Callable

from homeostat.core import Expectation, suggest
from homeostat.expect import (  # noqa: F401 - built-in expectations register themselves
    _rules_columns,
    _rules_distribution,
    _rules_expression,
    _rules_many,
    _rules_model,
    _rules_rows,
    _rules_sets,
    _rules_table,
    _rules_text,
)
from homeostat.expect._check import check
from homeostat.expect._describe import describe_schema
from homeostat.expect._import_gx import import_gx
from homeostat.expect._import_pandera import import_pandera
from homeostat.expect._imported import Imported
from homeostat.expect._models import register_model
from homeostat.expect._named import named
from homeostat.expect._request import (
    FieldError,
    Request,
    RequestModel,
    request_model,
    validate_request,
    validate_requests,
)
from homeostat.expect._rules import (
    About,
    ColumnRule,
    RowRule,
    TableRule,
    expectation_names,
    register_expectation,
)
from homeostat.expect._suite import Suite

__all__ = [
    "About",
    "ColumnRule",
    "FieldError",
    "Imported",
    "Request",
    "RequestModel",
    "RowRule",
    "Suite",
    "TableRule",
    "check",
    "describe_schema",
    "expectation_names",
    "import_gx",
    "import_pandera",
    "register_expectation",
    "register_model",
    "request_model",
    "validate_request",
    "validate_requests",
]


def __getattr__(name: str) -> Callable[..., Expectation]:
    """Return the function of an expectation: each has one, registered ones too."""
    if name in expectation_names():
        return named(name)
    raise AttributeError(f"homeostat.expect has no `{name}`.{suggest(name, __dir__())}")


def __dir__() -> list[str]:
    return sorted([*__all__, *expectation_names()])
