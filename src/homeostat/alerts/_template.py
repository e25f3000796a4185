"""Template: a message's words, with the facts of an alert filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from homeostat.core import InputError, suggest

__all__ = ["FIELDS", "Template"]

FIELDS = (
    "alert", "check", "effect", "findings", "fired", "labels", "link", "number", "owner", "p-value",
    "rule", "runbook", "service-name", "severity", "since", "statistic", "status", "subject",
    "summary", "system", "threshold", "timestamp", "verdict",
)  # fmt: skip
"""What a template can name; besides these ``labels.NAME`` and ``evidence.NAME``."""

_FIELD = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[^{}]*)\})")
_OPEN = ("labels.", "evidence.")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with facts in it, such as ``"${timestamp}: ${service-name} is at ${statistic}"``.

    ``$$`` is a dollar sign. What a fact holds is never read as a template itself, and a fact that
    an alert lacks reads ``(no p-value)``.

    Args:
        text: The text.

    Raises:
        InputError: If it names what there is not.

    Example:
        >>> Template("${service-name} fell to ${statistic}: $$ lost").filled(
        ...     {"service-name": "ranking", "statistic": "0.89"})
        'ranking fell to 0.89: $ lost'
    """

    text: str

    def __post_init__(self) -> None:
        for match in _FIELD.finditer(self.text):
            name = match["name"]
            if name is not None and name not in FIELDS and not name.startswith(_OPEN):
                raise InputError(
                    f"A template can name facts of an alert, got `${{{name}}}`."
                    f"{suggest(name, FIELDS)}"
                )

    def filled(self, facts: Mapping[str, str]) -> str:
        """Return the text with the facts in place of their names."""

        def fact(match: re.Match[str]) -> str:
            name = match["name"]
            return "$" if name is None else facts.get(name) or f"(no {name})"

        return _FIELD.sub(fact, self.text)
