"""The tokens of an expression: names, numbers, texts, keywords and signs, each with its place."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from homeostat.core._errors import InputError
from homeostat.core._expression import KEYWORDS

__all__ = ["Token", "plain_name", "refuse", "tokens", "unquoted"]

_PART = r"(?:[^\W\d]\w*|`(?:[^`]|``)+`)"
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    | (?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>{_PART}(?:\.(?:\w+|`(?:[^`]|``)+`))*)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<sign><=|>=|==|!=|[-+*/%<>=()\[\],])""",
    re.VERBOSE | re.DOTALL,
)
_INSTEAD = {"&&": "and", "||": "or", "&": "and", "|": "or", "!": "not", "~": "not"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Token(NamedTuple):
    """A piece of the text: what it is, as it is written, and where."""

    kind: str  # "number", "name", "text", "word" (a keyword), "sign" or "end"
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Part a text into its tokens, the last of kind "end"."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            _strange(text, at)
        kind, piece = str(match.lastgroup), match[0]
        if kind == "name" and piece.lower() in KEYWORDS:
            kind, piece = "word", piece.lower()
        if kind != "space":
            found.append(Token(kind, piece, at))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def _strange(text: str, at: int) -> NoReturn:
    sign = next((one for one in sorted(_INSTEAD, key=len)[::-1] if text.startswith(one, at)), None)
    if sign:
        raise InputError(
            f"An expression is written without `{sign}`: write `{_INSTEAD[sign]}` instead, "
            f"at character {at + 1} of {text!r}."
        )
    if text[at] in "'\"`":
        refuse(text, Token("sign", text[at], at), f"closes each {text[at]} that it opens")
    if text[at].isdigit() or text[at] == ".":
        must = (
            "has a number written as 1, 0.5 or 1e-3, and a name with other signs in `back-quotes`"
        )
        refuse(text, Token("sign", text[at], at), must)
    refuse(text, Token("sign", text[at], at), "is made of names, values and operators")


def refuse(text: str, token: Token, must: str) -> NoReturn:
    """Say what must be so, and which token it is not."""
    found = "it ends" if token.kind == "end" else f"it has `{token.text}`"
    raise InputError(f"An expression {must}, but {found} at character {token.at + 1} of {text!r}.")


def unquoted(text: str) -> str:
    """Return what a quoted text stands for."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)


def plain_name(text: str) -> str:
    """Return a name without its back-quotes."""
    return re.sub(r"`((?:[^`]|``)+)`", lambda m: m[1].replace("``", "`"), text)
