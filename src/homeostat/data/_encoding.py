"""From the bytes of a text file to UTF-8: declared, by its mark, or detected and said so."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from homeostat.core import Finding, InputError, Verdict

__all__ = ["Decoded", "to_utf8"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LATIN = "cp1252"
_LONGEST_LINE = 64 << 20
_SAMPLE = 1 << 16
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text file in UTF-8, without its mark.

    Bytes that are not of its encoding are still there, as bytes that are no UTF-8, so that the
    line they are on can be put aside.
    """

    data: bytes
    encoding: str
    findings: tuple[Finding, ...] = ()


def to_utf8(raw: bytes, encoding: str | None, fallback: str | None, location: str) -> Decoded:
    """Return a file's text as UTF-8.

    Args:
        raw: Its bytes.
        encoding: Of the file; None detects it: a mark, else UTF-8, else UTF-16 by its zeros,
            else cp1252 if no line beyond ASCII is UTF-8.
        fallback: Encoding of what is not in the first, in a file that mixes two.
        location: For messages.

    Raises:
        InputError: If there is no such encoding, or a line is longer than 64 MB.
    """
    mark, marked = next((one for one in _MARKS if raw.startswith(one[0])), (b"", ""))
    if encoding is not None:
        found = Decoded(_recode(raw, _known(encoding), fallback), encoding)
    elif marked:
        found = Decoded(_recode(raw[len(mark) :], marked, fallback), marked)
    else:
        found = _detect(raw, fallback, location)
    data = found.data.removeprefix(codecs.BOM_UTF8)
    if b"\r" in data[:_SAMPLE] and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    _refuse_endless(data, location)
    return Decoded(data, found.encoding, found.findings)


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise InputError(f"There is no encoding {encoding!r} in Python.") from error


def _recode(raw: bytes, encoding: str, fallback: str | None) -> bytes:
    """Decode and encode; a byte outside the encoding becomes one that is no UTF-8."""
    if encoding in {"utf-8", "utf-8-sig", "ascii"} and fallback is None:
        return raw
    handler = f"homeostat.{_known(fallback)}" if fallback else "homeostat.keep"
    codecs.register_error(handler, _Undecodable(fallback))
    return raw.decode(encoding, errors=handler).encode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class _Undecodable:
    """What becomes of bytes that are not in an encoding: read by another, or kept as they are."""

    fallback: str | None

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        raw = error.object[error.start : error.end]
        if self.fallback:
            try:
                return raw.decode(self.fallback), error.end
            except UnicodeDecodeError:
                pass
        return "".join(chr(0xDC00 + byte) for byte in raw), error.end


def _detect(raw: bytes, fallback: str | None, location: str) -> Decoded:
    if raw.isascii() and b"\0" not in raw[:_SAMPLE]:
        return Decoded(raw, "utf-8")
    if wide := _wide(raw[:_SAMPLE]):
        return Decoded(
            _recode(raw, wide, fallback), wide, (_guessed(location, wide, "its zero bytes", []),)
        )
    try:
        raw.decode()
    except UnicodeDecodeError:
        return _not_utf8(raw, fallback, location)
    return Decoded(raw, "utf-8")


def _wide(sample: bytes) -> str:
    """Say whether every other byte of a text is zero, and which."""
    half = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if half and max(even, odd) > 0.7 * half and min(even, odd) < 0.2 * half:
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


def _not_utf8(raw: bytes, fallback: str | None, location: str) -> Decoded:
    beyond = [line for line in raw.split(b"\n") if not line.isascii()]
    bad = [line for line in beyond if not _is_utf8(line)]
    if fallback is None and len(bad) == len(beyond) and all(map(_is_latin, bad)):
        words = [line.decode(_LATIN).strip() for line in bad[:_EXAMPLES]]
        found = _guessed(location, _LATIN, "no line beyond ASCII is UTF-8", words)
        return Decoded(_recode(raw, _LATIN, None), _LATIN, (found,))
    texts = [line.decode(fallback or _LATIN, errors="replace").strip() for line in bad[:_EXAMPLES]]
    done = f"were read as {fallback}" if fallback else "are put aside"
    found = Finding(
        check="source.encoding",
        subject=location,
        verdict=Verdict.WARN,
        summary=f"{location} mixes encodings: of {len(beyond):,} lines beyond ASCII {len(bad):,} "
        f"are not UTF-8 and {done}, such as {texts[0]!r} if that is {fallback or _LATIN}.",
        statistic=len(bad) / len(beyond),
        threshold=0,
        evidence={"lines": len(bad), "beyond_ascii": len(beyond), "examples": texts},
    )
    return Decoded(_recode(raw, "utf-8", fallback), "utf-8", (found,))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_latin(line: bytes) -> bool:
    try:
        line.decode(_LATIN)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(location: str, encoding: str, why: str, words: list[str]) -> Finding:
    shown = f", such as {words[0]!r}" if words else ""
    return Finding(
        check="source.encoding",
        subject=location,
        verdict=Verdict.WARN,
        summary=f"{location} was read as {encoding} since {why}{shown}: pass `encoding` to say "
        "what it is.",
        evidence={"encoding": encoding, "examples": words},
    )


def _refuse_endless(data: bytes, location: str) -> None:
    """Refuse a line that is longer than any row: every such line has no end in some window."""
    window = _LONGEST_LINE // 2
    for start in range(0, len(data) - window, window):
        if data.find(b"\n", start, start + window) < 0:
            begin = data.rfind(b"\n", 0, start) + 1
            end = data.find(b"\n", start)
            size = (len(data) if end < 0 else end) - begin
            if size > _LONGEST_LINE:
                raise InputError(
                    f"Line {data.count(10, 0, begin) + 1:,} of {location} has {size / 1e6:,.0f} MB "
                    f"and no end; a row has at most {_LONGEST_LINE / 1e6:,.0f} MB. It is no file "
                    "of rows, or its line ends are lost."
                )
