"""What one row costs: each library's own call beside the row path of a package.

Run: .venv/bin/python benchmarks/single_row.py   (needs the extras skops, onnx, xgboost)
"""

import os
import time

import lightgbm
import numpy as np
import onnxruntime
import xgboost
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from homeostat.core import Column, Schema
from homeostat.serve import pack, unpack
from homeostat.serve._package._single import single_row

WIDTH, ROUNDS, CALLS = 20, 7, 400
SCHEMA = Schema(tuple(Column(f"x{i}", "float", {"feature"}) for i in range(WIDTH)))


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, WIDTH))
    y = x[:, 0] + rng.normal(size=4000) > 0
    row, one = dict(zip(SCHEMA.names, x[0].tolist(), strict=True)), x[:1]
    print(f"load {os.getloadavg()[0]:.1f}, CPU us a call, median of {ROUNDS}, interleaved")
    for name, model, plain in models(x, y):
        path = single_row(unpack(pack(model, SCHEMA)).model)
        ours, theirs = interleaved(lambda path=path: path(row), lambda plain=plain: plain(one))
        print(
            f"{name:<10} library {theirs:9.2f}   package {ours:7.2f}   ratio {theirs / ours:6.1f}"
        )


def models(x, y):
    settings = {"objective": "binary", "num_leaves": 31, "verbose": -1, "num_threads": 1}
    trees = lightgbm.train(settings, lightgbm.Dataset(x, y), 100)
    yield "lightgbm", trees, lambda one: trees.predict(one, num_threads=1)
    data = xgboost.DMatrix(x, y)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 100)
    yield "xgboost", booster, booster.inplace_predict
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    yield "sklearn", pipeline, pipeline.predict_proba
    graph = layer()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), sess_options=options)
    yield "onnx", graph, lambda one: session.run(["p"], {"x": one.astype(np.float32)})


def layer():
    weights = np.random.default_rng(1).normal(size=(WIDTH, 1)).astype(np.float32) / 1e9
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["p"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])]
    outputs = [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])]
    held = [numpy_helper.from_array(weights, "w")]
    made = helper.make_graph(nodes, "g", inputs, outputs, held)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def interleaved(first, second):
    taken = ([], [])
    for _ in range(ROUNDS):
        for call, held in zip((first, second), taken, strict=True):
            start = time.process_time()
            for _ in range(CALLS):
                call()
            held.append((time.process_time() - start) / CALLS * 1e6)
    return [float(np.median(held)) for held in taken]


if __name__ == "__main__":
    main()
