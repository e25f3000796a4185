"""Which features differ: blamed, ranked, with intervals, and none that do not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits

from homeostat.core import InputError, Verdict
from homeostat.detect import Detector, SeriesFeatures, SpotTheDiff


def numbers(seed, n, d=5):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_it_is_a_detector():
    assert isinstance(SpotTheDiff(), Detector)


def test_the_shifted_feature_is_named_with_where_it_moved():
    window = numbers(1, 400)
    window[:, 3] += 0.8
    found = SpotTheDiff().fit(numbers(0, 800)).test(window)
    assert found.verdict is Verdict.FAIL
    assert found.evidence["differing"] == ["x3"]
    first = found.evidence["features"][0]
    assert first["low"] < first["contribution"] < first["high"]
    assert first["low"] > 0
    assert first["share"] > 0.85
    assert "`x3`" in found.summary
    assert "lie" in found.summary


def test_a_feature_that_moved_only_with_another_is_not_blamed():
    rng = np.random.default_rng(0)

    def pair(n, shift):
        cause = rng.normal(shift, 1, n)
        return np.column_stack([cause, cause + rng.normal(size=n), rng.normal(size=n)])

    reference, window = pair(4000, 0.0), pair(4000, 0.7)
    ranked = SpotTheDiff().fit(reference).explain(window).ranked()
    shares = dict(zip(ranked["feature"], ranked["share"], strict=True))
    assert shares["x0"] > 0.9
    assert abs(shares["x1"]) < 0.1


def test_a_change_of_spread_of_level_and_of_missing_values_are_each_told():
    rng = np.random.default_rng(0)

    def frame(n, *, late):
        return pl.DataFrame(
            {
                "wide": rng.normal(0, 3 if late else 1, n),
                "land": rng.choice(["at", "be"], n, p=[0.7, 0.3] if late else [0.4, 0.6]),
                "gone": np.where(rng.random(n) < (0.3 if late else 0), np.nan, rng.normal(size=n)),
                "same": rng.normal(size=n),
                "many": rng.choice([f"u{i}" for i in range(300)], n),
            }
        )

    difference = SpotTheDiff().fit(frame(1500, late=False)).explain(frame(800, late=True))
    assert set(difference.moved) == {"wide", "land", "gone"}
    assert difference.moved["land"].split(" of values")[0].startswith("at is 7") or (
        difference.moved["land"].startswith("be is")
    )
    assert "are missing, were 0.0%" in difference.moved["gone"]
    assert "lie" in difference.moved["wide"]


def test_contributions_add_up_to_the_separation():
    window = numbers(1, 300) + 0.3
    found = SpotTheDiff().fit(numbers(0, 300)).explain(window)
    assert found.contribution.sum() == pytest.approx(found.total)
    assert found.ranked()["share"].sum() == pytest.approx(1)
    assert (found.contribution > 0).all()


def test_the_changed_pixels_of_an_image_are_a_picture():
    images = load_digits().images / 16
    order = np.random.default_rng(0).permutation(len(images))
    reference, window = images[order[:1000]], images[order[1000:1400]].copy()
    window[:, 3:5, 3:5] *= 0.6
    found = SpotTheDiff().fit(reference).explain(window)
    picture = found.picture()
    assert picture.shape == (8, 8)
    changed = np.zeros((8, 8), bool)
    changed[3:5, 3:5] = True
    assert picture[changed].sum() > 0.9 * picture.sum()
    assert np.abs(picture[~changed]).max() < 0.1 * picture[changed].max()


def test_the_changed_words_of_texts_are_named():
    rng = np.random.default_rng(0)
    words = ["late", "full", "clean", "fast", "cheap", "loud"]
    then = [" ".join(rng.choice(words, 5)) for _ in range(300)]
    now = [" ".join(rng.choice([*words[:5], "refund"], 5)) for _ in range(200)]
    found = SpotTheDiff().fit(then).test(now)
    assert set(found.evidence["differing"]) == {"refund", "loud"}


def test_a_changed_rhythm_of_a_series_is_named_in_words():
    rng = np.random.default_rng(0)
    then = rng.normal(size=(300, 64))
    now = rng.normal(size=(200, 65))
    now = (now[:, 1:] + 0.9 * now[:, :-1]) / np.sqrt(1.81)  # same level and spread
    found = SpotTheDiff(reduce=SeriesFeatures()).fit(then).test(now)
    assert found.verdict is Verdict.FAIL
    assert {"mean", "trend"}.isdisjoint(found.evidence["differing"])
    assert {"memory at lag 1", "roughness", "crossings"} & set(found.evidence["differing"])


def test_a_change_of_correlation_alone_is_not_seen_and_the_page_says_so():
    window = numbers(1, 500)
    window[:, 1] = 0.95 * window[:, 0] + 0.3 * window[:, 1]
    found = SpotTheDiff().fit(numbers(0, 800)).test(window)
    assert found.verdict is Verdict.OK
    assert "No single feature surely differs" in found.summary


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_too_few_rows_are_unknown(rows):
    assert SpotTheDiff().fit(numbers(0, 50)).test(numbers(1, rows)).verdict is Verdict.UNKNOWN


def test_an_explanation_of_too_few_rows_is_refused():
    with pytest.raises(InputError, match="10 rows a side"):
        SpotTheDiff().fit(numbers(0, 50)).explain(numbers(1, 5))


def test_constants_all_missing_infinities_and_an_outlier_stay_finite():
    reference, window = numbers(0, 80), numbers(1, 60)
    for table in (reference, window):
        table[:, 0], table[:, 1] = 3.0, np.nan
    window[0, 2:] = 1e8, np.inf, -np.inf
    found = SpotTheDiff().fit(reference).test(window)
    assert found.verdict is Verdict.OK
    assert np.isfinite([found.statistic, found.p_value, found.effect]).all()


@pytest.mark.slow
def test_features_that_do_not_differ_are_named_in_at_most_5_percent_of_windows():
    named = alarms = 0
    for seed in range(200):
        found = SpotTheDiff(seed=seed).fit(numbers(2 * seed, 200)).test(numbers(2 * seed + 1, 100))
        alarms += found.verdict is Verdict.FAIL
        named += bool(found.evidence["differing"])
    assert alarms <= 19  # binomial(200, 0.05) to 3 sd
    assert named <= 19
