"""One monitor for a frame in a notebook, a prediction log, and the loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.monitor import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)
BAD = {Verdict.FAIL, Verdict.WARN}


def day(rng, number, n=400, *, heat=0.0, concept=0.0, labelled=True):
    """A day of a classifier whose answers are right unless the concept moves."""
    x, carrier = rng.normal(heat, 1, n), rng.choice(["AA", "UA", "DL"], n)
    p = 1 / (1 + np.exp(-x))
    late = (rng.random(n) < np.clip(p - concept, 0, 1)).astype(float)
    minutes = np.sort(rng.integers(0, 1440, n))
    at = [START + timedelta(days=number, minutes=int(m)) for m in minutes]
    frame = pl.DataFrame({"at": at, "x": x, "carrier": carrier, "id": np.arange(n), "p": p})
    return frame.with_columns(late=pl.Series(late) if labelled else pl.lit(None, pl.Float64))


def days(rng, first, last, **more):
    return pl.concat([day(rng, number, **more) for number in range(first, last)])


@pytest.fixture(scope="module")
def normal():
    rng = np.random.default_rng(0)
    return Monitor.of(
        days(rng, 0, 40), features=["x", "carrier"], at="at", prediction="p", outcome="late"
    )


def told(findings):
    return {(f.check, f.subject) for f in findings if f.verdict in BAD}


def test_quiet_days_are_quiet_and_raise_no_alarm(normal):
    rng = np.random.default_rng(1)
    report = normal.report(days(rng, 40, 70))
    assert len(report.windows) == 30
    assert report.alarms == ()
    assert str(report) == "12,000 rows in 30 windows: 0 pages, 0 notes."
    assert set(report.findings(ok=True)["check"]) >= {
        "shift.feature",
        "prediction.shift",
        "accuracy.window",
        "shift.concept",
    }


def test_a_page_says_what_since_when_and_what_explains_it(normal):
    rng = np.random.default_rng(2)
    rows = pl.concat([days(rng, 40, 50), days(rng, 50, 60, concept=0.35)])
    report = normal.report(rows.sample(fraction=1.0, shuffle=True, seed=0))
    page = report.pages[0]
    assert START + timedelta(days=49) <= page.since <= START + timedelta(days=52)
    cause = report.causes[page.number]
    assert cause.concept
    assert cause.on_top > 5 * abs(cause.inputs)
    assert cause.inputs + cause.on_top == pytest.approx(cause.change)
    assert "page 1" in str(report)
    assert report.windows[0].verdict is Verdict.OK
    quick = normal.report(rows, explained=False)
    assert [a.summary for a in quick.alarms] == [a.summary for a in report.alarms]
    assert not quick.causes


def test_before_outcomes_come_the_performance_is_estimated(normal):
    rng = np.random.default_rng(3)
    found = normal.judge(day(rng, 41, labelled=False))
    estimated = {f.subject: f for f in found if f.check == "accuracy.estimated"}
    assert set(estimated) == {"roc_auc", "accuracy", "log_loss"}
    assert estimated["accuracy"].verdict is Verdict.OK
    assert not told(f for f in found if f.check == "accuracy.window")


def test_silence_between_windows_is_found(normal):
    rng = np.random.default_rng(4)
    report = normal.report(pl.concat([day(rng, 40), day(rng, 43)]), explained=False)
    assert [window.rows for window in report.windows] == [400, 0, 0, 400]
    assert ("prediction.odd_run", "silence") in told(report.windows[1].findings)


def test_a_regression_is_watched_by_its_error_and_its_answers():
    rng = np.random.default_rng(5)

    def values(first, last, noise=1.0, shift=0.0):
        n = 300 * (last - first)
        x = rng.normal(size=n)
        at = [START + timedelta(days=first, minutes=4.8 * i) for i in range(n)]
        y = 10 * x + rng.normal(0, noise, n)
        return pl.DataFrame({"at": at, "x": x, "said": 10 * x + shift, "came": y})

    normal = Monitor.of(values(0, 30), at="at", prediction="said", outcome="came")
    assert normal.roles.kind == "value"
    assert told(normal.judge(values(31, 32))) == set()
    assert ("accuracy.window", "absolute error") in told(normal.judge(values(31, 32, noise=2.0)))
    moved = told(normal.judge(values(31, 32, shift=8.0)))
    assert {("prediction.shift", "prediction"), ("accuracy.window", "absolute error")} <= moved


def test_labels_of_several_classes_are_watched_by_their_errors():
    rng = np.random.default_rng(6)

    def labels(n, wrong):
        came = rng.choice(["cat", "dog", "owl"], n)
        said = np.where(rng.random(n) < wrong, rng.choice(["cat", "dog"], n), came)
        return pl.DataFrame({"size": rng.normal(size=n), "said": said, "came": came})

    normal = Monitor.of(labels(9000, 0.1), prediction="said", outcome="came", exchangeable=True)
    assert normal.roles.kind == "label"
    assert told(normal.judge(labels(300, 0.1))) == set()
    assert ("accuracy.window", "error rate") in told(normal.judge(labels(300, 0.5)))
    report = normal.report(labels(300, 0.6))
    assert report.windows[0].at is None
    assert "prediction.shift" in {c for c, _ in told(report.windows[0].findings)}


def test_features_alone_are_watched_without_a_model():
    rng = np.random.default_rng(7)
    train = pl.DataFrame({"x": rng.normal(size=6000), "kind": rng.choice(["a", "b"], 6000)})
    normal = Monitor.of(train, exchangeable=True)
    assert told(normal.judge(train[:500])) == set()
    broken = train[:500].with_columns(kind=pl.lit(None, pl.String), new=pl.lit(1))
    assert told(normal.judge(broken)) >= {("shift.all_null", "kind"), ("schema.new_column", "new")}
    gone = normal.judge(train[:500].drop("x"))
    assert ("schema.missing_column", "x") in told(gone)


def test_columns_of_the_reference_that_are_no_features_are_not_new(normal):
    rng = np.random.default_rng(8)
    assert ("schema.new_column", "id") not in told(normal.judge(day(rng, 41)))
    assert told(normal.judge(day(rng, 41).clear())) <= {("shift.window", "window")}


def test_what_does_not_fit_is_refused_in_words(normal):
    rng = np.random.default_rng(9)
    window = day(rng, 41)
    with pytest.raises(InputError, match=r"`p` must be probabilities in \[0, 1\].*got 3"):
        normal.judge(window.with_columns(p=pl.lit(3.0)))
    with pytest.raises(InputError, match="`late` must be 0 or 1"):
        normal.judge(window.with_columns(late=pl.lit(2.0)))
    with pytest.raises(InputError, match="`p` must hold numbers, got String"):
        normal.judge(window.with_columns(p=pl.lit("high")))
    with pytest.raises(SchemaError, match="no column `p`"):
        normal.judge(window.drop("p"))
    with pytest.raises(InputError, match="made, got null"):
        normal.report(window.with_columns(at=pl.lit(None, pl.Datetime("us", "UTC"))))
    with pytest.raises(InputError, match="whole multiple, got 6:00:00"):
        normal.report(window, every="6h")
    with pytest.raises(InputError, match="needs rows, got none"):
        Monitor.of(window.clear(), at="at")
    with pytest.raises(InputError, match="say which column is `prediction`"):
        Monitor.of(window, at="at", outcome="late")
    with pytest.raises(InputError, match="must hold datetimes, got Float64"):
        Monitor.of(window, at="x")
