from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import Fit, FitLedger, GateError, InputError, RowSet, TrackedRows

TRAIN, VALIDATION, TEST = RowSet.of(range(10)), RowSet.of(range(10, 13)), RowSet.of(range(13, 16))
PARTS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def rows(n=16, part=""):
    frame = pl.DataFrame({"id": range(n), "x": np.arange(n) / 2})
    return TrackedRows(frame, np.arange(n, dtype=np.uint64)[:, None], np.zeros(n, bool), part)


def verdicts(ledger):
    return [(one.check, one.subject, one.verdict.value) for one in ledger.findings()]


def test_a_fit_that_saw_test_rows_is_refused_with_its_name_and_the_number():
    ledger = FitLedger(PARTS)
    ledger.record("mean", TRAIN)
    with pytest.raises(GateError, match="scaler was fitted on 3 of 3 validation and 3 of 3 test"):
        ledger.record("scaler", RowSet.of(range(16)))
    assert [one.evidence["held_out"] for one in ledger.findings()[2:]] == [
        {},
        {"validation": 3, "test": 3},
    ]


def test_a_fit_before_the_split_is_found_when_the_split_is_told():
    ledger = FitLedger()
    ledger.record("selector", rows())
    assert verdicts(ledger) == [("leakage.fit", "selector", "unknown")]
    with pytest.raises(GateError, match="selector was fitted on"):
        ledger.hold_out(PARTS)


def test_a_calibrator_may_see_validation_but_nothing_may_see_the_test():
    ledger = FitLedger(PARTS)
    ledger.record("calibrator", VALIDATION, may_see=["validation"])
    with pytest.raises(InputError, match="Nothing is fitted on the test"):
        ledger.record("calibrator", TEST, may_see=["test"])


def test_what_a_statistic_saw_is_seen_by_whatever_is_fitted_on_its_output():
    whole = rows()
    encoded = whole.with_frame(whole.frame, after=Fit("encoder", whole.own))
    train = encoded.take(np.arange(10))
    with pytest.raises(GateError, match="model was fitted on"):
        FitLedger(PARTS).record("model", train)
    assert FitLedger(PARTS).record("model", whole.take(np.arange(10))).saw == TRAIN


def test_rows_on_both_sides_are_found_and_a_few_are_a_warning():
    ledger = FitLedger({"train": RowSet.of(range(99)), "test": RowSet.of(range(98, 108))})
    assert ledger.findings()[0].verdict == "fail"
    few = FitLedger({"train": RowSet.of(range(999)), "test": RowSet.of(range(998, 1_998))})
    assert few.findings()[0].verdict == "warn"
    with pytest.raises(GateError, match=r"`patient` of test \(50.0%\) are in training too"):
        FitLedger(PARTS).keep_apart(
            "patient", {"train": RowSet.of([1, 2]), "test": RowSet.of([2, 3])}
        )


def test_made_rows_are_not_judged_on():
    train = rows(10, "train")
    mixed = train + train.made_from(train.frame.head(1), np.array([[0, 1]]))
    ledger = FitLedger(PARTS, policy=None)
    ledger.record("model", mixed)
    assert ledger.judge_on("model", rows().take(np.arange(13, 16))).verdict == "ok"
    found = ledger.judge_on("model", replace(mixed, part="test"))
    assert found.verdict == "fail"
    assert "1 are copies or synthetic and 10 were seen by a fit" in found.summary


@pytest.mark.parametrize("part", ["validation", "test"])
def test_rows_of_the_judged_parts_cannot_be_resampled(part):
    held = rows(5, part)
    assert held.take(np.array([3, 1])).frame["id"].to_list() == [3, 1]
    with pytest.raises(InputError, match=f"of the {part} part are judged as they came"):
        held.take(np.array([1, 1]))
    with pytest.raises(InputError, match="resample and augment training rows only"):
        held.made_from(held.frame, np.arange(5))


def test_a_ledger_is_read_back_as_it_was_written():
    ledger = FitLedger(PARTS, policy=None)
    ledger.record("mean", TRAIN)
    ledger.record("leak", rows())
    ledger.keep_apart("patient", {"train": TRAIN, "test": TEST})
    ledger.judge_on("model", rows(3, "test"))
    files = ledger.save()
    back = FitLedger.load(files, policy=None)
    assert back.findings() == ledger.findings()
    assert back.save() == files
    assert len(files) == 5, "sets of rows are kept once"
    with pytest.raises(InputError, match="no files of a fit ledger"):
        FitLedger.load({"ledger.json": b"[]"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rows().take(np.ones(3, bool)), "a mask of 16 rows"),
        (lambda: rows().take(np.array([0.5])), "got float64"),
        (lambda: rows().with_frame(pl.DataFrame({"x": [1]})), "the new frame has 1"),
        (lambda: rows().made_from(rows().frame, np.full(16, 99)), "some lie outside"),
        (lambda: TrackedRows(rows().frame, np.zeros((3, 1), np.uint64), np.zeros(16, bool)), "16"),
    ],
)
def test_rows_that_cannot_be_followed_are_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "repeat", "mix", "map", "fit", "add", "sort"]),
        st.integers(0, 2**32),
    ),
    max_size=8,
)


def walk(start, steps, ledger):
    """Do to rows whatever is asked, through the public API; return them and who had a say."""
    held, seen = start, set(start.own.ids.tolist())
    for step, seed in steps:
        rng, n = np.random.default_rng(seed), len(held)
        if step == "take":
            held = held.take(rng.random(n) < 0.7)
        elif step == "repeat":
            held = held.take(rng.integers(0, n, n)) if n else held
        elif step == "sort":
            held = held.take(rng.permutation(n))
        elif step == "mix" and n:
            pairs = rng.integers(0, n, (3, 2))
            held += held.made_from(held.frame[pairs[:, 0]], pairs)
        elif step == "map":
            held = held.with_frame(held.frame.with_columns(pl.col("x") * 2))
        elif step == "fit":
            fit = ledger.record(f"fit {seed}", held)
            held = held.with_frame(held.frame.with_columns(pl.col("x") - 1), after=fit)
        elif step == "add":
            held += held.take(np.zeros(n, bool))
    return held, seen


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_whatever_is_done_a_planted_leak_is_found_and_a_clean_path_is_not_accused(before, after):
    clean = FitLedger(PARTS, policy=None)
    held, seen = walk(rows(10, "train"), [*before, *after], clean)
    fit = clean.record("model", held)
    assert set(fit.saw.ids.tolist()) <= seen
    assert not [one for one in clean.findings() if one.verdict == "fail"]

    ledger = FitLedger(PARTS, policy=None)
    whole, _ = walk(rows(), [one for one in before if one[0] != "take"], ledger)
    spoiled = whole.with_frame(whole.frame, after=ledger.record("leak", whole))
    held, _ = walk(spoiled.take(~np.isin(spoiled.origins, [13, 14, 15]).any(axis=1)), after, ledger)
    fit = FitLedger(PARTS, policy=None)
    fit.record("model", held)
    named = [one.subject for one in ledger.findings() if one.verdict == "fail"]
    met = whole.seen.meets(VALIDATION) + whole.seen.meets(TEST)
    assert ("leak" in named) == (met > 0)
    assert [one.verdict == "fail" for one in fit.findings()][-1] == (met > 0)
