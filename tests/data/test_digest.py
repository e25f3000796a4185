"""Digests of content and code."""

import math
from datetime import date
from functools import partial
from types import FunctionType

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, KnownAt, Schema
from homeostat.data._digest import combine, of_frame, of_function, of_value

FRAME = pl.DataFrame(
    {
        "i": [1, None, 3],
        "f": [0.5, math.nan, None],
        "s": ["ab", None, "c"],
        "b": [True, None, False],
        "d": [date(2013, 1, 1), None, date(2014, 1, 1)],
        "l": [[1], [], None],
    }
)


def test_chunks_slices_and_garbage_under_nulls_make_no_difference():
    whole = of_frame(FRAME)
    assert of_frame(pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)) == whole
    assert of_frame(pl.concat([FRAME, FRAME])[3:]) == whole
    masked = pl.DataFrame({"i": [1, 7, 3]}).select(pl.when(pl.col("i") != 7).then("i"))
    assert of_frame(masked) == of_frame(FRAME.select("i"))


@pytest.mark.parametrize(
    "other",
    [
        FRAME.rename({"i": "j"}),
        FRAME.cast({"i": pl.Int32}),
        FRAME.reverse(),
        FRAME.with_columns(s=pl.Series(["a", None, "bc"])),
        FRAME.with_columns(s=pl.Series(["ab", "", "c"])),
        FRAME.with_columns(b=pl.Series([True, False, False])),
        FRAME.with_columns(l=pl.Series([[1], [], []], dtype=pl.List(pl.Int64))),
        FRAME.select(FRAME.columns[::-1]),
        FRAME.head(2),
    ],
)
def test_any_change_of_content_makes_a_difference(other):
    assert of_frame(other) != of_frame(FRAME)


def test_parts_do_not_run_into_each_other():
    assert combine("ab", "c") != combine("a", "bc") != combine("abc")


def code(text):
    scope = {"pl": pl}
    exec(text, scope)
    return scope["step"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def step(x): return x + 1", "def step(x):\n    # why\n    return x + 1", True),
        ("def step(x): return x + 1", "def step(x): return x + 2", False),
        ("def step(x): return x.min()", "def step(x): return x.max()", False),
        ("def step(x, y=1): return x", "def step(x, y=2): return x", False),
        ("K = 1\ndef step(x): return x + K", "K = 2\ndef step(x): return x + K", False),
        (
            "def h(x): return x\ndef step(x): return h(x)",
            "def h(x): return -x\ndef step(x): return h(x)",
            False,
        ),
        (
            "class C:\n  def f(x): return x\ndef step(x): return C.f(x)",
            "class C:\n  def f(x): return -x\ndef step(x): return C.f(x)",
            False,
        ),
        ("def step(x): return step(x - 1)", "def step(x): return step(x - 1)", True),
        ("step = lambda x: x > 1.0", "step = lambda x: x > 1", False),
    ],
)
def test_code_is_told_by_what_it_does(one, other, same):
    assert (of_function(code(one)) == of_function(code(other))) is same


def test_closures_partials_and_methods_are_told_by_what_they_hold():
    def closing(value):
        return lambda frame: (frame, value)

    assert of_function(closing(1)) == of_function(closing(1)) != of_function(closing(2))
    both = partial(closing, 1), partial(closing, 2)
    assert of_function(both[0]) != of_function(both[1])

    class Scale:
        def __init__(self, by):
            self.by = by

        def apply(self, frame):
            return frame * self.by

    assert of_function(Scale(1).apply) == of_function(Scale(1).apply)
    assert of_function(Scale(1).apply) != of_function(Scale(2).apply)
    assert isinstance(pl.LazyFrame.sort, FunctionType)
    assert of_function(pl.LazyFrame.sort) != of_function(pl.LazyFrame.reverse)
    assert of_function(len) != of_function(abs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        ([1], (1,)),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (pl.col("a"), pl.col("b")),
        (pl.Int32, pl.Int64),
        (np.arange(3), np.arange(3.0)),
        (np.array(["a"], dtype=object), np.array(["b"], dtype=object)),
        (FRAME, FRAME[:1]),
        (FRAME["i"], FRAME["f"]),
        (Schema((Column("a", "int"),)), Schema((Column("a", "float"),))),
        (KnownAt("a"), KnownAt("b")),
        (int, str),
        (math, np),
        (len, abs),
    ],
)
def test_values_that_differ_have_other_digests(one, other):
    assert of_value(one) == of_value(one)
    assert of_value(one) != of_value(other)


def test_what_has_no_content_is_refused():
    with pytest.raises(InputError, match="must be a function"):
        of_function(type("C", (), {"__call__": lambda self: 1})())
    with pytest.raises(InputError, match="whose content cannot be read"):
        of_value(object())


def test_what_cleaning_code_holds_is_told_by_content():
    import functools
    import logging
    import re
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from pydantic import BaseModel

    class Setting(BaseModel):
        least: int

    for one, other in (
        (re.compile("a"), re.compile("b")),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (Path("a"), Path("b")),
        (ZoneInfo("UTC"), ZoneInfo("Europe/Vienna")),
        (range(3), range(4)),
        (Setting(least=1), Setting(least=2)),
        (functools.cache(lambda: 1), functools.cache(lambda: 2)),
    ):
        assert of_value(one) == of_value(one) != of_value(other)
    assert of_value(logging.getLogger("a")) == of_value(logging.getLogger("a"))
