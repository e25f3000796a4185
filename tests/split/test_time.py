import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.split import by_time, time_folds

START = datetime(2013, 1, 1, tzinfo=UTC)


def hours(numbers, **more):
    at = [START + timedelta(hours=int(n)) for n in numbers]
    return pl.DataFrame({"at": at, **more}, {"at": pl.Datetime("us", "UTC")} | dict.fromkeys(more))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=10, max_size=150),
    st.integers(0, 20),
    st.integers(1, 40),
    st.sampled_from(["expanding", "sliding", "around"]),
)
def test_folds_in_time_never_learn_from_what_they_are_judged_on(at, gap, delay, window):
    rng = np.random.default_rng(len(at))
    frame = hours(at).with_columns(
        seen=pl.col("at") + pl.Series(rng.integers(0, delay, len(at))) * pl.duration(hours=1)
    )
    train = "80h" if window == "sliding" else None
    try:
        folds = time_folds(
            frame,
            time="at",
            folds=3,
            window=window,
            test="40h",
            gap=f"{gap}h",
            train=train,
            label_until="seen",
        )
    except InputError as error:
        if not re.search("no train rows|no test rows|blocks", str(error)):
            raise
        return  # there were too few rows
    for fold in folds:
        learned, judged = fold.take("train", frame), fold.take("test", frame)
        assert not set(learned["at"]) & set(judged["at"])
        first, last = judged["at"].min(), max(judged["at"].max(), judged["seen"].max())
        before = learned.filter(pl.col("at") < first)
        assert before.filter(pl.col("seen") >= first).is_empty()
        if before.height:
            assert before["at"].max() + timedelta(hours=gap) < first
        after = learned.filter(pl.col("at") >= first)
        if window != "around":
            assert after.is_empty()
        elif after.height:
            assert after["at"].min() > last + timedelta(hours=gap)


def test_expanding_windows_are_those_of_scikit_learn():
    from sklearn.model_selection import TimeSeriesSplit

    days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 2, 9), eager=True)})
    ours = time_folds(days, folds=4, test="5d", gap="2d").split()
    theirs = TimeSeriesSplit(4, test_size=5, gap=2).split(days)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_blocks_learn_from_both_sides_but_for_the_embargo():
    days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 1, 30), eager=True)})
    folds = time_folds(days, folds=3, window="around", gap="0d", embargo="2d")
    middle = folds[1]
    assert [int(middle.test.sum()), int(middle.train.sum())] == [10, 16]
    assert middle.codes[8:10].tolist() == [0, 0] == middle.codes[20:22].tolist()


def test_rows_whose_label_came_too_late_are_purged_one_by_one():
    frame = hours(range(100)).with_columns(
        seen=pl.col("at")
        + pl.when(pl.col("at").dt.hour() == 0)
        .then(pl.duration(hours=50))
        .otherwise(pl.duration(hours=1))
    )
    splits = by_time(validation="20h", test="20h", gap="2h", label_until="seen")(frame, time="at")
    train = splits.take("train", frame)
    assert train["seen"].max() < splits.take("validation", frame)["at"].min()
    whole = by_time(validation="20h", test="20h", gap="2h")(frame, time="at")
    assert splits.train.sum() == whole.train.sum() - 2
    [purged] = splits.findings
    assert (purged.check, purged.evidence["left_out"]) == ("split.purged", 3)


def test_a_label_that_never_came_is_not_learned_from():
    frame = hours(range(60)).with_columns(
        seen=pl.when(pl.col("at").dt.hour() != 5).then(pl.col("at"))
    )
    splits = by_time(validation="9h", test="9h", gap="1h", label_until="seen")(frame, time="at")
    assert splits.take("train", frame)["seen"].null_count() == 0


def test_the_embargo_is_left_out_besides_the_gap():
    splits = by_time(validation="9h", test="9h", gap="1h", embargo="2h")(hours(range(60)))
    starts = [np.flatnonzero(mask)[[0, -1]].tolist() for mask in splits.masks.values()]
    assert starts == [[0, 35], [39, 47], [51, 59]]
    assert splits.gap == timedelta(hours=3)


def test_parts_may_be_shares_of_the_rows_with_ties_together():
    at = np.sort(np.random.default_rng(0).integers(0, 500, 1_000))
    splits = by_time(validation=0.2, test=0.1, gap="0h")(hours(at))
    shares = [mask.mean() for mask in splits.masks.values()]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.01)
    assert sum(map(len, map(set, (at[mask] for mask in splits.masks.values())))) == len(set(at))


@pytest.mark.parametrize(("keep", "counts"), [("later", [53, 20, 20]), ("earlier", [56, 19, 20])])
def test_with_time_a_group_is_in_one_part_only(keep, counts):
    place = np.arange(100)
    group = np.where(place % 25 == 0, 0, place + 1)  # one group comes back again and again
    split = by_time(validation="20h", test="20h", gap="2h", groups=["who"], keep=keep)
    frame = hours(place, who=group)
    splits = split(frame)
    held = [set(splits.take(part, frame)["who"]) for part in splits.masks]
    assert sum(map(len, held)) == len(set.union(*held))
    assert [int(mask.sum()) for mask in splits.masks.values()] == counts
    [left] = splits.findings
    assert left.check == "split.groups"


def test_time_and_groups_that_cannot_both_be_kept_are_said():
    split = by_time(validation="20h", test="20h", gap="2h", groups=["who"])
    with pytest.raises(InputError, match=r"cannot both be kept: every group of train .* a later"):
        split(hours(range(100), who=[n % 5 for n in range(100)]))


def test_dates_before_1900_and_daylight_saving_are_split():
    old = pl.DataFrame({"day": pl.date_range(date(1850, 1, 1), date(1850, 3, 1), eager=True)})
    assert int(by_time(validation="7d", test="7d")(old).test.sum()) == 7
    zone = pl.datetime_range(
        datetime(2024, 3, 25),  # noqa: DTZ001 - the zone is below
        datetime(2024, 4, 5),  # noqa: DTZ001 - likewise
        "1h",
        time_zone="Europe/Rome",
        eager=True,
    )
    splits = by_time(validation="2d", test="2d", gap="1h")(pl.DataFrame({"at": zone}))
    assert int(splits.test.sum()) == 48


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"window": "widening"}, "Did you mean"),
        ({"window": "sliding"}, "needs the length `train`"),
        ({"folds": 40}, "Fold 0 has no train rows"),
        ({"folds": 0}, "at least one fold"),
    ],
)
def test_windows_that_cannot_be_are_named(asked, says):
    with pytest.raises(InputError, match=says):
        time_folds(hours(range(300)), **({"test": "20h"} | asked))
