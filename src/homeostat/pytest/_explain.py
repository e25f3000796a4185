"""A finding as the text of a failed test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from homeostat.core import Finding, Json

__all__ = ["explain"]

_WIDEST = 160


def explain(findings: Finding | Iterable[Finding]) -> str:
    """Return what was judged and the counter-examples, a few lines a finding.

    Example:
        >>> from homeostat.core import Finding
        >>> print(explain(Finding(check="behaviour.invariance", subject="sex", verdict="fail",
        ...     summary="100% of 9 move.", evidence={"examples": [{"at": 3, "before": 0.1,
        ...     "after": 0.9}]})))
        fail  behaviour.invariance on sex
          100% of 9 move.
          counter-example 1: row 3
            0.1 -> 0.9
    """
    listed = cast("Iterable[Finding]", [findings] if hasattr(findings, "verdict") else findings)
    return "\n".join(line for found in listed for line in _lines(found))


def _lines(found: Finding) -> Iterable[str]:
    yield f"{found.verdict.value:<5} {found.check} on {found.subject}"
    yield f"  {found.summary}"
    for point in _listed(found.evidence.get("curve")):
        rate = f"{float(str(point['moved'])):8.2%}"
        drop = f"  score {float(str(point['score'])):.4f}" if "score" in point else ""
        yield f"    at {point['strength']:>6}: moved {rate}{drop}"
    smallest = found.evidence.get("smallest")
    if isinstance(smallest, Mapping):
        yield f"  smallest step that breaks: {_short(smallest)}"
    for number, example in enumerate(_listed(found.evidence.get("examples")), start=1):
        yield f"  counter-example {number}: row {example.get('at', number - 1)}"
        yield from _example(example)


def _example(example: Mapping[str, Json]) -> Iterable[str]:
    example = {name: value for name, value in example.items() if name != "at"}
    if "became" in example:
        yield f"    - {_short(example.pop('text'))}"
        yield f"    + {_short(example.pop('became'))}"
    before, after = example.pop("before", None), example.pop("after", None)
    changed = example.get("changed")
    if isinstance(changed, Mapping) and changed:
        del example["changed"]
        for name, values in changed.items():
            was, now = values if isinstance(values, list) and len(values) == 2 else (values, "")
            example.pop(name, None)
            yield f"    {name}: {_short(was)} -> {_short(now)}"
    for name, value in example.items():
        yield f"    {name}: {_short(value)}"
    if before is not None or after is not None:
        yield f"    {_short(before)} -> {_short(after)}"


def _listed(value: Json) -> list[Mapping[str, Json]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, Mapping)]


def _short(value: Json) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        text = ", ".join(f"{name}={_short(inner)}" for name, inner in value.items())
    elif isinstance(value, list):
        text = f"[{', '.join(_short(inner) for inner in value)}]"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
