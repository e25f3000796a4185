"""Digests: the same content, code or argument has the same SHA-256 in every process."""

from __future__ import annotations

import hashlib
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from logging import Logger
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl

from homeostat.core import InputError

__all__ = ["combine", "of_frame", "of_function", "of_value"]

_CHUNK = 1 << 20
_PLAIN = (str, bytes, bool, int, float, complex, Decimal, date, datetime, time, timedelta)


def combine(*parts: str | bytes) -> str:
    """Return the digest of a sequence; ``("ab", "c")`` and ``("a", "bc")`` differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def of_frame(frame: pl.DataFrame) -> str:
    """Return the digest of a frame's names, dtypes and values, in order.

    Chunks, slices, string views and the bytes that lie under nulls make no difference.
    """
    digest = hashlib.sha256(repr((frame.height, list(frame.schema.items()))).encode())
    for column in frame.iter_columns():
        for start in range(0, frame.height, _CHUNK):
            for part in _bytes_of(column.slice(start, _CHUNK)):
                digest.update(part)
    return digest.hexdigest()


def _bytes_of(column: pl.Series) -> Iterator[bytes]:
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        column = column.cast(pl.String)
    if column.null_count():
        yield np.packbits(column.is_null().to_numpy()).tobytes()
    if isinstance(column.dtype, pl.String):
        yield column.str.len_bytes().fill_null(0).to_numpy().tobytes()
        yield (column.str.join("").item() or "").encode()
    elif column.dtype.is_numeric() and not column.dtype.is_decimal():
        yield column.fill_null(0).to_numpy().tobytes()
    elif isinstance(column.dtype, pl.Boolean):
        yield np.packbits(column.fill_null(value=False).to_numpy()).tobytes()
    elif column.dtype.is_temporal():
        yield column.to_physical().fill_null(0).to_numpy().tobytes()
    else:
        yield repr(column.to_list()).encode()


def of_value(value: object, where: str = "argument") -> str:
    """Return the digest of an argument: plain values, containers, frames, functions, ...

    Raises:
        InputError: If the value has no content that can be read, such as an open file.
    """
    if value is None or value is Ellipsis or isinstance(value, _PLAIN):
        return combine(type(value).__name__, repr(value))
    if isinstance(value, Enum):
        return combine("enum", type(value).__qualname__, value.name)
    if isinstance(value, Mapping):
        items = ((of_value(k, where), of_value(v, f"{where}[{k!r}]")) for k, v in value.items())
        return combine("mapping", *(part for item in items for part in item))
    if isinstance(value, (list, tuple)):
        return combine(type(value).__name__, *(of_value(inner, where) for inner in value))
    if isinstance(value, AbstractSet):
        return combine("set", *sorted(of_value(inner, where) for inner in value))
    return _of_object(value, where)


def _of_object(value: object, where: str) -> str:
    digest = getattr(value, "digest", None)
    if isinstance(digest, str):
        return combine(type(value).__name__, digest)
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: getattr(value, field.name) for field in fields(value)}
        return combine(type(value).__qualname__, of_value(content, where))
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):  # a model of pydantic
        return combine(_of_class(type(value)), of_value(dump(), where))
    for kinds, parts in _CONTENT:
        if isinstance(value, kinds):
            return combine(type(value).__name__, *parts(value))
    if callable(value):
        return of_function(value, where)
    raise InputError(
        f"A step is known by its inputs, its code and its arguments; {where} is a "
        f"{type(value).__name__}, whose content cannot be read. Pass plain values, frames or "
        "functions, or make it a Dataset."
    )


def of_function(function: Callable[..., Any], where: str = "function") -> str:
    """Return the digest of what a function does.

    It covers bytecode, constants, defaults, closures, and the globals that the code names: their
    functions are followed, but for those of installed libraries, which count by name and
    version. Comments and layout make no difference.

    Raises:
        InputError: If it refers to an object whose content cannot be read.
    """
    return _of_callable(function, where, set())


def _of_callable(function: Callable[..., Any], where: str, seen: set[int]) -> str:
    match function:
        case partial():
            inner = _of_callable(function.func, where, seen)
            return combine("partial", inner, of_value(function.args), of_value(function.keywords))
        case MethodType():
            bound = of_value(getattr(function.__self__, "__dict__", {}), f"self of {where}")
            return combine("method", _of_callable(function.__func__, where, seen), bound)
        case BuiltinFunctionType():
            return combine("builtin", str(function.__module__), function.__qualname__)
        case FunctionType():
            return combine("function", *_parts_of(function, where, seen))
        case type():
            return _of_class(function)
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:  # what functools.cache makes, say
        return combine("wrapped", type(function).__name__, _of_callable(wrapped, where, seen))
    raise InputError(
        f"{where} must be a function, a method or a partial, got {type(function).__name__}."
    )


def _parts_of(function: FunctionType, where: str, seen: set[int]) -> Iterator[str]:
    if _is_library(function.__code__.co_filename):
        yield from (_owner(function.__module__), function.__qualname__)
        return
    if id(function) in seen:
        return
    seen.add(id(function))
    yield _of_code(function.__code__)
    yield of_value(function.__defaults__, f"default of {where}")
    yield of_value(function.__kwdefaults__, f"default of {where}")
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        yield _of_name(name, cell.cell_contents, function, seen)
    names = sorted(set(_names_in(function.__code__)))
    for name in names:
        if name in function.__globals__:
            yield from _of_global(name, names, function, seen)


def _of_global(name: str, names: list[str], user: FunctionType, seen: set[int]) -> Iterator[str]:
    """Digest a global; of a module of ours, the functions that the code may call in it."""
    value = user.__globals__[name]
    yield _of_name(name, value, user, seen)
    if isinstance(value, ModuleType) and not _is_library(getattr(value, "__file__", None)):
        for inner in names:
            if isinstance(getattr(value, inner, None), FunctionType):
                yield _of_name(f"{name}.{inner}", getattr(value, inner), user, seen)


def _of_name(name: str, value: object, user: FunctionType, seen: set[int]) -> str:
    """Digest what a name stands for: our own functions by content, a library's by version."""
    if isinstance(value, (FunctionType, MethodType, partial)):
        return combine(name, _of_callable(value, f"`{name}`", seen))
    if isinstance(value, type):
        return combine(name, _of_class(value))
    return combine(name, of_value(value, f"`{name}`, which `{user.__qualname__}` refers to,"))


