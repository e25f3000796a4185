"""Reading back: one tool, in its own environment.

Usage: readers.py TOOL POINTS RUNS POINTS_A_RUN LISTED FOLDER. It fills a store the quickest way
the tool's format allows (MLflow's by SQL, into tables that MLflow made) and writes FOLDER.json:
milliseconds of reading all points of one metric, of an exact min/max chart of 1,000 columns, of
the same chart over several runs, and of listing runs by a setting. What a tool cannot do is left
out. Where it has no exact chart, all points are read and reduced with NumPy.
"""

import json
import os
import sqlite3
import statistics
import sys
import time
import uuid
from pathlib import Path

COLUMNS = 1000
TIMES = 3


def timed(call):
    """Return the median of some calls in milliseconds; of a slow one the first has to do."""
    took = []
    while len(took) < TIMES and sum(took) < 1000:
        begun = time.perf_counter_ns()
        call()
        took.append((time.perf_counter_ns() - begun) / 1e6)
    return statistics.median(took)


def reduced(steps, values):
    """Return min and max a column."""
    import numpy as np

    steps, values = np.asarray(steps, float), np.asarray(values, float)
    edges = np.searchsorted(steps, np.linspace(steps[0], steps[-1], COLUMNS, endpoint=False))
    return np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)


def noise(n):
    import numpy as np

    return np.cumsum(np.random.default_rng(0).normal(size=n))


def ours(counts, folder):
    import numpy as np

    from homeostat.record import Record

    points, runs, each, listed = counts
    record = Record(folder / "record", capture=False)

    def fill(n, system):
        with record.start_run("train", system=system) as run:
            run.log_many({"loss": noise(n)}, steps=np.arange(n))
        return run.id

    first = fill(points, "one")
    many = [fill(each, "many") for _ in range(runs)]
    for i in range(listed):
        with record.start_run("train", system="list", config={"lr": i % 100 / 1e3, "i": i}) as run:
            run.log({"auc": i / listed})
    record.close()
    begun = time.perf_counter_ns()
    record.compact(idle="0s")  # as an hour after the last of them ended
    record.chart(first, "loss", columns=COLUMNS)  # the first question brings the index up to date
    found = {"index_ms": (time.perf_counter_ns() - begun) / 1e6}
    found["full_ms"] = timed(lambda: record.history(first, ["loss"]))
    found["chart_ms"] = timed(lambda: record.chart(first, "loss", columns=COLUMNS))
    found["charts_ms"] = timed(lambda: record.chart(many, "loss", columns=COLUMNS))
    assert len(record.runs("config.lr < 0.01", system="list")) == listed // 10
    found["list_ms"] = timed(lambda: record.runs("config.lr < 0.01", system="list"))
    return found | {"cold_bytes": compacted(folder / "compacted", points)}


def compacted(folder, points):
    """Return bytes a point of a finished run once its log is sealed."""
    import numpy as np

    from homeostat.record import Record

    with Record(folder, capture=False) as record, record.start_run("train") as run:
        run.log_many({"loss": noise(points)}, steps=np.arange(points))
    with Record(folder, capture=False) as record:
        record.compact(idle="0s")
    logs = folder / "logs"
    return sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()) / points


def mlflow(counts, folder):
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    import mlflow as tool

    points, runs, each, listed = counts
    path = folder / "mlflow.db"
    tool.set_tracking_uri(f"sqlite:///{path}")
    client = tool.MlflowClient()
    experiment = client.create_experiment("bench")
    first = client.create_run(experiment).info.run_id
    many = [client.create_run(experiment).info.run_id for _ in range(runs)]
    with sqlite3.connect(path) as database:
        for run, n in [(first, points), *((run, each) for run in many)]:
            rows = (("loss", v, i, run, i, 0) for i, v in enumerate(noise(n).tolist()))
            database.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        fill_runs(database, int(experiment), listed)

    def history(run):
        return client.get_metric_history(run, "loss")

    def chart(run):
        found = history(run)
        return reduced([m.step for m in found], [m.value for m in found])

    found = client.search_runs([experiment], "params.lr = '0.001'", max_results=10_000)
    assert len(found) == listed // 10, len(found)
    return read_times(history, chart, [first, *many]) | {
        "list_ms": timed(
            lambda: client.search_runs([experiment], "params.lr = '0.001'", max_results=10_000)
        ),
    }


