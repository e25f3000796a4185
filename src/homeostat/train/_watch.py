"""Watched estimators: scikit-learn's own, whose every fit is written into a fit ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Fit, FitLedger, InputError, RowSet, TrackedRows, row_ids

__all__ = ["Watched", "ids_of", "watch"]


def watch(
    estimator: object,
    ledger: FitLedger,
    *,
    key: Sequence[str] = (),
    name: str = "",
    may_see: Sequence[str] = ("train",),
) -> Watched:
    """Return an estimator, transformer, pipeline or resampler whose fits are written down.

    It goes wherever the estimator went: into a pipeline, a search, `cross_validate`; its clones
    write into the same ledger. Rows are known, first, as tracked rows; else by ``key`` columns
    of a Polars or pandas frame, which the estimator itself is not shown; else by what is in them,
    so tell the ledger its parts by `ids_of` the same columns.

    Args:
        estimator: Anything with scikit-learn's ``fit``, or imbalanced-learn's ``fit_resample``.
        ledger: Where fits are written down before they are done; its policy refuses them.
        key: Columns that say which row it is.
        name: What the ledger calls it; its class, and its steps, unless told.
        may_see: Parts it may be fitted on.

    Example:
        >>> from sklearn.preprocessing import StandardScaler
        >>> x = np.array([[1.0], [2.0], [9.0]])
        >>> ids = ids_of(x)
        >>> ledger = FitLedger({"train": RowSet.of(ids[:2]), "test": RowSet.of(ids[2:])})
        >>> watch(StandardScaler(), ledger).fit(x)
        Traceback (most recent call last):
        homeostat.core._errors.GateError: Training is refused by the fit ledger.
          - StandardScaler was fitted on 1 of 1 test rows: fit it on training rows only.
    """
    return Watched(estimator, ledger, tuple(key), name or _name(estimator), tuple(may_see))


class Watched:
    """An estimator whose fits are written down; made by :func:`watch`."""

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401 - scikit-learn has no type for what fits
        ledger: FitLedger,
        key: tuple[str, ...],
        name: str,
        may_see: tuple[str, ...],
    ) -> None:
        self.estimator = estimator
        self.ledger = ledger
        self.key = key
        self.name = name
        self.may_see = may_see
        self.fit_: Fit | None = None

    def fit(self, X: object, y: object = None, **more: object) -> Self:  # noqa: N803 - scikit-learn's name
        """Write down which rows are seen, then fit."""
        self.estimator.fit(self._seen(X), y, **more)
        return self

    def partial_fit(self, X: object, y: object = None, **more: object) -> Self:  # noqa: N803 - scikit-learn's name
        """Write down which rows are seen, then learn further."""
        self.estimator.partial_fit(self._seen(X), y, **more)
        return self

    def fit_transform(self, X: object, y: object = None, **more: object) -> Any:  # noqa: ANN401, N803 - as scikit-learn has it
        """Write down which rows are seen, fit, and transform them."""
        shown = self._seen(X)
        if hasattr(self.estimator, "fit_transform"):
            return self._after(X, self.estimator.fit_transform(shown, y, **more))
        return self._after(X, self.estimator.fit(shown, y, **more).transform(shown))

    def fit_resample(self, X: object, y: object, **more: object) -> Any:  # noqa: ANN401, N803 - as imbalanced-learn has it
        """Write down which rows are seen, then resample them."""
        return self.estimator.fit_resample(self._seen(X), y, **more)

    def transform(self, X: object) -> Any:  # noqa: ANN401, N803 - as scikit-learn has it
        """Transform rows; tracked rows stay tracked where the result is a frame or an array."""
        return self._after(X, self.estimator.transform(self._shown(X)))

    def predict(self, X: object, **more: object) -> Any:  # noqa: ANN401, N803 - as scikit-learn has it
        """Predict."""
        return self.estimator.predict(self._shown(X), **more)

    def score(self, X: object, y: object = None, **more: object) -> Any:  # noqa: ANN401, N803 - as scikit-learn has it
        """Return the estimator's score."""
        return self.estimator.score(self._shown(X), y, **more)

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the estimator."""
        return dict(self.estimator.get_params(deep=deep))

    def set_params(self, **params: object) -> Self:
        """Set parameters of the estimator."""
        self.estimator.set_params(**params)
        return self

    def __sklearn_clone__(self) -> Watched:
        from sklearn.base import clone  # noqa: PLC0415 - a second to import

        return Watched(clone(self.estimator), self.ledger, self.key, self.name, self.may_see)

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn's own type
        return self.estimator.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return self.fit_ is not None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the estimator has
        if name.startswith("__") or name == "estimator":
            raise AttributeError(name)
        found = getattr(self.estimator, name)
        if name in {"predict_proba", "predict_log_proba", "decision_function", "inverse_transform"}:
            return lambda X, **more: found(self._shown(X), **more)  # noqa: N803 - scikit-learn's name
        return found

    def __repr__(self) -> str:
        return f"Watched({self.estimator!r})"

    def _seen(self, rows: object) -> object:
        seen = rows if isinstance(rows, TrackedRows) else RowSet.of(ids_of(rows, self.key))
        self.fit_ = self.ledger.record(self.name, seen, may_see=self.may_see)
        return self._shown(rows)

    def _shown(self, rows: object) -> object:
        """Return what the estimator itself is given: a frame without its key."""
        shown: Any = rows.frame if isinstance(rows, TrackedRows) else rows
        if not self.key:
            return shown
        if isinstance(shown, pl.DataFrame):
            return shown.drop(self.key, strict=False)
        return shown.drop(columns=list(self.key), errors="ignore")

    def _after(self, rows: object, made: Any) -> object:  # noqa: ANN401 - as scikit-learn has it
        if not isinstance(rows, TrackedRows):
            return made
        if not isinstance(made, pl.DataFrame):
            dense = np.asarray(made.toarray() if hasattr(made, "toarray") else made)
            made = pl.DataFrame(np.atleast_2d(dense.T).T)
        kept = rows.frame.select(name for name in self.key if name in rows.frame.columns)
        return rows.with_frame(pl.concat([kept, made], how="horizontal"), after=self.fit_)


def ids_of(rows: object, key: Sequence[str] = ()) -> NDArray[np.uint64]:
    """Return the identity of each row of a frame or an array, shape (n,).

    Args:
        rows: Polars or pandas frame, Arrow table, NumPy array or sparse matrix.
        key: Columns that say which row it is; empty takes all that is in the row.
    """
    if isinstance(rows, pl.DataFrame):
        return row_ids(rows, key)
    if hasattr(rows, "__arrow_c_stream__"):
        return row_ids(pl.DataFrame(rows), key)
    if hasattr(rows, "columns"):  # a pandas frame, which needs no pyarrow this way
        held: Any = rows
        names = list(key or held.columns)
        return row_ids(pl.DataFrame({str(n): held[n].to_numpy() for n in names}), key)
    if key:
        raise InputError("Rows of an array have no key columns: pass a frame, or leave out `key`.")
    dense = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
    return row_ids(pl.DataFrame(np.atleast_2d(dense.T).T))


def _name(estimator: object) -> str:
    steps = getattr(estimator, "steps", None)
    inner = f"({', '.join(name for name, _ in steps)})" if steps else ""
    return f"{type(estimator).__name__}{inner}"
