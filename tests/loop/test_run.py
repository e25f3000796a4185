import json
from functools import partial

import numpy as np
import polars as pl
import pytest
from shop import FEATURES, SCHEMA, day, orders, shop

from homeostat.core import SimulatedClock
from homeostat.loop import run
from homeostat.record import Record
from homeostat.serve import unpack
from homeostat.train import Logistic, Majority, RuleOfThumb

STAGES = (
    "ingest", "expect", "split", "leaks", "features", "train majority", "train by depot",
    "train logistic", "evaluate", "gates", "release",
)  # fmt: skip
HONEST = ("depot", "distance", "queue")


def statuses(record, release):
    """How each stage of a round ended."""
    told = [json.loads(one) for one in record.events("stage", release.run_id)["payload"]]
    assert all(one["run"] and one["summary"] for one in told if one["status"] != "running")
    return {one["name"]: one["status"] for one in told}


def packaged(artifact):
    return unpack({name: artifact.read(name) for name in artifact.files})


def test_a_round_goes_through_every_stage_and_each_is_a_run_of_its_own(record, now):
    seen = []
    release = run(shop(), record, clock=now, on_stage=lambda *one: seen.append(one[:2]))
    assert statuses(record, release) == dict.fromkeys(STAGES, "done")
    assert seen == [(name, told) for name in STAGES for told in ("running", "done")]
    stages = record.runs(parent=release.run_id)
    assert set(stages["kind"]) == {name.partition(" ")[0] for name in STAGES}
    assert set(stages["status"]) == {"finished"}
    assert record.run(release.run_id).status == "finished"
    assert not release.cached
    assert set(record.artifacts()["type"]) == {
        "dataset", "profile", "trained", "phases", "slices", "calibration", "metrics", "model",
        "report",
    }  # fmt: skip


def test_one_phase_replaces_another_only_with_evidence(record, now):
    release = run(shop(), record, clock=now)
    majority, depot, logistic = release.phases
    assert [one["name"] for one in release.phases] == ["majority", "by depot", "logistic"]
    assert majority["difference"] is None
    assert majority["auc"] == 0.5
    assert depot["low"] < 0 < depot["high"]
    assert depot["verdict"] == "warn"
    assert logistic["high"] < 0
    assert logistic["verdict"] == "ok"
    assert [one["chosen"] for one in release.phases] == [False, False, True]
    assert release.model.metadata["phase"] == "logistic"
    assert release.baseline.reference.startswith("shop-majority:"), "`by depot` was not better"
    kept = json.loads(record.artifact("shop-phases").read("phases.json"))
    assert kept == [dict(one) for one in release.phases]


def test_the_release_predicts_as_a_model_fitted_on_what_was_known_then(record, now):
    release = run(shop(), record, clock=now)
    known = orders().filter(pl.col("arrived_at") < day(45))
    train = shop().split(known, time="at").take("train", known)
    assert release.trained_until == train["at"].max()
    model = Logistic()
    model.fit(train.select(FEATURES), train["late"].cast(float).to_numpy())
    later = orders().filter(pl.col("at") >= day(45))
    read = packaged(record.artifact("shop:production"))
    assert np.array_equal(read.predict(later), model.predict(later.select(FEATURES)))


def test_the_package_carries_its_schema_its_data_version_and_a_request(record, now):
    release = run(shop(), record, clock=now)
    read = packaged(release.model)
    assert read.schema == release.schema
    assert read.schema.features == FEATURES
    assert [one.column for one in read.schema.expectations] == ["distance"]
    assert read.family == "logistic"
    told = read.manifest["metadata"]
    assert told["system"] == "shop"
    assert told["phase"] == "logistic"
    assert record.artifact(told["data"]).type == "dataset"
    assert len(read.sample) == 3
    assert set(read.sample[0]) == set(FEATURES)


