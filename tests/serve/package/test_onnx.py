import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, Schema
from homeostat.serve import pack, unpack

pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

KIND = TensorProto.FLOAT


def graph(*, outputs=1, activation="Sigmoid", kind=KIND, width=4):
    """A linear layer and an activation, weights inside."""
    rng = np.random.default_rng(0)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = rng.normal(size=(4, outputs)).astype(dtype)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node(activation, ["scores"], ["probabilities"]),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, [None, width])],
        [
            helper.make_tensor_value_info("scores", kind, [None, outputs]),
            helper.make_tensor_value_info("probabilities", kind, [None, outputs]),
        ],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, weights


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_a_graph_answers_a_batch_and_a_row_from_bound_buffers(tools, tmp_path, kind):
    model, weights = graph(kind=kind)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    x = tools.matrix(50)
    expected = 1 / (1 + np.exp(-(x.astype(weights.dtype) @ weights)[:, 0]))
    for given in (path, path.read_bytes(), model):
        deployed = tools.proven(given, tools.numbers)
        rows = tools.as_rows(x)
        assert deployed.predict(rows) == pytest.approx(expected, abs=1e-6)
        found = [deployed.one(row) for row in rows.iter_rows(named=True)]
        assert found == pytest.approx(deployed.predict(rows), abs=1e-12)


def test_classes_of_a_softmax_sum_to_one(tools):
    model, _ = graph(outputs=3, activation="Softmax")
    deployed = tools.proven(model, tools.numbers, labels=["a", "b", "c"])
    assert deployed.package.answers == "classes"
    assert deployed.predict(tools.as_rows(tools.matrix(9))).sum(axis=1) == pytest.approx(np.ones(9))


def test_scores_are_taken_from_an_output_by_name_and_given_a_link(tools):
    model, weights = graph()
    rows = tools.as_rows(tools.matrix(9))
    scores = unpack(
        pack(model, tools.numbers, arguments={"output": "scores"}, link="sigmoid")
    ).predict(rows)
    assert scores == pytest.approx(unpack(pack(model, tools.numbers)).predict(rows), abs=1e-6)
    value = pack(model, tools.numbers, arguments={"output": "scores"}, answers="value")
    assert unpack(value).predict(rows) == pytest.approx((rows.to_numpy() @ weights)[:, 0], abs=1e-5)
    with pytest.raises(InputError, match="Did you mean `scores`"):
        pack(model, tools.numbers, arguments={"output": "score"})
    with pytest.raises(InputError, match="link"):
        pack(model, tools.numbers, arguments={"output": "scores"})


def test_a_graph_may_take_an_input_a_feature_text_among_them(tools):
    schema = Schema(
        (
            Column("carrier", "category", {"feature"}, categories=("AA", "UA")),
            Column("hour", "float", {"feature"}),
        )
    )
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["carrier"],
            ["coded"],
            domain="ai.onnx.ml",
            keys_strings=["AA", "UA"],
            values_floats=[0.1, 0.2],
        ),
        helper.make_node("Add", ["coded", "hour"], ["out"]),
    ]
    inputs = [
        helper.make_tensor_value_info("hour", KIND, [None, 1]),
        helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1]),
    ]
    made = helper.make_graph(
        nodes, "g", inputs, [helper.make_tensor_value_info("out", KIND, [None, 1])]
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    package = unpack(pack(model, schema, answers="value"))
    rows = pl.DataFrame({"carrier": ["AA", "UA"], "hour": [1.0, 2.0]})
    assert package.predict(rows) == pytest.approx([1.1, 2.2], abs=1e-6)


def test_what_is_no_graph_or_of_another_width_is_refused(tools, tmp_path, resealed):
    with pytest.raises(InputError, match="not a graph ONNX Runtime can run"):
        pack(b"nonsense", tools.numbers)
    with pytest.raises(InputError, match="must be readable"):
        pack(tmp_path / "none.onnx", tools.numbers)
    model, _ = graph()
    with pytest.raises(InputError, match="takes 4 columns, the schema has 2 features"):
        pack(model, tools.numbers.select(["x0", "x1"]))
    with pytest.raises(InputError, match="not a graph"):
        unpack(resealed(pack(model, tools.numbers), "model/model.onnx", b"\x80\x04nonsense"))
