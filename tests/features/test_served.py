from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from homeostat.core import InputError, SchemaError
from homeostat.features import Feature, FeatureSet, OnlineFeatures, RecentMean, check_served

NAN = float("nan")


def verdict(served, offline, **settings):
    pair = (pl.DataFrame({"x": pl.Series(served)}), pl.DataFrame({"x": pl.Series(offline)}))
    return check_served(*pair, ["x"], **settings)[0].verdict


@pytest.mark.parametrize(
    ("served", "offline", "want"),
    [
        ([0.1, None], [0.1, None], "ok"),
        ([0.3], [0.1 + 0.2], "fail"),
        ([0.0], [-0.0], "fail"),
        ([NAN], [NAN], "ok"),
        ([NAN], [None], "fail"),
        ([None], [1.0], "fail"),
        ([1], [1.0], "ok"),
        ([2**53 + 1], [2.0**53], "fail"),
        ([0.1], pl.Series([0.1], dtype=pl.Float32), "fail"),
        ([0.5], pl.Series([0.5], dtype=pl.Float32), "ok"),
        (["a"], pl.Series(["a"], dtype=pl.Categorical), "ok"),
        (["1"], [1], "fail"),
        (pl.Series([None], dtype=pl.String), pl.Series([None], dtype=pl.Int64), "ok"),
        ([True], [1], "fail"),
        ([], [], "unknown"),
    ],
)
def test_values_are_compared_bit_by_bit(served, offline, want):
    assert verdict(served, offline) == want


def test_a_log_without_nan_may_hold_null_for_it():
    assert verdict([None], [NAN]) == "fail"
    assert verdict([None, 1.0], [NAN, 1.0], nan_is_null=True) == "ok"


def test_the_first_request_that_differs_is_shown():
    served = pl.DataFrame({"id": ["a", "b", "c"], "x": [1.0, 2.0, 4.0], "y": [1, 1, 1]})
    offline = pl.DataFrame({"id": ["c", "a", "b"], "x": [3.0, 1.0, 2.5], "y": [1, 1, 1]})
    x, y, requests = check_served(served, offline, ["x", "y"], key="id")
    assert (x.verdict, y.verdict, requests.verdict) == ("fail", "ok", "ok")
    assert (x.evidence["request"], x.evidence["row"], x.statistic) == ("b", 1, 2.0)
    assert (x.evidence["served"], x.evidence["offline"]) == ("2.0", "2.5")
    assert "first in b" in x.summary


def test_requests_that_were_not_computed_are_a_failure():
    served = pl.DataFrame({"id": [1, 2], "x": [1, 2]})
    x, requests = check_served(served, served[1:], ["x"], key="id")
    assert (x.verdict, requests.verdict, requests.statistic) == ("ok", "fail", 1.0)


def test_frames_that_do_not_belong_together_are_refused():
    frame = pl.DataFrame({"id": [1, 1], "x": [1, 2]})
    with pytest.raises(InputError, match="tell requests apart"):
        check_served(frame, frame, ["x"], key="id")
    with pytest.raises(InputError, match="pass the key"):
        check_served(frame, frame[:1], ["x"])
    with pytest.raises(SchemaError, match="no column `z`"):
        check_served(frame, frame, ["z"])


def test_a_streaming_server_that_missed_an_event_is_found_out():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    mean = RecentMean(events="e", value="v", known_at="t", at="at", window="3h")
    features = FeatureSet((Feature("mean", mean), Feature("hour", pl.col("at").dt.hour())))
    events = pl.DataFrame(
        {
            "v": [0.1 * n for n in range(60)],
            "t": [start + timedelta(minutes=9 * n) for n in range(60)],
        }
    )
    asked = pl.DataFrame({"at": [start + timedelta(minutes=40 * n) for n in range(12)]})

    def serve(stream):
        online, answers = OnlineFeatures(features), []
        for row in range(asked.height):
            now = asked["at"][row]
            before = now - timedelta(minutes=40)
            online.observe("e", stream.filter((pl.col("t") >= before) & (pl.col("t") < now)))
            answers.append(online.compute(asked[row]))
        return pl.concat(answers)

    offline = features.compute(asked, {"e": events})
    good = check_served(serve(events), offline, features.names)
    assert [one.verdict for one in good] == ["ok", "ok"]
    mean_, hour = check_served(
        serve(events.filter(pl.col("v") != events["v"][20])), offline, features.names
    )
    assert (mean_.verdict, hour.verdict) == ("fail", "ok")
    assert mean_.evidence["request"] == 5, "the first request whose window has event 20"
