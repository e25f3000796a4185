"""The table of detectors by kind of data: every ticked cell is run, on data of that kind.

A cell passes if a window without a shift raises nothing and one with a shift fails, and, at
feature level, if the finding names the feature that was moved.
"""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from homeostat.core import Verdict
from homeostat.detect import (
    LSDD,
    MMD,
    PCA,
    ChiSquared,
    Classifier,
    ClassifierUncertainty,
    ContextMMD,
    KolmogorovSmirnov,
    LearnedMMD,
    OnlineLSDD,
    OnlineMMD,
    RegressorUncertainty,
    SeriesFeatures,
    SpotTheDiff,
    Tabular,
    TextEmbedding,
    series_windows,
)

KINDS = ("tabular", "image", "series", "text", "categorical")
LEVELS = ["at", "be", "ch", "desk", "phone", *(f"s{i}" for i in range(30))]
TABLE = """
detector               tabular image series text categorical online feature
KolmogorovSmirnov            x     x      -    x           x      -       x
MMD                          x     x      -    x           x      x       -
LearnedMMD                   x     x      -    x           x      -       -
ContextMMD                   x     x      -    x           x      -       -
LSDD                         x     x      -    x           x      x       -
ChiSquared                   x     -      -    -           x      -       x
Tabular                      x     -      -    -           x      -       x
Classifier                   x     x      x    x           x      -       -
SpotTheDiff                  x     x      x    x           x      -       x
ClassifierUncertainty        x     x      x    x           x      -       -
RegressorUncertainty         x     x      x    x           x      -       -
"""
_HEAD, *_LINES = [line.split() for line in TABLE.strip().splitlines()]
DETECTORS = {
    one.__name__: one
    for one in (
        KolmogorovSmirnov,
        MMD,
        LearnedMMD,
        ContextMMD,
        LSDD,
        ChiSquared,
        Tabular,
        Classifier,
        SpotTheDiff,
        ClassifierUncertainty,
        RegressorUncertainty,
    )
}
CELLS = [
    (name, column)
    for name, *ticks in _LINES
    for column, tick in zip(_HEAD[1:], ticks, strict=True)
    if tick == "x"
]
_MIXED = {"MMD", "LSDD", "LearnedMMD", "ContextMMD"}  # read frames of numbers and text
NO_TORCH = importlib.util.find_spec("torch") is None


def ticked(columns):
    return [
        pytest.param(
            *cell,
            marks=pytest.mark.skipif(
                cell[0] == "LearnedMMD" and NO_TORCH, reason="the torch extra is not installed"
            ),
        )
        for cell in CELLS
        if cell[1] in columns
    ]


@cache
def sample(kind):
    """Return rows of a kind: of training, the reference, one window alike and one shifted."""
    return {
        "tabular": tabular,
        "image": images,
        "series": series,
        "text": texts,
        "categorical": categories,
    }[kind](np.random.default_rng(7))


def tabular(rng):
    data = load_breast_cancer()
    names = ["radius", "texture", "perimeter", "area", "smooth", "compact"]
    order = rng.permutation(len(data.data))
    frame = pl.DataFrame(dict(zip(names, data.data.T, strict=False)))[order]
    train, reference, alike = frame[:150], frame[150:400], frame[400:]
    return train, reference, alike, alike.with_columns(pl.col("texture") * 1.4)


def images(rng):
    found = load_digits().images / 16
    order = rng.permutation(len(found))
    train, reference, alike = np.split(found[order][:1300], [400, 1000])
    return train, reference, alike, np.clip(alike + rng.normal(0, 0.3, alike.shape), 0, 1)


def series(rng):
    def pieces(n, memory):
        steps = rng.normal(size=(n + 1) * 48)
        for t in range(1, len(steps)):
            steps[t] += memory * steps[t - 1]
        return series_windows(steps[48:], 48)

    return pieces(150, 0.3), pieces(300, 0.3), pieces(150, 0.3), pieces(150, 0.8)


def texts(rng):
    common = [
        "the",
        "room",
        "was",
        "clean",
        "and",
        "staff",
        "were",
        "kind",
        "but",
        "breakfast",
        "is",
        "cold",
        "or",
        "late",
    ]

    def reviews(n, extra):
        return [" ".join(rng.choice([*common, *extra], 12)) for _ in range(n)]

    usual = ["pool", "beach", "sun"]
    train, reference, alike = (reviews(n, usual) for n in (150, 300, 150))
    return train, reference, alike, reviews(150, ["refund", "closed", "queue"])


def categories(rng):
    def frame(n, *, late=False):
        land = [0.1, 0.3, 0.6] if late else [0.6, 0.3, 0.1]
        return pl.DataFrame(
            {
                "land": rng.choice(["at", "be", "ch"], n, p=land),
                "device": rng.choice(["phone", "desk"], n),
                "shop": rng.choice([f"s{i}" for i in range(30)], n),
            }
        )

    return frame(150), frame(400), frame(200), frame(200, late=True)


@cache
def components():
    return PCA(8).fit(sample("image")[0])


