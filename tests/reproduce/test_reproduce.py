"""Projects that are run, disturbed and done again: each gets the verdict it deserves."""

import os
import shutil
import subprocess
import sys

import pytest

from homeostat.core import InputError, NotFoundError
from homeostat.record import Record
from homeostat.reproduce import compare_code, reproducibility

SEEDED = """
random.seed(7)
for step in range(5):
    run.log({"loss": random.random() * RATE, "time/step": __import__("time").perf_counter()})
run.make("model", "model", {"m.txt": str(random.random()).encode()}, aliases=["production"])
"""
IGNORE = {"ignore": ("time/*",)}


def checks(findings, verdict=None):
    return {one.check for one in findings if verdict is None or one.verdict == verdict}


def subjects(findings, check):
    return {one.subject for one in findings if one.check == check}


def test_a_dirty_git_tree_comes_out_identical_though_the_user_went_on(project):
    project.write(
        train_dot_py=project.script(SEEDED, "from rate import RATE"), rate_dot_py="RATE = 1\n"
    )
    project.commit()
    project.write(rate_dot_py="RATE = 2\n")
    run = project.train()
    project.git(project.folder, "checkout", "rate.py")
    done = project.again(run, **IGNORE)
    assert (done.verdict, done.ok, done.first) == ("identical", True, None)
    assert done.comparison.points == 5
    with Record(project.runs, capture=False) as record:
        again = record.run(done.reproduction)
        assert (again.kind, again.parent) == ("reproduce", run)
        assert again.about == {"reproduces": run, "verdict": "identical"}
        assert again.summary["loss"] == record.run(run).summary["loss"]
        assert record.metrics(again.id).height == record.metrics(run).height
        assert "reproduce.result" in record.findings(again.id)["check"].to_list()
        assert len(record.artifacts()) == 1
    without = project.again(run)
    assert without.verdict == "different"
    assert (without.first.key, without.first.step) == ("time/step", 0)


def test_an_untracked_import_is_no_trouble_even_when_the_repository_is_gone(project):
    project.write(train_dot_py=project.script(SEEDED, "from rate import RATE"))
    project.commit()
    project.write(rate_dot_py="RATE = 3\n")
    run = project.train()
    shutil.rmtree(project.folder)
    assert project.again(run, **IGNORE).verdict == "identical"


def test_a_submodule_with_changes_is_done_again_with_them(project, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    project.git(library, "init", "-q", "--initial-branch=main")
    (library / "rate.py").write_text("RATE = 1\n")
    project.git(library, "add", ".")
    project.git(library, "commit", "-q", "-m", "first")
    project.write(train_dot_py=project.script(SEEDED, "from lib.rate import RATE"))
    project.commit()
    project.git(project.folder, "submodule", "add", str(library), "lib")
    project.commit()
    project.write(lib__rate_dot_py="RATE = 5\n")
    run = project.train()
    shutil.rmtree(project.folder)
    shutil.rmtree(library)
    assert project.again(run, **IGNORE).verdict == "identical"


def test_the_cells_of_a_notebook_are_done_again_in_their_order(project):
    cells = [
        "import os, random\nfrom homeostat.record import Record, observe_reads\nrandom.seed(1)",
        "record = Record(os.environ['RUNS'])\nrun = record.start_run('train')",
        "reads = observe_reads()",
        "run.log({'loss': random.random()})",
        "run.log({'loss': random.random()})",
        "reads.finish(run)\nrun.finish()\nrecord.close()",
    ]
    project.write(
        IPython_dot_py="shell = None\ndef get_ipython():\n    return shell\n",
        kernel_dot_py=(
            "import IPython\n"
            "class Shell:\n    user_ns = {'In': ['']}\n"
            "IPython.shell = Shell()\n"
            f"for cell in {cells!r}:\n"
            "    Shell.user_ns['In'].append(cell)\n    exec(cell, globals())\n"
        ),
    )
    run = project.train("kernel.py")
    done = project.again(run)
    assert done.verdict == "identical"
    assert done.command[1].endswith("cells.py")
    assert done.comparison.points == 2


def test_a_package_that_ran_from_its_sources_is_taken_as_it_was(project, tmp_path, monkeypatch):
    sources, site = tmp_path / "dep" / "src", tmp_path / "site"
    sources.mkdir(parents=True)
    (sources / "deprate.py").write_text("RATE = 4\n")
    about = site / "deprate-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deprate\nVersion: 1.0\n")
    (about / "direct_url.json").write_text(
        f'{{"url": "file://{tmp_path / "dep"}", "dir_info": {{"editable": true}}}}'
    )
    project.write(train_dot_py=project.script(SEEDED, "from deprate import RATE"))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{sources}")
    run = project.train()
    (sources / "deprate.py").write_text("RATE = 40\n")
    assert project.again(run, **IGNORE).verdict == "identical"


