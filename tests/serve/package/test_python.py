import sys

import numpy as np
import pytest

from homeostat.core import Column, InputError, Schema
from homeostat.serve import pack, package_info, unpack


def test_a_function_is_packed_by_its_name_and_imported_only_where_that_is_allowed(
    tools, own_module
):
    files = pack(own_module.rate, tools.numbers)
    assert files == pack("own_steps:rate", tools.numbers)
    assert package_info(files).needs == ("own_steps:rate",)
    del sys.modules["own_steps"]
    for allow in ((), ["own_steps"], ["own_steps:Threshold"], ["*"]):
        with pytest.raises(InputError, match=r"allow=\['own_steps:rate'\]"):
            unpack(files, allow=allow)
    assert "own_steps" not in sys.modules
    package = unpack(files, allow=["own_steps:rate"])
    assert package.predict(tools.as_rows([[0.25, 0, 0, 0], [3, 0, 0, 0]])).tolist() == [0.25, 1.0]


def test_an_object_is_kept_as_the_files_of_its_save(tools, own_module):
    files = pack(own_module.Threshold(0.5), tools.numbers)
    assert files["model/at.txt"] == b"0.5"
    package = unpack(files, allow=["own_steps:Threshold"])
    assert package.predict(tools.as_rows([[0.4, 0, 0, 0], [0.6, 0, 0, 0]])).tolist() == [0.0, 1.0]


def test_what_no_other_process_could_import_is_refused(tools):
    for thing in (lambda frame: frame, Local(), Local):
        with pytest.raises(InputError, match=r"import|module"):
            pack(thing, tools.numbers)


class Local:
    __module__ = "__main__"

    def predict(self, frame):
        return np.zeros(frame.height)


@pytest.mark.parametrize(
    "text", ["own_steps", "own_steps:", ":x", "a b:c", "no_such_module_x:f", "math:nothing"]
)
def test_a_reference_that_names_nothing_is_refused(tools, text):
    with pytest.raises(InputError):
        pack(text, tools.numbers)


def test_a_forged_reference_is_not_imported(tools, own_module, resealed):
    files = pack(own_module.rate, tools.numbers)
    forged = files["model/format.json"].replace(b"own_steps:rate", b"antigravity:x")
    with pytest.raises(InputError, match="antigravity:x"):
        unpack(resealed(files, "model/format.json", forged), allow=["own_steps:rate"])
    assert "antigravity" not in sys.modules


def test_rows_come_in_the_container_that_is_asked_for(tools):
    schema = Schema((Column("x", "float", {"feature"}, nullable=False),))
    rows = tools.as_rows(tools.matrix(3)).select(x="x0")
    package = unpack(
        pack("numpy:tanh", schema, inputs="numpy", answers="value"), allow=["numpy:tanh"]
    )
    assert package.predict(rows) == pytest.approx(np.tanh(rows["x"].to_numpy()))
    with pytest.raises(InputError, match="probability lies in"):
        pack("numpy:tanh", schema, inputs="numpy")
    with pytest.raises(InputError, match="Did you mean `value`"):
        pack("numpy:tanh", schema, inputs="numpy", answers="values")


def test_answers_of_another_shape_or_that_are_no_numbers_are_refused(tools, own_module):
    with pytest.raises(InputError, match="returns shape"):
        pack("numpy:tanh", tools.numbers, inputs="numpy", answers="value")
    with pytest.raises(InputError, match="NaN or infinite"):
        pack(own_module.nothing, tools.numbers, answers="value")


@pytest.mark.parametrize(
    ("answers", "labels"),
    [("classes", ["a"]), ("classes", ["a", "a"]), ("value", ["a", "b"]), ("probability", ["a"])],
)
def test_labels_that_do_not_fit_the_answers_are_refused(tools, answers, labels):
    with pytest.raises(InputError, match="distinct classes"):
        pack("numpy:tanh", tools.numbers, answers=answers, labels=labels, inputs="numpy")


def test_what_is_no_model_is_refused(tools):
    with pytest.raises(InputError, match=r"builtins\.int"):
        pack(3, tools.numbers)
    with pytest.raises(InputError, match="needs a feature"):
        pack("numpy:tanh", Schema((Column("y", "float", {"label"}),)), inputs="numpy")
