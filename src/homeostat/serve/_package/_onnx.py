"""ONNX: a graph of known operators, run by ONNX Runtime on one thread with bound buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, features_of, in_order
from homeostat.serve._package._extra import imported
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["Onnx"]

_GRAPH = "model.onnx"
_DTYPES: Mapping[str, type] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class Onnx(AsTrained):
    """An ONNX graph; use `pack`.

    Args:
        content: The graph's protobuf, weights inside.
        columns: From features to its inputs: one matrix, or an input a feature.
        output: Name of the output that answers.
        answers: What it says of a row.
    """

    family = "onnx"
    libraries = ("onnxruntime",)
    needs: tuple[str, ...] = ()

    def __init__(
        self, content: bytes, columns: Columns, output: str, answers: AnswerDecoder
    ) -> None:
        self.answers = answers
        self._content = content
        self._columns = columns
        self._output = output
        self._session = _session(content)
        self._inputs = {one.name: one for one in self._session.get_inputs()}

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - a path, bytes or a ModelProto
        """Return a graph as it is served; ``arguments={"output": name}`` says which output."""
        content = _content(model)
        session = _session(content)
        inputs = [one.name for one in session.get_inputs()]
        features = tuple(column.name for column in features_of(wanted.schema))
        if len(inputs) == 1:
            columns = Columns.of(wanted.schema, features, wanted.levels)
            width = session.get_inputs()[0].shape[-1]
            if isinstance(width, int) and width != len(features):
                raise InputError(
                    f"The graph takes {width} columns, the schema has {len(features)} features."
                )
        else:
            columns = Columns(in_order(wanted.schema, inputs, named=True), {})
        asked = wanted.arguments.get("output")
        return cls(content, columns, _output(session, asked), wanted.stated())

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        raw = self._session.run([self._output], self._fed(features))[0]
        return self.answers.of(raw, features.height)

    def row_path(self) -> Callable[[Mapping[str, Any]], Any] | None:
        """Return a way to answer one row from buffers that are bound once; None for many inputs."""
        if len(self._inputs) != 1:
            return None
        ((name, one),) = self._inputs.items()
        dtype = _DTYPES[one.type]
        held: NDArray[Any] = np.zeros((1, len(self._columns.names)), dtype)
        raw = self._session.run([self._output], {name: held})[0]
        out = np.zeros_like(raw)
        flat = out.reshape(-1)
        binding = self._session.io_binding()
        binding.bind_cpu_input(name, held)
        binding.bind_output(self._output, "cpu", 0, out.dtype.type, out.shape, out.ctypes.data)
        run, row, answers = self._session.run_with_iobinding, self._columns.row, self.answers
        wide, plain = answers.kind == "classes", answers.link == "identity"

        def answer(values: Mapping[str, Any]) -> float | list[float]:
            held[0] = row(values)
            run(binding)
            if plain and not wide:
                return float(flat[-1])  # of two probabilities, the last label's
            found = answers.of(out, 1)[0]
            return found.tolist() if wide else float(found)

        return answer

    def save(self) -> Mapping[str, bytes]:
        """Return the graph, and the columns and answers as JSON."""
        settings = write_settings(
            self.answers, columns=self._columns.to_json(), output=self._output
        )
        return {_GRAPH: self._content} | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:  # noqa: ARG003 - a graph runs no code
        """Rebuild from :meth:`save`."""
        answers, settings = read_settings(files)
        columns = Columns.from_json(settings["columns"])
        return cls(files[_GRAPH], columns, settings["output"], answers)

    def _fed(self, frame: pl.DataFrame) -> dict[str, Any]:
        if len(self._inputs) == 1:
            ((name, one),) = self._inputs.items()
            return {name: self._columns.matrix(frame).astype(_DTYPES[one.type])}
        return {
            name: _column(frame.get_column(name), _DTYPES[one.type]).reshape(
                (-1, 1) if len(one.shape) == 2 else (-1,)
            )
            for name, one in self._inputs.items()
        }


def _column(series: pl.Series, dtype: type) -> NDArray[Any]:
    if dtype is np.object_:
        return np.array(series.cast(pl.String).fill_null("").to_list(), dtype=object)
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(dtype)


def _content(model: Any) -> bytes:  # noqa: ANN401 - a path, bytes or a ModelProto
    if isinstance(model, Path):
        try:
            return model.read_bytes()
        except OSError as error:
            raise InputError(f"An ONNX graph must be readable, got {model}: {error}.") from error
    return bytes(model.SerializeToString() if hasattr(model, "SerializeToString") else model)


def _session(content: bytes) -> Any:  # noqa: ANN401 - of onnxruntime
    onnxruntime = imported("onnxruntime", extra="onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no class in common
        raise InputError(f"`{_GRAPH}` is not a graph ONNX Runtime can run: {error}.") from error
    for one in session.get_inputs():
        if one.type not in _DTYPES:
            raise InputError(
                f"The graph's input `{one.name}` is a {one.type}; numbers or text are taken."
            )
    return session


def _output(session: Any, asked: object) -> str:  # noqa: ANN401 - of onnxruntime
    outputs: dict[str, str] = {one.name: one.type for one in session.get_outputs()}
    if asked is not None:
        if asked not in outputs:
            raise InputError(f"The graph has no output `{asked}`.{suggest(str(asked), outputs)}")
        return str(asked)
    tensors = [
        name for name, kind in outputs.items() if kind in {"tensor(float)", "tensor(double)"}
    ]
    if not tensors:
        raise InputError(
            f"The graph answers with no tensor of numbers ({', '.join(outputs.values())}): export "
            "it so, of scikit-learn with `options={'zipmap': False}`."
        )
    return next((name for name in tensors if "prob" in name.lower()), tensors[-1])