def test_a_variable_that_is_kept_is_set_again_and_one_that_is_not_shows(project):
    body = 'for n in ("OMP_NUM_THREADS", "MY_RATE"): run.log({n: float(os.environ.get(n, 1))}, 0)'
    project.write(train_dot_py=project.script(body))
    run = project.train(OMP_NUM_THREADS="3", MY_RATE="9")
    done = project.again(run)
    assert done.verdict == "different"
    assert {one.key for one in done.comparison.differences} == {"MY_RATE"}
    assert project.again(run, ignore=("MY_*",)).verdict == "identical"


DATA = """
rows = open("data.csv").read().split(",")
for row in rows:
    run.log({"value": float(row)})
"""


def test_a_data_file_edited_afterwards_is_told_beforehand_and_where_it_shows(project):
    project.write(
        train_dot_py=project.script(DATA), data_dot_csv="1,2,3,4", _dot_gitignore="*.csv\n"
    )
    project.commit()
    run = project.train()
    path = str(project.folder / "data.csv")
    assert project.again(run).verdict == "identical"
    project.write(data_dot_csv="1,2,3.5,4")
    with Record(project.runs, capture=False) as record:
        found = reproducibility(record, run)
    assert subjects(found, "reproduce.undeclared_input") == {path}
    assert subjects(found, "reproduce.changed_input") == {path}
    done = project.again(run)
    assert (done.verdict, done.first.key, done.first.step) == ("different", "value", 2)
    assert (done.first.original, done.first.reproduced) == (3.0, 3.5)
    assert "metric value at step 2: 3.0 then, 3.5 now" in done.report()
    (project.folder / "data.csv").unlink()
    gone = project.again(run)
    assert gone.verdict == "cannot run"
    assert subjects(gone.findings, "reproduce.missing_input") == {path}
    assert "data.csv" in gone.report()


def test_a_declared_input_is_the_one_that_was_used_whatever_came_later(project):
    body = 'text = run.use("rows").read("a")\nrun.log({"value": float(text)})'
    project.write(train_dot_py=project.script(body))
    with Record(project.runs, capture=False) as record:
        with record.start_run("ingest") as ingest:
            ingest.make("rows", "dataset", {"a": b"1"})
        run = project.train()
        with record.start_run("ingest") as ingest:
            ingest.make("rows", "dataset", {"a": b"2"}, aliases=["production"])
        assert project.again(run).verdict == "identical"
        assert record.artifact("rows").version == 1
        assert record.run(run).used == ("rows:v0",)


def test_an_unseeded_run_is_told_beforehand_and_differs_from_the_first_step(project):
    body = 'for step in range(3): run.log({"loss": random.random(), "same": 1.0})'
    project.write(train_dot_py=project.script(body))
    run = project.train()
    done = project.again(run)
    assert done.verdict == "different"
    assert (done.first.key, done.first.step) == ("loss", 0)
    assert {one.key for one in done.comparison.differences} == {"loss"}
    [seed] = [one for one in done.findings if one.check == "reproduce.seed"]
    assert seed.verdict == "fail"
    assert "random generator of random" in seed.summary


def test_workers_of_a_run_are_started_again_and_a_launcher_s_process_is_refused(project):
    imports = "import multiprocessing\ndef work(i): return random.Random(i).random()"
    body = """
with multiprocessing.get_context("spawn").Pool(2) as pool:
    for value in pool.map(work, range(4)):
        run.log({"loss": value})
"""
    project.write(train_dot_py=project.script(body, imports))
    run = project.train()
    assert project.again(run).verdict == "identical"
    other = project.train(WORLD_SIZE="2", RANK="0", TORCHELASTIC_RUN_ID="1")
    done = project.again(other)
    assert (done.verdict, done.command) == ("cannot run", ())
    assert "one of 2 processes that torchrun started" in done.report()


def test_without_git_the_modules_are_enough_also_those_imported_late(project):
    body = SEEDED + "\nimport pkg.late\nrun.log({'late': pkg.late.X})\n"
    project.write(
        train_dot_py=project.script(body, "from rate import RATE"), rate_dot_py="RATE = 6\n",
        pkg__a_dot_py="", pkg__late_dot_py="X = 1.5\n",
    )  # fmt: skip
    run = project.train(folder=project.folder.parent / "project")
    shutil.rmtree(project.folder)
    done = project.again(run, **IGNORE)
    assert (done.verdict, done.comparison.points) == ("identical", 6)