def as_numbers(kind, rows):
    """Return rows for what takes numbers only: reduced, and categories as their ranks."""
    if kind == "image":
        return components()(rows)
    if kind == "text":
        return TextEmbedding(size=32, pairs=False)(rows)
    if kind == "series":
        return SeriesFeatures()(rows).to_numpy()
    if kind == "categorical":
        return rows.with_columns(pl.all().cast(pl.Enum(LEVELS)).to_physical().cast(pl.Float64))
    return rows


def table(kind, rows):
    return np.asarray(rows_as_array(as_numbers(kind, rows)), np.float64)


def rows_as_array(rows):
    return rows.to_numpy() if isinstance(rows, pl.DataFrame) else rows


def levels(rows):
    """Return a table's numbers as few levels, as tests of counts take them."""
    cuts = {"texture": [16, 20, 24], "radius": [10, 13, 16]}
    return pl.DataFrame(
        {name: np.digitize(rows[name], edges).astype(str) for name, edges in cuts.items()}
    )


def target_of(kind):
    """Return a number to predict for each training row of a kind."""
    train, rng = sample(kind)[0], np.random.default_rng(0)
    if kind == "image":
        digits = load_digits().target
        return digits[np.random.default_rng(7).permutation(len(digits))][: len(train)].astype(float)
    if kind == "text":
        return np.array([row.split().count("pool") for row in train]) + rng.normal(0, 0.3, 150)
    if kind == "categorical":
        land = train["land"].replace_strict({"at": 0.0, "be": 1.0, "ch": 2.0}).to_numpy()
        return land + np.where(land == 2, 2.0, 0.2) * rng.normal(size=len(land))
    rows = table(kind, train)
    scaled = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)
    return scaled @ rng.normal(size=rows.shape[1]) + 0.5 * rng.normal(size=len(rows))


@cache
def classifier_of(kind):
    rows, target = table(kind, sample(kind)[0]), target_of(kind)
    label = target if kind == "image" else target > np.median(target)
    scale = rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.1, max_iter=500).fit(rows / scale, label)
    return lambda x: model.predict_proba(table(kind, x) / scale)


@cache
def regressor_of(kind):
    forest = RandomForestRegressor(20, min_samples_leaf=3, random_state=0, n_jobs=1)
    forest.fit(table(kind, sample(kind)[0]), target_of(kind))
    return lambda x: np.column_stack([tree.predict(table(kind, x)) for tree in forest.estimators_])


def detector_of(name, kind):
    """Return a detector, and what it takes of rows of a kind."""
    settings = {"level": 0.01}
    if name == "ContextMMD":
        settings["permutations"] = 199
        settings["context"] = {"tabular": "radius", "categorical": "device"}.get(kind, 0)
    takes = lambda rows: rows  # noqa: E731 - short beside its use
    if name in _MIXED and kind in {"tabular", "categorical"}:
        pass  # they read frames of both kinds themselves
    elif name in {"KolmogorovSmirnov", *_MIXED}:
        takes = lambda rows: as_numbers(kind, rows)  # noqa: E731
    elif name == "ChiSquared" and kind == "tabular":
        takes = levels
    elif name in {"Classifier", "SpotTheDiff"} and kind == "series":
        settings["reduce"] = SeriesFeatures()
    elif name == "ClassifierUncertainty":
        settings["model"] = classifier_of(kind)
    elif name == "RegressorUncertainty":
        settings["model"] = regressor_of(kind)
    return DETECTORS[name](**settings), takes


def shifted_for(name, kind):
    """Return the shifted window; where a model is asked, one that it has reason to doubt."""
    _, _, alike, shifted = sample(kind)
    if "Uncertainty" in name and kind == "tabular":
        return alike.with_columns(pl.all() * 1.4)
    return shifted


@pytest.mark.parametrize(("name", "kind"), ticked(KINDS))
def test_a_cell_is_quiet_without_a_shift_and_fails_with_one(name, kind):
    _, reference, alike, _ = sample(kind)
    detector, takes = detector_of(name, kind)
    fitted = detector.fit(takes(reference))
    assert fitted.test(takes(alike)).verdict is Verdict.OK
    found = fitted.test(takes(shifted_for(name, kind)))
    assert found.verdict is Verdict.FAIL
    assert found.p_value <= 0.01


@pytest.mark.parametrize(("name", "column"), ticked({"feature"}))
def test_feature_level_detectors_name_the_feature(name, column):
    kind = "categorical" if name == "ChiSquared" else "tabular"
    moved = {"categorical": "land", "tabular": "texture"}[kind]
    _, reference, _, shifted = sample(kind)
    detector, takes = detector_of(name, kind)
    found = detector.fit(takes(reference)).test(takes(shifted))
    assert moved in found.summary
    assert not any(other in found.summary for other in ("radius", "smooth", "device"))


@pytest.mark.parametrize(("name", "column"), ticked({"online"}))
def test_online_detectors_raise_the_alarm_in_a_stream_of_rows(name, column):
    _, reference, alike, _ = sample("tabular")
    online = {"MMD": OnlineMMD, "LSDD": OnlineLSDD}[name](window=25, expected_run=2000)
    online.fit(reference)
    quiet = [online.update(alike[i : i + 10]).verdict for i in range(0, 100, 10)]
    assert Verdict.FAIL not in quiet
    moved = alike.with_columns(pl.all() * 1.6)
    loud = [online.update(moved[i : i + 10]).verdict for i in range(0, 100, 10)]
    assert Verdict.FAIL in loud
