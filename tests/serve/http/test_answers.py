import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.serve._http._answers import AnswerForm

CLASSES = AnswerForm("classes", ("cat", "dog", "Ü"))


@pytest.mark.parametrize("given", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_probability_is_none(given):
    form = AnswerForm("probability")
    assert form.row(given) is None
    assert form.rows(np.array([0.5, given]), 2) is None
    assert form.row(1.0) == 1.0


def test_a_value_is_any_finite_number():
    form = AnswerForm("value")
    assert form.row(np.float32(-3)) == -3.0
    assert form.row(float("inf")) is None
    assert form.rows(np.array([1.0, np.nan]), 2) is None
    assert form.rows(np.array([-5, 7]), 2).tolist() == [-5.0, 7.0]


@pytest.mark.parametrize(
    "given", [[0.2, 0.2, 0.2], [1.0, 0.5, -0.5], [0.5, 0.5], [np.nan, 0.5, 0.5]]
)
def test_classes_are_k_probabilities_that_sum_to_1(given):
    assert CLASSES.rows(np.array([given]), 1) is None
    assert CLASSES.row([0.2, 0.2, 0.6]) == [0.2, 0.2, 0.6]


def test_each_form_is_told_as_fields_and_as_columns():
    answers = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    assert CLASSES.of_row([0.1, 0.2, 0.7])["label"] == "Ü"
    assert CLASSES.of_rows(answers)["labels"] == ["cat", "Ü"]  # of equals the first
    columns = pl.DataFrame(CLASSES.columns(answers))
    assert columns["label"].to_list() == ["cat", "Ü"]
    assert columns["probabilities"].struct.field("Ü").to_list() == [0.0, 0.7]
    assert AnswerForm("value").of_rows(np.array([2.0]))["values"].tolist() == [2.0]
    assert list(AnswerForm("probability").columns(np.array([0.5]))) == ["probability"]


def test_a_form_that_is_not_known_is_refused():
    with pytest.raises(InputError, match="got 'odds'"):
        AnswerForm("odds")
    with pytest.raises(InputError, match="at least two labels"):
        AnswerForm("classes", ("cat",))
