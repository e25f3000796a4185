"""The data room: sources and lineage, schemas checked in batch and by request, profiles."""

from homeostat.data import (  # noqa: F401 - built-in expectations register themselves
    _rules_columns,
    _rules_expression,
    _rules_many,
    _rules_rows,
)
from homeostat.data._check import check
from homeostat.data._csv import read_csv
from homeostat.data._dataset import Dataset, SourceInfo
from homeostat.data._describe import describe_schema
from homeostat.data._digest import of_value as digest_of
from homeostat.data._infer import infer
from homeostat.data._profile import Profile
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_edges import ColumnEdges, Edges
from homeostat.data._profile_text import describe
from homeostat.data._request import (
    FieldError,
    Request,
    RequestModel,
    request_model,
    validate_request,
    validate_requests,
)
from homeostat.data._rows import batch_from_rows
from homeostat.data._rules import (
    About,
    ColumnRule,
    RowRule,
    TableRule,
    expectation_names,
    register_expectation,
)
from homeostat.data._sources import from_frame, read_json_lines, read_parquet
from homeostat.data._verbs import deduplicate, left_join

__all__ = [
    "About",
    "ColumnEdges",
    "ColumnProfile",
    "ColumnRule",
    "Dataset",
    "Edges",
    "FieldError",
    "Profile",
    "Request",
    "RequestModel",
    "RowRule",
    "SourceInfo",
    "TableRule",
    "batch_from_rows",
    "check",
    "deduplicate",
    "describe",
    "describe_schema",
    "digest_of",
    "expectation_names",
    "from_frame",
    "infer",
    "left_join",
    "read_csv",
    "read_json_lines",
    "read_parquet",
    "register_expectation",
    "request_model",
    "validate_request",
    "validate_requests",
]