def install(project, folder, version, value):
    """Install a version of a package into a folder of its own."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
         "--disable-pip-version-check", "--target", folder,
         project.wheel(folder.parent, version, value)],
        check=True,
    )  # fmt: skip


@pytest.mark.slow
def test_another_version_of_a_package_is_named_and_the_recorded_one_is_installed(
    project, tmp_path, monkeypatch
):
    install(project, tmp_path / "one", "1.0", "1.0")
    install(project, tmp_path / "two", "2.0", "2.0")
    project.write(train_dot_py=project.script(SEEDED, "from toydep import RATE"))
    run = project.train(PYTHONPATH=str(tmp_path / "one"))
    monkeypatch.syspath_prepend(tmp_path / "two")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "two"))
    done = project.again(run, **IGNORE)
    assert (done.verdict, done.first.key, done.first.step) == ("different", "loss", 0)
    assert "toydep" in subjects(done.findings, "reproduce.package")
    assert "toydep was 1.0, here it is 2.0." in done.report()
    exact = project.again(run, environment="recorded", **IGNORE)
    assert exact.verdict == "identical"
    assert "/environment/bin/python" in exact.command[0]
    for path in tmp_path.glob("*.whl"):
        path.unlink()
    gone = project.again(run, environment="recorded", **IGNORE)
    assert gone.verdict == "cannot run"
    assert "cannot be installed" in gone.report()


def test_a_command_that_breaks_is_told_with_what_it_said(project):
    project.write(
        train_dot_py=project.script('open("flag").read()'), flag="x", _dot_gitignore="flag\n"
    )
    project.commit()
    run = project.train()
    (project.folder / "flag").unlink()
    done = project.again(run)
    assert done.verdict == "cannot run"
    assert "No such file or directory: 'flag'" in done.report()


def test_what_takes_too_long_is_killed(project):
    body = "import time\ntime.sleep(600 if 'HOMEOSTAT_REPLAY' in os.environ else 0)"
    project.write(train_dot_py=project.script(body))
    run = project.train()
    done = project.again(run, timeout_s=3)
    assert done.verdict == "cannot run"
    assert "took longer than 3 s" in done.report()


def test_the_folder_is_kept_where_it_is_named_and_must_be_empty(project, tmp_path):
    project.write(train_dot_py=project.script("run.log({'a': 1})"))
    run = project.train()
    assert project.again(run, folder=tmp_path / "again").ok
    assert (tmp_path / "again" / "project" / "train.py").exists()
    with pytest.raises(InputError, match="must be empty"):
        project.again(run, folder=tmp_path / "again")
    with pytest.raises(NotFoundError):
        project.again("no-such-run")


def test_a_run_without_kept_code_cannot_run(project):
    with Record(project.runs, capture=False) as record:
        with record.start_run("train") as run:
            pass
        assert "reproduce.code" in checks(reproducibility(record, run.id), "fail")
    assert project.again(run.id).verdict == "cannot run"


def test_the_code_of_two_runs_is_compared_as_a_patch(project, tmp_path):
    project.write(train_dot_py=project.script("run.log({'a': 1})"), old_dot_py="x = 1\n")
    project.commit()
    first = project.train()
    project.write(train_dot_py=project.script("run.log({'a': 2})"), new_dot_py="y = 1")
    (project.folder / "old.py").unlink()
    second = project.train(OMP_NUM_THREADS="7")
    with Record(project.runs, capture=False) as record:
        found = compare_code(record, first, second)
        assert not compare_code(record, first, first)
    own = {path: what for path, what in found.files.items() if "editable" not in path}
    assert own == {"train.py": "changed", "new.py": "added", "old.py": "removed"}
    assert found.environment["$OMP_NUM_THREADS"] == (os.environ.get("OMP_NUM_THREADS", ""), "7")
    project.git(tmp_path, "init", "-q", "apply")
    for name in ("train.py", "old.py"):
        project.git(project.folder, "checkout", name)
        shutil.copy(project.folder / name, tmp_path / "apply")
    own_patch = "diff --git".join(
        part for part in found.patch.split("diff --git") if "editable" not in part.split("\n")[0]
    )
    (tmp_path / "patch").write_text(own_patch)
    project.git(tmp_path / "apply", "apply", str(tmp_path / "patch"))
    assert (tmp_path / "apply" / "train.py").read_text() == project.script("run.log({'a': 2})")
    assert (tmp_path / "apply" / "new.py").read_text() == "y = 1"
    assert not (tmp_path / "apply" / "old.py").exists()
