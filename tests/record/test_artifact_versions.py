"""Versions that are described, amended, let expire and deleted."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from homeostat.core import InputError, NotFoundError, RecordError, SimulatedClock
from homeostat.record import Record


@pytest.fixture
def clock():
    return SimulatedClock(datetime(2013, 4, 1, tzinfo=UTC))


@pytest.fixture
def record(tmp_path, clock):
    with Record(tmp_path / "record", capture=False, clock=clock) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


def make(run, content, **about):
    return run.make("delay", "model", {"f": content}, **about)


def test_a_deleted_version_is_found_no_more_and_its_number_is_not_given_again(record, run):
    first, second = make(run, b"1"), make(run, b"2")
    record.delete_artifact(second, run=run)
    assert record.artifact("delay") == first
    for reference in ("delay:v1", second.id):
        with pytest.raises(NotFoundError):
            record.artifact(reference)
    assert record.artifacts()["version"].to_list() == [0]
    assert make(run, b"3").version == 2
    with pytest.raises(NotFoundError, match=r"`delay:v1` was deleted \(deleted\)"):
        record.artifact("delay:v1")


def test_the_last_version_of_a_name_may_go_too(record, run):
    record.delete_artifact(make(run, b"1"))
    with pytest.raises(NotFoundError, match="`delay:v0` was deleted"):
        record.artifact("delay")
    with pytest.raises(NotFoundError, match="`delay:v0` was deleted"):
        record.delete_artifact("delay:v0")


def test_a_version_with_aliases_is_not_deleted_unless_told(record, run):
    make(run, b"1", aliases=["production", "best"])
    with pytest.raises(RecordError, match="must have no aliases to be deleted, it has best, prod"):
        record.delete_artifact("delay")
    record.delete_artifact("delay", aliases=True)
    make(run, b"2")
    for alias in ("production", "best"):
        with pytest.raises(NotFoundError):
            record.artifact(f"delay:{alias}")


def test_the_same_content_made_again_is_the_same_version_again(record, run, clock):
    make(run, b"1", metadata={"try": 1})
    for number in range(2, 5):
        record.delete_artifact("delay")
        clock.advance(timedelta(hours=1))
        again = make(record.start_run("retrain"), b"1", metadata={"try": number})
        assert (again.version, again.metadata) == (0, {"try": number})
        assert again.made == clock.now()
        assert record.artifact("delay:v0").read("f") == b"1"
    assert not record.rebuild().changed
    assert record.artifact("delay").metadata == {"try": 4}


def test_lineage_still_names_what_was_deleted(record, run):
    made = make(run, b"1")
    other = record.start_run("evaluate")
    other.use(made)
    record.delete_artifact(made)
    lineage = record.lineage(other.id)
    assert str(lineage).splitlines()[1] == "  model delay:v0 (deleted)"
    assert lineage.node(made.id).deleted


def test_an_alias_can_be_taken_away_and_given_again(record, run):
    made = make(run, b"1", aliases=["production"])
    record.drop_alias("delay", "production", run)
    record.drop_alias("delay", "production", run)
    record.drop_alias("delay", "never")
    assert record.artifact("delay").aliases == ()
    with pytest.raises(NotFoundError, match="no version or alias `production`"):
        record.artifact("delay:production")
    record.alias(made, "production")
    assert record.artifact("delay:production") == record.artifact("delay:v0")
    payloads = [json.loads(one) for one in record.events("alias")["payload"]]
    assert [one["version"] for one in payloads] == [0, -1, 0]


def test_what_is_said_of_a_version_can_be_amended(record, run, clock):
    made = make(run, b"1", metadata={"auc": 0.7}, description="First.")
    assert (made.description, made.expires) == ("First.", None)
    assert record.amend(made, description="Better.").metadata == {"auc": 0.7}
    assert record.amend("delay", metadata={"auc": 0.8}).description == "Better."
    amended = record.amend("delay", ttl=timedelta(days=1))
    assert amended.expires == clock.now() + timedelta(days=1)
    assert record.artifact("delay").metadata == {"auc": 0.8}
    assert record.amend("delay", description="").description == ""
    assert record.artifact("delay").id == made.id
    with pytest.raises(InputError, match=r"metadata.f must be JSON"):
        record.amend("delay", metadata={"f": object()})


def test_an_expired_version_without_an_alias_goes_and_others_stay(record, run, clock):
    day = timedelta(days=1)
    make(run, b"0", ttl=day)
    make(run, b"1", ttl=day, aliases=["production"])
    make(run, b"2", ttl=3 * day)
    make(run, b"3")
    make(run, b"4", ttl=day)  # the latest: no reason to stay
    clock.advance(2 * day)
    dry = record.collect(dry_run=True, grace="0s")
    assert dry.expired == ("delay:v0", "delay:v4")
    assert (dry.blobs, dry.freed_bytes) == (2, 2)
    assert record.artifacts()["version"].to_list() == [0, 1, 2, 3, 4]
    done = record.collect(grace="0s")
    assert (done.expired, done.blobs, done.freed_bytes) == (dry.expired, 2, 2)
    assert record.artifacts()["version"].to_list() == [1, 2, 3]
    with pytest.raises(NotFoundError, match=r"was deleted \(expired\)"):
        record.artifact("delay:v0")
    assert [record.artifact(f"delay:v{i}").read("f") for i in (1, 2, 3)] == [b"1", b"2", b"3"]


def test_a_time_to_live_that_is_prolonged_in_time_saves_a_version(record, run, clock):
    make(run, b"0", ttl=timedelta(days=1))
    clock.advance(timedelta(days=2))
    record.amend("delay", ttl=timedelta(days=5))
    assert record.collect(grace="0s").expired == ()
    assert record.artifact("delay").read("f") == b"0"


def test_a_version_knows_its_makers_and_its_users(record, run):
    made = make(run, b"1")
    second = record.start_run("train", "again")
    make(second, b"1")
    reader = record.start_run("evaluate", "check")
    reader.use(made)
    reader.use(made)
    assert [node.id for node in made.made_by()] == [run.id, second.id]
    assert [(node.id, node.label) for node in made.used_by()] == [(reader.id, "check")]
    assert made.lineage().root == made.id
    assert {node.id for node in made.lineage().nodes} == {made.id, run.id, second.id, reader.id}
