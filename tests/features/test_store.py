import os
import sqlite3
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, SimulatedClock, StorageError
from homeostat.features import (
    Feature,
    FeatureGroup,
    FeatureSet,
    FeatureStore,
    RecentMean,
    as_of_join,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
NIGHT = RecentMean(
    events="visits", value="minutes", known_at="left_at", at="at", window="2d", by=("user",)
)


def day(number):
    return START + timedelta(days=number)


def definitions(factor=2, **changes):
    return FeatureSet(
        (
            Feature(
                "double", pl.col("spent") * factor, owner="ann", description="Twice.", **changes
            ),
            Feature("long", pl.col("name").str.len_chars() > 3, description="A long name."),
        )
    )


def group(features=None, **changes):
    settings = {
        "name": "users",
        "features": features or definitions(),
        "by": ["user"],
        "time": "at",
        "created_at": "seen_at",
        "owner": "data team",
        "source": "crm",
        "partition": "10d",
    }
    return FeatureGroup(**(settings | changes))


def rows(days=40, users=3):
    frame = pl.DataFrame(
        {
            "user": [user for _ in range(days) for user in range(users)],
            "at": [day(n) for n in range(days) for _ in range(users)],
            "spent": [float(n) for n in range(days * users)],
            "name": [f"n{n}" for n in range(days * users)],
            "other": [0] * (days * users),
        }
    )
    return frame.with_columns(seen_at=pl.col("at") + timedelta(hours=6))


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "store", clock=SimulatedClock(day(100)))


@pytest.fixture
def computations(monkeypatch):
    """How many rows each call of FeatureSet.compute was given."""
    counted = []
    whole = FeatureSet.compute

    def compute(self, frame, events=None):
        counted.append(frame.height)
        return whole(self, frame, events)

    monkeypatch.setattr(FeatureSet, "compute", compute)
    return counted


def test_a_second_training_computes_nothing_and_gets_the_same_rows(store, computations):
    asked = pl.DataFrame({"user": [0, 1, 9], "at": [day(20), day(3), day(5)]})

    def training():
        store.materialise(group(), rows())
        return store.join(asked, [group()], at="at")

    first = training()
    assert computations == [120]
    assert training().equals(first)
    assert FeatureStore(store.path).join(asked, [group()], at="at").equals(first)
    assert computations == [120]
    assert first["double"].to_list() == [2.0 * 19 * 3, 2.0 * (2 * 3 + 1), None]


def test_only_the_partitions_whose_rows_changed_are_computed_again(store, computations):
    assert store.materialise(group(), rows()).computed == 5
    late = pl.concat([rows(), rows(1).with_columns(at=pl.lit(day(12)), spent=pl.lit(9.0))])
    again = store.materialise(group(), late)
    assert (again.computed, again.reused) == (1, 4)
    more = store.materialise(group(), pl.concat([late, rows(45)[120:]]))
    assert (more.computed, more.reused) == (1, 4)
    assert store.materialise(group(), late.with_columns(other=1), shrink=True).computed == 1
    assert computations == [120, 33, 24, 9]


def test_a_column_that_no_feature_reads_changes_nothing(store):
    store.materialise(group(), rows())
    assert store.materialise(group(), rows().with_columns(other=7)).computed == 0


def test_an_event_that_a_window_reaches_makes_its_partition_anew_and_no_other(store):
    recent = group(FeatureSet((Feature("night", NIGHT),)))
    visits = pl.DataFrame({"user": [0, 1], "minutes": [5, 7], "left_at": [day(5), day(33)]})
    store.materialise(recent, rows(), {"visits": visits})
    later = pl.concat([visits, visits[:1].with_columns(left_at=pl.lit(day(21)))])
    again = store.materialise(recent, rows(), {"visits": later})
    assert (again.computed, again.reused) == (1, 4)
    whole = recent.features.compute(rows(), {"visits": later})
    kept = store.scan(recent).collect()
    assert kept["night"].equals(whole["night"])


def test_since_reads_only_what_reaches_beyond_it_and_never_half_a_partition(store, computations):
    store.materialise(group(), rows())
    more = rows(45).lazy()
    done = store.materialise(group(), more, since=day(37))
    assert (done.computed, done.reused) == (1, 0)
    assert computations == [120, 24]
    assert store.scan(group()).collect().height == 45 * 3


def test_a_part_of_the_source_is_refused_where_it_would_lose_rows(store):
    store.materialise(group(), rows())
    with pytest.raises(InputError, match="holds 21 rows and would hold 9"):
        store.materialise(group(), rows()[12:])
    with pytest.raises(InputError, match="shrink=True"):
        store.materialise(group(), rows()[:-1], since=day(35))
    done = store.materialise(group(), rows()[21:], shrink=True)
    assert (done.dropped, done.rows) == (1, 99)


def test_what_is_joined_is_what_the_join_of_the_whole_table_gives(store):
    store.materialise(group(), rows())
    table = rows().select("user", "at", "seen_at").hstack(definitions().compute(rows()))
    asked = pl.DataFrame(
        {"user": [n % 4 for n in range(200)], "when": [day(n / 5 - 2) for n in range(200)]}
    )
    for ttl in (None, "1d", "36h"):
        limited = group(ttl=ttl)
        joined = store.join(asked, [limited], at="when")
        want = as_of_join(
            asked, table, by=["user"], at="when", time="at", created_at="seen_at", ttl=ttl
        )
        assert joined.equals(want)
    assert store.join(asked, [group()], at="when", features=["long"], prefixed=True).columns == [
        "user", "when", "users.long"
    ]  # fmt: skip


