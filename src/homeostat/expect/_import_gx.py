"""Suites of Great Expectations, as it writes them to JSON (0.18 and 1.x)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeostat.core import Expectation, Finding, SchemaError
from homeostat.expect._conditions import row_condition
from homeostat.expect._imported import Imported, refusal
from homeostat.expect._named import complete
from homeostat.expect._suite import Suite

__all__ = ["import_gx"]

_SHOWN_ONLY = {"batch_id", "result_format", "include_config", "catch_exceptions", "meta", "notes"}
_SHOWN_ONLY |= {"allow_relative_error", "description", "unexpected_rows_message"}
_ONLY_IF: dict[str, Any] = {
    "auto": False,
    "parse_strings_as_datetimes": False,
    "allow_cross_type_comparisons": False,
    "bucketize_data": True,
}
"""Arguments that may be there with this value alone; any other changes the meaning."""
_WHEN_MISSING = {
    "expect_column_pair_values_a_to_be_greater_than_b": "both_values_are_missing",
    "expect_column_pair_values_to_be_equal": "both_values_are_missing",
    "expect_column_pair_values_to_be_in_set": "both_values_are_missing",
}
"""Which rows do not count by the default of GX, where ours is another."""
_SEVERITIES = {"critical": "fail", "warning": "warn", "info": "warn"}


def import_gx(
    source: Mapping[str, Any] | str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> Imported:
    """Read an expectation suite of Great Expectations, written by 0.18 or 1.x.

    Args:
        source: The JSON: parsed, as text, or the path of its file.
        parameters: Values for ``{"$PARAMETER": name}``, by that name.
        partial: Whether to go on without what cannot be read; each is then in ``refused``.

    Returns:
        The suite, and a finding on each expectation that it lacks, with the reason.

    Raises:
        SchemaError: If it is no suite, or (unless ``partial``) lacks something.

    Example:
        >>> suite = {"name": "late", "expectations": [{"type": "expect_column_max_to_be_between",
        ...          "kwargs": {"column": "late", "max_value": 60}}]}
        >>> import_gx(suite).suite
        Suite(name='late', expectations=(Expectation(name='expect_column_max_to_be_between', \
column='late', arguments={'max_value': 60}, mostly=1.0, severity='fail'),))
    """
    data = _read(source)
    listed = data.get("expectations")
    if not isinstance(listed, list):
        raise SchemaError("A suite of Great Expectations has a list `expectations`.")
    own = data.get("suite_parameters") or data.get("evaluation_parameters") or {}
    known = {**own, **(parameters or {})}
    found: list[Expectation] = []
    refused: list[Finding] = []
    for one in listed:
        read = _expectation(one, known)
        if isinstance(read, Finding):
            refused.append(read)
        else:
            found.append(read)
    name = data.get("name") or data.get("expectation_suite_name") or ""
    return Imported(Suite(name, tuple(found)), tuple(refused)).whole(partial=partial)


def _read(source: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    if isinstance(source, Path) or (isinstance(source, str) and source.lstrip()[:1] != "{"):
        try:
            source = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise SchemaError(f"The suite cannot be read: {error}.") from error
    try:
        data = json.loads(source) if isinstance(source, str) else source
    except json.JSONDecodeError as error:
        raise SchemaError(f"The suite is no JSON: {error}.") from error
    if not isinstance(data, Mapping):
        raise SchemaError(f"A suite is a JSON object, got {type(data).__name__}.")
    return data


def _expectation(one: object, known: Mapping[str, Any]) -> Expectation | Finding:
    """Read one expectation, or say why it cannot be."""
    if not isinstance(one, Mapping):
        return refusal(repr(one), "an expectation is a JSON object")
    name = str(one.get("type") or one.get("expectation_type") or "?")
    arguments = one.get("kwargs") or {}
    if not isinstance(arguments, Mapping):
        return refusal(name, f"its `kwargs` are a JSON object, got {arguments!r}")
    try:
        arguments = {key: _value(value, known) for key, value in arguments.items()}
        arguments = _translated(name, arguments)
        if (severity := one.get("severity")) is not None:
            arguments["severity"] = _SEVERITIES.get(severity, "fail")
        return complete(name, arguments)
    except SchemaError as error:
        subject = f"{name}({arguments.get('column') or ''})"
        return refusal(subject, str(error), [f"{key}={v!r}" for key, v in arguments.items()])


def _value(value: object, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Put in the value of a parameter."""
    if not isinstance(value, Mapping) or "$PARAMETER" not in value:
        return value
    name = value["$PARAMETER"]
    if name not in known:
        raise SchemaError(f"its parameter {name!r} has no value: pass it in `parameters`")
    return known[name]


def _translated(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as ours are: what only shapes GX's answer is left out."""
    kept = {
        key: value
        for key, value in arguments.items()
        if key not in _SHOWN_ONLY and value is not None
    }
    for key, fine in _ONLY_IF.items():
        if kept.pop(key, fine) != fine:
            raise SchemaError(f"its `{key}={arguments[key]!r}` has no like here")
    if "condition_parser" in kept or "row_condition" in kept:
        parser = kept.pop("condition_parser", None)
        if "row_condition" in kept:
            kept["row_condition"] = row_condition(kept["row_condition"], parser or "pandas")
    mostly = kept.get("mostly")
    if mostly is not None and (isinstance(mostly, bool) or not isinstance(mostly, (int, float))):
        raise SchemaError(f"its `mostly` must be a number, got {mostly!r}")
    if kept.get("distribution") == "uniform" and kept.get("params"):
        kept["params"] = _uniform(kept["params"])
    if name in _WHEN_MISSING:
        kept.setdefault("ignore_row_if", _WHEN_MISSING[name])
    return kept


def _uniform(params: Any) -> dict[str, float]:  # noqa: ANN401 - JSON
    """Return the ends of a uniform distribution: what GX calls ``max`` is its width."""
    if isinstance(params, Mapping):
        params = [params.get("min", 0.0), params.get("max", 1.0)]
    if len(params) != 2 or not all(isinstance(one, (int, float)) for one in params):
        raise SchemaError(f"its `params` must be two numbers, got {params!r}")
    low, wide = params
    return {"min": low, "max": low + wide}
