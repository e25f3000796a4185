"""A suite of behavioural tests as data: written once, run on every model, kept as JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, suggest
from homeostat.evaluate._behaviour._data import Data, Predict, admit, taken
from homeostat.evaluate._behaviour._directional import check_directional, check_phrases
from homeostat.evaluate._behaviour._functionality import check_functionality, check_templates
from homeostat.evaluate._behaviour._invariance import check_invariance
from homeostat.evaluate._behaviour._sensitivity import check_perturbation
from homeostat.evaluate._behaviour._text_invariance import check_word_invariance

__all__ = ["BehaviourSuite", "BehaviourTest"]

_ON_ROWS: dict[str, Callable[..., Finding]] = {
    "invariance": check_invariance,
    "directional": check_directional,
    "perturbation": check_perturbation,
    "words": check_word_invariance,
    "phrases": check_phrases,
}
_ON_CASES: dict[str, Callable[..., Finding]] = {
    "templates": check_templates,
    "cases": check_functionality,
}
_GIVEN = {"predict", "frame", "texts", "blocks", "label", "lineage"}  # by a run, not by a test
_MOST_SLICES = 50


@dataclass(frozen=True, slots=True)
class BehaviourTest:
    """One behavioural test: its kind and the settings of that check.

    Args:
        kind: ``"invariance"``, ``"directional"``, ``"perturbation"``, ``"words"``, ``"phrases"``
            (on the rows of a run), ``"templates"`` or ``"cases"`` (on their own).
        settings: Of :func:`check_invariance`, :func:`check_directional`,
            :func:`check_perturbation`, :func:`check_word_invariance`, :func:`check_phrases`,
            :func:`check_templates` or :func:`check_functionality`; JSON.
        name: What people call it; the kind and its subject unless told.

    Raises:
        InputError: If the kind or a setting is not known, or a setting is missing.

    Example:
        >>> BehaviourTest.of("invariance", column="sex").name
        'invariance sex'
    """

    kind: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        kinds = [*_ON_ROWS, *_ON_CASES]
        if self.kind not in kinds:
            raise InputError(
                f"There is no behavioural test `{self.kind}`.{suggest(self.kind, kinds)}"
            )
        _check_settings(self.kind, self.settings)
        object.__setattr__(self, "settings", dict(self.settings))
        if not self.name:
            values = (self.settings.get(one) for one in ("column", "perturbation", "words", "name"))
            told = next((str(value) for value in values if isinstance(value, str)), "")
            object.__setattr__(self, "name", f"{self.kind} {told}".strip())

    @classmethod
    def of(cls, kind: str, /, **settings: Any) -> Self:  # noqa: ANN401 - JSON, of the check
        """Return a test from a kind and its settings by name."""
        return cls(kind, settings)

    def run(
        self,
        predict: Predict,
        rows: Any = None,  # noqa: ANN401 - a frame, texts or images
        *,
        label: ArrayLike | None = None,
        by: str | ArrayLike | None = None,
        blocks: ArrayLike | None = None,
    ) -> list[Finding]:
        """Run the test on a model.

        Args:
            predict: The model; see :func:`sensitivity`.
            rows: What it is tried on; a test of templates or cases brings its own.
            label: What is right, one a row, for a perturbation's score.
            by: A column of the frame, or a value a row: one finding a slice, at a level that
                holds for all slices together (Bonferroni).
            blocks: Which block (a day, a user) a row is in.

        Raises:
            InputError: If rows are missing, there are more than 50 slices, or a setting is wrong.
        """
        if self.kind in _ON_CASES:
            return [self._named(_ON_CASES[self.kind](predict, **_cases(self.kind, self.settings)))]
        if rows is None:
            raise InputError(f"The test `{self.name}` needs rows to run on, got none.")
        data = admit(rows)
        check, found = _ON_ROWS[self.kind], []
        pieces = list(_pieces(data, by))
        level = float(self.settings.get("level", 0.95))  # type: ignore[arg-type]  # JSON of a number
        for told, places in pieces:
            given: dict[str, Any] = dict(self.settings) | {"level": 1 - (1 - level) / len(pieces)}
            for name, values in (("blocks", blocks), ("label", label)):
                if values is not None and (name == "blocks" or self.kind == "perturbation"):
                    given[name] = _of_rows(values, len(data), name)[places]
            one = check(predict, taken(data, places), **given)
            found.append(self._named(one, told))
        return found

    def _named(self, finding: Finding, told: str = "") -> Finding:
        subject = f"{finding.subject} | {told}" if told else finding.subject
        evidence = {**finding.evidence, "test": self.name} | ({"slice": told} if told else {})
        return replace(finding, subject=subject, evidence=evidence)

    def to_json(self) -> dict[str, Json]:
        """Return the test as a plain object."""
        return {"test": self.kind, "name": self.name, **self.settings_json()}

    def settings_json(self) -> dict[str, Json]:
        """Return the settings, without what is called as the object's own keys."""
        return {("called" if key == "name" else key): value for key, value in self.settings.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a test from :meth:`to_json`; ``test`` is its kind, other keys its settings."""
        if "test" not in data:
            raise InputError(f"A behavioural test names its kind as `test`, got {dict(data)!r}.")
        settings = {key: value for key, value in data.items() if key not in {"test", "name"}}
        if "called" in settings:
            settings["name"] = settings.pop("called")
        return cls(str(data["test"]), settings, str(data.get("name", "")))


@dataclass(frozen=True, slots=True)
class BehaviourSuite:
    """Behavioural tests of one model's kind, declared as data.

    Example:
        >>> suite = BehaviourSuite("adults", [BehaviourTest.of("invariance", column="sex")])
        >>> frame = pl.DataFrame({"sex": ["f", "m"] * 100, "age": range(200)})
        >>> [found.verdict.value for found in suite.run(lambda f: f["age"] / 200, frame)]
        ['ok']
        >>> BehaviourSuite.from_json(suite.to_json()) == suite
        True
    """

    name: str
    tests: Sequence[BehaviourTest]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tests", tuple(self.tests))
        names = [test.name for test in self.tests]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"Two tests of `{self.name}` are called `{twice[0]}`; name them.")

    def run(
        self,
        predict: Predict,
        rows: Any = None,  # noqa: ANN401 - a frame, texts or images
        *,
        label: ArrayLike | None = None,
        by: str | ArrayLike | None = None,
        blocks: ArrayLike | None = None,
    ) -> list[Finding]:
        """Run every test on a model, in order; see :meth:`BehaviourTest.run`."""
        return [
            found
            for test in self.tests
            for found in test.run(predict, rows, label=label, by=by, blocks=blocks)
        ]

    def to_json(self) -> dict[str, Json]:
        """Return the suite as a plain object."""
        return {"name": self.name, "tests": [test.to_json() for test in self.tests]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a suite from :meth:`to_json`."""
        if not isinstance(data.get("tests"), list):
            raise InputError("A suite is an object with a `name` and a list of `tests`.")
        return cls(
            str(data.get("name", "")), [BehaviourTest.from_json(one) for one in data["tests"]]
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a suite from a JSON file."""
        try:
            return cls.from_json(orjson.loads(Path(path).read_bytes()))
        except (OSError, orjson.JSONDecodeError) as error:
            raise InputError(f"A suite cannot be read from {path}: {error}.") from error

    def save(self, path: str | Path) -> None:
        """Write the suite to a JSON file."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        Path(path).write_bytes(orjson.dumps(self.to_json(), option=options))


def _check_settings(kind: str, settings: Mapping[str, Json]) -> None:
    check = (_ON_ROWS | _ON_CASES)[kind]
    parameters = inspect.signature(check).parameters
    known = {name for name in parameters if name not in _GIVEN}
    if kind != "cases":
        known -= {"rows"}
    free = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    for name in settings:
        if name not in known and not free:
            raise InputError(f"The test `{kind}` has no setting `{name}`.{suggest(name, known)}")
    for name, one in parameters.items():
        needed = one.default is one.empty and one.kind is not one.VAR_KEYWORD
        if needed and name in known and name not in settings:
            raise InputError(f"The test `{kind}` needs the setting `{name}`.")


def _cases(kind: str, settings: Mapping[str, Json]) -> dict[str, Any]:
    """Return the settings; rows that are written as objects become a frame."""
    given: dict[str, Any] = dict(settings)
    if kind == "cases" and isinstance(given["rows"], list) and isinstance(given["rows"][0], dict):
        given["rows"] = pl.DataFrame(given["rows"])
    return given


def _of_rows(values: ArrayLike, n: int, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise InputError(f"`{name}` must have one value a row: {n} rows, got {array.shape}.")
    return array


def _pieces(data: Data, by: str | ArrayLike | None) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield the name and rows of each slice; of none, all rows."""
    if by is None:
        yield "", np.arange(len(data))
        return
    label = "slice"
    if isinstance(by, str):
        if not isinstance(data, pl.DataFrame) or by not in data.columns:
            known = data.columns if isinstance(data, pl.DataFrame) else []
            raise InputError(f"There is no column `{by}` to slice by.{suggest(by, known)}")
        label, series = by, data[by]
    else:
        series = pl.Series(_of_rows(by, len(data), "by"))
    groups = series.cast(pl.String).fill_null("(missing)").to_numpy().astype(str)
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) > _MOST_SLICES:
        raise InputError(
            f"At most {_MOST_SLICES} slices can be tested, `{label}` makes {len(names)}."
        )
    for code, name in enumerate(names):
        yield f"{label} = {name}", np.flatnonzero(codes == code)
