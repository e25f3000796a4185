import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, Verdict
from homeostat.evaluate import SavedSlice, Slice, find_slices, follow_slices, slice_queue


def world(seed, *, n=6000, blur=1.0, site="b"):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"id": np.arange(n), "site": rng.choice(["a", "b", "c"], n)})
    p = rng.random(n)
    share = blur * (frame["site"] == site).to_numpy()
    return rng.random(n) < (1 - share) * p + share * (1 - p), p, frame


def found(**settings):
    y, p, frame = world(0, **settings)
    return [SavedSlice.of(one) for one in find_slices(y, p, frame, columns=["site"])]


def test_a_found_slice_is_kept_as_json_and_says_which_rows():
    (saved,) = found()
    assert SavedSlice.from_json(json.loads(json.dumps(saved.to_json()))) == saved
    assert str(saved) == "site = b"
    assert saved.mask(pl.DataFrame({"site": ["a", "b"]})).tolist() == [False, True]
    assert saved.worse == pytest.approx(saved.mean - saved.rest)


@pytest.mark.parametrize(
    ("then", "now", "verdict", "says"),
    [
        (0.5, 0.5, Verdict.WARN, "still worse"),
        (0.5, 1.0, Verdict.FAIL, "more so than when it was found"),
        (1.0, 0.5, Verdict.WARN, "less so than when it was found"),
        (1.0, 0.0, Verdict.OK, "no longer shown to be worse"),
    ],
)
def test_a_slice_is_followed_in_later_rows(then, now, verdict, says):
    y, p, frame = world(1, blur=now)
    (told,) = follow_slices(found(blur=then), y, p, frame)
    assert told.check == "slice.followed"
    assert told.verdict is verdict
    assert says in told.summary
    assert told.evidence["change_low"] < told.evidence["change"] < told.evidence["change_high"]


def test_a_slice_that_is_as_bad_as_before_is_seldom_said_to_be_worse_or_mended():
    saved = found(blur=0.5)
    wrong = 0
    for seed in range(60):
        y, p, frame = world(seed + 1, n=3000, blur=0.5)
        (told,) = follow_slices(saved, y, p, frame)
        wrong += told.verdict is not Verdict.WARN
    assert wrong <= 6


def test_too_few_rows_or_blocks_are_unknown():
    y, p, frame = world(1, n=100)
    assert follow_slices(found(), y, p, frame)[0].verdict is Verdict.UNKNOWN
    nobody = SavedSlice(
        slice=Slice.where("site = 'z'"), loss="excess", mean=1, rest=0, worse=1, worse_error=0.1,
        n=9, share=0.1,
    )  # fmt: skip
    y, p, frame = world(1)
    told = follow_slices([nobody, *found()], y, p, frame, blocks=np.arange(6000) // 3000)
    assert {one.verdict for one in told} == {Verdict.UNKNOWN}
    assert follow_slices([], y, p, frame) == []


def test_a_queue_holds_the_least_sure_rows_of_the_worst_slices_once():
    mild = SavedSlice(
        slice=Slice.where("site in ['a', 'b']"), loss="excess", mean=0.1, rest=0, worse=0.1,
        worse_error=0.01, n=9, share=0.1,
    )  # fmt: skip
    (bad,) = found()
    _, p, frame = world(2, n=300)
    queue = slice_queue([mild, bad], p, frame, key="id", most=50)
    assert queue.columns == ["id", "reason", "priority"]
    assert len(queue) == 50
    assert queue["id"].n_unique() == 50
    assert queue["priority"].is_sorted(descending=True)
    assert queue["priority"].is_between(0, 1).all()
    assert set(queue["reason"]) == {"site = b"}
    every = slice_queue([mild, bad], p, frame, key="id", most=1000)
    assert set(every["reason"]) == {"site = b", "site in ['a', 'b']"}
    assert len(slice_queue([], p, frame, key="id")) == 0
    three = np.full((300, 3), 1 / 3)
    assert slice_queue([bad], three, frame, key="id")["priority"].to_list() == pytest.approx(
        [1.0] * min(100, int(bad.mask(frame).sum()))
    )


def test_bad_input_is_named_in_a_sentence():
    y, p, frame = world(1)
    (saved,) = found()
    own = SavedSlice.from_json(saved.to_json() | {"loss": "miles"})
    with pytest.raises(InputError, match="pass it as `loss`"):
        follow_slices([own], y, p, frame)
    assert follow_slices([own], y, p, frame, loss=lambda a, b: np.abs(a - b))[0].statistic > 0.5
    with pytest.raises(InputError, match="must have 6000 rows"):
        follow_slices([saved], y, p, frame.head(5))
    with pytest.raises(InputError, match="needs the column `site`"):
        follow_slices([saved], y, p, frame.drop("site"))
    with pytest.raises(InputError, match="that names one"):
        SavedSlice.of(find_slices(y[:50], p[:50], frame.head(50))[0])
    with pytest.raises(InputError, match=r"as `SavedSlice\.to_json` gives it"):
        SavedSlice.from_json({"slice": {"parts": []}, "nope": 1})
    with pytest.raises(InputError, match="no column `key`"):
        slice_queue([saved], p, frame, key="key")
    with pytest.raises(InputError, match="finite"):
        slice_queue([saved], [np.nan] * 6000, frame, key="id")
