"""What Shapley values say: of one prediction in words, of the model in numbers, and as plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from homeostat.core import InputError, suggest
from homeostat.importance._draw import bars, number, swarm, waterfall
from homeostat.stats import Floats

__all__ = ["Explanation"]


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Shapley values of some rows: ``base`` plus the sum over features is the prediction.

    Args:
        values: Shape (n, d), or (n, d, k) where the model has k outputs.
        base: Prediction when no feature is known, shape (k,).
        data: The rows as the trees read them, shape (n, d); NaN where two features were grouped.
        names: Of the features.
        outputs: Of the outputs.
        unit: What values add up to: log-odds, probability or value.
        shown: The rows as they were given, for words; None takes ``data``.
    """

    values: Floats
    base: Floats
    data: Floats
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    shown: pl.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return (
            f"Explanation({len(self):,} rows, {len(self.names)} features, "
            f"{len(self.base)} output{'s' if len(self.base) > 1 else ''}, in {self.unit})"
        )

    def of(self, output: str | int | None = None) -> Floats:
        """Return the values (n, d) of one output, by name or place; None where there is one."""
        return self.values if self.values.ndim == 2 else self.values[:, :, self._place(output)]

    def predictions(self, output: str | int | None = None) -> Floats:
        """Return base plus the sum of the values, shape (n,)."""
        return np.asarray(self.of(output).sum(axis=1) + self.base[self._place(output)])

    def mean_abs(self, output: str | int | None = None) -> dict[str, float]:
        """Return the mean of the values' sizes by feature, the largest first.

        Of several outputs, the sum over them where none is named.
        """
        sizes = np.abs(self.values)
        if sizes.ndim == 3:
            sizes = sizes.sum(axis=2) if output is None else sizes[:, :, self._place(output)]
        means = sizes.mean(axis=0) if len(self) else np.zeros(len(self.names))
        order = np.argsort(-means, kind="stable")
        return {self.names[i]: float(means[i]) for i in order}

    def frame(self, output: str | int | None = None) -> pl.DataFrame:
        """Return the values of one output, one column a feature."""
        return pl.DataFrame(self.of(output), schema=list(self.names))

    def grouped(self, groups: Mapping[str, Sequence[str]]) -> Explanation:
        """Add up the values of features that belong together.

        Args:
            groups: The features of each group; those that are in none stay alone.

        Raises:
            InputError: If a feature is unknown or in two groups.
        """
        members = [name for group in groups.values() for name in group]
        for name in members:
            if name not in self.names:
                raise InputError(f"There is no feature `{name}`.{suggest(name, self.names)}")
        if len(set(members)) < len(members):
            twice = next(name for name in members if members.count(name) > 1)
            raise InputError(f"A feature is in one group only, `{twice}` is in two.")
        alone = {name: [name] for name in self.names if name not in set(members)}
        place = {name: i for i, name in enumerate(self.names)}
        parts = [[place[name] for name in group] for group in [*groups.values(), *alone.values()]]
        values = np.stack([self.values[:, part].sum(axis=1) for part in parts], axis=1)
        lost = np.full(len(self), math.nan)
        data = [self.data[:, part[0]] if len(part) == 1 else lost for part in parts]
        names = tuple(groups) + tuple(alone)
        return Explanation(
            values, self.base, np.stack(data, axis=1), names, self.outputs, self.unit, self.shown
        )

    def why(self, row: int = 0, *, top: int = 5, output: str | int | None = None) -> str:
        """Say in words why a row is predicted what it is, the largest steps first.

        Args:
            row: Which row.
            top: How many features to name.
            output: Of which output; None takes the one that is predicted highest.
        """
        output = self._highest(row) if output is None else output
        labels, steps, rest = self._steps(row, top, output)
        base = float(self.base[self._place(output)])
        name = self.outputs[self._place(output)]
        whole = base + sum(steps) + (rest or 0.0)
        of = f" for {name}" if name else ""
        usual = self._worded(base)
        lines = [f"Row {row}: predicted {self._worded(whole)}{of}, where {usual} is usual."]
        lines += [
            f"  {number(step):>8}  {label}" for label, step in zip(labels, steps, strict=True)
        ]
        if rest is not None:
            lines.append(f"  {number(rest):>8}  {len(self.names) - len(labels)} other features")
        return "\n".join(lines)

    def waterfall(self, row: int = 0, *, top: int = 9, output: str | int | None = None) -> str:
        """Draw why a row is predicted what it is, as SVG."""
        output = self._highest(row) if output is None else output
        labels, steps, rest = self._steps(row, top, output)
        if rest is not None:
            labels.append(f"{len(self.names) - len(steps)} other features")
            steps.append(rest)
        base = float(self.base[self._place(output)])
        name = self.outputs[self._place(output)]
        title = f"Why row {row} is predicted as it is{f': {name}' if name else ''}"
        return waterfall(labels, steps, base, title=title, unit=self.unit)

    def bars(self, *, top: int = 20, output: str | int | None = None) -> str:
        """Draw the mean size of the values by feature, as SVG."""
        found = dict(list(self.mean_abs(output).items())[:top])
        return bars(list(found), list(found.values()), title=f"Mean |SHAP| ({self.unit})")

    def beeswarm(self, *, top: int = 12, output: str | int | None = None) -> str:
        """Draw each row's values of the most important features, as SVG.

        Of several outputs, the first where none is named.
        """
        output = self.outputs[0] if output is None and len(self.outputs) > 1 else output
        chosen = [self.names.index(name) for name in list(self.mean_abs(output))[:top]]
        labels = [self.names[i] for i in chosen]
        values = self.of(output)[:, chosen]
        title = "What each feature does to each prediction"
        return swarm(labels, values, self.data[:, chosen], title=title, unit=f"SHAP, {self.unit}")

    def _place(self, output: str | int | None) -> int:
        if output is None and len(self.outputs) == 1:
            return 0
        if output in self.outputs:
            return self.outputs.index(str(output))
        if isinstance(output, int) and 0 <= output < len(self.outputs):
            return output
        raise InputError(
            f"The model has {len(self.outputs)} outputs, name one of them, got {output!r}: "
            f"{', '.join(self.outputs)}."
        )

    def _highest(self, row: int) -> int:
        self._check_row(row)
        if len(self.base) == 1:
            return 0
        return int(np.argmax(self.values[row].sum(axis=0) + self.base))

    def _check_row(self, row: int) -> None:
        if not -len(self) <= row < len(self):
            raise InputError(f"There are {len(self)} rows, got row {row}.")

    def _steps(
        self, row: int, top: int, output: str | int | None
    ) -> tuple[list[str], list[float], float | None]:
        self._check_row(row)
        values = self.of(output)[row]
        order = np.argsort(-np.abs(values), kind="stable")
        shown = [i for i in order[: max(top, 1)] if values[i] != 0]
        rest = None if len(shown) == len(self.names) else float(values.sum() - values[shown].sum())
        return [self._label(row, int(i)) for i in shown], [float(values[i]) for i in shown], rest

    def _label(self, row: int, feature: int) -> str:
        name = self.names[feature]
        if self.shown is not None and name in self.shown.columns:
            value = self.shown[name][row]
            missing = value is None or (isinstance(value, float) and math.isnan(value))
            written = f"{value:.6g}" if isinstance(value, float) else str(value)
            return f"{name} is missing" if missing else f"{name} = {written}"
        number_ = float(self.data[row, feature])
        if math.isnan(number_):
            alone = self.shown is None or name in self.shown.columns
            return f"{name} is missing" if alone else name
        return f"{name} = {number_:.6g}"

    def _worded(self, value: float) -> str:
        if self.unit == "log-odds" and len(self.base) == 1:
            return (
                f"{1 / (1 + math.exp(-min(max(value, -700.0), 700.0))):.1%} ({value:.3g} log-odds)"
            )
        return f"{value:.1%}" if self.unit == "probability" else f"{value:.4g}"
