import math

import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.evaluate import (
    best_of,
    best_threshold,
    compare,
    compare_seeds,
    decision_metrics,
    metrics,
    regression_metrics,
)
from homeostat.stats import CostMatrix

COSTS = CostMatrix.binary(false_positive=1, false_negative=10)
ROWS = {
    "one row": ([1], [0.9]),
    "one class": ([0] * 20, [0.1] * 20),
    "a constant": ([1, 0], [0.5, 0.5]),
    "sure and right": ([0, 1] * 10, [0.0, 1.0] * 10),
    "sure and wrong": ([0, 1] * 10, [1.0, 0.0] * 10),
}


@pytest.mark.parametrize("interval", ["analytic", "bootstrap"])
@pytest.mark.parametrize(("y", "p"), ROWS.values(), ids=ROWS.keys())
def test_no_metric_is_nan_nor_has_an_interval_that_is(y, p, interval):
    how = {"interval": interval, "n_resamples": 50}
    three = np.stack([np.array(p) * 0.8 + 0.1, 0.85 - np.array(p) * 0.8, np.full(len(y), 0.05)], 1)
    for blocks in (None, ["d"] * len(y)):
        found = [
            *metrics(y, p, blocks=blocks, costs=COSTS, betas=(2,), **how),
            *metrics(y, three, blocks=blocks, top=(1,), **how),
            *decision_metrics(y, [int(v > 0.5) for v in p], blocks=blocks, **how),
            *regression_metrics(y, p, blocks=blocks, **how),
        ]
        for m in found:
            assert m.value is None or math.isfinite(m.value), m
            assert m.value is not None or m.interval is None, m
            assert m.interval is None or m.interval.low <= m.interval.high, m


@pytest.mark.parametrize(("y", "p"), ROWS.values(), ids=ROWS.keys())
def test_comparisons_of_degenerate_rows_answer_or_say_why_not(y, p):
    pair = {"a": p, "b": [1 - v for v in p]}
    for loss in ("logloss", "error", "cost", "f1", "mcc", "auc"):
        try:
            line = compare(y, pair, loss=loss, costs=COSTS).lines[0]
        except InputError as error:
            assert "only one class" in str(error)  # noqa: PT017 -- an answer is as good
        else:
            assert math.isfinite(line.effect)
            assert line.n_rows >= 6 or line.says == "unknown"
    assert str(best_of(y, pair, n_resamples=20))
    assert str(best_threshold(y, p, n_resamples=20))
    assert compare_seeds(y, {"a": [p, p], "b": [p, p]}).lines[0].says in {"not shown", "unknown"}