def _of_class(value: type) -> str:
    return combine("class", value.__qualname__, _owner(value.__module__), *_methods(value))


def _methods(value: type) -> Iterator[str]:
    """Yield the digests of a class's own methods, without following what they refer to."""
    for inner in vars(value).values():
        if isinstance(inner, FunctionType) and not _is_library(inner.__code__.co_filename):
            yield _of_code(inner.__code__)


def _of_code(code: CodeType) -> str:
    constants = [
        _of_code(constant) if isinstance(constant, CodeType) else of_value(constant)
        for constant in code.co_consts
        if constant is not Ellipsis
    ]
    return combine(
        code.co_code,
        repr(code.co_names),
        repr(code.co_varnames),
        repr(code.co_freevars),
        *constants,
    )


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


@cache
def _is_library(file: str | None) -> bool:
    """Say whether code is installed, so that its version tells what it does; built in is too."""
    if file is None:
        return True
    folders = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return any(Path(file).is_relative_to(folder) for folder in folders)


@cache
def _owner(module: str | None) -> str:
    """Return the top-level package of a module, with its version where it has one."""
    top = (module or "").partition(".")[0]
    if top in sys.stdlib_module_names:
        return top
    try:
        return f"{top} {version(top)}"
    except (PackageNotFoundError, ValueError):
        return top


def _of_array(value: np.ndarray[Any, Any] | np.generic) -> tuple[str | bytes, ...]:
    content = repr(value.tolist()).encode() if value.dtype.kind == "O" else value.tobytes()
    return f"{value.dtype}{value.shape}", content


_CONTENT: tuple[tuple[Any, Callable[[Any], tuple[str | bytes, ...]]], ...] = (
    (pl.Expr, lambda value: (value.meta.serialize(format="json"),)),
    (pl.DataFrame, lambda value: (of_frame(value),)),
    (pl.Series, lambda value: (of_frame(value.to_frame()),)),
    ((np.ndarray, np.generic), _of_array),
    ((pl.DataType, pl.datatypes.DataTypeClass), lambda value: (repr(value),)),
    (type, lambda value: (_owner(value.__module__), value.__qualname__)),
    (Logger, lambda value: (value.name,)),  # what is told of a step changes none of its rows
    (re.Pattern, lambda value: (of_value(value.pattern), str(value.flags))),
    ((PurePath, UUID, range, slice, tzinfo), lambda value: (repr(value),)),
    (ModuleType, lambda value: (_owner(value.__name__), value.__name__)),
)
"""How to read what is in a value, by its type; the first that fits."""
