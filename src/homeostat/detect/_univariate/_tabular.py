"""Tabular: columns of numbers and of categories together, with one rate of false alarms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

import numpy as np
import polars as pl

from homeostat.core import InputError, suggest
from homeostat.detect._detector import LEAST_ROWS, fitted
from homeostat.detect._rows import Data
from homeostat.detect._univariate._columnwise import Columnwise, Compared, Correction
from homeostat.detect._univariate._samples import Levels, Numbers, columns_of, is_text
from homeostat.detect._univariate._tests import (
    ChiSquared,
    CramerVonMises,
    FisherExact,
    KolmogorovSmirnov,
)

__all__ = ["Tabular"]

_NUMBERS = {"ks": KolmogorovSmirnov, "cramer_von_mises": CramerVonMises}
_CATEGORIES = {"chi_squared": ChiSquared, "fisher": FisherExact}


class Tabular(Columnwise[Numbers | Levels]):
    """Tests a table of mixed columns: numbers by one test, categories by another.

    Text and truth values are categories, numbers and times are numbers, unless named in
    `categories`. Missing values, missing columns and changed types are findings of their own
    among :meth:`by_feature`. The p-values of all columns are corrected together, so a window
    without shift is called changed at most at the `level`, whatever the columns' dependence.

    Args:
        level: False alarms a window, over all columns together.
        margin: Least effect that matters, as a difference of shares: a smaller one is a warning.
        correction: `holm`, `bonferroni`, `bh` or `none`.
        categories: Columns whose numbers are names, such as a postal code.
        numbers: Test of numbers: `ks` or `cramer_von_mises`.
        levels: Test of categories: `chi_squared` or `fisher`.
        least_rows: Fewest values a side from which a column is judged.
        seed: Of drawn p-values.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> def day(rate, n=500):
        ...     codes = rng.choice(["web", "app"], n, p=[rate, 1 - rate])
        ...     return pl.DataFrame({"amount": rng.lognormal(size=n), "channel": codes})
        >>> detector = Tabular().fit(day(0.7, 5000))
        >>> detector.test(day(0.7)).verdict.value
        'ok'
        >>> print(detector.test(day(0.5)).summary.split(";")[0])
        1 of 2 columns changed (channel)
    """

    check = "shift.tabular"

    def __init__(
        self,
        *,
        level: float = 0.05,
        margin: float = 0.0,
        correction: Correction = "holm",
        categories: Iterable[str] = (),
        numbers: Literal["ks", "cramer_von_mises"] = "ks",
        levels: Literal["chi_squared", "fisher"] = "chi_squared",
        least_rows: int = LEAST_ROWS,
        seed: int = 0,
    ) -> None:
        super().__init__(
            level=level, margin=margin, correction=correction, least_rows=least_rows, seed=seed
        )
        if numbers not in _NUMBERS or levels not in _CATEGORIES:
            raise InputError(
                f"`numbers` is one of {', '.join(_NUMBERS)} and `levels` one of "
                f"{', '.join(_CATEGORIES)}, got {numbers!r} and {levels!r}."
            )
        self.categories = frozenset(categories)
        self._numbers = _NUMBERS[numbers]()
        self._levels = _CATEGORIES[levels]()

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference; see :class:`Tabular` for which column is tested how."""
        columns = columns_of(reference, what="The reference")
        for name in self.categories:
            if name not in columns:
                raise InputError(
                    f"`categories` names `{name}`, which the reference lacks."
                    f"{suggest(name, columns)}"
                )
        self.texts_ = {name for name, column in columns.items() if is_text(column)}
        return super().fit(reference)

    def _sample(self, name: str, column: pl.Series) -> Numbers | Levels:
        category = name in self.categories or name in self.texts_
        return Levels.of(column) if category else Numbers.of(column)

    def _check(self, name: str) -> str:
        learned = fitted(self.reference_, self)[name]
        return (self._numbers if isinstance(learned, Numbers) else self._levels).check

    def _compare(
        self,
        name: str,
        reference: Numbers | Levels,
        window: Numbers | Levels,
        level: float,
        rng: np.random.Generator,
    ) -> Compared:
        if isinstance(reference, Numbers) and isinstance(window, Numbers):
            return self._numbers._compare(name, reference, window, level, rng)  # noqa: SLF001 - its own part
        if isinstance(reference, Levels) and isinstance(window, Levels):
            return self._levels._compare(name, reference, window, level, rng)  # noqa: SLF001 - likewise
        raise InputError(f"{name}: numbers and categories cannot be compared.")
