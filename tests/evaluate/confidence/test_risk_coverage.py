from xml.etree import ElementTree as ET

import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.evaluate import abstain, confidence, control_risk, control_risk_by, risk_coverage


def classes(rng, n, k=4):
    p = rng.dirichlet(np.full(k, 0.5), n)
    label = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    return label, p


@pytest.mark.parametrize("score", ["max", "margin", "entropy"])
def test_a_score_of_two_classes_is_the_same_told_once_or_twice(score):
    p = np.linspace(0, 1, 21)
    both = np.stack([1 - p, p], axis=1)
    assert confidence(p, score=score) == pytest.approx(confidence(both, score=score))
    assert confidence([0.5, 1.0], score=score)[1] == 1.0


def test_the_area_is_that_of_the_mean_risk_over_the_order():
    rng = np.random.default_rng(0)
    label, p = classes(rng, 500)
    curve = risk_coverage(label, p)
    wrong = p.argmax(axis=1) != label
    order = np.argsort(-p.max(axis=1))
    expected = np.mean(np.cumsum(wrong[order]) / np.arange(1, 501))
    assert curve.area == pytest.approx(expected)
    assert 0 <= curve.excess_area < curve.area
    perfect = risk_coverage([1, 1, 0], [0.9, 0.8, 0.6])
    assert perfect.excess_area == pytest.approx(0.0)


@pytest.mark.parametrize("ties", [False, True])
def test_the_interval_of_the_area_and_the_band_hold_their_level(ties):
    rng = np.random.default_rng(0)
    big = classes(rng, 200_000)
    held, inside = [], []

    def rounded(rows):
        label, p = rows
        return (label, np.where(ties, np.round(p, 1), p)) if not ties else (label, tied(p))

    def tied(p):
        top = np.round(p.max(axis=1), 1).clip(0.3, 0.95)
        rest = (1 - top)[:, None] * np.ones((1, p.shape[1])) / (p.shape[1] - 1)
        rest[np.arange(len(p)), p.argmax(axis=1)] = top
        return rest

    truth = risk_coverage(*rounded(big))
    at = 0.7
    true_risk = truth.risk[np.searchsorted(-truth.confidence, -at, side="right") - 1]
    for _ in range(200):
        curve = risk_coverage(*rounded(classes(rng, 500)))
        held.append(truth.area in curve.area_interval)
        i = np.searchsorted(-curve.confidence, -at, side="right") - 1
        inside.append(curve.low[i] <= true_risk <= curve.high[i])
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.035)


def test_blocks_widen_the_band():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(50), 40)
    p = rng.uniform(0.5, 1, 2000)
    label = rng.random(2000) < np.where(rng.random(50) < 0.5, 0.95, 0.4)[block]
    wide = [
        float((curve.high - curve.low)[-1]) for curve in
        (risk_coverage(label, p), risk_coverage(label, p, blocks=block))
    ]  # fmt: skip
    assert wide[1] > 2 * wide[0]


def test_a_loss_may_stand_for_being_wrong():
    p = np.array([0.9, 0.8, 0.7])
    curve = risk_coverage([1, 1, 1], p, loss=[0.0, 0.5, 1.0])
    assert curve.risk.tolist() == [0.0, 0.25, 0.5]
    assert (curve.high <= 1).all()


@pytest.mark.parametrize("score", ["max", "margin", "entropy"])
def test_the_risk_of_several_classes_is_above_the_target_as_seldom_as_promised(score):
    rng = np.random.default_rng(0)
    label, p = classes(rng, 100_000)
    sure, wrong = confidence(p, score=score), p.argmax(axis=1) != label
    above = shown = 0
    for _ in range(200):
        found = control_risk(*classes(rng, 600), max_risk=0.15, level=0.9, score=score)
        if found.threshold is not None:
            shown += 1
            above += wrong[sure >= found.threshold].mean() > 0.15
            assert found.upper <= 0.15
    assert shown > 100
    assert above / 200 <= 0.145


def test_the_mean_of_a_loss_is_kept_below_its_target():
    rng = np.random.default_rng(0)
    above, shown = 0, 0
    for _ in range(200):
        p = rng.uniform(0.5, 1, 1500)
        found = control_risk(
            np.ones(1500), p, max_risk=0.1, level=0.9, loss=(1 - p) * rng.random(1500) * 2
        )
        if found.threshold is not None:
            shown += 1
            above += (1 - found.threshold) / 2 > 0.1
    assert shown > 190
    assert above / 200 <= 0.1


def test_every_group_keeps_its_target_and_the_finding_says_so():
    rng = np.random.default_rng(0)
    label, p = classes(rng, 6000)
    group = np.repeat(["a", "b"], 3000)
    label = np.where((group == "b") & (rng.random(6000) < 0.2), (label + 1) % 4, label)
    found = control_risk_by(label, p, group, max_risk=0.2)
    assert found["b"].coverage < found["a"].coverage
    assert found["a"].level == pytest.approx(0.975)
    assert found["a"].finding().verdict.value == "ok"
    few = control_risk(label[:20], p[:20], max_risk=0.01).finding("v1")
    assert few.verdict.value == "unknown"
    assert "v1" in few.summary


def test_errors_that_come_in_days_need_more_rows():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(60), 50)
    p = rng.uniform(0.6, 1, 3000)
    label = rng.random(3000) > (1 - p) / 3 + 0.3 * (rng.random(60) < 0.1)[day]
    by_row = control_risk(label, p, max_risk=0.12)
    by_day = control_risk(label, p, max_risk=0.12, blocks=day)
    assert by_row.coverage > by_day.coverage


def test_classes_are_abstained_from_too():
    p = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]
    assert abstain(p, below=0.6).tolist() == [-1, 1]
    assert abstain(p, below=0.1, score="margin").tolist() == [0, 1]


def test_the_curve_is_drawn_without_nan():
    made = risk_coverage(*classes(np.random.default_rng(0), 3000)).to_svg()
    ET.fromstring(made)
    assert "nan" not in made


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: confidence([0.5], score="x"), "'max', 'margin'"),
        (lambda: confidence([[0.5, 0.6]]), "sum to 1"),
        (lambda: confidence([np.nan]), "NaN"),
        (lambda: risk_coverage([1], [0.5], loss=[2.0]), r"\[0, 1\]"),
        (lambda: risk_coverage([1], [0.5], level=1.0), "level"),
        (lambda: control_risk([1], [0.5], max_risk=0.1, level=0), "level"),
        (lambda: control_risk([1], [0.5], max_risk=0.1, loss=[0], blocks=[0]), "Blocks"),
        (lambda: control_risk_by([1], [0.5], [1, 2], max_risk=0.1), "one value a row"),
        (lambda: abstain([[0.2, 0.8]], below=0.4), r"\[0.5, 1\]"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_one_row_and_a_constant_model_have_an_answer():
    one = risk_coverage([1], [0.5])
    assert (one.area, one.area_interval) == (0.0, None)
    flat = risk_coverage(np.r_[np.ones(50), np.zeros(50)], np.full(100, 0.7))
    assert flat.risk.tolist() == [0.5]
    assert control_risk(np.ones(100), np.full(100, 0.7), max_risk=0.1).threshold == 0.5