def test_a_changed_definition_is_a_new_version_and_the_old_values_stay(store):
    store.materialise(group(), rows())
    new = group(definitions(3))
    assert new.version != group().version
    with pytest.raises(InputError, match="materialise it first"):
        store.scan(new)
    store.materialise(new, rows())
    both = [store.scan(one).collect()["double"].sum() for one in (group(), new)]
    assert both[1] == 1.5 * both[0]
    table = store.search(name="DOUB", current=False)
    assert table["number"].to_list() == [1, 2]
    assert table["current"].to_list() == [False, True]
    assert table["version"].to_list() == [
        d["double"].version for d in (definitions(), definitions(3))
    ]


def test_the_registry_is_found_by_name_owner_and_source_column(store):
    recent = group(FeatureSet((Feature("night", NIGHT),)), name="nights", source="door")
    store.register(group(), recent)
    assert store.search(owner="ANN")["feature"].to_list() == ["double"]
    assert store.search(owner="data")["feature"].to_list() == ["night", "long"]
    assert store.search(source="spent")["feature"].to_list() == ["double"]
    assert store.search(source="minutes")["feature"].to_list() == ["night"]
    assert store.search(source="crm").height == 2
    assert store.search(name="nothing").is_empty()
    told = store.features().filter(feature="double").row(0, named=True)
    assert told["registered_at"] == day(100)
    assert "spent" in told["definition"]
    store.register(group(definitions().select(["double"])))
    assert store.search(name="long").is_empty()
    assert store.search(name="long", current=False).height == 1


def test_a_writer_that_dies_leaves_the_store_as_it_was(store, monkeypatch):
    store.materialise(group(), rows())
    before = store.scan(group()).collect()

    def refuse(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="No space left"):
        store.materialise(group(), rows(60))
    assert store.scan(group()).collect().equals(before)
    assert not list((store.path / "parts").glob(".*"))


def test_a_damaged_or_lost_file_is_found_and_made_again(store):
    store.materialise(group(), rows())
    assert store.verify(group())[0].verdict == "ok"
    first, second, *_ = sorted((store.path / "parts").iterdir())
    first.write_bytes(b"PAR1" + first.read_bytes()[4:-9] + b"junkjunk!")
    second.unlink()
    assert store.verify(group())[0].statistic == 2
    first.unlink()
    assert store.materialise(group(), rows()).computed == 2
    assert store.verify(group())[0].verdict == "ok"


def test_files_that_nothing_refers_to_are_swept(store):
    store.materialise(group(), rows())
    store.materialise(group(), rows().with_columns(spent=0.5))
    assert store.vacuum() == 5
    assert store.scan(group()).collect()["double"].sum() == 120


def test_rows_without_key_or_moment_are_counted_not_stored(store):
    frame = rows().with_columns(
        user=pl.when(pl.col("user") > 0).then("user"),
        seen_at=pl.when(pl.col("at") > day(1)).then("seen_at"),
    )
    done = store.materialise(group(), frame)
    assert (done.rows, done.undated) == (120 - 40 - 4, 44)


def test_an_empty_source_stores_nothing(store):
    done = store.materialise(group(), rows().clear())
    assert (done.computed, done.rows) == (0, 0)


def test_times_before_1900_and_unicode_names_are_kept(store):
    old = (
        rows(2).with_columns(at=pl.col("at") - timedelta(days=365 * 250)).rename({"user": "käufer"})
    )
    kunden = group(by=["käufer"], name="Kund/innen")
    store.materialise(kunden, old)
    asked = pl.DataFrame({"käufer": [0], "at": [day(50)]})
    assert store.join(asked, [kunden], at="at")["double"].to_list() == [6.0]


def test_a_database_that_is_none_is_a_storage_error(tmp_path):
    (tmp_path / "catalog.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="not a database"):
        FeatureStore(tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda s: s.materialise(group(), rows().drop("spent")), SchemaError, "column `spent`"),
        (lambda s: s.materialise(group(), rows().drop("at")), SchemaError, "column `at`"),
        (lambda s: s.materialise(group(time="spent"), rows()), SchemaError, "a datetime with a"),
        (lambda s: s.materialise(group(), rows(), since=datetime(2024, 1, 1)), InputError, "zone"),  # noqa: DTZ001
        (lambda s: s.join(rows(), [group()], at="at", features=["dubble"]), InputError, "dubble"),
        (lambda s: s.join(rows(), [group()], at="at"), InputError, "materialise it first"),
        (lambda _: group(by=["double"]), InputError, "name of a key"),
        (lambda _: group(ttl="0d"), InputError, "longer than nothing"),
        (lambda _: group(name=""), InputError, "needs a name"),
    ],
)
def test_what_cannot_be_stored_is_named(store, call, error, says):
    with pytest.raises(error, match=says):
        call(store)


def test_a_feature_has_one_type_in_all_partitions(store):
    store.materialise(group(), rows())
    whole = rows(60).with_columns(pl.col("spent").cast(pl.Int64))
    with pytest.raises(SchemaError, match="cast it in the definition"):
        store.materialise(group(), whole, since=day(50))


def test_many_readers_see_one_writers_work_whole(store):
    store.materialise(group(), rows())
    with sqlite3.connect(store.path / "catalog.db") as held:
        held.execute("BEGIN IMMEDIATE")
        assert store.scan(group()).collect().height == 120, "a writer does not keep readers out"
