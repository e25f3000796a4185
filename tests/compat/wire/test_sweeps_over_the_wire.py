"""Sweeps: agents are told what to run until there is nothing left, and stop what has no hope."""

import json

import pytest

GRID = """
method: grid
program: train.py
parameters:
  lr: {values: [0.1, 0.2]}
  net: {parameters: {width: {values: [8, 16]}}}
"""
HALVING = """
method: random
metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 2, eta: 2}
parameters: {lr: {min: 0.0, max: 1.0}}
"""


def start(server, config):
    place = {"entityName": "ada", "projectName": "flights"}
    out = server.change("upsertSweep", "sweep { id name }", config=config, **place)
    name = out["sweep"]["name"]
    agent = server.change("createAgent", "agent { id }", host="here", sweep=name, entityName="ada",
                          projectName="flights")["agent"]["id"]  # fmt: skip
    return out["sweep"], agent


def beat(server, agent, **running):
    out = server.change(
        "agentHeartbeat", "commands", id=agent, metrics="{}", runState=json.dumps(running)
    )
    return json.loads(out["commands"])


def finish(server, name, **summary):
    chunk = {"offset": 0, "content": [json.dumps(summary)]}
    server.stream(name, files={"wandb-summary.json": chunk})
    server.stream(name, complete=True, exitcode=0)


def sweep_of(server, name, fields):
    query = f"""{{ project(name: "flights", entityName: "ada") {{
      sweep(sweepName: "{name}") {{ {fields} }} }} }}"""
    return server.gql(query)["project"]["sweep"]


def test_a_grid_is_run_once_and_then_the_sweep_is_finished(server):
    sweep, agent = start(server, GRID)
    seen = []
    while (commands := beat(server, agent))[0]["type"] == "run":
        [command] = commands
        assert command["program"] == "train.py"
        args = {key: one["value"] for key, one in command["args"].items()}
        seen.append((args["lr"], args["net"]["width"]))
        server.upsert(command["run_id"], sweep=sweep["name"])
        assert beat(server, agent, **{command["run_id"]: True}) == []
        finish(server, command["run_id"], loss=args["lr"])
    assert seen == [(0.1, 8), (0.1, 16), (0.2, 8), (0.2, 16)]
    assert commands == [{"type": "exit"}]
    found = sweep_of(
        server,
        sweep["name"],
        "state runCount runCountExpected method bestLoss runs { edges { node { name } } }",
    )
    assert (found["state"], found["runCount"], found["runCountExpected"]) == ("FINISHED", 4, 4)
    assert server.record.runs(kind="sweep")["status"].to_list() == ["finished"]
    parents = server.record.runs(kind="train")["parent"].unique().to_list()
    assert parents == server.record.runs(kind="sweep")["id"].to_list()


def test_a_cap_on_runs_holds_with_several_agents(server):
    sweep, one = start(
        server, "method: random\nrun_cap: 3\nparameters: {lr: {min: 0.0, max: 1.0}}\n"
    )
    two = server.change("createAgent", "agent { id }", host="there", sweep=sweep["name"],
                        entityName="ada", projectName="flights")["agent"]["id"]  # fmt: skip
    told = [beat(server, agent)[0]["type"] for agent in (one, two, one, two, one)]
    assert told == ["run", "run", "run", "exit", "exit"]


def test_a_sweep_goes_on_after_a_restart_of_the_server(server):
    _, agent = start(server, GRID)
    first = beat(server, agent)[0]["args"]
    server.restart()
    second = beat(server, agent)[0]["args"]
    assert first["lr"] == second["lr"]
    assert first["net"] != second["net"]


@pytest.mark.parametrize(
    ("state", "busy", "idle"),
    [("CANCELED", "stop", "exit"), ("FINISHED", None, "exit"), ("PAUSED", None, None)],
)
def test_agents_heed_the_state_of_the_sweep(server, state, busy, idle):
    sweep, agent = start(server, GRID)
    run = beat(server, agent)[0]["run_id"]
    server.change("upsertSweep", "sweep { name }", id=sweep["id"], state=state)
    told = beat(server, agent, **{run: True})
    assert (told[0]["type"] if told else None) == busy
    told = beat(server, agent)
    assert (told[0]["type"] if told else None) == idle


def test_hyperband_stops_a_run_that_is_behind(server):
    _, agent = start(server, HALVING)
    names = [beat(server, agent)[0]["run_id"] for _ in range(3)]
    for place, name in enumerate(names):
        server.upsert(name)
        server.history(*({"_step": s, "loss": place + 1 / (s + 1)} for s in range(4)), name=name)
    assert beat(server, agent, **dict.fromkeys(names, True)) == [
        {"type": "stop", "run_id": names[2]}
    ]


def test_a_run_that_is_asked_to_stop_is_stopped_by_its_agent(server):
    _, agent = start(server, GRID)
    name = beat(server, agent)[0]["run_id"]
    id_ = server.upsert(name)["bucket"]["id"]
    server.change("stopRun", "success", id=id_)
    assert beat(server, agent, **{name: True}) == [{"type": "stop", "run_id": name}]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("method: magic\n", "grid, random, bayes"),
        ("- 1\n", "is an object"),
        ("a: [", "YAML"),
        ("method: bayes\nparameters: {}\n", "metric.name"),
        ("method: grid\nparameters: {lr: 3}\n", "must be an object"),
    ],
)
def test_a_config_that_cannot_be_run_is_refused_with_a_reason(server, config, said):
    query = "mutation M($input: JSON!) { upsertSweep(input: $input) { sweep { name } } }"
    reply = server.reply(query, input={"config": config, "projectName": "flights"})
    assert said in reply["errors"][0]["message"]


def test_an_agent_of_a_sweep_that_is_not_there_gets_a_404(server):
    query = "mutation M($input: JSON!) { createAgent(input: $input) { agent { id } } }"
    body = {"query": query, "variables": {"input": {"sweep": "none", "projectName": "flights"}}}
    assert server.post("/graphql", body).status_code == 404
