import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.evaluate import abstain, confidence_threshold, risk_coverage


def calibrated(rng, n):
    p = rng.random(n)
    return (rng.random(n) < p).astype(float), p


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_curve_ends_at_every_row_and_the_error_of_all(rows):
    y, p = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    curve = risk_coverage(y, p)
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(np.mean((p >= 0.5) != y))
    assert np.all(np.diff(curve.coverage) > 0)
    assert np.all(np.diff(curve.confidence) < 0)
    assert 0 <= curve.area <= 1


def test_the_chance_that_the_true_risk_is_above_the_target_is_at_most_the_level():
    rng = np.random.default_rng(0)
    above, shown = 0, 0
    for _ in range(400):
        found = confidence_threshold(*calibrated(rng, 800), max_risk=0.1)
        if found is not None:
            shown += 1
            above += (1 - found) / 2 > 0.1  # calibrated: the risk beyond c is (1 - c) / 2
    assert shown > 200
    assert above / 400 <= 0.07


def test_a_threshold_keeps_its_promise_on_the_rows_it_was_chosen_on():
    y, p = calibrated(np.random.default_rng(0), 5000)
    threshold = confidence_threshold(y, p, max_risk=0.1)
    decided = abstain(p, below=threshold)
    acted = decided >= 0
    assert np.mean(decided[acted] != y[acted]) <= 0.1
    assert threshold == pytest.approx(0.8, abs=0.06)
    assert acted.mean() == pytest.approx(0.4, abs=0.1)


def test_where_nothing_can_be_shown_there_is_no_threshold():
    y, p = calibrated(np.random.default_rng(0), 5000)
    assert confidence_threshold(y[:20], p[:20], max_risk=0.01) is None
    assert confidence_threshold(1 - np.round(p), p, max_risk=0.1) is None
    assert confidence_threshold(np.round(p), p, max_risk=0.1) == 0.5


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: abstain([0.5], below=0.3), "below"),
        (lambda: abstain([1.5], below=0.6), r"\[0, 1\]"),
        (lambda: confidence_threshold([0, 1], [0.2, 0.8], max_risk=1.0), "max_risk"),
        (lambda: risk_coverage([0], [0.2, 0.8]), "one value a row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
