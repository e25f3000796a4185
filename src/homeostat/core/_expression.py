"""Expression: the small language of filters and derived columns, parsed and never evaluated.

``parse_expression`` turns a text such as ``"score > 0.5 and guess != truth"`` into a tree of one
frozen type. What the names mean is the business of whoever compiles the tree: to Polars over a
table, to SQL over runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["AGGREGATES", "FUNCTIONS", "KEYWORDS", "OPERATORS", "Expression"]

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null", "none", "true", "false"})

# How tightly an operator binds; what binds tighter is computed first.
OPERATORS = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "is null"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
    "negative": 7,
}
ATOM = 8

# Functions of a row and of many rows: the fewest and the most arguments.
FUNCTIONS = {
    **dict.fromkeys(("abs", "ceil", "exp", "floor", "log", "sqrt"), (1, 1)),
    **dict.fromkeys(("len", "lower", "upper", "text", "number"), (1, 1)),
    **dict.fromkeys(("contains", "starts", "ends", "matches"), (2, 2)),
    "round": (1, 2),
    "if": (3, 3),
    **dict.fromkeys(("min", "max", "coalesce"), (2, 16)),
}
AGGREGATES = {
    "count": (0, 1),
    **dict.fromkeys(("mean", "sum", "std", "median", "min", "max"), (1, 1)),
    **dict.fromkeys(("first", "last", "distinct"), (1, 1)),
}

_PLAIN_PART = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Expression:
    """A node of a parsed expression.

    Args:
        op: What the node is. ``"value"`` and ``"name"`` are leaves; ``"list"`` holds its items;
            an operator (``and or not == != < <= > >= in + - * / %``, ``"is null"``,
            ``"negative"``) or a function (``"lower"``, ...) applies to ``args``.
        args: The operands, in order.
        value: Of a ``"value"``: None, a bool, a number or a text. Of a ``"name"``: the column,
            dots included, such as ``"config.lr"``.
        at: The character of the text at which it starts, from 0. Not compared.

    Its text, ``str(expression)``, parses to an equal expression.

    Example:
        >>> from homeostat.core import parse_expression
        >>> found = parse_expression("config.lr < .01 and not (tag in ['a', 'b'])")
        >>> found.op, [part.op for part in found.args], found.names()
        ('and', ['<', 'not'], ('config.lr', 'tag'))
        >>> print(found)
        config.lr < 0.01 and not tag in ['a', 'b']
    """

    op: str
    args: tuple[Expression, ...] = ()
    value: str | int | float | bool | None = None
    at: int = 0

    def __eq__(self, other: object) -> bool:
        # True == 1 in Python; as values of an expression they are two things.
        return isinstance(other, Expression) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.op, self.args, type(self.value), self.value

    def walk(self) -> Iterator[Expression]:
        """Give this node and every node below it, parents first."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.args))

    def names(self) -> tuple[str, ...]:
        """Return the names it mentions, each once, in order."""
        found = (str(node.value) for node in self.walk() if node.op == "name")
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        return _text(self)


def _text(node: Expression) -> str:
    if node.op == "value":
        return _literal(node.value)
    if node.op == "name":
        return ".".join(_name_part(part, i) for i, part in enumerate(_split(str(node.value))))
    inner = [_text(part) for part in node.args]
    if node.op == "list":
        return f"[{', '.join(inner)}]"
    if node.op not in OPERATORS:
        return f"{node.op}({', '.join(inner)})"
    return _operator_text(node, inner)


def _operator_text(node: Expression, inner: list[str]) -> str:
    binds = OPERATORS[node.op]
    shown = [
        # Of two that bind alike the left one is computed first; comparisons chain, so neither may.
        f"({text})" if _binding(part) < binds + (i > 0 or binds == 4) else text
        for i, (part, text) in enumerate(zip(node.args, inner, strict=True))
    ]
    if node.op == "not":
        return f"not {shown[0]}"
    if node.op == "negative":
        return f"-{shown[0]}"
    return f"{shown[0]} is null" if node.op == "is null" else f" {node.op} ".join(shown)


def _binding(node: Expression) -> int:
    negative = isinstance(node.value, (int, float)) and str(node.value).startswith("-")
    return OPERATORS["negative"] if negative else OPERATORS.get(node.op, ATOM)


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    return repr(value)


def _split(name: str) -> list[str]:
    """Part a name at its dots where every part could be written as it is, else not at all."""
    parts = name.split(".")
    return parts if all(parts) else [name]


def _name_part(part: str, place: int) -> str:
    plain = _PLAIN_PART.fullmatch(part) and (place > 0 or part.lower() not in KEYWORDS)
    return part if plain else f"`{part.replace('`', '``')}`"
