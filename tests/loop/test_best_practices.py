import json
from datetime import timedelta
from functools import partial

import polars as pl
import pytest
import shop
from shop import FEATURES, day, orders

from homeostat.core import GateError, InputError, NotFoundError, SimulatedClock
from homeostat.data import from_frame
from homeostat.loop import best_practices, run
from homeostat.record import Record
from homeostat.split import random_split

HONEST = ("depot", "distance", "queue")
DESCRIBED = shop.SCHEMA
for _name in FEATURES:
    DESCRIBED = DESCRIBED.with_column(_name, description=f"The {_name}.")


@pytest.fixture(scope="module")
def now():
    return SimulatedClock(day(45))


@pytest.fixture(scope="module")
def released(tmp_path_factory, now):
    with Record(tmp_path_factory.mktemp("record"), capture=False) as record:
        run(sound(), record, clock=now)
        yield record


def sound(**changes):
    return shop.shop(schema=DESCRIBED, features=HONEST, **changes)


def verdicts(report):
    return {one.check.removeprefix("practice."): one.verdict.value for one in report}


def system(**changes):
    return shop.shop(schema=DESCRIBED, leak_scan=False, **changes)


def test_a_sound_system_with_its_record_keeps_all_nine(released, now):
    report = best_practices(sound(), released, clock=now)
    told = verdicts(report)
    assert told.pop("lineage") == "warn", "this record captures no code"
    assert set(told.values()) == {"ok"}, report.describe()
    assert len(told) == 8
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1
    shares = report.findings[5].evidence["shares"]
    assert max(shares, key=shares.get) == "distance", "what the simulation makes late"
    assert 0 < shares["depot"] < 0.05


def test_the_record_alone_tells_what_was_recorded_and_no_more(released):
    told = verdicts(best_practices("shop", released))
    unknown = {name for name, verdict in told.items() if verdict == "unknown"}
    assert unknown == {"importance", "stale_features"}
    assert told["split_by_time"] == told["correlation"] == told["generalization"] == "ok"


def test_the_declaration_alone_is_judged_by_its_data(now):
    report = best_practices(system(), clock=now)
    told = verdicts(report)
    assert (told["lineage"], told["importance"]) == ("unknown", "unknown")
    assert told["split_by_time"] == told["fit_on_train"] == told["resample_after_split"] == "ok"
    passed = best_practices(system(), clock=now, importance={"distance": 9, "queue": 1})
    assert verdicts(passed)["importance"] == "warn", "one feature has nine tenths"
    assert verdicts(passed)["stale_features"] == "warn", "two are not used"


def test_a_split_at_random_is_a_failure(now):
    report = best_practices(system(split=partial(by_chance)), clock=now)
    assert verdicts(report)["split_by_time"] == "fail"
    assert report.exit_code() == 1


def by_chance(frame, *, time):
    del time
    return random_split(frame, rng=0)


def twice(frame):
    """Oversample the late ones, before anybody has split."""
    return pl.concat([frame, frame.filter(pl.col("late"))], how="vertical")


def copied(clock):
    return shop.source(clock).step("balanced", twice)


def smote(frame):
    return frame


def test_rows_that_are_copied_before_the_split_are_found(now):
    told = best_practices(system(source=copied, split=by_chance), clock=now).findings[1]
    assert told.verdict == "fail"
    assert told.evidence["keys_on_both_sides"] > 100
    named = best_practices(
        system(source=lambda clock: shop.source(clock).step("smote", smote)), clock=now
    ).findings[1]
    assert named.verdict == "fail"
    assert "smote" in named.summary


def test_statistics_over_all_rows_leave_a_trace(now):
    def scaled(clock):
        return shop.source(clock).step("scaled", standardise)

    whole = best_practices(system(source=scaled), clock=now).findings[2]
    assert whole.verdict in {"warn", "fail"}
    assert "distance" in whole.summary


def standardise(frame):
    x = pl.col("distance")
    return frame.with_columns(distance=(x - x.mean()) / x.std())


def test_a_leak_that_stopped_a_round_is_told_of_that_round(now, tmp_path):
    leaky = shop.shop(features=(*FEATURES, "hours"))
    with Record(tmp_path, capture=False) as record:
        with pytest.raises(GateError):
            run(leaky, record, clock=now)
        report = best_practices(leaky.name, record)
    assert verdicts(report)["correlation"] == "fail"
    assert "hours" in report.findings[6].summary
    assert verdicts(report)["lineage"] == "warn", "no model was released"


def test_what_nobody_wrote_down_is_named(now):
    told = best_practices(shop.shop(leak_scan=False), clock=now).findings[3]
    assert told.verdict == "warn"
    assert told.evidence["undescribed"] == list(FEATURES)


def test_values_that_training_never_saw_and_dead_features_are_found(now):
    frame = orders().with_columns(
        day=pl.col("at").dt.ordinal_day().cast(pl.Float64), same=pl.lit(1.0)
    )
    schema = DESCRIBED.with_column("day", type="float", known_at="always", description="Day.")
    schema = schema.with_column("same", type="float", known_at="always", description="One.")
    changed = shop.shop(frame, schema=schema, features=(*FEATURES, "day", "same"), leak_scan=False)
    report = best_practices(changed, clock=now)
    assert verdicts(report)["generalization"] == "fail"
    assert "day" in report.findings[7].summary
    assert report.findings[8].evidence["retire"] == {"same": "features.constant"}


def test_the_report_has_a_line_a_practice_and_json(now):
    report = best_practices(system(), clock=now)
    lines = report.describe().splitlines()
    assert [line[0] for line in lines[1:-1:2]] == list("123456789")
    assert "Split data by time instead of doing it randomly" in lines[1]
    assert len(json.loads(json.dumps(report.to_json()))["findings"]) == 9


def test_without_data_or_record_there_is_nothing_to_judge(now, tmp_path):
    with pytest.raises(InputError, match="pass the declaration or a record"):
        best_practices("shop")
    with pytest.raises(NotFoundError, match="run it first"):
        best_practices("shop", tmp_path / "empty")
    early = SimulatedClock(day(0) - timedelta(days=1))
    with pytest.raises(InputError, match="no rows"):
        best_practices(system(), clock=early)


def test_a_source_in_memory_counts_with_its_checksum(now):
    plain = partial(lambda clock: from_frame(orders().filter(pl.col("at") < clock.now()), name="o"))
    report = best_practices(system(source=plain), clock=now)
    assert len(report.findings[4].evidence["sources"]["o"]) == 64
