"""Nested settings as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["flat", "leaves"]


def leaves(document: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return the values of nested settings by their dotted keys.

    Example:
        >>> leaves({"rate": 0.1, "split": {"gap": "1d"}})
        {'rate': 0.1, 'split.gap': '1d'}
    """
    found: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def flat(config: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return nested settings as rows of a dotted key and a text.

    Example:
        >>> flat({"rate": 0.1, "split": {"gap": "1d", "parts": [1, 2]}})
        [('rate', '0.1'), ('split.gap', '1d'), ('split.parts', '[1, 2]')]
    """
    return [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in leaves(config).items()
    ]
