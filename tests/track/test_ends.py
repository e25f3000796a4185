"""How runs end, are resumed, rewound and forked, and what a kill leaves behind."""

import os
import random
import signal
import subprocess
import sys

import pytest

import homeostat.track as hs
from homeostat.core import InputError, RecordError

TRAIN = """
import sys
import homeostat.track as hs
hs.init("p", id="r", settings={"system_s": 0, "capture": False})
hs.log({"loss": 0.5})
print("hello")
"""


def test_a_run_finishes_with_its_block(start, read):
    with start() as run:
        run.log({"a": 1.0})
    assert read().run(run).status == "finished"
    assert read().run(run).exit_code == 0


def test_an_error_that_leaves_the_block_makes_the_run_fail(start, read):
    with pytest.raises(ZeroDivisionError), start() as run:
        run.log({"a": 1 / 0})
    info = read().run(run)
    assert (info.status, info.error) == ("failed", "ZeroDivisionError: division by zero")


@pytest.mark.parametrize(("code", "status"), [(None, "finished"), (0, "finished"), (3, "failed")])
def test_an_exit_code_says_how_it_ended(start, read, code, status):
    run = start()
    hs.finish(exit_code=code)
    hs.finish()
    info = read().run(run)
    assert (info.status, info.exit_code) == (status, code or 0)


@pytest.mark.parametrize(
    ("end", "status", "code", "error"),
    [
        ("", "finished", 0, ""),
        ("raise ValueError('bad batch')", "failed", 1, "ValueError: bad batch"),
        ("sys.exit(0)", "finished", 0, ""),
        ("sys.exit(7)", "failed", 7, "exit: 7"),
        ("sys.exit('out of data')", "failed", 1, "exit: out of data"),
        ("raise KeyboardInterrupt", "failed", 255, "KeyboardInterrupt"),
        ("import os; os._exit(0)", "crashed", None, ""),
        ("import os; os.kill(os.getpid(), 9)", "crashed", None, ""),
        ("import os; os.kill(os.getpid(), 15)", "crashed", None, ""),
        ("if not __import__('os').fork(): sys.exit(9)\n__import__('os').wait()", "finished", 0, ""),
    ],
)
def test_the_end_of_the_process_is_the_end_of_the_run(script, read, end, status, code, error):
    script(TRAIN + end)
    info = read().run("r")
    assert (info.status, info.exit_code, info.error) == (status, code, error)
    assert read().points("r") == {0: {"loss": 0.5}}


def test_a_run_is_named_by_an_adjective_a_noun_and_its_number(start):
    numbers = []
    for project in ("p", "p", "q"):
        run = start(project)
        adjective, noun, number = run.name.split("-")
        assert adjective.isalpha()
        assert noun.isalpha()
        numbers.append(int(number))
        hs.finish()
    assert numbers == [1, 2, 1]


def test_what_is_said_of_a_run_can_change(start, read):
    run = start(group="g", job_type="train", tags=["a"], notes="first", entity="me", name="n")
    run.tags += ("b",)
    run.notes = "second"
    run.name = "better"
    info = read().run(run)
    assert info.name == "better"
    assert info.system == "p"
    assert info.about["tags"] == ["a", "b"]
    assert (info.about["group"], info.about["job_type"]) == ("g", "train")
    assert (info.about["notes"], info.about["entity"]) == ("second", "me")
    assert run.path == f"me/p/{run.id}"


def test_the_environment_says_what_the_call_does_not(start, read, monkeypatch):
    for name, value in {
        "PROJECT": "q",
        "NAME": "n",
        "TAGS": "a, b",
        "RUN_GROUP": "g",
        "RUN_ID": "abc",
    }.items():
        monkeypatch.setenv(f"HOMEOSTAT_{name}", value)
    run = start(None, group="mine")
    assert (run.project, run.name, run.tags, run.group, run.id) == (
        "q",
        "n",
        ("a", "b"),
        "mine",
        "abc",
    )


def test_a_second_init_returns_the_run_or_finishes_it_or_stands_beside_it(start, read):
    first = start()
    assert start() is first
    second = start(reinit=True)
    assert first.ended
    assert hs.run is second
    third = start(reinit="create_new")
    assert hs.run is second
    third.log({"x": 1.0})
    assert read().points(third) == {0: {"x": 1.0}}
    third.finish()


def test_resume_goes_on_where_the_run_stopped(start, read):
    run = start(id="r", config={"lr": 0.1}, tags=["a"])
    hs.define_metric("loss", summary="min")
    hs.log({"loss": 1.0})
    hs.log({"loss": 2.0})
    hs.finish(exit_code=1)
    again = start(id="r", resume="allow", config={"epochs": 3})
    assert again.resumed
    assert again.step == 2
    assert (again.name, again.tags) == (run.name, ("a",))
    assert dict(again.config) == {"lr": 0.1, "epochs": 3}
    assert "loss" in again.summary
    hs.log({"loss": 3.0})
    hs.finish()
    info = read().run("r")
    assert info.status == "finished"
    assert [row["loss"] for row in read().points("r").values()] == [1.0, 2.0, 3.0]


