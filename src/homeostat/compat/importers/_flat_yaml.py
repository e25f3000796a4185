"""The YAML that MLflow writes: one level of names and scalars."""

from __future__ import annotations

import json
import re

__all__ = ["flat_yaml"]

_ENTRY = re.compile(r"([A-Za-z_][\w.-]*):(?:\s+(.*))?")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([e _NLP]))")
_NAMED = {"e": "\x1b", " ": " ", "_": "\xa0", "N": "\x85", "L": "\u2028", "P": "\u2029"}


def flat_yaml(text: str) -> dict[str, str]:
    r"""Return the scalars of the outermost level as texts; null is an empty one.

    Lists and mappings inside are passed over: MLflow has nothing there that is not elsewhere.

    Example:
        >>> flat_yaml("name: exp one\nid: '07'\nend_time: null\ntags: []\nnote: a\n  b\n")
        {'name': 'exp one', 'id': '07', 'end_time': '', 'tags': '[]', 'note': 'a b'}
    """
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry:
            name = entry[1]
            found[name] = entry[2] or ""
        elif line.startswith(" ") and name:
            found[name] = _joined(found[name], line.strip())
        elif not line.strip() and name and found[name][:1] in {"'", '"'}:
            found[name] += "\n"  # an empty line in a quoted text is a line break
    return {name: _scalar(value.strip()) for name, value in found.items()}


def _joined(start: str, more: str) -> str:
    if start.startswith('"') and start.endswith("\\"):
        return start[:-1] + more.removeprefix("\\")
    return start + more if not start or start.endswith("\n") else f"{start} {more}"


def _scalar(value: str) -> str:
    if value in {"null", "~", ""}:
        return ""
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _double_quoted(value)
    return value


def _double_quoted(value: str) -> str:
    def as_json(match: re.Match[str]) -> str:
        code = int(match[1] or match[2], 16) if match[1] or match[2] else ord(_NAMED[match[3]])
        return json.dumps(chr(code))[1:-1]

    try:
        return str(json.loads(_ESCAPE.sub(as_json, value), strict=False))
    except json.JSONDecodeError:
        return value[1:-1]
