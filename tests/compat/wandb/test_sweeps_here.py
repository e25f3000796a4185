"""Sweeps without a server."""

import pytest

from homeostat.core import InputError
from homeostat.record import Record

GRID = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1, 2, 3]}, "net": {"parameters": {"w": {"value": 8}}}},
}


def test_a_grid_is_tried_once_and_the_best_is_found(wandb):
    seen = []

    def train():
        with wandb.init(config={"x": 0, "own": True}) as run:
            seen.append((run.config.x, run.config["net"]["w"], run.config.own, run.sweep_id))
            wandb.log({"loss": (run.config.x - 2) ** 2})

    id_ = wandb.sweep(GRID, project="tuned")
    wandb.agent(id_, train)
    assert seen == [(x, 8, True, id_) for x in (1, 2, 3)]
    found = wandb.Api().sweep(f"ada/tuned/{id_}")
    assert (found.state, found.best_run().config["x"]) == ("FINISHED", 2)
    assert {run.project for run in found.runs} == {"tuned"}
    assert wandb.run is None
    with wandb.init(project="after") as run:
        assert run.sweep_id is None


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_draws_stop_at_a_count_and_at_the_cap(wandb, method):
    seen = []

    def train():
        run = wandb.init()
        seen.append(run.config.x)
        run.log({"loss": run.config.x})

    said = {"method": method, "metric": {"name": "loss"}, "run_cap": 5}
    id_ = wandb.sweep({**said, "parameters": {"x": {"min": 0.0, "max": 1.0}}})
    wandb.agent(id_, train, count=2)
    assert len(seen) == 2
    wandb.agent(id_, train)
    assert len(seen) == 5
    assert all(0 <= x <= 1 for x in seen)


def test_a_trial_without_hope_ends_early(wandb):
    ended = []

    def train():
        run = wandb.init()
        for _ in range(6):
            run.log({"loss": float(run.config.x)})
        ended.append(run.config.x)

    said = {**GRID, "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}}
    id_ = wandb.sweep({**said, "parameters": {"x": {"values": [1, 9, 8]}}})
    wandb.agent(id_, train)
    assert ended == [1]
    runs = wandb.Api().sweep(id_).runs
    record = Record(".homeostat")
    assert [record.run(run.id).about.get("stopped") for run in runs] == [None, True, True]


def test_a_trial_that_fails_is_a_failed_run_and_three_end_the_agent(wandb):
    def train():
        wandb.init()
        raise ValueError("no luck")

    id_ = wandb.sweep({"method": "random", "parameters": {"x": {"min": 0, "max": 9}}})
    wandb.agent(id_, train)
    assert [run.state for run in wandb.Api().sweep(id_).runs] == ["failed"] * 3


def test_what_an_agent_cannot_do_is_refused(wandb):
    with pytest.raises(InputError, match="method"):
        wandb.sweep({"method": "luck", "parameters": {}})
    id_ = wandb.sweep(GRID)
    with pytest.raises(InputError, match="pass function="):
        wandb.agent(id_)
    with pytest.raises(InputError, match="learns from its own runs"):
        wandb.sweep(GRID, prior_runs=["a"])
