from datetime import UTC, datetime

import numpy as np
import pytest

from homeostat.core import InputError, SimulatedClock
from homeostat.evaluate import Handling, cheapest_threshold, handling, to_label


def rows(rng, n):
    p = rng.random(n)
    return (rng.random(n) < p).astype(int), p


def test_the_cost_is_that_of_errors_above_and_of_handling_below():
    label, p = [1, 1, 0, 0], [0.9, 0.6, 0.6, 0.1]
    ways = [
        Handling.skip(0.4),
        Handling.ask(0.1, resolves=0.5, error_rate=0.2, unresolved=0.4),
        Handling.person(0.25, per_day=10, error_rate=0.1),
    ]
    table = handling(label, p, below=0.8, options=ways, error_cost=2.0, rows_per_day=16)
    assert table.frame["cost"].to_list() == pytest.approx([0.5, 0.2, 0.25, 0.225])
    assert table.frame["handled"].to_list() == [0.0, 0.5, 0.5, 0.5]
    assert table.frame["cost_per_day"][1] == pytest.approx(3.2)
    assert table.cheapest == "skip"


def test_a_queue_of_one_person_is_as_long_as_the_formula_says():
    label, p = np.ones(10), [0.6] * 5 + [0.99] * 5
    ways = [Handling.person(0.1, per_day=100, people=people) for people in (1, 2)]
    table = handling(label, p, below=0.9, options=ways, rows_per_day=160)
    one, two = table.frame["waiting"][1], table.frame["waiting"][2]
    assert one == pytest.approx(0.8**2 / 0.2)  # M/M/1 at 80 %
    assert two == pytest.approx(2 * 0.4**3 / (1 - 0.4**2))  # M/M/2 at 40 %
    assert table.frame["wait_days"][1] == pytest.approx(one / 80)


def test_a_queue_that_grows_is_a_failure_and_never_the_cheapest():
    label, p = np.zeros(10), [0.6] * 10
    ways = [Handling.skip(0.9), Handling.person(0.1, per_day=100)]
    table = handling(label, p, below=0.9, options=ways, rows_per_day=150)
    (found,) = table.findings
    assert found.verdict.value == "fail"
    assert "grows by 50 a day" in found.summary
    assert table.frame["waiting"][2] is None
    assert table.cheapest == "skip"


def test_the_cheapest_threshold_is_chows():
    label, p = rows(np.random.default_rng(0), 100_000)
    found = cheapest_threshold(label, p, Handling.person(0.2, per_day=9), error_cost=1.0)
    assert found == pytest.approx(0.8, abs=0.02)
    assert cheapest_threshold(label, p, Handling.skip(0.0)) > 0.999
    assert cheapest_threshold(label, p, Handling.skip(1.0)) == pytest.approx(0.5, abs=0.001)


def test_the_interval_of_the_cost_holds_the_true_one():
    rng = np.random.default_rng(0)
    ways = [Handling.skip(0.2)]
    true = 0.6 * 0.2 + 0.4 * 0.1  # above .8: 40 % of rows, wrong in one of ten
    held = []
    for _ in range(300):
        one = handling(*rows(rng, 400), below=0.8, options=ways).frame
        held.append(one["low"][1] <= true <= one["high"][1])
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_what_is_unsure_goes_to_a_person_the_least_sure_first_each_key_once():
    clock = SimulatedClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    keys, p = ["a", "b", "c", "b", "d"], [0.55, 0.7, 0.99, 0.6, 0.51]
    items = to_label(keys, p, below=0.8, source="serve:late", clock=clock)
    assert items["key"].to_list() == ["d", "a", "b"]
    assert items["priority"].to_list() == pytest.approx([0.49, 0.45, 0.4])
    assert items["prediction"].to_list() == [0.51, 0.55, 0.6]
    assert set(items["asked_at"]) == {clock.now()}
    assert set(items["source"]) == {"serve:late"}
    assert to_label(keys, p, below=0.8, source="s", most=1)["key"].to_list() == ["d"]


def test_a_slice_feeds_the_queue_with_its_own_reason_and_order():
    mask = np.array([True, False, True])
    p = [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
    items = to_label([1, 2, 3], p, rows=mask, source="slice:x", reason="weak", priority=[1, 2, 3])
    assert items["key"].to_list() == ["3", "1"]
    assert items["prediction"].to_list() == [1.0, 0.0]
    assert items["reason"].to_list() == ["weak", "weak"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: to_label(["a"], [0.5], source="s"), "which rows"),
        (lambda: to_label([None], [0.5], source="s", below=0.9), "1 missing"),
        (lambda: to_label(["a", "b"], [0.5], source="s", below=0.9), "got 2"),
        (lambda: to_label(["a"], [0.5], source="s", rows=np.array([1])), "mask"),
        (lambda: Handling.person(0.1, per_day=0), "more than 0"),
        (lambda: Handling.ask(0.1, resolves=2), "resolves"),
        (lambda: Handling.skip(-1), "0 or more"),
        (lambda: handling([1], [0.5], below=0.9, options=[], error_cost=-1), "error_cost"),
        (
            lambda: handling([1], [0.5], below=0.9, options=[Handling.skip(1)], rows_per_day=0),
            "rows_per_day",
        ),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
