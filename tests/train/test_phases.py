"""The four phases."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError
from homeostat.stats import log_loss
from homeostat.train import Boosted, Logistic, Majority, RuleOfThumb, fit_phases


def rows(n, seed):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"c": rng.choice(["a", "b"], n), "x": rng.normal(size=n)})
    p = np.where(frame["x"].to_numpy() > 0, 0.8, 0.2) + 0.1 * (frame["c"] == "a").to_numpy()
    return frame, (rng.random(n) < p).astype(float)


def test_phases_are_fitted_in_order_and_asked_about_the_same_rows():
    models = {
        "constant": Majority(),
        "by c": RuleOfThumb(["c"]),
        "line": Logistic(),
        "trees": Boosted(),
    }
    validation, outcome = rows(1000, 1)
    results = fit_phases(models, rows(2000, 0), validation)
    assert [(r.phase, r.name) for r in results] == list(enumerate(models, 1))
    assert [r.model for r in results] == list(models.values())
    loss = [log_loss(outcome, r.prediction) for r in results]
    assert loss[0] > loss[2] > loss[3]
    assert all(r.cost.cpu_s > 0 and r.prediction.shape == (1000,) for r in results)


def test_two_phases_may_not_have_one_name():
    with pytest.raises(InputError, match="different names, got majority, majority"):
        fit_phases([Majority(), Majority()], rows(10, 0), rows(10, 1)[0])
    with pytest.raises(InputError, match="got none"):
        fit_phases([], rows(10, 0), rows(10, 1)[0])


def test_an_error_says_in_which_phase():
    with pytest.raises(SchemaError) as caught:
        fit_phases([Majority(), RuleOfThumb(["z"])], rows(10, 0), rows(10, 1)[0])
    assert caught.value.__notes__ == ["While phase 2, `rule-of-thumb`, was fitted and scored."]
