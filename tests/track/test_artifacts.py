"""Artifacts, files and code through the five lines."""

import json

import pytest

import homeostat.track as hs
from homeostat.core import InputError, NotFoundError, RecordError


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "rows.csv").write_text("1,2")
    (folder / "deep" / "more.csv").write_text("3,4")
    return folder


def test_an_artifact_is_filled_logged_used_and_downloaded(start, read, data, tmp_path):
    run = start()
    artifact = hs.Artifact("flights", type="dataset", description="rows", metadata={"rows": 2})
    artifact.add_dir(data)
    artifact.add_file(data / "rows.csv", name="again.csv")
    with artifact.new_file("note.txt") as file:
        file.write("a note")
    assert artifact.is_draft()
    with pytest.raises(RecordError, match="not logged yet"):
        _ = artifact.version
    logged = hs.log_artifact(artifact, aliases=["best", "latest"])
    assert logged is artifact
    assert (artifact.wait().name, artifact.version) == ("flights:v0", "v0")
    assert "best" in artifact.aliases
    with pytest.raises(RecordError, match="cannot change"):
        artifact.add_file(data / "rows.csv", name="late.csv")

    used = hs.use_artifact("me/p/flights:best", type="dataset")
    assert used.read("deep/more.csv") == b"3,4"
    assert used.metadata == {"rows": 2}
    root = used.download(tmp_path / "out")
    assert (tmp_path / "out" / "again.csv").read_text() == "1,2"
    assert root == str(tmp_path / "out")
    used.verify()
    info = read().run(run)
    assert info.made == info.used == ("flights:v0",)


def test_the_same_content_makes_no_new_version(start, data):
    start()
    first = hs.log_artifact(str(data), name="flights", type="dataset")
    again = hs.log_artifact(str(data), name="flights:best", type="dataset")
    (data / "rows.csv").write_text("5,6")
    other = hs.log_artifact(str(data / "rows.csv"), name="flights", type="dataset")
    assert (first.version, again.version, other.version) == ("v0", "v0", "v1")
    assert "best" in again.aliases


def test_an_artifact_of_another_type_or_name_is_refused(start, data):
    start()
    hs.log_artifact(str(data), name="flights", type="dataset")
    with pytest.raises(InputError, match="not a model"):
        hs.use_artifact("flights", type="model")
    with pytest.raises(NotFoundError, match="flights"):
        hs.use_artifact("flihgts:v0")
    with pytest.raises(InputError, match="must be a file or a folder"):
        hs.log_artifact(str(data / "missing"))


def test_an_artifact_may_be_used_before_it_was_logged(start, data):
    start()
    artifact = hs.Artifact("flights", type="dataset")
    artifact.add_dir(data)
    assert hs.use_artifact(artifact).version == "v0"


def test_a_value_of_ours_is_added_with_its_contents(start):
    class Picture:
        def to_row(self, put):
            blob = put(b"pixels")
            return {"_type": "image-file", "sha256": blob.sha256, "size": blob.size}

    start()
    artifact = hs.Artifact("pictures", type="images")
    artifact.add(Picture(), "one")
    hs.log_artifact(artifact)
    row = json.loads(artifact.read("one.image-file.json"))
    assert artifact.read(f"media/{row['sha256']}") == b"pixels"


def test_code_is_kept_as_an_artifact(start, tmp_path):
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "__pycache__").mkdir()
    for name in ("train.py", "inner/model.py", "notes.md", "__pycache__/train.py"):
        (tmp_path / "code" / name).write_text(name)
    start()
    code = hs.log_code(tmp_path / "code", name="code")
    assert [entry.name for entry in code.files()] == ["inner/model.py", "train.py"]
    notes = hs.log_code(
        tmp_path / "code",
        name="notes",
        include_fn=lambda path: path.endswith(".md"),
        exclude_fn=lambda path, root: "inner" in path.removeprefix(root),
    )
    assert [entry.name for entry in notes.files()] == ["notes.md"]
    assert hs.log_code(tmp_path / "code", include_fn=lambda path: False) is None


def test_files_are_kept_now_at_the_end_or_both(start, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    model = tmp_path / "checkpoints" / "model.pt"
    model.write_bytes(b"first")
    run = start()
    assert hs.save("checkpoints/*.pt") == ["checkpoints/model.pt"]
    assert hs.save("checkpoints/late.pt", policy="end") == []
    hs.save(str(model), policy="now")
    (tmp_path / "checkpoints" / "late.pt").write_bytes(b"late")
    model.write_bytes(b"second")
    hs.finish()
    kept = {event["name"]: event["sha256"] for event in read().events(run, "file")}
    assert set(kept) == {"checkpoints/model.pt", "checkpoints/late.pt", "model.pt"}
    assert read().record._ledger.blobs.get(kept["checkpoints/model.pt"]) == b"second"
    assert read().record._ledger.blobs.get(kept["model.pt"]) == b"first"
    with pytest.raises(InputError, match="live, now or end"):
        run.save("x", policy="sometimes")


def test_the_runs_own_folder_is_kept_at_its_end(start, read):
    from pathlib import Path

    run = start()
    (Path(run.dir) / "notes.txt").write_text("a note")
    hs.finish()
    [kept] = read().events(run, "file")
    assert kept["name"] == "notes.txt"
