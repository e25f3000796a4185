"""Runs of several processes: forked and spawned workers, and many that start at once."""

import multiprocessing
import os
import pickle
import subprocess
import sys

import pytest

import homeostat.track as hs


def work(run, number, rows):
    for i in range(rows):
        run.log({f"w{number}": float(i)})
    run.finish()


def work_by_name(id_, folder, number, rows):
    run = hs.attach(id_, folder)
    for i in range(rows):
        hs.log({f"w{number}": float(i)}, commit=False)
        hs.log({f"v{number}": float(i)})
    hs.finish()
    assert run.ended


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_forked_children_and_their_parent_never_share_a_step(start, read):
    run = start()
    hs.log({"before": 1.0})
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                for i in range(100):
                    hs.log({f"c{number}": float(i)})
                hs.finish()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    for i in range(100):
        hs.log({"parent": float(i)})
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    hs.log({"after": 1.0})
    hs.finish()
    rows = read().points(run)
    assert len(rows) == 402
    assert all(len(row) == 1 for row in rows.values())
    assert rows[max(rows)] == {"after": 1.0}
    info = read().run(run)
    assert info.status == "finished"


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_end_its_parents_run(start, read):
    run = start()
    pid = os.fork()
    if pid == 0:
        run.finish(exit_code=1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert read().run(run).status == "running"
    hs.log({"still": 1.0})
    assert read().points(run)


def test_a_run_that_is_pickled_into_a_spawned_worker_arrives_attached(start, read):
    run = start(config={"lr": 0.1})
    hs.log({"before": 1.0})
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(run, number, 50)) for number in range(2)]
    for worker in workers:
        worker.start()
    for i in range(50):
        hs.log({"parent": float(i)})
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    hs.finish()
    rows = read().points(run)
    assert sum(len(row) for row in rows.values()) == 151
    assert all(len(row) == 1 for row in rows.values())
    assert read().run(run).status == "finished"


def test_a_worker_may_attach_by_the_runs_id(start, read, folder):
    run = start()
    worker = multiprocessing.get_context("spawn").Process(
        target=work_by_name, args=(run.id, folder, 0, 20)
    )
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    rows = read().points(run)
    assert len(rows) == 20
    assert all(set(row) == {"w0", "v0"} for row in rows.values())


def test_a_run_unpickles_attached_and_leaves_the_rest_to_its_owner(start, read):
    run = start(config={"lr": 0.1}, tags=["a"])
    twin = pickle.loads(pickle.dumps(run))
    assert (twin.id, dict(twin.config), twin.tags) == (run.id, {"lr": 0.1}, ("a",))
    twin.log({"x": 1.0})
    twin.finish()
    assert read().run(run).status == "running"


MANY = """
import sys
import homeostat.track as hs
with hs.init("p", settings={"system_s": 0, "capture": False}) as run:
    for i in range(20):
        run.log({"i": float(i)})
"""


@pytest.mark.slow
def test_64_processes_that_start_at_once_on_an_empty_record_all_succeed(folder, tmp_path, read):
    path = tmp_path / "many.py"
    path.write_text(MANY)
    environment = os.environ | {"HOMEOSTAT_RECORD": str(folder), "HOMEOSTAT_SILENT": "1"}
    running = [
        subprocess.Popen([sys.executable, str(path)], env=environment, cwd=tmp_path)
        for _ in range(64)
    ]
    assert [child.wait() for child in running] == [0] * 64
    reading = read()
    runs = reading.record.runs()
    assert runs["status"].to_list() == ["finished"] * 64
    assert sorted(int(name.split("-")[2]) for name in runs["name"]) == list(range(1, 65))
    assert reading.record.metrics(runs["id"].to_list()).height == 64 * 20


def test_8_processes_that_start_at_once_on_an_empty_record_all_succeed(folder, read):
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            try:
                with hs.init(
                    "p",
                    record=folder,
                    settings={"system_s": 0, "console": "off", "silent": True},
                ) as run:
                    for i in range(20):
                        run.log({"i": float(i)})
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
    assert read().record.runs().height == 8
