"""Pydantic models as expectations: columns decide what they can, validators the rest."""

from typing import Annotated, Literal, Optional

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from homeostat.core import SchemaError
from homeostat.expect import Suite, register_model
from homeostat.expect._models import quick_checks

SEEN = []


class Plain(BaseModel):
    qty: int = Field(ge=1, le=5)
    price: float | None = None
    kind: Literal["a", "b"] = "a"
    note: Annotated[str, Field(max_length=3)]


class Order(BaseModel):
    qty: int = Field(ge=1)
    total: float
    code: str

    @field_validator("code")
    @classmethod
    def starts_with_x(cls, code):
        SEEN.append(code)
        if not code.startswith("x"):
            raise ValueError("a code starts with x")
        return code

    @model_validator(mode="after")
    def adds_up(self):
        if self.total < self.qty:
            raise ValueError("the total is below the quantity")
        return self


class Stripped(BaseModel):
    model_config = {"str_strip_whitespace": True}
    code: str = Field(max_length=2)


class Loose(BaseModel):
    qty: int
    late: Optional[bool] = None  # noqa: UP045 - the older spelling is read too

    @field_validator("qty", mode="before")
    @classmethod
    def none_is_zero(cls, value):
        return 0 if value is None else value


def found(model, frame):
    *_, one = Suite().expect_rows_to_match_model(model).check(frame, examples=20)
    return one


def rows_of(one):
    return [row["row"] for row in one.evidence["examples"]]


def truly(model, frame):
    """What pydantic itself says, row by row."""
    bad = []
    for at, row in enumerate(frame.to_dicts()):
        try:
            model.model_validate(row)
        except ValidationError:
            bad.append(at)
    return bad


FRAME = pl.DataFrame(
    {
        "qty": [1, 0, 6, None, 5],
        "price": [1.0, float("nan"), None, 2.0, 3.0],
        "kind": ["a", "b", "c", "a", "b"],
        "note": ["abc", "abcd", "a", "", None],
    }
)


def test_a_plain_model_is_decided_by_columns():
    _, decided = quick_checks(Plain, dict(FRAME.schema))
    assert decided
    assert rows_of(found(Plain, FRAME)) == truly(Plain, FRAME) == [1, 2, 3, 4]


def test_validators_run_on_distinct_rows_that_columns_let_pass():
    frame = pl.DataFrame(
        {
            "qty": [1, 0, 3, 1] * 50,
            "total": [2.0, 2.0, 1.0, 2.0] * 50,
            "code": ["x", "x", "xy", "q"] * 50,
        }
    )
    SEEN.clear()
    one = found(Order, frame)
    assert one.evidence["broken"] == 150
    assert rows_of(one)[:3] == [1, 2, 3] == truly(Order, frame.head(4))
    assert len(SEEN) < 60
    assert one.evidence["examples"][1]["why"] == "row: Value error, the total is below the quantity"
    assert "greater than or equal to 1" in one.summary


@pytest.mark.parametrize("lazy", [False, True])
def test_settings_and_early_validators_leave_all_to_pydantic(lazy):
    text = pl.DataFrame({"code": [" a ", "abc", None]})
    loose = pl.DataFrame({"qty": ["1", None, "x"], "late": [1, 0, 7]})
    for model, frame in ((Stripped, text), (Loose, loose)):
        one = found(model, frame.lazy() if lazy else frame)
        assert rows_of(one) == truly(model, frame)


ROW = st.fixed_dictionaries(
    {
        "qty": st.one_of(st.none(), st.integers(-1, 7)),
        "price": st.one_of(st.none(), st.floats()),
        "kind": st.sampled_from(["a", "b", "c", None]),
        "note": st.one_of(st.none(), st.text(max_size=5)),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_columns_say_what_pydantic_says(rows):
    kinds = {"qty": pl.Int64, "price": pl.Float64, "kind": pl.String, "note": pl.String}
    frame = pl.DataFrame(rows, schema=kinds)
    assert rows_of(found(Plain, frame)) == truly(Plain, frame)


def test_a_suite_names_its_model_and_never_imports_it():
    suite = Suite().expect_rows_to_match_model(Order)
    written = suite.to_json()
    assert written["expectations"][0]["arguments"]["model"].endswith(":Order")
    assert Suite.from_json(written) == suite
    stranger = Suite().expect("expect_rows_to_match_model", model="os:system")
    one = stranger.check(FRAME)[-1]
    assert one.verdict == "fail"
    assert "register_model" in one.summary
    assert register_model(Order) is Order


def test_a_required_column_that_is_missing_fails_by_name():
    one = found(Order, FRAME)
    assert one.verdict == "fail"
    assert "no column `total`, which Order requires" in one.summary


def test_no_rows_are_unknown():
    assert found(Plain, FRAME.clear()).verdict == "unknown"


def test_a_model_with_several_aliases_is_refused():
    from pydantic import AliasChoices

    class Aliased(BaseModel):
        qty: int = Field(validation_alias=AliasChoices("a", "b"))

    assert "one plain alias" in found(Aliased, FRAME).summary
    with pytest.raises(SchemaError, match="takes 1 arguments"):
        Suite().expect_rows_to_match_model(Plain, Order)
