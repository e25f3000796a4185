import numpy as np
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import compare


def world(rng, n_days=30, per_day=60):
    """Return label, day, and the true log-odds: days share a shock that no model sees."""
    day = np.repeat(np.arange(n_days), per_day)
    z = rng.normal(size=len(day))
    y = rng.random(len(day)) < 1 / (1 + np.exp(-z - 0.6 * rng.normal(size=n_days)[day]))
    return y.astype(float), day, z


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def equal_models(rng, day, z):
    """Return three models that err alike, each with its own bias a day."""
    biases = 0.4 * rng.normal(size=(3, day.max() + 1))
    return {f"m{i}": sigmoid(z + bias[day]) for i, bias in enumerate(biases)}


def test_the_phases_are_compared_each_with_the_one_before():
    rng = np.random.default_rng(0)
    y, day, z = world(rng)
    predictions = {
        "majority": np.full(len(y), y.mean()),
        "blurred": sigmoid(0.5 * z),
        "true": sigmoid(z),
        "broken": sigmoid(-z),
    }
    found = compare(y, predictions, blocks=day)
    assert [(m.name, m.before) for m in found.models] == [
        ("majority", None),
        ("blurred", "majority"),
        ("true", "blurred"),
        ("broken", "true"),
    ]
    assert [f.verdict for f in found.findings] == [Verdict.OK, Verdict.OK, Verdict.FAIL]
    assert found.models[0].difference is None
    assert found.models[0].auc == 0.5
    assert "is worse than true" in str(found)


def test_no_difference_shown_is_an_answer_and_never_ok():
    rng = np.random.default_rng(1)
    y, day, z = world(rng)
    found = compare(y, {"a": sigmoid(z), "b": sigmoid(z)}, blocks=day)
    assert found.findings[0].verdict is Verdict.WARN
    assert "not shown to differ" in found.findings[0].summary


def test_a_difference_below_usefulness_is_not_ok():
    rng = np.random.default_rng(0)
    y, day, z = world(rng, n_days=100)
    pair = {"blurred": sigmoid(0.5 * z), "true": sigmoid(z)}
    assert compare(y, pair, blocks=day).findings[0].verdict is Verdict.OK
    small = compare(y, pair, blocks=day, usefulness=0.1).findings[0]
    assert small.verdict is Verdict.WARN
    assert "less than 0.1" in small.summary


def test_too_few_days_are_unknown():
    rng = np.random.default_rng(0)
    y, day, z = world(rng, n_days=4)
    found = compare(y, {"a": np.full(len(y), 0.5), "b": sigmoid(z)}, blocks=day)
    assert found.findings[0].verdict is Verdict.UNKNOWN
    assert "only 4 blocks" in found.findings[0].summary


@pytest.mark.parametrize("n_days", [14, 60])
def test_among_equal_models_any_claim_at_all_is_as_rare_as_the_level(n_days):
    rng = np.random.default_rng(n_days)
    by_day, by_row = 0, 0
    for _ in range(60):
        y, day, z = world(rng, n_days=n_days, per_day=30)
        models = equal_models(rng, day, z)
        claims = [Verdict.OK, Verdict.FAIL]
        found = compare(y, models, blocks=day, rng=rng).findings
        by_day += any(f.verdict in claims for f in found)
        by_row += any(f.verdict in claims for f in compare(y, models, rng=rng).findings)
    assert by_day / 60 <= 0.12
    assert by_row / 60 > 0.15  # why rows of a day are not taken as independent


def test_the_order_is_the_callers_and_predictions_left_out_are_left_out():
    y = np.tile([0.0, 1.0], 20)
    predictions = {"a": np.full(40, 0.5), "b": np.full(40, 0.4), "c": np.full(40, 0.6)}
    found = compare(y, predictions, order=["c", "a"])
    assert [m.name for m in found.models] == ["c", "a"]


@pytest.mark.parametrize(
    ("predictions", "settings", "says"),
    [
        ({"a": [0.5, 0.5]}, {}, "two models or more"),
        ({"a": [0.5, 0.5], "b": [0.5]}, {}, "one value a row"),
        ({"a": [0.5, 0.5], "b": [0.5, np.nan]}, {}, "finite"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"order": ["a", "c"]}, "names `c`"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"order": ["a", "a"]}, "each once"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"loss": "aucc"}, "no loss `aucc`"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.4]}, {"blocks": [1]}, "one value a row"),
    ],
)
def test_bad_input_is_named_in_a_sentence(predictions, settings, says):
    with pytest.raises(InputError, match=says):
        compare([0, 1], predictions, **settings)
