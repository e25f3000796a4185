"""The names of wandb are ours, and alive."""

import importlib
import importlib.metadata
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from homeostat import track
from homeostat.compat.wandb import install
from homeostat.core import InputError
from homeostat.record import Record


def test_run_config_and_summary_are_what_they_are_now(wandb):
    assert wandb.run is None
    with pytest.raises(wandb.Error, match=r"call wandb.init\(\)"):
        wandb.config.update({"lr": 1})
    with wandb.init(project="flights", config={"lr": 0.1}) as run:
        assert wandb.run is run
        wandb.config.depth = 3
        wandb.log({"loss": 0.5})
        wandb.summary["best"] = 1
        assert dict(wandb.config) == {"lr": 0.1, "depth": 3}
        assert dict(wandb.summary) == {"loss": 0.5, "best": 1}
    assert wandb.run is None
    with wandb.init(project="flights", config={"lr": 0.2}):
        assert wandb.config.lr == 0.2
    assert Record(".homeostat").run(run.id).config == {"lr": 0.1, "depth": 3}


def test_the_types_that_clients_ask_for_are_ours(wandb):
    from wandb.sdk.lib import RunDisabled
    from wandb.sdk.lib.config_util import ConfigError
    from wandb.wandb_run import Run

    run = wandb.init(project="p", config={"lr": 0.1})
    assert isinstance(run, Run)
    assert isinstance(run, wandb.sdk.wandb_run.Run)
    assert Run is track.Run
    assert not isinstance(run, RunDisabled)
    with pytest.raises(ConfigError, match="allow_val_change"):
        run.config.lr = 0.2
    wandb.finish()
    nothing = wandb.init(mode="disabled")
    assert isinstance(nothing, RunDisabled)
    nothing.log({"loss": 1})
    nothing.finish()
    with wandb.sdk.lib.telemetry.context(run=run) as told:
        told.feature.some_client = True


def test_what_is_refused_says_what_to_use_instead(wandb):
    from homeostat.compat.wandb._refused import REFUSED

    for name, instead in REFUSED.items():
        with pytest.raises(AttributeError) as caught:
            getattr(wandb, name)
        assert instead in str(caught.value)
    run = wandb.init(project="p")
    for name in ("link_model", "link_artifact", "upsert_artifact", "pin_config_keys"):
        with pytest.raises(InputError, match="not part of"):
            getattr(run, name)("x")
    with pytest.raises(InputError, match="RecordVideo"):
        wandb.init(monitor_gym=True)
    with pytest.raises(AttributeError, match="homeostat server"):
        wandb.Api().registries()


def test_variables_of_wandb_are_arguments_and_arguments_stand_above_them(wandb, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "from-variable")
    monkeypatch.setenv("WANDB_NAME", "named")
    monkeypatch.setenv("WANDB_TAGS", "a,b")
    with wandb.init() as run:
        assert (run.project, run.name, run.tags) == ("from-variable", "named", ("a", "b"))
    monkeypatch.setenv("WANDB_PROJECT", "later")
    with wandb.init(name="other", settings=wandb.Settings(run_group="g")) as run:
        assert (run.project, run.name, run.group) == ("later", "other", "g")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb.init().disabled


def test_a_setting_that_means_nothing_here_is_named(wandb, capsys):
    wandb.init(settings={"start_method": "thread", "silent": True}).finish()
    assert "start_method" in capsys.readouterr().err


def test_config_keys_may_be_chosen(wandb):
    with wandb.init(config={"a": 1, "b": 2}, config_exclude_keys=["b"]) as run:
        assert dict(run.config) == {"a": 1}
    with wandb.init(config={"a": 1, "b": 2}, config_include_keys=["b"]) as run:
        assert dict(run.config) == {"b": 2}


def test_a_folder_that_is_named_gets_a_mark_and_not_the_record(wandb, tmp_path):
    run = wandb.init(dir=str(tmp_path / "save"), id="tiny_1")
    run.finish()
    [mark] = (tmp_path / "save" / "wandb").glob("*run-*/run-*.wandb")
    assert mark.stem == "run-tiny_1"
    assert Record(tmp_path / ".homeostat").run("tiny_1").status == "finished"


def test_a_run_reaches_a_worker_as_a_run(wandb):
    run = wandb.init(project="p")
    run._label(code="some_client")
    there = pickle.loads(pickle.dumps(run))
    assert (there.id, there._attach_id) == (run.id, run.id)
    assert wandb._attach(run._attach_id).id == run.id
    run.finish()
    assert Record(".homeostat").run(run.id).about["label"] == {"code": "some_client"}


def test_models_and_files_come_back(wandb, tmp_path):
    (tmp_path / "model.txt").write_text("tree")
    with wandb.init(project="p") as run:
        wandb.log_model("model.txt", name="boosted", aliases=["best"])
        wandb.save("model.txt", policy="now")
        assert Path(run.use_model("boosted:best")).read_text() == "tree"
        with wandb.restore("model.txt", root=str(tmp_path / "back")) as file:
            assert file.read() == "tree"
        table = wandb.Table(columns=["id"], data=[[1]])
        made = wandb.Artifact("rows", "table")
        made.add(table, "rows")
        run.log_artifact(made).wait()
        assert made.get("rows").data == [[1]]
        assert run.use_artifact("rows:latest").logged_by().id == run.id


def test_lines_are_printed_once_where_asked(wandb, capsys):
    for _ in range(2):
        wandb.termwarn("only once", repeat=False)
        wandb.termlog("each time")
    assert capsys.readouterr().err.splitlines() == [
        "wandb: WARNING only once", "wandb: each time", "wandb: each time",
    ]  # fmt: skip


def test_those_who_ask_whether_wandb_is_installed_hear_yes(wandb):
    assert importlib.util.find_spec("wandb") is not None
    assert importlib.metadata.version("wandb") == wandb.__version__
    assert wandb.login()
    assert wandb.api.api_key
    assert wandb.setup().settings.mode is None


def test_an_integration_that_is_not_ours_is_that_of_an_installed_wandb(
    wandb, tmp_path, monkeypatch
):
    folder = tmp_path / "site" / "wandb" / "integration"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('not this one')")
    (folder / "__init__.py").write_text("")
    (folder / "theirs.py").write_text("import wandb\ndef log(x): wandb.log({'theirs': x})")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for name in [name for name in sys.modules if name.split(".")[0] == "wandb"]:
        del sys.modules[name]
    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "_Finder"]
    install()
    import wandb as again
    from wandb.integration import theirs

    with again.init(project="p") as run:
        theirs.log(3)
    assert dict(run.summary) == {"theirs": 3}


def test_a_package_that_is_imported_already_cannot_be_replaced(tmp_path):
    (tmp_path / "wandb.py").write_text("")
    code = (
        "import wandb, homeostat.compat.wandb as door\n"
        "try: door.install()\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "before anything imports it" in done.stdout


def test_a_script_runs_as_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("HOMEOSTAT_RECORD", raising=False)
    (tmp_path / "train.py").write_text(
        "import sys, wandb, there\n"
        "with wandb.init(project='p', id=sys.argv[1]) as run:\n"
        "    wandb.log({'loss': there.LOSS})\n"
        "sys.exit(3)\n"
    )
    (tmp_path / "there.py").write_text("LOSS = 0.25")
    code = (
        "import sys; from homeostat.cli import main; "
        "sys.argv = ['homeostat', 'exec', '--as-wandb', 'train.py', 'first']; sys.exit(main())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert Record(tmp_path / ".homeostat").run("first").summary["loss"] == 0.25
