"""What looks like a secret is not kept: which files, which texts, which arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

__all__ = ["HIDDEN", "SECRET_FILES", "command", "hide_bytes", "hide_text", "is_secret_name"]

HIDDEN = "[hidden]"
SECRET_FILES = (
    ".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".pypirc", ".npmrc",
    ".htpasswd", ".pgpass", "*secret*", "*credential*",
)  # fmt: skip
"""Names, in any case, of files that are left out whole."""

_TELLTALE = r"(?:api[_-]?key|token|secret|passw(?:or)?d|credential)[\w.-]{0,40}"
_SECRET_ARGUMENT = re.compile(rf"(?i)^(-*[\w.-]*{_TELLTALE})(=.*)?$", re.DOTALL)
_SECRET_TEXT = re.compile(
    rf"""(?ix)
    (?P<quoted> {_TELLTALE} \\?["']? \s{{0,9}} [:=] \s{{0,9}} \\?["'] )
        (?!\[hidden\]) [^"'\n\\]{{6,}} (?=\\?["'])
    | (?P<shell> (?-i: API_KEY|TOKEN|SECRET|PASSWORD) [A-Z_]{{0,40}} = ) [^\s"'\\]{{6,}}
    | (?P<url> ://[^/\s:@]{{0,99}} : ) [^/\s@]+ (?=@)
    | \b AKIA[0-9A-Z]{{16}}
    | \b gh[pousr]_\w{{20,}}
    | \b sk-[\w-]{{20,}}
    | \b xox[abprs]-[\w-]{{10,}}
    """
)
_PRIVATE_KEY = re.compile(
    rb"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).+?(-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_SIGNS = (
    b"apikey", b"api_key", b"api-key", b"token", b"secret", b"passw", b"credential", b"://",
    b"akia", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"sk-", b"xox",
)  # fmt: skip
"""In lower case, one of these stands in whatever :data:`_SECRET_TEXT` finds."""
_BINARY_LOOK_BYTES = 8000


def is_secret_name(path: str) -> bool:
    """Say whether a file of this name is left out whole.

    Example:
        >>> is_secret_name("deploy/.env.local"), is_secret_name("train.py")
        (True, False)
    """
    name = path.rpartition("/")[2].lower()
    return any(fnmatchcase(name, pattern) for pattern in SECRET_FILES)


def hide_text(text: str) -> tuple[str, int]:
    """Replace what looks like a secret; return the text and how many there were.

    Example:
        >>> hide_text("password = " + '"correct-horse"')
        ('password = "[hidden]"', 1)
    """
    content, count = hide_bytes(text.encode("utf-8", "surrogatepass"))
    return (content.decode("utf-8", "surrogatepass"), count) if count else (text, 0)


def hide_bytes(content: bytes) -> tuple[bytes, int]:
    """Replace what looks like a secret in a file; binary files are returned as they are.

    Only lines near a telltale word are looked at closely, so it costs about 15 ns a byte.
    """
    if b"\0" in content[:_BINARY_LOOK_BYTES]:
        return content, 0
    count = 0
    if b"PRIVATE KEY-----" in content:
        content, count = _PRIVATE_KEY.subn(rb"\1" + HIDDEN.encode() + rb"\2", content)
    parts, end = [], 0
    for start, stop in _suspects(content):
        text = content[start:stop].decode("utf-8", "surrogateescape")
        text, found = _SECRET_TEXT.subn(_hide, text)
        if found:
            parts += [content[end:start], text.encode("utf-8", "surrogateescape")]
            end = stop
            count += found
    return b"".join([*parts, content[end:]]) if parts else content, count


def command(arguments: Iterable[str]) -> list[str]:
    """Return a command line with the values of arguments that are named as secrets hidden.

    Example:
        >>> command(["train.py", "--api-key=abc", "--password", "xyz", "--rows", "5"])
        ['train.py', '--api-key=[hidden]', '--password', '[hidden]', '--rows', '5']
    """
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        named = _SECRET_ARGUMENT.match(argument)
        if hide_next and not argument.startswith("-"):
            shown.append(HIDDEN)
            hide_next = False
            continue
        if named and named[2] is not None:
            shown.append(f"{named[1]}={HIDDEN}")
        else:
            shown.append(_SECRET_TEXT.sub(_hide, argument))
        hide_next = named is not None and named[2] is None and argument.startswith("-")
    return shown


def _suspects(content: bytes) -> list[tuple[int, int]]:
    """Return the stretches around telltale words: their line and the next, merged."""
    lower = content.lower()
    hits = []
    for sign in _SIGNS:
        at = lower.find(sign)
        while at >= 0:
            hits.append(at)
            line_end = content.find(b"\n", at)
            at = lower.find(sign, line_end) if line_end >= 0 else -1
    stretches: list[tuple[int, int]] = []
    for at in sorted(hits):
        start, stop = content.rfind(b"\n", 0, at) + 1, _end_of_next_line(content, at)
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(stop, stretches[-1][1])
        else:
            stretches.append((start, stop))
    return stretches


def _end_of_next_line(content: bytes, at: int) -> int:
    first = content.find(b"\n", at)
    second = content.find(b"\n", first + 1) if first >= 0 else -1
    return second + 1 if second >= 0 else len(content)


def _hide(match: re.Match[str]) -> str:
    return f"{match['quoted'] or match['shell'] or match['url'] or ''}{HIDDEN}"
