"""The distribution: its stated error, exact merging, and what is exact in it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat import observe
from homeostat.core import InputError
from homeostat.observe import Distribution
from homeostat.observe._bucket import LOWEST, SIZE, bucket_of

values = st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=200)


@settings(deadline=None, max_examples=60)
@given(values, st.floats(0, 1))
def test_a_quantile_is_within_the_stated_error_of_the_value_of_that_rank(numbers, q):
    rank = max(math.ceil(q * len(numbers)), 1)
    exact = sorted(numbers)[rank - 1]
    assert Distribution.of(numbers).quantile(q) == pytest.approx(exact, rel=0.006)


@settings(deadline=None, max_examples=30)
@given(values, values)
def test_it_merges_as_if_it_had_seen_all_and_subtracts_again(one, other):
    both = Distribution.of(one) + Distribution.of(other)
    all_ = Distribution.of(one + other)
    assert np.array_equal(both.counts, all_.counts)
    assert (both.least, both.largest) == (min(one + other), max(one + other))
    assert both.total == pytest.approx(sum(one + other))
    assert np.array_equal(both.since(Distribution.of(one)).counts, Distribution.of(other).counts)


@settings(deadline=None, max_examples=100)
@given(st.floats(2.0**LOWEST, 2.0**33))
def test_one_value_and_whole_arrays_are_put_in_the_same_buckets(value):
    there = int(Distribution.of([value]).counts.argmax())
    bound = 2 ** ((min(there, bucket_of(value)) + 1) / 64 + LOWEST)
    assert there == bucket_of(value) or value == pytest.approx(bound, rel=1e-12)


def test_values_from_user_code_are_as_those_of_an_array():
    numbers = np.random.default_rng(0).lognormal(-3, 1, 500)
    for number in numbers:
        observe.histogram("seconds", float(number))
    seen, whole = observe.observed().times("seconds"), Distribution.of(numbers)
    assert np.array_equal(seen.counts, whole.counts)
    assert (seen.least, seen.largest) == (whole.least, whole.largest)
    assert seen.mean == pytest.approx(numbers.mean())


def test_the_buckets_are_those_of_an_exponential_histogram_of_scale_6():
    assert bucket_of(1.0) == -LOWEST * 64 - 1  # a bound is in the bucket below it
    assert bucket_of(1.0000001) == -LOWEST * 64
    assert bucket_of(2.0) - bucket_of(1.0) == 64
    assert (bucket_of(0.0), bucket_of(1e-300), bucket_of(1e300)) == (0, 0, SIZE - 1)


def test_what_is_no_latency_is_refused_and_not_lost():
    seen = Distribution.of([1.0, math.nan, math.inf, -1.0, 0.0])
    assert (seen.n, seen.refused, seen.least) == (2, 3, 0.0)
    nothing = Distribution.of([])
    assert (nothing.n, nothing.quantile(0.5), nothing.mean, nothing.over(1)) == (0, None, None, 0)
    with pytest.raises(InputError, match=r"share in \[0, 1\]"):
        nothing.quantile(50)


def test_a_process_that_began_anew_is_not_a_window_of_negative_counts():
    before, after = Distribution.of([1.0] * 10), Distribution.of([1.0] * 3)
    assert after.since(before).n == 3


def test_how_many_exceed_a_limit_agrees_with_the_values():
    numbers = np.random.default_rng(1).exponential(0.5, 10_000)
    seen = Distribution.of(numbers)
    assert seen.over(2.0) == pytest.approx((numbers > 2.0).sum(), abs=15)
    assert seen.over(numbers.max()) == 0
    within = seen.within(np.array([0.1, 1.0, 1e9]))
    assert within[-1] == 10_000
    assert within[1] == pytest.approx((numbers <= 1.0).sum(), abs=60)


def test_a_window_is_the_difference_of_two_looks():
    timed = observe.timer("step", version="v1")
    timed.add(5.0)
    observe.count("rows", 4)
    before = observe.observed()
    [timed.add(0.1) for _ in range(9)]
    timed.fail()
    observe.count("rows", 6)
    window = observe.observed().since(before)
    assert window.counts["rows"] == 6
    assert window.times("step").quantile(0.99) == pytest.approx(0.1, rel=0.006)
    assert (window.times("step").n, window.error_share("step")) == (9, 0.1)
    assert window.per_second("step") == pytest.approx(10 / window.seconds_passed)
    assert window.per_second("rows") == pytest.approx(6 / window.seconds_passed)
    assert window.error_share("nothing") is None


def test_operations_are_a_row_for_each_endpoint_and_version():
    for endpoint, version, seconds in [("/a", "v1", 0.1), ("/a", "v2", 0.2), ("/b", "v1", 0.4)]:
        observe.timer("predict", endpoint=endpoint, version=version).add(seconds)
    observe.timer("predict", endpoint="/b", version="v1").fail()
    table = observe.operations("predict", "endpoint", "version")
    assert table.select("endpoint", "version", "calls", "available").rows() == [
        ("/a", "v1", 1, 1.0),
        ("/a", "v2", 1, 1.0),
        ("/b", "v1", 2, 0.5),
    ]
    assert observe.operations("predict", "version")["calls"].to_list() == [3, 1]
    assert observe.operations("predict").row(0, named=True)["largest"] == 0.4
    assert observe.operations("nothing").row(0, named=True)["available"] is None
    assert observe.operations("nothing", "version").is_empty()
