"""What a W&B client sends of a run is in the record, once, and comes back as it was sent."""

import json
import math

import pytest

RESUME = """query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) { id name entity { id name }
    bucket(name: $name, missingOk: true) { id name summaryMetrics historyLineCount eventsLineCount
      logLineCount historyTail eventsTail config tags notes wandbConfig(keys: ["t"]) } } }"""


def test_a_run_is_a_run_of_the_record_with_what_the_client_said(server):
    defined = [{"1": "epoch"}, {"1": "val/*", "5": 1, "7": [1]}]
    config = {"lr": {"value": 0.1}, "net": {"value": {"width": 3}}}
    config["_wandb"] = {"value": {"t": {"1": [1]}, "m": defined}}
    told = {"groupName": "g", "jobType": "train", "tags": ["a", "b"], "notes": "why"}
    made = server.upsert(displayName="first try", config=json.dumps(config), **told)
    assert made["inserted"]
    assert made["bucket"]["project"] == {"name": "flights", "entity": {"name": "ada"}}
    info = server.record.run("r1")
    assert (info.name, info.system, info.status) == ("first try", "flights", "running")
    assert info.config == {"lr": 0.1, "net": {"width": 3}}
    assert info.about["group"] == "g"
    assert info.about["tags"] == ["a", "b"]
    assert info.metrics["val/*"] == {"step_metric": "epoch", "summary": ["min"]}
    assert json.loads(server.run("config")["config"])["lr"]["value"] == 0.1


def test_rows_come_back_as_they_were_sent(server):
    server.upsert()
    server.history(
        {"_step": 0, "_timestamp": 1775001600.5, "_runtime": 1.5, "loss": 1, "note": "é🙂"},
        {"_step": 3, "_timestamp": 1775001601.5, "loss": "NaN", "a/b.c 🙂": 0.25,
         "img": {"_type": "image-file", "sha256": "ab"}, "big": 2**60 + 1, "on": True},
    )  # fmt: skip
    rows = [json.loads(row) for row in server.run("history(samples: 10)")["history"]]
    assert rows[0] == {
        "_step": 0,
        "_timestamp": 1775001600.5,
        "_runtime": 1.5,
        "loss": 1,
        "note": "é🙂",
    }
    assert rows[1]["loss"] == "NaN"
    assert rows[1]["a/b.c 🙂"] == 0.25
    assert rows[1]["img"] == {"_type": "image-file", "sha256": "ab"}
    assert rows[1]["big"] == 2**60 + 1
    assert rows[1]["on"] is True
    losses = server.record.metrics("r1").filter(name="loss")["value"].to_list()
    assert losses[0] == 1
    assert math.isnan(losses[1])


def test_sending_a_chunk_twice_changes_nothing(server):
    server.upsert()
    rows = [{"_step": step, "loss": step / 2} for step in range(4)]
    server.history(*rows[:3])
    server.history(*rows[:3])
    server.history(*rows[1:], offset=1)
    found = server.run("historyLineCount history(samples: 99)")
    assert found["historyLineCount"] == 4
    assert [json.loads(row)["loss"] for row in found["history"]] == [0, 0.5, 1, 1.5]
    assert server.record.metrics("r1").height == 4


def test_a_server_that_starts_anew_knows_what_the_last_one_knew(server):
    server.upsert(config='{"lr": {"value": 0.1}}', tags=["a"])
    server.history({"_step": 0, "loss": 1.0})
    server.stream(
        files={"wandb-summary.json": {"offset": 0, "content": ['{"loss": 1.0, "_step": 0}']}}
    )
    server.restart()
    server.history({"_step": 0, "loss": 1.0}, {"_step": 1, "loss": 0.5})
    bucket = server.gql(RESUME, project="flights", entity="ada", name="r1")["model"]["bucket"]
    assert bucket["historyLineCount"] == 2
    assert json.loads(json.loads(bucket["historyTail"])[0])["_step"] == 1
    assert json.loads(bucket["summaryMetrics"])["loss"] == 1
    assert bucket["tags"] == ["a"]
    assert server.record.metrics("r1").height == 2


