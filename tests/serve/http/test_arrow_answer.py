"""Arrow answers that are put together by a form say what was asked of them, to every reader."""

import io

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from homeostat.serve._http._arrow_answer import write_answers
from homeostat.serve._log._frames import prediction_ids

EPOCH = "01jd-7f3a"


@pytest.mark.parametrize("column", ["probability", "value"])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 63, 64, 65, 1000, 8999])
def test_a_stream_holds_the_ids_and_the_numbers(n, column):
    ids = prediction_ids(EPOCH, 1000, n)
    numbers = np.random.default_rng(n).normal(size=n)
    stream = write_answers(column, ids, numbers)
    found = pl.read_ipc_stream(io.BytesIO(stream))
    assert found.to_dict(as_series=False) == {"id": ids, column: numbers.tolist()}
    table = pa.ipc.open_stream(stream).read_all()
    table.validate(full=True)
    assert table.to_pydict() == {"id": ids, column: numbers.tolist()}


def test_numbers_and_ids_that_look_like_those_of_the_form_are_their_own():
    numbers = np.array([-1.2345678901234567e-89, 0.0, 1.0])
    ids = ["\x01\x01", "\x01\x02", "zz"]
    found = pl.read_ipc_stream(io.BytesIO(write_answers("value", ids, numbers)))
    assert found.rows() == list(zip(ids, numbers.tolist(), strict=True))


def test_numbers_may_lie_apart_in_memory():
    numbers = np.arange(10.0).reshape(5, 2)[:, 1]
    stream = write_answers("value", prediction_ids(EPOCH, 10, 5), numbers)
    assert pl.read_ipc_stream(io.BytesIO(stream))["value"].to_list() == [1.0, 3.0, 5.0, 7.0, 9.0]


def test_ids_of_several_lengths_or_of_other_letters_have_no_form():
    assert write_answers("value", prediction_ids(EPOCH, 99, 2), np.zeros(2)) is None
    assert write_answers("value", ["é"], np.zeros(1)) is None
    assert write_answers("value", [], np.zeros(0)) is None
