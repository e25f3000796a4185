"""Downloads: in part, in parallel, verified, and never outside their folder."""

import threading
from pathlib import Path

import pytest

from homeostat.core import CorruptionError, InputError, NotFoundError, StorageError
from homeostat.record import Record

FILES = {"rows.csv": b"1,2\n", "images/1.png": b"one", "images/2.png": b"two", "empty": b""}


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


@pytest.fixture
def made(run):
    return run.make("set", "dataset", FILES)


def below(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in files(root)}


def files(root):
    return [path for path in root.rglob("*") if path.is_file()]


def blob(record, artifact, file):
    digest = artifact.files[file]
    return record.path / "blobs" / digest[:2] / digest[2:]


def test_all_files_are_written_under_their_names(made, tmp_path, monkeypatch):
    assert below(made.download(tmp_path / "out")) == FILES
    monkeypatch.chdir(tmp_path)
    assert made.download() == Path("artifacts/set:v0")
    assert below(tmp_path / "artifacts" / "set:v0") == FILES


def test_a_part_is_chosen_by_the_start_of_the_name(made, tmp_path):
    assert set(below(made.download(tmp_path, path_prefix="images/"))) >= {"images/1.png"}
    assert not (tmp_path / "rows.csv").exists()
    with pytest.raises(InputError, match=r"has no file whose name starts 'x'"):
        made.download(tmp_path, path_prefix="x")


def test_one_file_is_written_under_its_own_name(made, tmp_path):
    path = made.get_path("images/1.png", tmp_path / "out")
    assert path == tmp_path / "out" / "images" / "1.png"
    assert below(tmp_path / "out") == {"images/1.png": b"one"}
    with pytest.raises(NotFoundError, match=r"Did you mean `images/1.png`"):
        made.get_path("images/1.pn")


def test_what_is_there_already_is_left_alone_and_what_differs_is_replaced(made, tmp_path):
    made.download(tmp_path)
    same = (tmp_path / "rows.csv").stat().st_ino
    (tmp_path / "images" / "1.png").write_bytes(b"other")
    (tmp_path / "mine").write_bytes(b"mine")
    made.download(tmp_path)
    assert (tmp_path / "rows.csv").stat().st_ino == same
    assert {name: content for name, content in below(tmp_path).items() if name in FILES} == FILES
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_download_can_be_written_to(made, tmp_path):
    path = made.get_path("rows.csv", tmp_path)
    path.write_bytes(b"mine")
    assert made.read("rows.csv") == b"1,2\n"


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "a/../b", "x//y", "."])
def test_no_name_leads_outside_the_folder(run, tmp_path, name):
    made = run.make("evil", "dataset", {"fine": b"1", name: b"evil"})
    with pytest.raises(InputError, match="would be written outside"):
        made.download(tmp_path / "out")
    with pytest.raises(InputError, match="would be written outside"):
        made.get_path(name, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert made.read(name) == b"evil"


def test_the_default_folder_is_one_folder_whatever_the_name(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run.make("../../x/y", "dataset", {"f": b"1"})
    assert made.download().parent == Path("artifacts")


def test_a_corrupt_content_is_not_given_a_name(record, made, tmp_path):
    bad = blob(record, made, "rows.csv")
    bad.chmod(0o644)
    bad.write_bytes(b"1,3\n")
    with pytest.raises(CorruptionError, match=made.files["rows.csv"]):
        made.download(tmp_path / "out")
    assert "rows.csv" not in below(tmp_path / "out")
    assert set(below(tmp_path / "out")) <= set(FILES)  # no draft is left either
    [failed] = [found for found in made.verify() if found.verdict == "fail"]
    assert failed.subject == "set:v0/rows.csv"


def test_a_missing_content_is_told(record, made, tmp_path):
    blob(record, made, "rows.csv").unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        made.download(tmp_path / "out")
    assert {found.verdict for found in made.verify()} == {"fail", "ok"}


def test_verify_counts_what_is_as_it_was_made(made):
    [found] = made.verify()
    assert (found.verdict, found.statistic) == ("ok", 4.0)


def test_a_file_in_the_place_of_a_folder_is_told(run, tmp_path):
    made = run.make("clash", "dataset", {"a": b"1", "a/b": b"2"})
    with pytest.raises(StorageError, match="cannot be written"):
        made.download(tmp_path / "out")


def test_a_name_longer_than_a_file_system_takes_is_told(run, tmp_path):
    made = run.make("long", "dataset", {"x" * 300: b"1"})
    with pytest.raises(StorageError, match="name too long"):
        made.download(tmp_path / "out")
    fits = run.make("fits", "dataset", {"x" * 255: b"1"})
    assert below(fits.download(tmp_path / "out")) == {"x" * 255: b"1"}


def test_a_full_disk_leaves_no_half_of_a_file(run, tmp_path, small_disk):
    made = run.make("big", "dataset", {"big": bytes(4 << 20)})
    with pytest.raises(StorageError, match="No space left"):
        made.download(small_disk / "out")
    assert files(small_disk / "out") == []


def test_at_least_one_file_at_once(made, tmp_path):
    for wrong in (0, -1, 1.5, None):
        with pytest.raises(InputError, match="At least one file"):
            made.download(tmp_path, parallel=wrong)


def test_downloads_of_one_artifact_to_one_folder_at_once_all_succeed(made, tmp_path):
    problems = []

    def load():
        try:
            made.download(tmp_path / "out")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            problems.append(error)

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert below(tmp_path / "out") == FILES
