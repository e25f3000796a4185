from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError
from homeostat.evaluate import calibration, calibration_over_time, calibration_slices


def test_what_is_right_on_the_whole_may_be_wrong_on_every_slice():
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], 4000)
    p = rng.uniform(0.2, 0.8, 8000)
    label = rng.random(8000) < p + np.where(site == "b", 0.12, -0.12)
    assert calibration(label, p).verdict.value == "ok"
    found = calibration_slices(label, p, pl.DataFrame({"site": site}), by=["site"])
    assert [one.verdict.value for one in found] == ["fail", "fail"]
    assert found[0].effect == pytest.approx(0.12, abs=0.02)


def test_slices_of_a_calibrated_model_are_seldom_failed():
    failed = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        p = rng.random(6000)
        label = rng.random(6000) < p
        frame = pl.DataFrame({"a": rng.integers(0, 10, 6000), "b": rng.normal(size=6000)})
        found = calibration_slices(label, p, frame, by=["a", "b"], max_ece=0.02, rng=seed)
        failed += any(one.verdict.value == "fail" for one in found)
    assert failed <= 1


def test_a_window_whose_calibration_is_gone_is_found_and_the_others_are_not():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(10), 800)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    at = pl.Series([start + timedelta(days=int(d), hours=3) for d in day])
    p = rng.uniform(0.1, 0.8, 8000)
    label = rng.random(8000) < p + 0.15 * (day == 7)
    found = calibration_over_time(label, p, at)
    assert len(found) == 10
    bad = [one.subject for one in found if one.verdict.value == "fail"]
    assert bad == ["2026-01-08"]


def test_small_slices_and_few_blocks_are_unknown():
    rng = np.random.default_rng(0)
    p = rng.random(1000)
    frame = pl.DataFrame({"a": [1] * 990 + [2] * 10})
    found = calibration_slices(rng.random(1000) < p, p, frame, by=["a"], blocks=np.arange(1000) % 3)
    assert [one.verdict.value for one in found] == ["unknown", "unknown"]
    assert "3 blocks" in found[0].summary
    assert "of 200 rows" in found[1].summary


def test_several_classes_say_which_error_is_meant():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 5000)
    label = (rng.random(5000)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    top, by_class = (calibration(label, p, kind=kind) for kind in (None, "classwise"))
    assert top.summary.startswith("Top-label ECE")
    assert by_class.summary.startswith("Classwise ECE")
    assert (top.verdict.value, by_class.verdict.value) == ("ok", "ok")
    assert len(by_class.evidence["curves"]) == 3
    site = pl.DataFrame({"site": ["x"] * 5000})
    assert calibration_slices(label, p, site, by=["site"])[0].verdict.value == "ok"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: calibration_over_time([1], [0.5], [3]), "datetimes or dates"),
        (lambda: calibration_over_time([1], [0.5], pl.Series([None], dtype=pl.Date)), "missing"),
        (lambda: calibration_slices([1], [0.5], pl.DataFrame({"a": [1, 2]}), by=["a"]), "one row"),
        (lambda: calibration_slices([1], [0.5, 0.1], pl.DataFrame({"a": [1]}), by=["a"]), "1 rows"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
