"""Runs are found by what they were told, what they said and what came of them."""

import math
import random
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.record import Record
from homeostat.record._index.index import Index


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with Record(tmp_path_factory.mktemp("record"), capture=False) as record:
        rows = [
            ("a", {"lr": 0.1, "opt": "adam", "deep": {"x": 1}}, {"tags": ["baseline", "x"]}, 0.9),
            ("b", {"lr": 0.01, "opt": "sgd", "on": True}, {"group": "g", "tags": []}, 0.7),
            ("c", {"lr": "auto", "opt": "adam", "deep.x": 2}, {"notes": "long note"}, math.nan),
            ("d", {"lr": 1, "on": False, 'odd"key': 5, "none": None}, {}, math.inf),
            ("e", {}, {}, None),
        ]
        for day, (name, config, about, auc) in enumerate(rows):
            at = start + timedelta(days=day)
            run = record.start_run("train", name, system="s", config=config, about=about, at=at)
            if auc is not None:
                run.log({"auc": auc, "val/loss": 1 - auc})
            run.finish(
                "failed" if name == "d" else "finished",
                "boom" if name == "d" else "",
                exit_code=day,
                at=at + timedelta(seconds=10 * day),
            )
        record.start_run("evaluate", "open").update(summary={"auc": 0.8, "matrix": [1, 2, 3]})
        yield record


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("config.lr < 0.05", "b"),
        ("config.lr >= .1", "ad"),
        ("config.lr == 'auto'", "c"),
        ("config.lr != 0.1", "bd"),
        ("not config.lr == 0.1", "bd"),
        ("config.lr is null", "eo"),
        ("config.none is null", "abcdeo"),
        ("config.lr < 0.05 or summary.auc > .85", "abd"),
        ("config.opt == 'adam' and summary.auc > .8", "a"),
        ("summary.auc is null", "ce"),
        ("summary.auc > 1e300", "d"),
        ("summary.`val/loss` < 0.2", "ad"),
        ("config.deep.x in [1, 2]", "ac"),
        ("config.deep.x == 2", "c"),
        ('config.`odd"key` == 5', "d"),
        ("config.on", "b"),
        ("config.on == false", "d"),
        ("config.on == 1", ""),
        ("config.opt > 5", ""),
        ("'baseline' in tags", "a"),
        ("'baseline' not in tags", "b"),
        ("'note' in notes", "c"),
        ("group == 'g' and len(tags) == 0", "b"),
        ("len(summary.matrix) == 3", "o"),
        ("2 in summary.matrix", "o"),
        ("status == 'failed'", "d"),
        ("status in ('failed', 'running')", "do"),
        ("kind != 'train'", "o"),
        ("started >= '2026-01-03' and started < '2026-01-05T00:00'", "cd"),
        ("finished is null", "o"),
        ("duration_s > 15 and duration_s < 100", "cde"),
        ("name in ['a', 'b'] and system == 's'", "ab"),
        ("exit_code % 2 == 1", "bd"),
        ("step >= 0", "abcd"),
        ("contains(error, 'oo')", "d"),
        ("starts(name, 'op') or ends(name, 'a')", "ao"),
        ("matches(config.opt, '^ad')", "ac"),
        ("upper(config.opt) == 'SGD'", "b"),
        ("number(text(config.lr)) == 1", "d"),
        ("max(config.lr, summary.auc) >= 0.9 and summary.auc < 2", "a"),
        ("coalesce(config.lr, 7) == 7", "ceo"),
        ("if(config.opt == 'adam', 1, 2) == 1", "ac"),
        ("sqrt(config.lr) == 1 and log(config.lr) == 0 and exp(0) == 1", "d"),
        ("config.lr / 0 == 1", ""),
        ("-config.lr < -0.5", "d"),
        ("round(config.lr * 10 + 0.3) == 1", "a"),
        ("", "abcdeo"),
    ],
)
def test_a_filter_keeps_the_runs_for_which_it_is_true(record, text, names):
    found = record.runs(text, order="name")["name"].to_list()
    assert "".join(name[0] for name in found) == names


def test_what_a_filter_cannot_mean_is_refused_by_name(record):
    for text, said in [
        ("confg.lr > 1", r"Runs have no `confg.lr`"),
        ("nane == 'a'", r"Did you mean `name`"),
        ("started > 'soon'", r"A time is compared with a text such as"),
        ("matches(name, '(')", r"The pattern '\(' at character"),
        ("config.lr <", "character"),
    ]:
        with pytest.raises(InputError, match=said):
            record.runs(text)
    with pytest.raises(InputError, match="A limit is a whole number"):
        record.runs(limit=-1)


def test_runs_come_in_any_order_and_those_without_a_value_last(record):
    def order(text):
        return "".join(name[0] for name in record.runs(order=text)["name"])

    assert order("-started") == "oedcba"
    assert order("started") == "abcdeo"
    longest = record.runs(kind="train", order="-duration_s")["name"]
    assert longest.to_list() == ["e", "d", "c", "b", "a"]
    assert order("config.opt, -name") == "cab" + "oed"
    assert order("-config.deep.x, name") == "ca" + "bdeo"
    assert record.runs(order="name", limit=2)["name"].to_list() == ["a", "b"]