def fill_runs(database, experiment, listed):
    """Add runs as MLflow's own rows; its parameters are texts, so only equality can be asked."""
    ids = [uuid.uuid4().hex for _ in range(listed)]
    database.executemany(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, "
        "status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, "
        "experiment_id) VALUES (?, ?, 'UNKNOWN', '', '', 'x', 'FINISHED', ?, ?, '', 'active', "
        "'/x', ?)",
        ((id_, f"r{i}", i, i + 1, experiment) for i, id_ in enumerate(ids)),
    )
    parameters = ((id_, n, v) for i, id_ in enumerate(ids) for n, v in settings(i))
    database.executemany("INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)", parameters)
    results = [(id_, "auc", i / listed, i, 0, 0) for i, id_ in enumerate(ids)]
    database.executemany(
        "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        results,
    )


def settings(i):
    return ("lr", str(i // 10 % 10 / 1e3)), ("i", str(i))


def trackio(counts, folder):
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    import trackio as tool
    from trackio.sqlite_storage import SQLiteStorage

    points, runs, each, _ = counts
    for name, n in [("first", points), *((f"r{i}", each) for i in range(runs))]:
        tool.init(project="bench", name=name, embed=False)
        for value in noise(n).tolist():
            tool.log({"loss": value})
        tool.finish()

    def history(name):
        return SQLiteStorage.get_logs("bench", name)

    def chart(name):
        rows = history(name)
        return reduced([row["step"] for row in rows], [row["loss"] for row in rows])

    assert len(history("first")) == points
    return read_times(history, chart, ["first", *(f"r{i}" for i in range(runs))])


def aim(counts, folder):
    from aim import Repo, Run
    from aim.sdk.index_manager import RepoIndexManager

    points, runs, each, _ = counts
    ids = []
    for n in (points, *[each] * runs):
        run = Run(repo=str(folder), system_tracking_interval=None)
        for step, value in enumerate(noise(n).tolist()):
            run.track(value, name="loss", step=step)
        ids.append(run.hash)
        run.close()
    repo = Repo(str(folder))
    manager = RepoIndexManager.get_index_manager(repo)
    for id_ in ids:
        manager.index(id_)  # what `aim up` does; without it nothing is found

    def history(id_):
        [metric] = [m for m in repo.get_run(id_).metrics() if m.name == "loss"]
        return metric.values.sparse_list()[1]

    def chart(id_):
        values = history(id_)
        return reduced(range(len(values)), values)

    assert len(history(ids[0])) == points
    return read_times(history, chart, ids)


def tensorboard(counts, folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboardX import SummaryWriter

    points, runs, each, _ = counts
    places = []
    for n in (points, *[each] * runs):
        places.append(str(folder / str(len(places))))
        writer = SummaryWriter(places[-1])
        for step, value in enumerate(noise(n).tolist()):
            writer.add_scalar("loss", value, step)
        writer.close()

    def history(place):
        events = EventAccumulator(place, size_guidance={"scalars": 0})
        events.Reload()
        return events.Scalars("loss")

    def chart(place):
        found = history(place)
        return reduced([e.step for e in found], [e.value for e in found])

    return read_times(history, chart, places)


def read_times(history, chart, which):
    first, *many = which
    return {
        "full_ms": timed(lambda: history(first)),
        "chart_ms": timed(lambda: chart(first)),
        "charts_ms": timed(lambda: [chart(one) for one in many]),
    }


TOOLS = {
    "ours": ours,
    "mlflow": mlflow,
    "trackio": trackio,
    "aim": aim,
    "tensorboardX": tensorboard,
}


def main():
    tool, *counts, place = sys.argv[1:]
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    found = TOOLS[tool](tuple(map(int, counts)), folder)
    Path(f"{place}.json").write_text(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # some tools leave threads


if __name__ == "__main__":
    main()