def test_a_run_that_was_never_started_has_no_resume_status(server):
    assert server.gql(RESUME, project="none", entity="ada", name="r1")["model"] is None
    server.upsert()
    assert server.gql(RESUME, project="flights", entity="ada", name="r2")["model"]["bucket"] is None


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed")])
def test_a_run_ends_as_its_script_did(server, code, state):
    server.upsert()
    server.stream(complete=True, exitcode=code)
    assert server.run("state exitcode") == {"state": state, "exitcode": code}
    info = server.record.run("r1")
    assert (info.status, info.exit_code) == (state, code)


def test_a_client_that_falls_silent_has_crashed_and_may_come_back(server):
    server.upsert()
    for _ in range(4):
        server.later(seconds=60)
        server.stream()
    assert server.run("state")["state"] == "running"
    server.later(seconds=121)
    assert server.run("state")["state"] == "crashed"
    assert server.record.run("r1").status == "crashed"
    server.stream()
    assert server.run("state")["state"] == "running"
    assert server.record.run("r1").status == "running"


def test_a_finished_run_goes_on_when_it_is_resumed(server):
    server.upsert()
    server.history({"_step": 0, "loss": 1.0})
    server.stream(complete=True, exitcode=0)
    assert not server.upsert()["inserted"]
    assert server.run("state")["state"] == "running"
    server.history({"_step": 1, "loss": 0.5}, offset=1)
    assert server.record.metrics("r1")["step"].to_list() == [0, 1]


def test_changing_words_of_a_finished_run_does_not_start_it(server):
    id_ = server.upsert(tags=["a"])["bucket"]["id"]
    server.stream(complete=True, exitcode=0)
    server.change(
        "upsertBucket", "bucket { id }", id=id_, tags=[], notes="good", displayName="best"
    )
    assert server.run("state tags notes displayName") == {
        "state": "finished", "tags": [], "notes": "good", "displayName": "best",
    }  # fmt: skip
    assert server.record.run("r1").status == "finished"


def test_the_summary_is_what_the_client_last_sent(server):
    server.upsert()
    for said in (
        {"loss": 1.0, "best": {"auc": 0.5}, "old": 1},
        {"loss": 0.5, "best": {"auc": 0.75}},
    ):
        chunk = {"offset": 0, "content": [json.dumps(said)]}
        server.stream(files={"wandb-summary.json": chunk})
    assert json.loads(server.run("summaryMetrics")["summaryMetrics"]) == said
    assert server.record.run("r1").summary["best"] == {"auc": 0.75}


def test_rewinding_hides_later_rows(server):
    server.upsert()
    server.history(*({"_step": step, "loss": step} for step in range(5)))
    where = {"entityName": "ada", "projectName": "flights", "runName": "r1"}
    to = {"metricName": "_step", "metricValue": 2.0}
    out = server.change("rewindRun", "rewoundRun { historyLineCount }", **where, **to)
    assert out["rewoundRun"]["historyLineCount"] == 3
    server.history({"_step": 3, "loss": 9}, offset=3)
    rows = [json.loads(row)["loss"] for row in server.run("history(samples: 9)")["history"]]
    assert rows == [0, 1, 2, 9]


def test_what_it_printed_comes_back_by_line_with_lines_written_over(server):
    server.upsert()
    lines = [
        "2026-04-01T00:00:01.5 one",
        "ERROR 2026-04-01T00:00:02.5 two",
        "2026-04-01T00:00:03 10%",
    ]
    server.stream(files={"output.log": {"offset": 0, "content": lines}})
    server.stream(
        files={"output.log": {"offset": 2, "content": ["2026-04-01T00:00:04 90%", "three"]}}
    )
    found = server.run("logLineCount logLines(last: 9) { edges { node { number line level } } }")
    nodes = [edge["node"] for edge in found["logLines"]["edges"]]
    assert [node["line"] for node in nodes] == ["one", "two", "90%", "three"]
    assert nodes[1]["level"] == "error"
    assert found["logLineCount"] == 4


def test_two_projects_may_have_runs_of_one_id(server):
    server.upsert(project="a", config='{"x": {"value": 1}}')
    server.upsert(project="b", config='{"x": {"value": 2}}')
    assert json.loads(server.run("config", project="a")["config"])["x"]["value"] == 1
    assert json.loads(server.run("config", project="b")["config"])["x"]["value"] == 2
    assert len(server.record.runs(kind="train")) == 2


