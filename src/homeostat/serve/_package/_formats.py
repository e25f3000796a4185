"""Formats: which of them keeps a model, told by the library that its class comes from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from homeostat.core import HomeostatError, InputError, Model
from homeostat.serve._package._wanted import Format, Wanted

__all__ = ["FORMATS", "as_format", "load_format"]

FORMATS: Mapping[str, str] = {
    "catboost": "_catboost:CatBoost",
    "lightgbm": "_lightgbm:LightGBM",
    "onnx": "_onnx:Onnx",
    "python": "_python:PythonPredictor",
    "sklearn": "_sklearn:ScikitLearn",
    "torch": "_torch:Torch",
    "xgboost": "_xgboost:XGBoost",
}
_LIBRARIES = ("lightgbm", "xgboost", "catboost", "torch", "onnx", "sklearn")


def as_format(model: Any, wanted: Wanted) -> Format:  # noqa: ANN401 - of any library
    """Return a model of another library as it is packed.

    Raises:
        InputError: If it is of no kind that can be packed.
    """
    family = _family(model)
    if family is None:
        raise InputError(
            "A model to pack is one of ours, of scikit-learn, LightGBM, XGBoost, CatBoost or "
            "torch, an ONNX graph (bytes or a Path), or a function or object that can be "
            f"imported; got {type(model).__module__}.{type(model).__name__}."
        )
    made: Format = _class(family).of(model, wanted)
    return made


def load_format(family: str, files: Mapping[str, bytes], allow: tuple[str, ...]) -> Model:
    """Rebuild a model of another library.

    Raises:
        InputError: If the files are damaged, or need what is not allowed.
        MissingExtraError: If the library is not installed.
    """
    try:
        loaded: Model = _class(family).load(files, allow=allow)
    except HomeostatError:
        raise
    except Exception as error:
        raise InputError(f"These are not the files of a `{family}` model: {error!r}.") from error
    return loaded


def _family(model: Any) -> str | None:  # noqa: ANN401 - of any library
    if isinstance(model, bytes | bytearray | Path):
        return "onnx"
    if isinstance(model, str):
        return "python"
    roots = {one.__module__.partition(".")[0] for one in type(model).__mro__}
    for library in _LIBRARIES:
        if library in roots:
            return library
    return "python" if callable(model) or hasattr(model, "predict") else None


def _class(family: str) -> Any:  # noqa: ANN401 - a class of Format, with its own maker
    module, _, name = FORMATS[family].partition(":")
    return getattr(import_module(f"homeostat.serve._package.{module}"), name)
