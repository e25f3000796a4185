from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from homeostat.core import SimulatedClock
from homeostat.features import Feature, FeatureGroup, FeatureSet, FeatureStore, review, useless

START = datetime(2024, 1, 1, tzinfo=UTC)


def feature(name, column=None, **changes):
    settings = {"owner": "ann", "description": "What it says."}
    return Feature(name, pl.col(column or name), **(settings | changes))


def stored(tmp_path, *features, **changes):
    days = 40
    frame = pl.DataFrame(
        {
            "k": [0] * days,
            "t": [START + timedelta(days=n) for n in range(days)],
            "a": range(days),
            "b": [n * n % 7 for n in range(days)],
            "stopped": [n if n < 38 else None for n in range(days)],
            "dead": [n if n < 30 else None for n in range(days)],
        }
    )
    settings = {"name": "g", "by": ["k"], "time": "t", "created_at": None, "cadence": "1d"}
    group = FeatureGroup(features=FeatureSet(features), **(settings | changes))
    store = FeatureStore(tmp_path)
    store.materialise(group, frame)
    return store, [group], SimulatedClock(START + timedelta(days=39, hours=12))


def told(found):
    return {(one.check, one.subject): one.verdict.value for one in found}


def test_a_store_in_order_is_said_to_be(tmp_path):
    store, groups, clock = stored(tmp_path, feature("a"), feature("b"))
    found = review(store, groups, clock=clock, used_by={"a": ["m:v1"], "b": ["m:v1"]})
    assert told(found) == {("features.useful", "features"): "ok"}


def test_values_that_no_longer_come_are_stale_by_their_cadence(tmp_path):
    store, groups, clock = stored(tmp_path, feature("a"), feature("stopped"), feature("dead"))
    found = review(store, groups, clock=clock)
    stale = {one.subject: one for one in found if "promises" in one.summary}
    assert {name: one.verdict.value for name, one in stale.items()} == {
        "stopped": "warn", "dead": "fail"
    }  # fmt: skip
    assert stale["stopped"].statistic == 2.5 * 86_400
    later = SimulatedClock(START + timedelta(days=60))
    assert {one.subject for one in review(store, groups, clock=later)} == {"a", "stopped", "dead"}
    quiet, same, _ = stored(tmp_path / "2", feature("a"), cadence=None)
    assert told(review(quiet, same, clock=later)) == {("features.useful", "features"): "ok"}


def test_what_is_twice_unused_unowned_or_undescribed_is_told_with_its_users(tmp_path):
    store, groups, clock = stored(
        tmp_path, feature("a"), feature("twin", "a"), feature("b", owner="", description="")
    )
    found = review(store, groups, clock=clock, used_by={"a": ["fraud:v3"], "b": ["fraud:v3"]})
    assert told(found) == {
        ("features.copy", "twin"): "warn",
        ("features.duplicate", "twin"): "warn",
        ("features.unused", "twin"): "warn",
        ("features.unowned", "b"): "warn",
        ("features.undescribed", "b"): "warn",
    }
    unowned = next(one for one in found if one.check == "features.unowned")
    assert unowned.evidence == {"group": "g", "owner": "", "used_by": ["fraud:v3"]}


def test_a_feature_without_effect_on_the_metric_can_go():
    frame = pl.DataFrame({"a": range(9), "b": [n * n for n in range(9)]})
    found = useless(frame, effect={"a": (0.01, 0.03), "b": (-0.001, 0.002)})
    assert told(found) == {("features.no_effect", "b"): "warn"}


@pytest.mark.slow
@pytest.mark.parametrize("columns", [10_000])
def test_ten_thousand_columns_are_judged(columns):
    frame = pl.DataFrame({f"c{n}": [n, n + 1, n * 2] for n in range(columns)})
    found = useless(frame)
    assert {one.check for one in found} <= {"features.copy", "features.constant", "features.useful"}
