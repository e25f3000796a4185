"""Steps and lineage: a result is known by what made it, and made once."""

import subprocess
import sys

import polars as pl
import pytest

from homeostat.core import CorruptionError, Finding, InputError, StorageError, Verdict
from homeostat.data import from_frame
from homeostat.data._dataset import Dataset

RIDES = pl.DataFrame({"id": [1, 2, 3], "km": [1.0, 12.0, 5.0]})


def rides(**columns):
    return from_frame(RIDES.with_columns(**columns), name="rides")


def longer(frame, least=0):
    return frame.filter(pl.col("km") > least)


def test_a_step_runs_on_the_inputs_with_its_arguments():
    cities = from_frame(pl.DataFrame({"id": [2], "city": ["Graz"]}), name="cities")
    made = (
        rides()
        .step("long", longer, least=2)
        .step("named", lambda left, right: left.join(right, on="id"), cities)
    )
    assert made.collect().rows() == [(2, 12.0, "Graz")]
    assert made.frame is made.frame


def test_nothing_runs_before_it_is_asked_for():
    made = rides().step("broken", lambda frame: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made.collect()


def test_the_digest_follows_input_code_arguments_and_nothing_else():
    one = rides().step("a", longer, least=2)
    assert rides().step("another name", longer, least=2).digest == one.digest
    assert rides().step("a", longer, least=3).digest != one.digest
    assert rides().step("a", lambda frame, least: frame, least=2).digest != one.digest
    assert rides(km=pl.lit(0.0)).step("a", longer, least=2).digest != one.digest


def test_the_tree_back_to_the_sources_is_told_with_checksums():
    cities = from_frame(pl.DataFrame({"id": [2], "city": ["Graz"]}), name="cities")
    made = rides().step("long", longer, least=2).step("both", pl.LazyFrame.join, cities, on="id")
    lines = made.lineage().splitlines()
    assert [line.split("  step")[0].split("  memory")[0] for line in lines] == [
        "both",
        "├─ long",
        "│  └─ rides",
        "└─ cities",
    ]
    assert lines[2].endswith(rides().source.sha256[:12])
    assert lines[1].split("  ")[1] == "step longer(least=2)"
    tree = made.lineage_json()
    assert tree["digest"] == made.digest
    assert tree["inputs"][0]["inputs"][0]["source"]["rows"] == 3
    assert [source.name for source in made.sources] == ["rides", "cities"]


def test_a_source_used_twice_is_listed_once():
    one = rides()
    both = one.step("long", longer).step("self", lambda a, b: pl.concat([a, b]), one)
    assert [source.name for source in both.sources] == ["rides"]


def test_an_unchanged_step_is_read_not_run(tmp_path):
    runs = []

    def counted(frame):
        runs.append(1)
        return frame

    def plan():
        # What `counted` closes over is told by content, so it must be the same each time.
        runs.clear()
        return rides().step("counted", counted, cache=tmp_path).step("long", longer, least=2)

    first = plan().collect()
    assert runs == [1]
    again = plan()
    assert again.collect().equals(first)
    assert runs == []
    assert len(list(tmp_path.iterdir())) == 2


def test_only_the_changed_step_runs_again(tmp_path):
    source = from_frame(RIDES, name="rides")
    source.step("one", longer, cache=tmp_path).step("two", longer, least=2).collect()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    source.step("one", longer, cache=tmp_path).step("two", longer, least=4).collect()
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(after) == 3
    assert before.items() <= after.items()


def test_findings_of_a_step_are_kept_with_its_result(tmp_path):
    found = Finding(check="step.x", subject="s", verdict=Verdict.WARN, summary="Look.")

    def judged(frame):
        return frame, [found]

    for _ in range(2):
        made = from_frame(RIDES, name="r").step("judged", judged, cache=tmp_path).step("x", longer)
        assert [one.check for one in made.findings] == ["source.rows", "step.x"]


def test_a_step_that_fails_leaves_nothing_behind(tmp_path):
    broken = rides().step("bad", lambda frame: frame.select("no such"), cache=tmp_path)
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        broken.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_a_storage_error_and_nothing_is_half_written(tmp_path, monkeypatch):
    def full(self, file, **_):
        file.write(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StorageError, match="No space left"):
        rides().step("a", longer, cache=tmp_path).collect()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_cache_file_is_named(tmp_path):
    made = rides().step("a", longer, cache=tmp_path)
    (tmp_path / f"{made.digest}.parquet").write_bytes(b"torn")
    with pytest.raises(CorruptionError, match="delete it"):
        made.collect()


def test_a_step_must_return_a_frame():
    with pytest.raises(InputError, match="must return a LazyFrame or DataFrame, got int"):
        rides().step("a", lambda frame: 3).collect()


def test_an_argument_without_content_is_refused_by_name(tmp_path):
    with (tmp_path / "f").open("w") as file, pytest.raises(InputError, match="argument `where`"):
        rides().step("a", longer, where=file)


def test_a_dataset_of_nothing_says_how_to_make_one():
    with pytest.raises(InputError, match="make it with read_csv"):
        Dataset(name="x", digest="0").collect()


SCRIPT = """
import polars as pl
from homeostat.data import from_frame
LEAST = {"km": 2.0, "id": 1}
def deep(value): return value in {"a", "b", "c"} or LEAST
def step(frame, least): return frame.filter(pl.col("km") > least, deep("a"))
data = from_frame(pl.DataFrame({"km": [1.0, None], "s": ["x", None]}), name="x")
print(data.step("a", step, least=pl.col("km").mean()).digest)
"""


def test_the_digest_is_the_same_in_another_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


RUN = """
import sys
import polars as pl
from homeostat.data import from_frame
exec(open(sys.argv[1]).read())
rides = from_frame(pl.DataFrame({"km": [1.0, 12.0]}), name="rides")
made = rides.step("far", step, cache=sys.argv[2])
print(made.collect().height, len(runs))
"""
CODE = """
LEAST = {least}
runs = open(sys.argv[1] + ".runs", "a+")
class Runs:
    def __len__(self): return len(open(sys.argv[1] + ".runs").read())
    digest = "notes only"
    def note(self): open(sys.argv[1] + ".runs", "a").write("x")
runs = Runs()
def closing(factor):
    def far(value): return value * {inner} > LEAST
    def step(frame):
        runs.note()
        return frame.filter(far(pl.col("km") * factor))
    return step
step = closing({factor})
"""


def test_across_processes_a_step_runs_again_only_if_what_it_does_changed(tmp_path):
    def run(**given):
        (tmp_path / "code.py").write_text(
            CODE.format(**({"least": 5, "inner": 1, "factor": 1} | given))
        )
        command = [sys.executable, "-c", RUN, str(tmp_path / "code.py"), str(tmp_path / "kept")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return tuple(map(int, done.stdout.split()))

    assert run() == (1, 1)
    assert run() == (1, 1), "nothing changed, so it is read"
    assert run(inner=100) == (2, 2), "the code of a function that it calls changed"
    assert run(factor=9, least=0) == (2, 3), "a constant that it closes over and a global changed"