def test_resume_allow_starts_what_is_not_there_and_must_does_not(start):
    assert not start(id="new", resume="allow").resumed
    hs.finish()
    with pytest.raises(RecordError, match="there is none"):
        start(id="other", resume="must")


def test_resume_never_refuses_what_is_there(start):
    start(id="r")
    hs.finish()
    with pytest.raises(RecordError, match="another id"):
        start(id="r", resume="never")


def test_without_resume_a_run_of_the_same_id_starts_anew_and_says_so(start, read, capsys):
    start(id="r")
    hs.log({"loss": 1.0})
    hs.finish()
    again = start(id="r")
    assert again.step == 0
    assert "starts anew" in capsys.readouterr().err
    hs.log({"loss": 2.0})
    assert read().record.run("r").summary["loss"] == 2.0


def test_resume_auto_finds_the_run_that_did_not_end_well(start):
    run = start(resume=True)
    hs.log({"a": 1.0})
    hs.finish(exit_code=1)
    again = start(resume=True)
    assert (again.id, again.resumed, again.step) == (run.id, True, 1)
    hs.finish()
    assert start(resume=True).id != run.id


def test_a_run_is_rewound_and_goes_on_from_there(start, read):
    start(id="r")
    for i in range(5):
        hs.log({"loss": float(i)})
    hs.finish()
    run = start(resume_from="r?_step=2")
    assert run.step == 3
    hs.log({"loss": 30.0})
    hs.finish()
    assert [row["loss"] for row in read().points("r").values()][:3] == [0.0, 1.0, 2.0]
    assert read().run("r").step == 3


def test_a_fork_has_the_history_of_its_origin_up_to_a_step(start, read):
    start(id="origin", config={"lr": 0.1})
    for i in range(5):
        hs.log({"loss": float(i)})
    hs.finish()
    run = start(fork_from="origin?_step=2", config={"lr": 0.2})
    assert run.step == 3
    assert run.config.lr == 0.2
    hs.log({"loss": 30.0})
    hs.finish()
    losses = {step: row["loss"] for step, row in read().points(run).items()}
    assert losses == {0: 0.0, 1: 1.0, 2: 2.0, 3: 30.0}
    assert read().run(run).about["forked_from"] == {"run": "origin", "step": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "sometimes"},
        {"resume": "perhaps"},
        {"reinit": "whatever"},
        {"fork_from": "r"},
        {"fork_from": "r?_step=1", "resume_from": "r?_step=1"},
        {"id": "a/b"},
        {"name": 3},
        {"settings": {"console": 3, "max_line": 0}},
    ],
)
def test_arguments_of_no_use_are_refused(start, arguments):
    with pytest.raises(InputError):
        start(**arguments)


def test_a_disabled_run_accepts_everything_and_keeps_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = hs.init("p", mode="disabled", config={"lr": 0.1})
    hs.log({"a": object(), 3: None}, step="x")
    hs.log("nothing")
    hs.define_metric("a", summary="min")
    hs.config.more = 1
    hs.summary["best"] = 3
    hs.alert("title")
    hs.save("*.txt")
    hs.watch(object())
    hs.log_code()
    hs.log_artifact(hs.Artifact("a", "b"))
    assert (hs.config.lr, hs.config.more, hs.summary["best"]) == (0.1, 1, 3)
    hs.finish()
    assert run.ended
    assert list(tmp_path.iterdir()) == [tmp_path / "tmp"]


KILLED = """
import sys, os
import homeostat.track as hs
run = hs.init("p", id="r", resume="allow", settings={"system_s": 0, "capture": False})
first = run.step
print("first", first, flush=True)
for step in range(first, 10**9):
    hs.log({"sequence": float(step)}, commit=False)
    hs.log({"half": step / 2})
    os.write(1, b"%d\\n" % step)
"""


def test_a_killed_run_lost_nothing_it_had_acknowledged_and_resumes_without_a_gap(
    folder, tmp_path, read
):
    chance = random.Random(7)
    path = tmp_path / "killed.py"
    path.write_text(KILLED)
    last = -1
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"HOMEOSTAT_RECORD": str(folder)},
        ) as child:
            first = int(child.stdout.readline().split()[1])
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 400))]
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.read().splitlines(keepends=True)
            said = [int(line) for line in lines if line.endswith(b"\n")]
        assert last < 0 or first in {last + 1, last + 2}  # the row after the last it could say
        last = max([*said, first])
        assert read().run("r").status == "crashed"
    rows = read().points("r")
    assert sorted(rows) == list(range(len(rows)))
    assert len(rows) > last
    assert all(row["sequence"] == step for step, row in rows.items())
    assert sum("half" not in row for row in rows.values()) <= 3


def test_two_processes_cannot_resume_one_run(folder, tmp_path, start):
    path = tmp_path / "killed.py"
    path.write_text(KILLED)
    with subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"HOMEOSTAT_RECORD": str(folder)},
    ) as child:
        child.stdout.readline()
        try:
            with pytest.raises(RecordError, match="is held by process"):
                start(id="r", resume="allow")
        finally:
            child.kill()