def test_a_deleted_run_is_not_found_and_its_id_is_free(server):
    id_ = server.upsert()["bucket"]["id"]
    server.change("deleteRun", "success", id=id_)
    assert server.run("id") is None
    assert server.upsert()["inserted"]
    server.restart()
    assert server.run("historyLineCount")["historyLineCount"] == 0


def test_a_run_that_is_asked_to_stop_hears_of_it(server):
    id_ = server.upsert()["bucket"]["id"]
    assert server.run("stopped")["stopped"] is False
    server.change("stopRun", "success", id=id_)
    assert server.run("stopped")["stopped"] is True


def test_files_go_and_come_whole(server):
    server.upsert()
    out = server.change("createRunFiles", "runID files { name uploadUrl }", entityName="ada",
                        projectName="flights", runName="r1", files=["media/a b.txt"])  # fmt: skip
    [file] = out["files"]
    assert server.http.put(file["uploadUrl"], content=b"hello").status_code == 200
    server.restart()
    [edge] = server.run("files { edges { node { id name sizeBytes md5 directUrl } } }")["files"][
        "edges"
    ]
    node = edge["node"]
    assert (node["name"], node["sizeBytes"]) == ("media/a b.txt", 5)
    assert server.http.get(node["directUrl"]).content == b"hello"
    server.change("deleteFiles", "success", files=[node["id"]])
    assert server.run("files { edges { node { id } } }")["files"]["edges"] == []


def test_runs_are_filtered_ordered_and_paged(server):
    for place, lr in enumerate((0.3, 0.1, 0.2)):
        name = f"r{place}"
        server.later(seconds=1)
        server.upsert(
            name, config=json.dumps({"lr": {"value": lr}}), tags=["odd"] if place % 2 else []
        )
        chunk = {"offset": 0, "content": [json.dumps({"auc": lr * 2})]}
        server.stream(name, files={"wandb-summary.json": chunk})
    query = """query Runs($filters: JSONString, $order: String, $cursor: String, $perPage: Int) {
      project(name: "flights", entityName: "ada") { runCount(filters: $filters)
        runs(filters: $filters, order: $order, after: $cursor, first: $perPage) {
          edges { node { name } cursor } pageInfo { endCursor hasNextPage } } } }"""

    def names(**asked):
        found = server.gql(query, **asked)["project"]["runs"]
        return [edge["node"]["name"] for edge in found["edges"]], found["pageInfo"]

    assert names(order="-summary_metrics.auc")[0] == ["r0", "r2", "r1"]
    assert names(order="+created_at")[0] == ["r0", "r1", "r2"]
    assert names(filters='{"config.lr": {"$lt": 0.25}, "tags": {"$ne": "odd"}}')[0] == ["r2"]
    assert names(
        filters='{"$or": [{"config.lr.value": 0.3}, {"tags": {"$in": ["odd"]}}]}',
        order="+created_at",
    )[0] == ["r0", "r1"]
    first, info = names(order="+created_at", perPage=2)
    assert (first, info["hasNextPage"]) == (["r0", "r1"], True)
    rest, info = names(order="+created_at", perPage=2, cursor=info["endCursor"])
    assert (rest, info["hasNextPage"]) == (["r2"], False)


def test_a_sampled_history_has_first_and_last_and_only_rows_with_all_keys(server):
    server.upsert()
    server.history(*({"_step": s, "loss": s} | ({"acc": s} if s % 2 else {}) for s in range(100)))
    spec = json.dumps({"keys": ["_step", "acc"], "samples": 5})
    query = """query H($specs: [JSONString!]!) { project(name: "flights", entityName: "ada") {
      run(name: "r1") { sampledHistory(specs: $specs) historyKeys } } }"""
    run = server.gql(query, specs=[spec])["project"]["run"]
    steps = [row["_step"] for row in run["sampledHistory"][0]]
    assert (len(steps), steps[0], steps[-1]) == (5, 1, 99)
    assert run["historyKeys"]["keys"]["acc"]["typeCounts"] == [{"type": "number", "count": 50}]
    assert run["historyKeys"]["lastStep"] == 99


def test_an_alert_is_an_event_of_the_run(server):
    server.upsert()
    server.change("notifyScriptableRunAlert", "success", entityName="ada", projectName="flights",
                  runName="r1", title="high loss", text="look", severity="WARN")  # fmt: skip
    [payload] = server.record.events(kind="alert", run="r1")["payload"]
    assert json.loads(payload)["title"] == "high loss"