def test_columns_of_configs_and_summaries_have_the_type_of_their_values(record):
    frame = record.runs(
        order="name",
        columns=[
            "config.lr",
            "config.on",
            "summary.auc",
            "config.deep.x",
            "tags",
            "summary.matrix",
        ],
    )
    assert frame["config.lr"].to_list() == ["0.1", "0.01", "auto", "1", None, None]
    assert frame["config.on"].to_list() == [None, True, None, False, None, None]
    assert frame["summary.auc"].dtype == pl.Float64
    assert frame["summary.auc"][3] == math.inf
    assert frame["config.deep.x"].to_list() == [1, None, 2, None, None, None]
    assert frame["tags"].to_list()[:2] == ['["baseline", "x"]', "[]"]
    flat = record.runs(flat=True)
    assert {"config.lr", "config.deep.x", "summary.auc", "summary.val/loss"} <= set(flat.columns)


@given(low=st.floats(-1, 2), tail=st.sampled_from(["", " and config.opt == 'adam'"]))
@settings(max_examples=20, deadline=None)
def test_a_number_is_compared_as_in_python(record, low, tail):
    found = set(record.runs(f"config.lr > {low!r}{tail}")["name"])
    held = {"a": 0.1, "b": 0.01, "d": 1}
    wanted = {name for name, lr in held.items() if lr > low and (not tail or name == "a")}
    assert found == wanted


def test_the_folded_rows_are_the_same_however_the_index_was_filled(record):
    def rows(index):
        return index.rows("SELECT * FROM folded ORDER BY run")

    record.runs()
    little = rows(record._ledger.index)
    record.rebuild()
    record.runs()
    assert rows(record._ledger.index) == little


def test_names_and_configs_that_change_are_found_as_they_are_now(tmp_path):
    with Record(tmp_path, capture=False) as record:
        run = record.start_run("train", "old", config={"lr": 1, "gone": 2})
        assert record.runs("config.lr == 1").height == 1
        run.update(
            name="new", config={"lr": 3}, removed={"config": ["gone"]}, about={"tags": ["t"]}
        )
        assert record.runs("config.lr == 1").is_empty()
        assert record.runs("config.gone is null and 't' in tags")["name"].to_list() == ["new"]
        run.log({"auc": 0.5})
        assert record.runs("summary.auc == .5").height == 1
        run.log({"auc": 0.6})
        assert record.runs("summary.auc == .5").is_empty()
        assert record.runs("status == 'running'", status="running").height == 1
        run.finish()
        assert record.runs(status="running").is_empty()


def test_a_run_with_a_lease_is_crashed_when_it_is_silent_and_points_are_a_sign_of_life(tmp_path):
    with Record(tmp_path, capture=False) as record:
        run = record.start_run("train", lease_s=0.2)
        deadline = time.monotonic() + 20
        while record.runs(status="crashed").is_empty():
            assert time.monotonic() < deadline
        run.log({"loss": 1.0})
        assert record.runs()["status"].to_list() == ["running"]
        assert record.run(run.id).status == "running"


def test_thousands_of_runs_are_listed_by_a_config_filter_within_a_fraction_of_a_second(tmp_path):
    chance = random.Random(1)
    with Record(tmp_path, capture=False) as record:
        for number in range(2000):
            config = {f"key{i}": chance.random() for i in range(20)}
            record.start_run("train", str(number), config=config | {"lr": number / 2000}).finish()
        record.runs(limit=1)
        start = time.process_time()
        frame = record.runs("config.lr < 0.5 and config.key3 > .1", order="-config.key7", limit=50)
        assert time.process_time() - start < 0.3
        assert frame.height == 50
        index = record._ledger.index
        assert isinstance(index, Index)


def test_what_differs_between_two_runs_is_told_part_by_part(tmp_path):
    with Record(tmp_path, capture=False) as record:
        with record.start_run("train", config={"lr": 0.1, "m": {"depth": 3}, "same": 1}) as one:
            one.make("data", "dataset", {"f": b"1"})
            one.log({"auc": 0.5, "nan": math.nan})
        with record.start_run("train", config={"lr": 0.2, "m": {"depth": 4}, "same": 1.0}) as other:
            other.use("data")
            other.log({"auc": 0.5, "nan": math.nan})
        found = record.compare(one.id, other.id)
        assert found.part("config") == {"lr": (0.1, 0.2), "m.depth": (3, 4)}
        assert found.part("summary") == {}
        assert found.part("used") == {"data": (None, "v0")}
        assert found.same["summary"] == 2
        assert found.frame().columns == ["part", "key", "left", "right"]
        assert "config.lr: 0.1 -> 0.2" in str(found)
        assert str(record.compare(one.id, one.id)).endswith("nothing differs")


def test_importance_finds_the_setting_that_moved_the_result(tmp_path):
    chance = random.Random(3)
    with Record(tmp_path, capture=False) as record:
        for number in range(60):
            config = {
                "lr": chance.random(),
                "noise": chance.random(),
                "kind": chance.choice(["a", "b"]),
                "fixed": 1,
                "unique": f"text {number}",
            }
            auc = 2 * config["lr"] + 1.0 * (config["kind"] == "a") + chance.gauss(0, 0.05)
            record.start_run("train", config=config).update(summary={"auc": auc})
        frame = record.importance(target="summary.auc")
        assert frame["parameter"].to_list() == ["lr", "kind", "noise"]
        shares = dict(frame.select("parameter", "importance").iter_rows())
        assert shares["lr"] > shares["kind"] > 5 * shares["noise"]
        signs = dict(frame.select("parameter", "correlation").iter_rows())
        assert signs["lr"] > 0.5
        assert signs["kind"] is None
        assert frame.equals(record.importance(target="summary.auc"))
        few = record.importance("config.lr < 0.1", target="summary.auc")
        assert set(few["verdict"]) <= {"unknown"}
        assert few["importance"].null_count() == few.height
        with pytest.raises(InputError, match="must be a number in every run"):
            record.importance(target="summary.absent")
