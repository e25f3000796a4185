import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import Near, Part, Slice, Where, slices, time_slices


def kept(one):
    return Slice.from_json(json.loads(json.dumps(one.to_json())))


def test_conditions_of_every_kind_are_joined_and_survive_json():
    frame = pl.DataFrame(
        {
            "origin": ["JFK", "EWR", None, "EWR"],
            "hour": [20, 21, 21, 3],
            "embedding": pl.Series([[0.0, 0.0], [1.0, 1.0], None, [9.0, 9.0]]),
        }
    )
    near = Near("embedding", ((0.0, 0.0), (9.0, 9.0)), 0, radius=3.0, words=("snow", "ice"))
    one = Slice((Where("hour > 18"), Part("origin", values=("JFK", "EWR")), near))
    assert one.mask(frame).tolist() == [True, True, False, False]
    assert str(one) == "hour > 18 & origin = JFK/EWR & embedding near centre 1 of 2 (snow, ice)"
    assert kept(one) == one


def test_a_condition_of_text_knows_missing_values_times_and_odd_names():
    frame = pl.DataFrame({"größe, cm": [1.0, None, float("nan")], "day": [date(1850, 1, 1)] * 3})
    assert Slice.where("`größe, cm` > 0").mask(frame).tolist() == [True, False, False]
    assert Slice.where("`größe, cm` is null").mask(frame).tolist() == [False, True, True]
    assert Slice.where("day < '1850-01-02'").mask(frame).all()
    assert Slice(()).mask(frame).all()


def test_windows_of_time_share_no_row_and_leave_only_the_missing_out():
    start = datetime(2025, 12, 28, 5, tzinfo=UTC)
    times = [start + timedelta(hours=5 * i) for i in range(100)] + [None]
    frame = pl.DataFrame({"when": times}, schema={"when": pl.Datetime("us", "Europe/Berlin")})
    for every in ("1w", "1mo", "12h"):
        found = time_slices(frame, "when", every=every)
        rows = np.stack([kept(one).mask(frame) for one in found]).sum(axis=0)
        assert rows.tolist() == [1] * 100 + [0]


def test_columns_conditions_and_windows_are_sliced_by_together():
    rng = np.random.default_rng(0)
    day = [date(2026, 1, 5) + timedelta(int(d)) for d in np.repeat(np.arange(14), 100)]
    frame = pl.DataFrame({"hour": rng.integers(0, 24, 1400), "day": day})
    p = rng.random(1400)
    by = ["hour > 18 or hour is null", *time_slices(frame, "day")]
    found = slices(rng.random(1400) < p, p, frame, by=by)
    assert [one.subject for one in found] == [
        "hour > 18 or hour is null",
        "day >= '2026-01-05' and day < '2026-01-12'",
        "day >= '2026-01-12' and day < '2026-01-19'",
    ]
    assert {one.verdict for one in found} == {Verdict.OK}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: Slice.where("hour >").mask(f), "expression"),
        (lambda f: Slice.where("huor > 3").mask(f), "Did you mean `hour`"),
        (lambda f: Slice.from_json({"parts": [{"nope": 1}]}), "as `Slice.to_json` gives it"),
        (lambda f: Slice((Part("name", above=3.0),)).mask(f), "had another type"),
        (lambda f: Slice((Part("hour", values=("x",)),)).mask(f), "had another type"),
        (lambda f: Slice((Near("hour", ((0.0,),), 0),)).mask(f), "must hold embeddings"),
        (lambda f: Slice((Near("e", ((0.0, 1.0),), 0),)).mask(f), "another encoder"),
        (lambda f: Slice((Near("ragged", ((0.0,),), 0),)).mask(f), "must have one length"),
        (lambda f: time_slices(f, "hour"), "must hold dates"),
        (lambda f: time_slices(f, "nope"), "no column `nope`"),
        (lambda f: time_slices(f, "day", every="soon"), "length of time"),
        (lambda f: slices([0, 1], [0.5, 0.5], f, by=["huor"]), "Did you mean `hour`"),
        (lambda f: slices([0, 1], [0.5, 0.5], f, by=["no column"]), "no condition"),
    ],
)
def test_bad_input_is_named_in_a_sentence(make, says):
    frame = pl.DataFrame(
        {
            "hour": [1, 2],
            "name": ["a", "b"],
            "day": [date(2026, 1, 1)] * 2,
            "e": pl.Series([[1.0], [2.0]]),
            "ragged": pl.Series([[1.0], [2.0, 3.0]]),
        }
    )
    with pytest.raises(InputError, match=says):
        make(frame)