def test_lineage_leads_from_the_model_to_the_dataset_and_its_sources(record, now):
    release = run(shop(), record, clock=now)
    lineage = record.lineage(release.model.reference)
    [source] = lineage.sources()
    assert (source.type, source.label) == ("dataset", "shop-dataset:v0")
    assert {"release", "train", "ingest"} <= {node.type for node in lineage.nodes}
    dataset = record.artifact(source.id)
    told = json.loads(dataset.read("lineage.json"))
    assert told["step"].startswith("step known_by(now=")
    [whole] = told["inputs"]
    assert whole["source"]["rows"] == orders().height
    assert whole["source"]["sha256"][:12] in dataset.read("lineage.txt").decode()
    assert json.loads(dataset.read("schema.json")) == SCHEMA.to_json()


def test_a_second_round_takes_every_stage_from_the_record(record, now, monkeypatch):
    first = run(shop(), record, clock=now)
    before = record.runs()
    monkeypatch.setattr(Logistic, "fit", None)
    monkeypatch.setattr(Majority, "fit", None)
    second = run(shop(), record, clock=now)
    assert second.cached
    assert statuses(record, second) == dict.fromkeys(STAGES, "cached")
    assert (second.model.id, second.baseline.id) == (first.model.id, first.baseline.id)
    assert second.phases == first.phases
    assert {str(one) for one in second.findings} == {str(one) for one in first.findings}
    new = record.runs().join(before, on="id", how="anti")
    assert new["kind"].to_list() == ["run"]
    assert record.artifacts(type="model").height == 1


def test_a_second_process_takes_every_stage_from_the_record_too(record, now):
    first = run(shop(), record, clock=now)
    with Record.open(record.path) as again:
        assert run(shop(), again, clock=now).model.id == first.model.id
        assert run(shop(), again, clock=now).cached


REFITTED = {name for name in STAGES if name.startswith("train")} | {"evaluate", "gates", "release"}
CHANGES = {
    "features": ({"features": HONEST}, {"split", "leaks", "features", *REFITTED}),
    "schema": ({"schema": SCHEMA.with_column("weight", unit="kg")}, set(STAGES)),
    "gates": ({"gates": ()}, {"gates"}),
    "policy": ({"retrain": None}, set()),
}


@pytest.mark.parametrize(("change", "again"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_reruns_what_depends_on_it_and_nothing_else(record, now, change, again):
    run(shop(), record, clock=now)
    told = statuses(record, run(shop(**change), record, clock=now))
    assert {name for name, status in told.items() if status == "done"} == again


def test_a_changed_model_is_fitted_again_and_the_others_are_not(record, now):
    run(shop(), record, clock=now)
    models = shop().models | {"logistic": lambda: Logistic(penalty=100.0)}
    told = statuses(record, run(shop(models=models), record, clock=now))
    again = {name for name, status in told.items() if status == "done"}
    assert again == {"train logistic", "evaluate", "gates", "release"}
    models["by depot"] = partial(RuleOfThumb, ("depot",), prior_rows=5)
    told = statuses(record, run(shop(models=models), record, clock=now))
    again = {name for name, status in told.items() if status == "done"}
    assert again == {"train by depot", "evaluate", "gates"}, "the release is as it was"


def test_new_rows_make_a_candidate_while_production_stays(record, now):
    first = run(shop(), record, clock=now)
    later = run(shop(), record, clock=SimulatedClock(day(47)))
    assert set(statuses(record, later).values()) == {"done"}
    assert record.artifact("shop:candidate").id == later.model.id != first.model.id
    assert record.artifact("shop:production").id == first.model.id


@pytest.mark.parametrize("error", [RuntimeError("the disk fell out"), KeyboardInterrupt()])
def test_an_interrupted_round_goes_on_from_the_stages_it_finished(record, now, monkeypatch, error):
    def fall(*_args, **_settings):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("homeostat.loop._run.evaluate.calibration", fall)
        with pytest.raises(type(error)):
            run(shop(), record, clock=now)
    [broken] = record.runs(kind="evaluate")["status"]
    [whole] = record.runs(kind="run")["status"]
    assert (broken, whole) == ("failed", "failed")
    assert record.artifacts(type="model").is_empty()
    told = statuses(record, run(shop(), record, clock=now))
    again = {name for name, status in told.items() if status == "done"}
    assert again == {"evaluate", "gates", "release"}
