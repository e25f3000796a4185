"""A suite as text: in words, and as Python source."""

from __future__ import annotations

from collections.abc import Sequence

from homeostat.core import Expectation
from homeostat.expect._named import takes_column

__all__ = ["in_words", "source"]

_WIDE = 88


def in_words(expectation: Expectation) -> str:
    """Write an expectation on one line, as a call.

    Example:
        >>> in_words(Expectation("expect_column_values_to_be_unique", "id", mostly=0.9))
        "expect_column_values_to_be_unique('id', mostly=0.9)"
    """
    return f"{expectation.name}({', '.join(_arguments(expectation))})"


def _arguments(expectation: Expectation) -> list[str]:
    parts = [repr(expectation.column)] if takes_column(expectation.name) else []
    parts += [f"{name}={value!r}" for name, value in expectation.arguments.items()]
    parts += [f"mostly={expectation.mostly!r}"] if expectation.mostly < 1 else []
    parts += [f"severity={expectation.severity!r}"] if expectation.severity == "warn" else []
    return parts


def source(name: str, expectations: Sequence[Expectation]) -> str:
    """Write Python source that makes a suite."""
    lines = ["from homeostat.expect import Suite", "", "suite = (", f"    Suite({name!r})"]
    for one in expectations:
        short = f"    .{in_words(one)}"
        if len(short) <= _WIDE:
            lines.append(short)
        else:
            parts = [f"        {part}," for part in _arguments(one)]
            lines += [f"    .{one.name}(", *parts, "    )"]
    return "\n".join([*lines, ")", ""])
