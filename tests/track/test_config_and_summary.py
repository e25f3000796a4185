"""Config and summary: what is accepted, what is locked, what is worked out."""

import argparse
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydantic
import pytest

import homeostat.track as hs
from homeostat.core import InputError, RecordError


@dataclass
class Optimizer:
    name: str = "adam"
    betas: tuple = (0.9, 0.999)


@dataclass
class Settings:
    lr: float = 0.1
    optimizer: Optimizer = field(default_factory=Optimizer)


class Model(pydantic.BaseModel):
    lr: float = 0.1
    layers: list[int] = [64, 32]


def a_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"lr": 0.1}))
    return path


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"lr": 0.1, "model": {"depth": 3}}, {"lr": 0.1, "model": {"depth": 3}}),
        (argparse.Namespace(lr=0.1, verbose=True), {"lr": 0.1, "verbose": True}),
        (Settings(), {"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.999]}}),
        (Model(), {"lr": 0.1, "layers": [64, 32]}),
        ({"o": Optimizer()}, {"o": {"name": "adam", "betas": [0.9, 0.999]}}),
        ({"a": np.float32(0.5), "b": np.arange(3)}, {"a": 0.5, "b": [0, 1, 2]}),
        ({"path": Path("/x"), 3: {1, 2}}, {"path": "/x", "3": [1, 2]}),
        ({"loss": math.sqrt}, {"loss": "math.sqrt"}),
        ({"nothing": None}, {"nothing": None}),
        (None, {}),
    ],
)
def test_settings_come_in_many_forms(start, read, given, kept):
    run = start(config=given)
    assert dict(hs.config) == kept
    assert read().run(run).config == kept


def test_settings_come_from_a_file(start, tmp_path):
    start(config=str(a_file(tmp_path)))
    assert hs.config.lr == 0.1


def test_settings_without_names_are_refused(start):
    with pytest.raises(InputError, match="must have names"):
        start(config=[1, 2])


def test_a_value_is_an_item_and_an_attribute(start, read):
    run = start(config={"lr": 0.1})
    hs.config["batch"] = 32
    hs.config.epochs = 3
    hs.config.update({"model": {"depth": 2}}, dropout=0.5)
    hs.config.setdefaults({"lr": 9.0, "seed": 7})
    assert (hs.config.lr, hs.config["epochs"], hs.config.get("none", 1)) == (0.1, 3, 1)
    assert "batch" in hs.config
    with pytest.raises(AttributeError, match="no `missing`"):
        _ = hs.config.missing
    with pytest.raises(KeyError):
        _ = hs.config["missing"]
    assert read().run(run).config == {
        "lr": 0.1,
        "batch": 32,
        "epochs": 3,
        "model": {"depth": 2},
        "dropout": 0.5,
        "seed": 7,
    }


def test_a_value_that_was_set_stays_unless_told(start, read):
    run = start(config={"lr": 0.1, "model": {"depth": 2}})
    hs.config.lr = 0.1  # the same is no change
    for change in (
        lambda: setattr(hs.config, "lr", 0.2),
        lambda: hs.config.update({"new": 1, "lr": 0.2}),
        lambda: hs.config.update({"model": {"depth": 3}}),
    ):
        with pytest.raises(hs.ConfigError, match="allow_val_change"):
            change()
    assert "new" not in hs.config
    hs.config.update({"lr": 0.2}, allow_val_change=True)
    assert read().run(run).config["lr"] == hs.config.lr == 0.2


def test_a_run_may_allow_every_change(start):
    start(config={"lr": 0.1}, allow_val_change=True)
    hs.config.lr = 0.2
    assert hs.config.lr == 0.2


def test_nan_in_a_config_is_the_same_as_nan(start):
    start(config={"x": float("nan")})
    hs.config.x = float("nan")
    assert math.isnan(hs.config.x)


def test_config_and_summary_before_a_run_say_what_to_do():
    for name in ("config", "summary"):
        with pytest.raises(RecordError, match="init"):
            getattr(hs, name)
    assert hs.run is None


def test_the_summary_is_the_last_value_and_what_was_set_above_it(start, read):
    run = start()
    hs.log({"loss": 1.0})
    hs.log({"loss": 0.5, "note": "good"})
    hs.summary["best_epoch"] = 3
    hs.summary.update({"f1": {"macro": 0.7}})
    assert dict(hs.summary) == {
        "loss": 0.5,
        "note": "good",
        "best_epoch": 3,
        "f1": {"macro": 0.7},
    }
    hs.summary["loss"] = 0.4
    hs.log({"loss": 0.9})
    assert hs.summary.loss == 0.4
    del hs.summary["best_epoch"]
    assert "best_epoch" not in hs.summary
    kept = read().run(run).summary
    assert kept["loss"] == 0.4
    assert kept["f1"] == {"macro": 0.7}
    assert "best_epoch" not in kept


@pytest.mark.parametrize(
    ("summary", "goal", "result"),
    [
        (None, None, 3.0),
        ("last", None, 3.0),
        ("min", None, {"min": 1.0}),
        ("max,mean", None, {"max": 5.0, "mean": 3.0}),
        (["first", "last"], None, {"first": 5.0, "last": 3.0}),
        ("best", "minimize", {"best": 1.0}),
        ("best", "maximize", {"best": 5.0}),
    ],
)
def test_a_summary_is_what_was_defined(start, summary, goal, result):
    start()
    hs.define_metric("val/*", summary=summary, goal=goal)
    for value in (5.0, 1.0, float("nan"), 3.0):
        hs.log({"val/loss": value, "other": value})
    assert hs.summary["val/loss"] == result
    assert hs.summary["other"] == 3.0


def test_a_metric_may_be_left_out_of_the_summary(start):
    start()
    hs.define_metric("noise", summary="none")
    hs.log({"noise": 1.0, "loss": 2.0})
    assert dict(hs.summary) == {"loss": 2.0}


def test_a_metric_has_an_x_axis_of_its_own_which_is_written_beside_it(start, read):
    run = start()
    hs.define_metric("epoch")
    hs.define_metric("val/*", step_metric="epoch")
    hs.log({"epoch": 3, "loss": 1.0})
    hs.log({"val/loss": 0.5})
    hs.log({"loss": 0.9})
    assert read().points(run) == {
        0: {"epoch": 3.0, "loss": 1.0},
        1: {"val/loss": 0.5, "epoch": 3.0},
        2: {"loss": 0.9},
    }
    assert read().run(run).metrics["val/*"]["step_metric"] == "epoch"


def test_a_definition_adds_to_an_earlier_one_unless_it_overwrites(start):
    start()
    hs.define_metric("acc", summary="max", goal="maximize")
    assert hs.define_metric("acc", hidden=True).summary == ("max",)
    assert hs.define_metric("acc", overwrite=True).summary == ()


@pytest.mark.parametrize(
    "arguments", [{"summary": "median"}, {"goal": "up"}, {"summary": "best"}, {"name": ""}]
)
def test_a_definition_of_no_use_is_refused(start, arguments):
    start()
    with pytest.raises(InputError):
        hs.define_metric(**({"name": "acc"} | arguments))
