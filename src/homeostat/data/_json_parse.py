"""From JSON lines to a typed frame and the lines that were put aside.

Polars parses all lines at once, and counting settles that nothing was lost or changed. Where it
does not, the lines that have the shape of the first are told from the others by a regular
expression, and only the others are looked at one by one; all are where they have no such shape.
"""

from __future__ import annotations

import gc
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
import polars as pl

from homeostat.core import Finding, InputError, Verdict
from homeostat.data._json_fault import fault
from homeostat.data._json_once import SAMPLE, at_once
from homeostat.data._json_shape import Shaped, shaped
from homeostat.data._quarantine import Dtype, declared, hold, rejected_rows

__all__ = ["Parsed", "parse"]

_BLOCK = 20_000
_START = 1 << 18
_NOUNS: dict[type, str] = {
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "an object",
    list: "a list",
}
Rejection = tuple[int, str | None, str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of a file; rows of ``frame`` are those that were kept."""

    frame: pl.DataFrame
    rejected: pl.DataFrame
    findings: tuple[Finding, ...] = ()


def parse(data: bytes, location: str, dtypes: Mapping[str, Dtype], tolerance: float) -> Parsed:
    """Parse in one go where that loses nothing, else line by line as far as that is needed.

    Raises:
        InputError: If no line is an object, or no object has a key.
    """
    if b"\r\n" in data[:_START]:
        data = data.replace(b"\r\n", b"\n")
    if not dtypes and (frame := at_once(data)) is not None:
        return Parsed(frame, rejected_rows())
    with _uncollected():
        parsed = None
        if (found := shaped(data)) is not None:
            parsed = _around(found, location, dtypes, tolerance)
        if parsed is None:
            parsed = _line_by_line(data, location, dtypes, tolerance)
    if not parsed.frame.width:
        raise InputError(f"The objects of {location} have no keys: there are no columns to read.")
    return parsed


def _line_by_line(
    data: bytes, location: str, dtypes: Mapping[str, Dtype], tolerance: float
) -> Parsed:
    lines = dict(enumerate(data.split(b"\n"), 1))
    good, bad = _objects(lines)
    if not good:
        first = next((number for number, line in lines.items() if line.strip()), None)
        at = f"Line {first} of {location}" if first else location
        raise InputError(f"{at} holds no JSON object, nor does any: each line must.")
    frame = None
    if bad and not dtypes and not _surveyed(lines, good[:SAMPLE]).odd:
        frame = at_once(_joined(lines, good))
    found = _Found(frame) if frame is not None else _typed(lines, good, location, dtypes, tolerance)
    return _parsed(found, bad, lines, location)


def _objects(lines: Mapping[int, bytes]) -> tuple[list[int], list[Rejection]]:
    """Tell the lines that are objects from those that are none; blank lines are neither."""
    faults = {number: fault(line) for number, line in lines.items() if line and not line.isspace()}
    good = [number for number, why in faults.items() if why is None]
    return good, [(number, None, why) for number, why in faults.items() if why is not None]


def _parsed(
    found: _Found, bad: Sequence[Rejection], lines: Mapping[int, bytes], location: str
) -> Parsed:
    texts = [
        (number, column, reason, lines[number].decode(errors="backslashreplace"))
        for number, column, reason in (*bad, *((n, *why) for n, why in found.odd.items()))
    ]
    rejected = pl.concat([rejected_rows(texts, file=location), found.unheld]).sort("line")
    return Parsed(found.frame, rejected, found.findings)


def _around(
    known: Shaped, location: str, dtypes: Mapping[str, Dtype], tolerance: float
) -> Parsed | None:
    """Look at the lines that have no known shape, and put those that fit among the others.

    None where the types of the known do not stand beside the rest.
    """
    lines = known.rest
    good, bad = _objects(lines)
    survey = _surveyed(lines, good)
    survey.add(known)
    given = declared(dtypes, list(survey.types), location)
    typed = _types(survey, given, tolerance)
    plain = {name: known.frame.schema[name] for name, kind in known.kinds.items() if kind in _NOUNS}
    for name, dtype in plain.items():
        if typed.dtypes[name] not in {dtype, pl.Float64() if dtype == pl.Int64() else dtype}:
            return None
    odd = _odd(lines, good, survey, typed) if typed.doubtful else {}
    kept = [number for number in good if number not in odd]
    try:
        more = _frame(_joined(lines, kept), typed, list(survey.types), location)
    except InputError:  # some can only be read beside the known
        return None
    absent = [pl.lit(None).alias(name) for name in more.columns if name not in plain]
    frame = known.frame.with_columns(absent).select(more.columns).cast(more.schema)
    numbers = known.numbers.cast(pl.Int64)
    if kept:
        numbers = numbers.append(pl.Series(kept, dtype=pl.Int64))
        order = numbers.arg_sort()
        frame, numbers = pl.concat([frame, more])[order], numbers.gather(order)
    held = hold(_peopled(frame, typed), given, file=location, lines=numbers)
    return _parsed(_Found(held.frame, odd, held.rejected, typed.findings), bad, lines, location)


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of the lines that are objects: a frame, and those that do not fit it."""

    frame: pl.DataFrame
    odd: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    unheld: pl.DataFrame = field(default_factory=rejected_rows)
    findings: tuple[Finding, ...] = ()


def _typed(
    lines: Mapping[int, bytes],
    good: Sequence[int],
    location: str,
    dtypes: Mapping[str, Dtype],
    tolerance: float,
) -> _Found:
    """Look at each value's type, put aside the lines with an odd one, and parse the others."""
    survey = _surveyed(lines, good)
    given = declared(dtypes, list(survey.types), location)
    typed = _types(survey, given, tolerance)
    odd = _odd(lines, good, survey, typed) if typed.doubtful else {}
    kept = [number for number in good if number not in odd]
    frame = _frame(_joined(lines, kept), typed, list(survey.types), location)
    numbers = pl.Series(kept, dtype=pl.Int64)
    held = hold(_peopled(frame, typed), given, file=location, lines=numbers)
    return _Found(held.frame, odd, held.rejected, typed.findings)


def _joined(lines: Mapping[int, bytes], numbers: Sequence[int]) -> bytes:
    return b"\n".join(lines[number] for number in numbers)


@dataclass(slots=True)
class _Survey:
    """What the values of lines are.

    Args:
        types: How many values of each type each key has.
        usual: The types that most values of a key had, each time that it was looked at.
        odd: Lines with a value of another type: the line, the type, the value in short.
    """

    types: dict[str, Counter[type]] = field(default_factory=dict)
    usual: dict[str, set[frozenset[type]]] = field(default_factory=dict)
    odd: dict[str, list[tuple[int, type, str]]] = field(default_factory=dict)

    def take(self, numbers: Sequence[int], rows: Sequence[dict[str, object]]) -> None:
        """Take a block of objects in; those with the same keys in the same order at once."""
        shapes: dict[tuple[str, ...], list[int]] = {}
        for at, row in enumerate(rows):
            shapes.setdefault(tuple(row), []).append(at)
        for names, places in shapes.items():
            columns = zip(*(rows[at].values() for at in places), strict=True)
            lines = [numbers[at] for at in places]
            for name, values in zip(names, columns, strict=True):
                self._column(name, values, lines)

    def add(self, known: Shaped) -> None:
        """Add lines whose types are known; keys stay in the order in which they appeared."""
        keys = dict.fromkeys((*known.keys, *self.types))
        self.types = {key: self.types.get(key, Counter()) for key in keys}
        for name, kind in known.kinds.items():
            there = known.frame[name].count()
            missing = known.frame.height - there
            self.types[name].update({kind: there, **({type(None): missing} if missing else {})})

    def _column(self, name: str, values: Sequence[object], numbers: Sequence[int]) -> None:
        """Count the types of a key's values; note those of another than most had so far."""
        kinds = set(map(type, values))
        counts = Counter(map(type, values)) if len(kinds) > 1 else {kinds.pop(): len(values)}
        types = self.types.setdefault(name, Counter())
        types.update(counts)
        usual = _most(types)
        usual |= _NUMBERS if usual & _NUMBERS else frozenset()
        self.usual.setdefault(name, set()).add(usual)
        fits = usual | {type(None)}
        if not counts.keys() <= fits:
            self.odd.setdefault(name, []).extend(
                (number, type(value), _short(value))
                for number, value in zip(numbers, values, strict=True)
                if type(value) not in fits
            )


_NUMBERS = frozenset({int, float})


def _surveyed(lines: Mapping[int, bytes], good: Sequence[int]) -> _Survey:
    """Look at the values of all lines that are objects."""
    survey = _Survey()
    for start in range(0, len(good), _BLOCK):
        block = good[start : start + _BLOCK]
        survey.take(block, [orjson.loads(lines[number]) for number in block])
    return survey


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have Python not look for cycles in millions of objects that have none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Types:
    """How columns are read: dtypes that are known, and the Python types that fit each."""

    declared: frozenset[str]
    dtypes: dict[str, pl.DataType]
    allowed: dict[str, frozenset[type]]
    doubtful: bool
    findings: tuple[Finding, ...]


_PLAIN: tuple[tuple[frozenset[type], pl.DataType], ...] = (
    (frozenset({bool}), pl.Boolean()),
    (frozenset({int}), pl.Int64()),
    (frozenset({int, float}), pl.Float64()),
    (frozenset({str}), pl.String()),
)


def _types(survey: _Survey, given: Mapping[str, pl.DataType], tolerance: float) -> _Types:
    """Decide what each column is: as declared, or as nearly all of its values are."""
    dtypes: dict[str, pl.DataType] = {}
    allowed: dict[str, frozenset[type]] = {}
    findings = []
    for name, counts in survey.types.items():
        kinds = Counter({kind: n for kind, n in counts.items() if kind is not type(None)})
        if name in given:
            fits, dtypes[name] = _fits(given[name], counts)
            if fits:
                allowed[name] = fits
            continue
        fits = _most(kinds)
        others = sum(n for kind, n in kinds.items() if kind not in fits)
        if others > tolerance * kinds.total():
            dtypes[name] = pl.String()
            findings.append(_mixed(name, kinds))
            continue
        if others:
            allowed[name] = fits
        for plain, dtype in _PLAIN:
            if fits == plain:
                dtypes[name] = dtype
    doubtful = any(set(survey.types[n]) - {type(None)} - fits for n, fits in allowed.items())
    return _Types(frozenset(given), dtypes, allowed, doubtful, tuple(findings))


def _fits(dtype: pl.DataType, counts: Counter[type]) -> tuple[frozenset[type], pl.DataType]:
    """Return the Python types that a declared dtype may come as, and how it is read first."""
    if isinstance(dtype, pl.Boolean):
        return frozenset({bool}), dtype
    if dtype.is_integer() or dtype.is_float():
        whole = dtype.is_integer() and not counts[float]
        return _NUMBERS, pl.Int64() if whole else pl.Float64()
    if dtype.is_nested():
        return frozenset(), dtype
    return frozenset({str}), pl.String()


def _most(counts: Mapping[type, int]) -> frozenset[type]:
    """Return the types that go together and that most values have; whole numbers are numbers."""
    kinds = {kind: count for kind, count in counts.items() if count and kind is not type(None)}
    if not kinds:
        return frozenset()
    groups = [frozenset({kind}) for kind in kinds if kind not in {int, float}]
    numbers = frozenset({int, float} & set(kinds))
    if numbers:
        groups.append(frozenset({int, float}) if float in numbers else numbers)
    return max(groups, key=lambda group: sum(kinds.get(kind, 0) for kind in group))


def _mixed(name: str, kinds: Counter[type]) -> Finding:
    shown = ", ".join(f"{_NOUNS[kind]} in {n:,}" for kind, n in kinds.most_common())
    return Finding(
        check="source.mixed_types",
        subject=name,
        verdict=Verdict.WARN,
        summary=f"Column `{name}` was read as text since it mixes types: {shown}.",
        statistic=1 - max(kinds.values()) / kinds.total(),
        evidence={_NOUNS[kind]: n for kind, n in kinds.items()},
    )


def _odd(
    lines: Mapping[int, bytes], good: Sequence[int], survey: _Survey, typed: _Types
) -> dict[int, tuple[str, str]]:
    """Return the lines with a value of the wrong type: the column and what is wrong."""
    found: dict[int, tuple[str, str]] = {}
    for name, fits in typed.allowed.items():
        noun = _NOUNS[float if float in fits else next(iter(fits))]
        for number, kind, value in _strange(lines, good, survey, name, fits):
            if kind not in fits:
                found.setdefault(number, (name, f"column `{name}`: {value} is not {noun}"))
    return found


def _strange(
    lines: Mapping[int, bytes],
    good: Sequence[int],
    survey: _Survey,
    name: str,
    fits: frozenset[type],
) -> Iterator[tuple[int, type, str]]:
    """Yield the values that may not fit: those noted, or all where blocks did not agree."""
    wide = fits | (_NUMBERS if fits & _NUMBERS else frozenset())
    if survey.usual.get(name, set()) <= {wide, frozenset()} and (
        fits == wide or float not in survey.types[name]
    ):
        yield from survey.odd.get(name, ())
        return
    for number in good:
        value = orjson.loads(lines[number]).get(name)
        if value is not None:
            yield number, type(value), _short(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _frame(data: bytes, typed: _Types, names: Sequence[str], location: str) -> pl.DataFrame:
    """Parse lines that are known to fit."""
    flat = {name: typed.dtypes[name] for name in names if name in typed.dtypes}
    if not data:
        return pl.DataFrame(schema={name: flat.get(name, pl.Null()) for name in names})
    try:
        if len(flat) == len(names):
            return pl.read_ndjson(io.BytesIO(data), schema=flat)
        every = orjson.dumps(dict.fromkeys(names)) + b"\n"
        return pl.read_ndjson(
            io.BytesIO(every + data), infer_schema_length=None, schema_overrides=flat
        )[1:]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{location} cannot be read as columns: {error}.") from error


def _peopled(frame: pl.DataFrame, typed: _Types) -> pl.DataFrame:
    """Drop the columns whose key only lines that were put aside had."""
    gone = [n for n in typed.allowed if frame.height and frame[n].null_count() == frame.height]
    return frame.drop(name for name in gone if name not in typed.declared)
