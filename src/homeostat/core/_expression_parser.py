"""From text to `Expression`: operands, joined by how tightly the operator between them binds."""

from __future__ import annotations

import math
from typing import NoReturn

from homeostat.core._errors import InputError, suggest
from homeostat.core._expression import AGGREGATES, FUNCTIONS, OPERATORS, Expression
from homeostat.core._expression_tokens import Token, plain_name, refuse, tokens, unquoted

__all__ = ["parse_expression"]

_LONGEST = 20_000
_DEEPEST = 60  # far more than a person writes, far less than Python's own stack
_LEVELS = 200  # of the tree, where many conditions are joined one after another

_CONSTANTS = {"null": None, "none": None, "true": True, "false": False}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def parse_expression(text: str, *, aggregates: bool = False) -> Expression:
    """Parse a filter or a formula over columns.

    Names (``config.lr``; in back-quotes where they hold other signs, `` `val/auc` ``), numbers,
    texts in quotes, ``true``, ``false``, ``null``; ``and or not``; ``== != < <= > >=``, also
    chained (``0 < x <= 1``); ``in [..]``, ``not in``, ``is null``, ``is not null``;
    ``+ - * / %``; and functions: abs, ceil, coalesce, contains, ends, exp, floor, if, len, log,
    lower, matches, max, min, number, round, sqrt, starts, text, upper. Nothing is evaluated.

    Args:
        text: The expression.
        aggregates: Whether functions of many rows are allowed, as in a group's columns: count,
            distinct, first, last, max, mean, median, min, std, sum.

    Raises:
        InputError: If it is no expression; the message says where and what must stand there.

    Example:
        >>> print(parse_expression("summary.auc>.8 and x = null"))
        summary.auc > 0.8 and x is null
        >>> parse_expression("score > ")
        Traceback (most recent call last):
        homeostat.core._errors.InputError: An expression needs a value here, but \
it ends at character 9 of 'score > '.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"An expression is a text such as 'score > 0.5', got {text!r}.")
    if len(text) > _LONGEST:
        raise InputError(f"An expression has at most {_LONGEST} characters, got {len(text)}.")
    parser = _Parser(text, aggregates=aggregates)
    found = parser.expression(0)
    if parser.next.kind != "end":
        parser.refuse("needs an operator such as `and` between two conditions")
    if _levels(found) > _LEVELS:
        raise InputError(
            f"An expression joins at most {_LEVELS} conditions in a row, got {_levels(found)}: "
            "write alternatives as `name in [...]`."
        )
    return found


class _Parser:
    """Reads one text from left to right; `next` is the token not yet taken."""

    def __init__(self, text: str, *, aggregates: bool) -> None:
        self._text = text
        self._functions = _allowed(aggregates=aggregates)
        self._tokens = iter(tokens(text))
        self._depth = 0
        self.next = next(self._tokens)

    def refuse(self, must: str, token: Token | None = None) -> NoReturn:
        """Say what must stand where the next token, or another one, stands."""
        refuse(self._text, token or self.next, must)

    def expression(self, binds: int) -> Expression:
        """Read operands joined by operators that bind tighter than ``binds``."""
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse(f"is nested at most {_DEEPEST} deep")
        left = self._operand()
        while (op := self._operator()) and OPERATORS[op] > binds:
            left = self._comparison(left) if OPERATORS[op] == 4 else self._joined(left, op)
        self._depth -= 1
        return left

    def _take(self) -> Token:
        token, self.next = self.next, next(self._tokens, self.next)
        return token

    def _is(self, text: str) -> bool:
        return self.next.kind in {"sign", "word"} and self.next.text == text

    def _expect(self, text: str, where: str) -> None:
        if not self._is(text):
            self.refuse(f"needs `{text}` {where}")
        self._take()

    def _operator(self) -> str | None:
        token = self.next
        if token.kind not in {"sign", "word"}:
            return None
        op = {"=": "==", "is": "is null", "not": "in"}.get(token.text, token.text)
        return op if op in OPERATORS else None

    def _joined(self, left: Expression, op: str) -> Expression:
        at = self._take().at
        return Expression(op, (left, self.expression(OPERATORS[op])), at=at)

    def _comparison(self, left: Expression) -> Expression:
        found, chained = self._compared(left)
        while chained is not None and self._operator() in _COMPARISONS:
            link, chained = self._compared(chained)
            found = Expression("and", (found, link), at=link.at)
        return found

    def _compared(self, left: Expression) -> tuple[Expression, Expression | None]:
        """Read one comparison; also give its right side where another may follow."""
        op, token = str(self._operator()), self._take()
        if op == "is null":
            negated = self._maybe("not")
            if not (self._is("null") or self._is("none")):
                self.refuse("needs `null` after `is`")
            self._take()
            return _unless(negated, Expression("is null", (left,), at=token.at)), None
        if token.text == "not":
            self._expect("in", "after `not` here")
        bracket = self.next
        right = self.expression(OPERATORS[op])
        if op == "in" and bracket.text == "(" and right.op == "value":
            right = Expression("list", (right,), at=bracket.at)
        if op in {"==", "!="} and right == Expression("value"):
            return _unless(op == "!=", Expression("is null", (left,), at=token.at)), None
        found = Expression(op, (left, right), at=token.at)
        if op == "in":
            return _unless(token.text == "not", found), None
        return found, right

    def _maybe(self, word: str) -> bool:
        if self._is(word):
            self._take()
            return True
        return False

    def _operand(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return Expression("value", value=self._number(token), at=token.at)
        if token.kind == "text":
            return Expression("value", value=unquoted(token.text), at=token.at)
        if token.kind == "name" or (token.kind == "word" and token.text in _CONSTANTS):
            return self._named(token)
        return self._prefixed(token)

    def _number(self, token: Token) -> int | float:
        plain = token.text.replace("_", "")
        number = float(plain)
        if not math.isfinite(number):
            self.refuse("has numbers below 1.8e308", token)
        return int(plain) if plain.isdigit() else number

    def _prefixed(self, token: Token) -> Expression:
        if token.text == "(":
            items = self._items(")")
            return items[0] if len(items) == 1 else Expression("list", items, at=token.at)
        if token.text == "[":
            return Expression("list", self._items("]"), at=token.at)
        if token.text == "not":
            return Expression("not", (self.expression(OPERATORS["not"] - 1),), at=token.at)
        if token.text != "-":
            self.refuse("needs a value here", token)
        inner = self.expression(OPERATORS["negative"] - 1)
        if isinstance(inner.value, (int, float)) and not isinstance(inner.value, bool):
            return Expression("value", value=-inner.value, at=token.at)
        return Expression("negative", (inner,), at=token.at)

    def _items(self, end: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._is(end):
            items.append(self.expression(0))
            if not self._maybe(",") and not self._is(end):
                self.refuse(f"needs `,` or `{end}` here")
        self._take()
        return tuple(items)

    def _named(self, token: Token) -> Expression:
        if token.kind == "word":
            return Expression("value", value=_CONSTANTS[token.text], at=token.at)
        if not self._is("("):
            return Expression("name", value=plain_name(token.text), at=token.at)
        if token.text not in self._functions:
            hint = suggest(token.text, self._functions)
            raise InputError(f"An expression has no function `{token.text}`.{hint}")
        self._take()
        args = self._items(")")
        fewest, most = self._functions[token.text]
        if not fewest <= len(args) <= most:
            count = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise InputError(
                f"The function `{token.text}` of an expression takes {count} "
                f"argument{'s' * (most > 1)}, got {len(args)} at character {token.at + 1} "
                f"of {self._text!r}."
            )
        return Expression(token.text, args, at=token.at)


def _levels(found: Expression) -> int:
    """Count the levels of a tree without recursion: compilers do recurse, and must not run out."""
    level, count = [found], 0
    while level:
        level, count = [part for node in level for part in node.args], count + 1
    return count


def _allowed(*, aggregates: bool) -> dict[str, tuple[int, int]]:
    if not aggregates:
        return FUNCTIONS
    both = {**FUNCTIONS, **AGGREGATES}
    return both | {name: (1, FUNCTIONS[name][1]) for name in ("min", "max")}


def _unless(negated: bool, found: Expression) -> Expression:  # noqa: FBT001 - read at a glance
    return Expression("not", (found,), at=found.at) if negated else found
