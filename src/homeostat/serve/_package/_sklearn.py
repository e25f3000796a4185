"""Scikit-learn: through skops, which names every type it would build; a pickle is never read."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, Self
from zipfile import ZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import HomeostatError, InputError
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, in_order
from homeostat.serve._package._extra import imported
from homeostat.serve._package._fold import fold
from homeostat.serve._package._inputs import contained, has_pandas, must_be_container
from homeostat.serve._package._trust import refuse_unless_allowed
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["ScikitLearn", "types_in"]

_MODEL = "model.skops"
_logger = logging.getLogger("homeostat.serve")
# What scikit-learn's own models are made of that skops does not name yet: plain Python that holds
# data. Its compiled trees and neighbours are left out: they follow the file's indices unchecked.
_HOLD_DATA = frozenset(
    {
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._bunch.Bunch",
    }
)


class ScikitLearn(AsTrained):
    """A scikit-learn estimator or pipeline; use `pack`.

    Args:
        model: Fitted.
        columns: Features, in the order it was trained on.
        container: What it takes its rows in: "polars", "pandas" or "numpy".
        answers: What it says of a row.
        content: As skops wrote it; None to write it now.
    """

    family = "sklearn"
    libraries = ("scikit-learn", "skops")

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - any estimator
        columns: Columns,
        container: str,
        answers: AnswerDecoder,
        content: bytes | None = None,
    ) -> None:
        self.model = model
        self.columns = columns
        self.container = container
        self.answers = answers
        self._content = _skops().dumps(model) if content is None else content
        self.needs = _foreign(self._content)
        self._method = "predict" if answers.kind == "value" else "predict_proba"

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - any estimator
        """Return a fitted estimator as it is served."""
        answers = _answers(model, wanted)
        names = getattr(model, "feature_names_in_", None)
        count = getattr(model, "n_features_in_", len(wanted.schema.features))
        trained = [str(name) for name in names] if names is not None else [""] * int(count)
        order = in_order(wanted.schema, trained, named=names is not None)
        columns = Columns(order, {k: tuple(v) for k, v in wanted.levels.items()})
        candidates = _containers(wanted.inputs, named=names is not None)
        content = _dumped(model)
        made = [cls(model, columns, container, answers, content) for container in candidates]
        return _that_works(made, wanted.rows)  # type: ignore[no-any-return]  # one of those

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        rows = contained(features, self.container, self.columns)
        return self.answers.of(getattr(self.model, self._method)(rows), features.height)

    def row_path(self) -> Any:  # noqa: ANN401 - see `single_row`
        """Return the pipeline folded to one dot product, or None where it cannot be."""
        return fold(self.model, self.columns.names, self.answers)

    def save(self) -> Mapping[str, bytes]:
        """Return skops's file, and the columns and answers as JSON."""
        settings = write_settings(
            self.answers, columns=self.columns.to_json(), container=self.container
        )
        return {_MODEL: self._content} | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:
        """Rebuild from :meth:`save`; types that skops does not trust must be allowed by name.

        Raises:
            InputError: If the file is none of skops, or holds a type that is not allowed.
        """
        answers, settings = read_settings(files)
        content, skops = files[_MODEL], _skops()
        needs = _foreign(content)
        refuse_unless_allowed(needs, allow)
        model = skops.loads(content, trusted=[*needs, *_HOLD_DATA])
        columns = Columns.from_json(settings["columns"])
        return cls(model, columns, settings["container"], answers, content)


def types_in(content: bytes) -> tuple[str, ...]:
    """Return the names of the types and functions that a file of skops would build; builds none."""
    with ZipFile(BytesIO(content)) as archive:
        return tuple(sorted(set(_named(json.loads(archive.read("schema.json"))))))


def _foreign(content: bytes) -> tuple[str, ...]:
    """Return the names in a file of skops that neither it nor we know to hold data alone."""
    return tuple(sorted(set(_skops().get_untrusted_types(data=content)) - _HOLD_DATA))


def _named(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "__class__" in node:
            yield f"{node.get('__module__', '')}.{node['__class__']}"
        for value in node.values():
            yield from _named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value)


def _skops() -> Any:  # noqa: ANN401 - the module
    return imported("skops.io", extra="skops")


def _dumped(model: Any) -> bytes:  # noqa: ANN401 - any estimator
    skops = _skops()
    try:
        return bytes(skops.dumps(model))
    except Exception as error:
        raise InputError(
            f"skops cannot write this {type(model).__name__}: {error}. Leave out what is no data, "
            "such as a lambda; put functions into a module."
        ) from error


def _answers(model: Any, wanted: Wanted) -> AnswerDecoder:  # noqa: ANN401 - any estimator
    from sklearn.base import is_classifier, is_regressor  # noqa: PLC0415 - slow to import

    if is_classifier(model):
        if not hasattr(model, "predict_proba"):
            raise InputError(
                f"A classifier answers with probabilities, {type(model).__name__} has no "
                "`predict_proba`: wrap it in `CalibratedClassifierCV`."
            )
        labels = wanted.labels if wanted.labels is not None else list(model.classes_)
        found = "probability" if len(labels) == 2 else "classes"
        return AnswerDecoder.wanted(wanted.answers, found, labels, wanted.link)
    if not is_regressor(model):
        raise InputError(
            f"A model to serve is a classifier or a regressor, {type(model).__name__} is neither."
        )
    return AnswerDecoder.wanted(wanted.answers, "value", ())


def _containers(asked: str | None, *, named: bool) -> tuple[str, ...]:
    if asked is not None:
        must_be_container(asked)
        return (asked,)
    if not named:
        return ("numpy",)
    return ("polars", "pandas") if has_pandas() else ("polars",)


def _that_works(made: Sequence[Any], rows: pl.DataFrame) -> Any:  # noqa: ANN401 - of the class
    """Return the first that answers; where two do, they must agree."""
    if len(made) == 1:
        return made[0]
    worked = []
    for one in made:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                worked.append((one, one.predict(rows)))
        except HomeostatError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an estimator raises of a container
            _logger.debug("%s rows are not taken: %s", one.container, error)
    if len(worked) == 2 and not np.array_equal(worked[0][1], worked[1][1], equal_nan=True):
        raise InputError(
            "The model answers a Polars and a pandas frame differently: say with `inputs` which "
            "one it was trained on."
        )
    return worked[0][0] if worked else made[0]
