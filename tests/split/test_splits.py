from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError
from homeostat.split import Splits, TimeSplit, by_time, random_split

START = datetime(2013, 1, 1, tzinfo=UTC)


def hours(numbers):
    at = [START + timedelta(hours=n) for n in numbers]
    return pl.DataFrame({"at": at}, {"at": pl.Datetime("us", "UTC")})


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 200), min_size=5, max_size=80),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 30),
)
def test_parts_follow_each_other_with_the_gap_between_and_ties_together(at, valid, test, gap):
    frame = hours(at)
    lengths = {"validation": f"{valid}h", "test": f"{test}h", "gap": f"{gap}h"}
    try:
        splits = by_time(**lengths)(frame)
    except InputError as error:
        assert "needs rows" in str(error)  # noqa: PT017 - parts of some draws are empty
        return
    part = {name: splits.take(name, frame)["at"] for name in ("train", "validation", "test")}
    room = timedelta(hours=gap)
    assert part["train"].max() + room < part["validation"].min()
    assert part["validation"].max() + room < part["test"].min()
    assert part["test"].max() == frame["at"].max()
    for one in part.values():
        assert frame.filter(pl.col("at").is_in(one.implode())).height == one.len()


def test_lengths_are_what_was_asked_for():
    days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 3, 1), eager=True)})
    splits = by_time(validation="14d", test="7d", gap="2d", train="10d")(days)
    assert [int(mask.sum()) for mask in splits.masks.values()] == [10, 14, 7]
    assert splits.boundaries["test"] == (datetime(2013, 2, 23), datetime(2013, 3, 1))  # noqa: DTZ001
    assert "validation 14 rows (2013-02-07 00:00 to 2013-02-20 00:00)" in repr(splits)


def test_rows_after_the_end_are_in_no_part():
    frame = hours(range(100))
    end = START + timedelta(hours=80)
    splits = by_time(validation="10h", test="10h", gap="5h")(frame, time="at", end=end)
    assert splits.take("test", frame)["at"].max() == end
    assert not any(mask[81:].any() for mask in splits.masks.values())


def test_digests_name_the_rows():
    frame, split = hours(range(100)), by_time(validation="9h", test="9h", gap="1h")
    one, same = split(frame), split(frame)
    other = by_time(validation="8h", test="9h", gap="1h")(frame)
    assert one.digests == same.digests
    assert one.digests["test"] == other.digests["test"]
    assert one.digest == same.digest != other.digest


@given(st.integers(0, 2**32), st.integers(20, 200))
@settings(max_examples=50, deadline=None)
def test_strata_are_shared_out_to_within_one_row(seed, rows):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"late": rng.integers(0, 3, rows)})
    splits = random_split(frame, validation=0.25, test=0.15, rng=rng, stratify="late")
    assert np.sum([*splits.masks.values()], axis=0).tolist() == [1] * rows
    for kind in range(3):
        held = (frame["late"] == kind).to_numpy()
        for part, share in (("test", 0.15), ("validation", 0.25)):
            assert abs(splits.masks[part][held].sum() - share * held.sum()) <= 1


@given(st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_linked_groups_are_kept_whole(seed):
    rng = np.random.default_rng(seed)
    draw = rng.integers(0, 60, (2, 80)).tolist()
    frame = pl.DataFrame({"patient": draw[0], "home": draw[1]}).with_columns(
        pl.when(pl.col("home") < 50).then("home")
    )
    try:
        splits = random_split(frame, rng=rng, groups=["patient", "home"])
    except InputError:
        return  # one component may hold nearly all rows
    for name in ("patient", "home"):
        held = [set(splits.take(p, frame)[name].drop_nulls()) for p in splits.masks]
        assert sum(len(one) for one in held) == len(set.union(*held))


def test_the_same_seed_gives_the_same_split():
    frame = hours(range(50))
    assert random_split(frame, rng=3).digest == random_split(frame, rng=3).digest
    assert random_split(frame, rng=3).digest != random_split(frame, rng=4).digest


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: by_time(test="0d"), InputError, "longer than nothing"),
        (lambda: by_time(validation="two weeks"), SchemaError, "duration"),
        (lambda: TimeSplit(validation=-timedelta(1), test=timedelta(1)), InputError, "longer"),
        (lambda: by_time()(hours(range(50))), InputError, "train has none"),
        (lambda: by_time()(hours([])), InputError, "without rows"),
        (lambda: by_time()(pl.DataFrame({"x": [1]})), SchemaError, "Name the time column"),
        (lambda: by_time()(hours([1]), time="att"), SchemaError, "Did you mean `at`"),
        (lambda: by_time()(pl.DataFrame({"x": [1]}), time="x"), SchemaError, "must be a date"),
        (
            lambda: by_time()(hours([1]).vstack(pl.DataFrame({"at": [None]}, hours([]).schema))),
            InputError,
            "null in 1 rows",
        ),
        (lambda: by_time()(hours([1]), end=datetime(2013, 1, 1)), InputError, "time zone"),  # noqa: DTZ001
        (lambda: random_split(hours([1] * 9), rng=0, test=0.9), InputError, "Shares"),
        (lambda: random_split(hours([1] * 9), rng=0, groups=["g"]), SchemaError, "no column `g`"),
        (
            lambda: random_split(hours([1] * 9), rng=0, groups=["at"]),
            InputError,
            "3 groups that are not linked, there are 1",
        ),
        (
            lambda: random_split(hours(range(9)), rng=0, stratify="at", stable=True),
            InputError,
            "cannot stratify",
        ),
        (
            lambda: Splits(dict.fromkeys(("train", "validation"), np.ones(2, bool)), "x"),
            InputError,
            "test has none",
        ),
        (
            lambda: Splits(dict.fromkeys(("train", "validation", "test"), np.ones(2, bool)), "x"),
            InputError,
            "one part only",
        ),
        (
            lambda: random_split(hours(range(9)), rng=0).take("tset", hours([])),
            InputError,
            "`test`",
        ),
        (
            lambda: random_split(hours(range(9)), rng=0).take("test", hours([])),
            InputError,
            "9 rows",
        ),
    ],
)
def test_what_cannot_be_split_is_named(make, error, says):
    with pytest.raises(error, match=says):
        make()
