"""Pack: a fitted model, of ours or of another library, into plain files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from homeostat.core import HomeostatError, InputError, Json, Model, Schema
from homeostat.data import batch_from_rows
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import features_of
from homeostat.serve._package._environment import environment
from homeostat.serve._package._formats import FORMATS, as_format, load_format
from homeostat.serve._package._manifest import (
    EXPECTED,
    MODEL,
    PROFILE,
    SAMPLE,
    SCHEMA,
    to_json,
    with_manifest,
)
from homeostat.serve._package._single import UNSEEN, probes
from homeostat.serve._package._wanted import Format, Wanted

__all__ = ["pack"]


def pack(
    model: Any,  # noqa: ANN401 - of any library
    schema: Schema,
    *,
    sample: pl.DataFrame | None = None,
    profile: bytes | None = None,
    metadata: Mapping[str, Json] | None = None,
    answers: str | None = None,
    labels: Sequence[object] | None = None,
    link: str = "identity",
    inputs: str | None = None,
    levels: Mapping[str, Sequence[Any]] | None = None,
    arguments: Mapping[str, Json] | None = None,
) -> dict[str, bytes]:
    """Pack a fitted model into files, as it is.

    A model of another library is tried before it is packed: on the sample, and on rows that move
    each feature through its values, a null where the schema allows one and a category that was
    never seen where it leaves them open. It is read back, and must answer as it did to the last
    bit.

    Args:
        model: A `homeostat.core.Model`; an estimator or pipeline of scikit-learn; a model of
            LightGBM, XGBoost or CatBoost, a torch module or exported program; an ONNX graph as
            bytes, ``ModelProto`` or ``Path``; or a function, a class or an object with
            ``predict``, itself or as ``"package.module:name"``.
        schema: Of the training data; its features become the request's fields.
        sample: Rows with the schema's features, to warm and verify a server with.
        profile: The training reference, as ``Profile.to_bytes()``.
        metadata: Where it comes from: data version, code version, scores; JSON.
        answers: "probability", "value" or "classes"; None takes what the model itself tells, and
            a probability where it tells nothing.
        labels: The classes in the order of the answers; None takes the model's own.
        link: Of a model that returns scores: "sigmoid" or "softmax" makes them probabilities.
        inputs: What a Python model takes its rows in: "polars", "pandas" or "numpy".
        levels: Of category columns that the model was trained on as codes: their values, in the
            order of the codes. pandas categories of LightGBM and XGBoost are read from the model.
        arguments: A torch class's constructor arguments; of ONNX ``{"output": name}``.

    Returns:
        Files by name; ``manifest.json`` holds the SHA-256 of each, and of itself.

    Raises:
        InputError: If the model cannot be packed, cannot answer what the schema allows, does not
            answer the same after it is read back, saves a file whose name leaves the package, or
            the metadata has no JSON form.
        MissingExtraError: If its library is not installed.

    Example:
        >>> from homeostat.core import Column
        >>> from homeostat.serve import unpack
        >>> from sklearn.linear_model import LinearRegression
        >>> model = LinearRegression().fit([[0.0], [1.0]], [3.0, 5.0])
        >>> files = pack(model, Schema((Column("x", "float", {"feature"}),)))
        >>> sorted(files)
        ['manifest.json', 'model/format.json', 'model/model.skops', 'schema.json']
        >>> package = unpack(files)
        >>> package.answers, package.predict(pl.DataFrame({"x": [2.0]})).round(12)
        ('value', array([7.]))
    """
    facts: dict[str, Json] = {}
    if is_ours(model):
        fitted, told = model, AnswerDecoder.wanted(answers, "probability", labels or ())
        libraries: tuple[str, ...] = ("scikit-learn", "lightgbm")
    else:
        rows = _rows(schema, sample)
        wanted = Wanted(schema, rows, answers, labels, link, inputs, levels or {}, arguments or {})
        fitted = as_format(model, wanted)
        told, libraries = fitted.answers, fitted.libraries
        _prove(fitted, rows)
        facts["needs"] = list(fitted.needs)
    files = {MODEL + _inside(name): bytes(content) for name, content in fitted.save().items()}
    files[SCHEMA] = to_json(schema.to_json())
    if sample is not None:
        chosen = sample.select(schema.features)
        files[SAMPLE] = orjson.dumps(chosen.to_dicts())
        if hasattr(fitted, "predict"):
            files[EXPECTED] = orjson.dumps(np.asarray(fitted.predict(chosen)).tolist())
    if profile is not None:
        files[PROFILE] = profile
    facts |= {
        "family": fitted.family,
        "answers": told.kind,
        "labels": list(told.labels),
        "environment": environment(libraries),
        "metadata": dict(metadata or {}),
    }
    return with_manifest(files, facts)


def is_ours(model: object) -> bool:
    """Say whether a model packs itself: it has a family of its own and saves files."""
    family = getattr(model, "family", None)
    return isinstance(family, str) and family not in FORMATS and callable(getattr(model, "save", 0))


def _rows(schema: Schema, sample: pl.DataFrame | None) -> pl.DataFrame:
    """Return what the model is tried on: the sample, and what a request may bring at its worst."""
    features = schema.select(column.name for column in features_of(schema))
    made = batch_from_rows(probes(features), features)
    if sample is None:
        return made
    own = sample.select(features.names)
    types = {name: made.schema[name] for name in features.names}
    return pl.concat([made, own.cast(types)])  # type: ignore[arg-type]  # dtypes by name


def _prove(fitted: Format, rows: pl.DataFrame) -> None:
    """Refuse a model that cannot answer what the schema allows, or differs once it is read back."""
    answered = _answered(fitted, rows)
    if (fault := fitted.answers.fault(answered)) is not None:
        raise InputError(f"The model's answers are not what they should be: {fault}.")
    again = load_format(fitted.family, fitted.save(), fitted.needs).predict(rows)
    if not np.array_equal(answered, again):
        raise InputError(
            f"The {fitted.family} model answers otherwise once it is read back (by up to "
            f"{np.abs(answered - again).max():.3g}): it holds something its format does not keep."
        )


def _answered(fitted: Model, rows: pl.DataFrame) -> NDArray[np.float64]:
    try:
        return fitted.predict(rows)
    except HomeostatError:
        raise
    except Exception as error:
        why = _why(fitted, rows, error)
        raise InputError(f"The model cannot answer rows of this schema: {error}.{why}") from error


def _why(fitted: Model, rows: pl.DataFrame, error: Exception) -> str:
    """Say which column's null or unseen category it is that a model cannot answer."""
    for name in rows.columns:
        null = rows.get_column(name).is_null()
        if (
            null.any()
            and _fails(fitted, rows.filter(null))
            and not _fails(fitted, rows.filter(~null))
        ):
            return (
                f" It is `{name}` that may hold a null: let the model take it, or say in the "
                "schema that none comes (`nullable=False`)."
            )
    told = str(error)
    if "never seen" in told or "unknown categor" in told:
        text = (name for name, kind in rows.schema.items() if kind == pl.String)
        open_ = [name for name in text if (rows.get_column(name) == UNSEEN).any()]
        if open_:
            return (
                f" It is `{'`, `'.join(open_)}` that may hold a category it never saw: let the "
                "model take it, or list in the schema what comes (`categories=...`)."
            )
    return ""


def _fails(fitted: Model, rows: pl.DataFrame) -> bool:
    try:
        fitted.predict(rows)
    except Exception:  # noqa: BLE001 - whatever it raised before
        return True
    return False


def _inside(name: str) -> str:
    if not name or name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise InputError(f"A model's file stays inside its package, got the name {name!r}.")
    return name
