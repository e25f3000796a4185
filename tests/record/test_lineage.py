"""Lineage: from a number back to the data it stands on, and from data to what came of it."""

import pytest

from homeostat.core import Finding, NotFoundError
from homeostat.record import Record
from homeostat.record._index.tables import Kind

pytestmark = pytest.mark.usefixtures("each_index")


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def story(record):
    """Two sources, one joined dataset, one model, one evaluation: as the loop writes them."""
    names = {}
    with record.start_run("run", "nightly", system="flights") as parent:
        for source in ("flights", "weather"):
            with record.start_run("ingest", source, parent=parent) as run:
                made = run.make(
                    source, "dataset", {"rows": source.encode()}, {"url": f"{source}.csv"}
                )
                names[source] = made.id
        with record.start_run("features", parent=parent) as run:
            run.use("flights")
            run.use("weather")
            names["joined"] = run.make("joined", "dataset", {"rows": b"both"}).id
        with record.start_run("train", "boosted", parent=parent) as train:
            train.use("joined")
            train.log({"logloss": 0.5})
            names["model"] = train.make("delay", "model", {"m": b"trees"}).id
        with record.start_run("evaluate", parent=parent) as evaluate:
            evaluate.use("delay")
            evaluate.find(Finding(check="calibration.ece", subject="delay:v0", verdict="warn",
                                  summary="Off by 0.06."))  # fmt: skip
        with record.start_run("ingest", "unrelated") as other:
            other.make("unrelated", "dataset", {"rows": b"?"})
        names["features"] = record.runs(kind="features")["id"][0]
    return names | {"parent": parent.id, "train": train.id, "evaluate": evaluate.id}


def labels(nodes):
    return sorted(node.label for node in nodes)


def test_a_finding_leads_to_its_run_the_model_the_data_and_their_sources(record, story):
    [finding] = record.findings()["id"]
    lineage = record.lineage(finding)
    assert lineage.root == story["evaluate"]
    assert str(lineage).splitlines() == [
        f"evaluate {story['evaluate']}",
        "  model delay:v0",
        "    train boosted",
        "      dataset joined:v0",
        f"        features {story['features']}",
        "          dataset flights:v0",
        "            ingest flights",
        "          dataset weather:v0",
        "            ingest weather",
    ]
    assert labels(lineage.sources()) == ["flights:v0", "weather:v0"]
    assert lineage.node(story["weather"]).detail == {"url": "weather.csv"}


def test_a_metric_leads_through_its_run(record, story):
    [run] = record.metrics(story["train"])["run"].unique()
    assert labels(record.lineage(run).sources()) == ["flights:v0", "weather:v0"]


def test_data_lead_to_everything_that_came_of_them_and_to_nothing_else(record, story):
    lineage = record.lineage("weather:v0")
    assert labels(lineage.nodes) == sorted(
        [
            "weather:v0",
            "weather",
            "joined:v0",
            "boosted",
            "delay:v0",
            story["features"],
            story["evaluate"],
        ]
    )
    assert labels(lineage.sources()) == ["weather:v0"]
    assert {edge.relation for edge in lineage.edges} == {"used", "made"}


def test_a_run_has_the_runs_that_are_part_of_it_and_what_they_used_and_made(record, story):
    lineage = record.lineage(story["parent"])
    assert {"flights:v0", "weather:v0", "joined:v0", "delay:v0", "boosted"} <= set(
        labels(lineage.nodes)
    )
    parts = [edge for edge in lineage.edges if edge.relation == "part"]
    assert len(parts) == 5
    assert {edge.target for edge in parts} == {story["parent"]}
    assert "unrelated:v0" not in labels(lineage.nodes)


def test_a_run_that_uses_and_makes_one_content_is_no_endless_story(record):
    with record.start_run("clean") as run:
        made = run.make("rows", "dataset", {"f": b"clean already"})
        run.use(made)
        run.make("rows", "dataset", {"f": b"clean already"})
    lineage = record.lineage("rows")
    assert len(lineage.nodes) == 2
    assert "(see above)" in str(lineage)
    assert labels(lineage.sources()) == ["rows:v0"]


def test_every_maker_of_a_content_is_in_its_lineage(record):
    ids = []
    for _ in range(2):
        with record.start_run("train") as run:
            made = run.make("delay", "model", {"f": b"same"})
            ids.append(run.id)
    assert {edge.source for edge in record.lineage(made.id).edges} == set(ids)


def test_a_model_retrained_a_thousand_times_from_itself_has_a_lineage(record):
    with record.start_run("ingest") as run:
        run.make("rows", "dataset", {"f": b"rows"})
    with record.start_run("train") as run:
        run.use("rows")
        run.make("delay", "model", {"f": b"0"})
    ledger, made = record._ledger, record.artifact("delay").id
    for i in range(1, 1000):  # `make` a thousand times takes seconds; the frames are the same
        with record.start_run("retrain") as run:
            ledger.write(Kind.USE, run.id, {"artifact": made})
            made = f"{i:064}"
            files = {"f": {"sha256": made, "size": 1}}
            about = {"artifact": made, "name": "delay", "type": "model", "version": i}
            ledger.write(Kind.MAKE, run.id, {**about, "files": files, "metadata": {}})
    lineage = record.lineage("delay:v999")
    assert labels(lineage.sources()) == ["rows:v0"]
    assert len(str(lineage).splitlines()) == len(lineage.nodes) == 2002


def test_what_a_damaged_log_no_longer_tells_is_shown_as_lost(record):
    with record.start_run("train") as run:
        record._ledger.write(Kind.USE, run.id, {"artifact": "f" * 64})
    lineage = record.lineage(run.id)
    assert str(lineage).splitlines()[1] == f"  lost {'f' * 64}"
    with pytest.raises(NotFoundError, match="has no node x"):
        lineage.node("x")


def test_runs_say_what_they_used_and_made(record, story):
    info = record.run(story["train"])
    assert (info.used, info.made) == (("joined:v0",), ("delay:v0",))


def test_what_is_not_in_the_record_has_no_lineage(record, story):
    for id_ in ("nothing", "x.1.2", "", "delay:v9"):
        with pytest.raises(NotFoundError):
            record.lineage(id_)
