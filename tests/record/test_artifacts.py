"""Artifacts: versions, aliases, contents, and who may make them at once."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from homeostat.core import CorruptionError, InputError, NotFoundError, StorageError
from homeostat.record import BlobStore, Record

pytestmark = pytest.mark.usefixtures("each_index")


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


def blob(record, artifact, file):
    digest = artifact.files[file]
    return record.path / "blobs" / digest[:2] / digest[2:]


def test_versions_count_up_and_identical_content_makes_none(record, run):
    first = run.make("delay", "model", {"model.txt": b"one"}, metadata={"auc": 0.7})
    again = run.make("delay", "model", {"model.txt": b"one"}, metadata={"auc": 0.9})
    second = run.make("delay", "model", {"model.txt": b"two"})
    back = run.make("delay", "model", {"model.txt": b"one"})
    assert [made.reference for made in (first, again, second, back)] == [
        "delay:v0", "delay:v0", "delay:v1", "delay:v0",
    ]  # fmt: skip
    assert again == first
    assert record.artifact("delay") == second
    assert first.metadata == {"auc": 0.7}
    assert record.artifacts(type="model")["version"].to_list() == [0, 1]


def test_files_are_bytes_or_copied_and_read_back(record, run, tmp_path):
    (tmp_path / "big").write_bytes(b"0123456789" * 300_000)
    made = run.make("set", "dataset", {"../evil": b"", "big": tmp_path / "big"})
    (tmp_path / "big").unlink()
    assert made.read("../evil") == b""
    assert made.read("big") == made.path("big").read_bytes() == b"0123456789" * 300_000
    assert made.size_bytes == 3_000_000
    assert made.files["big"] == hashlib.sha256(b"0123456789" * 300_000).hexdigest()
    assert stat.S_IMODE(made.path("big").stat().st_mode) == 0o444
    with pytest.raises(NotFoundError, match=r"set:v0 has no file `bigg`. Did you mean `big`\?"):
        made.read("bigg")


def test_the_same_content_is_stored_once(record, run):
    run.make("a", "model", {"x": b"same" * 99, "y": b"same" * 99})
    run.make("b", "dataset", {"z": b"same" * 99})
    assert len([path for path in (record.path / "blobs").rglob("*") if path.is_file()]) == 1


def test_references_by_version_alias_latest_and_id(record, run):
    first = run.make("delay", "model", {"f": b"1"}, aliases=["champion", "production", "champion"])
    second = run.make("delay", "model", {"f": b"2"})
    assert record.artifact("delay:latest").id == record.artifact("delay").id == second.id
    assert record.artifact("delay:v0").aliases == ("champion", "production")
    assert record.artifact("delay:production").id == record.artifact(first.id).id == first.id


def test_an_alias_moves_and_each_move_is_an_event(record, run):
    first = run.make("delay", "model", {"f": b"1"}, aliases=["production"])
    second = run.make("delay", "model", {"f": b"2"})
    record.alias(second, "production", run)
    record.alias("delay:v1", "production")
    record.alias(first, "production")
    assert record.artifact("delay:production").version == 0
    assert record.artifact("delay:v1").aliases == ()
    moves = record.events("alias").select("run", "payload").rows()
    assert [(who, json.loads(payload)["version"]) for who, payload in moves] == [
        (run.id, 0), (run.id, 1), (None, 0),
    ]  # fmt: skip
    with pytest.raises(NotFoundError):
        record.alias("delay:v7", "production")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("dely", "has no artifact `dely`. Did you mean `delay`?"),
        ("delay:v9", "`delay` has no version or alias `v9`."),
        ("delay:prodution", "Did you mean `production`?"),
        ("", "has no artifact ``. There is: `delay`."),
        ("delay:", "has no version or alias ``."),
    ],
)
def test_an_unknown_artifact_is_named_with_the_nearest(record, run, reference, said):
    run.make("delay", "model", {"f": b"1"}, aliases=["production"])
    for act in (record.artifact, run.use):
        with pytest.raises(NotFoundError) as caught:
            act(reference)
        assert said in str(caught.value)


def test_what_makes_no_artifact_is_refused_and_leaves_none(record, run, tmp_path):
    run.make("taken", "dataset", {"f": b"1"})
    for arguments, said in [
        (("a:b", "model", {"f": b""}), "must hold no colon"),
        (("", "model", {"f": b""}), "name must be a text"),
        (("a", None, {"f": b""}), "type must be a text"),
        (("a", "model", {}), "must have files"),
        (("a", "model", None), "must have files"),
        (("a", "model", {"f": "text"}), "`f` of `a` must be bytes, a Path, a Blob or a Refer"),
        (("a", "model", {1: b""}), "A file's name must be a text"),
        (("a", "model", {"f": tmp_path / "absent"}), "cannot be read: No such file"),
        (("a", "model", {"f": tmp_path}), "cannot be read: Is a directory"),
        (("a", "model", {"f": b""}, {"f": object()}), "metadata.f must be JSON"),
        (("a", "model", {"f": b""}, {}, ["v3"]), "look like a version"),
        (("a", "model", {"f": b""}, {}, ["latest"]), "must not be 'latest'"),
        (("taken", "model", {"f": b"2"}), "`taken` is a dataset: call the model by another name"),
    ]:
        with pytest.raises(InputError) as caught:
            run.make(*arguments)
        assert said in str(caught.value)
    assert record.artifacts()["name"].to_list() == ["taken"]


def test_a_changed_content_is_never_returned(record, run):
    made = run.make("delay", "model", {"model.txt": b"weights", "other": b"fine"})
    file = blob(record, made, "model.txt")
    file.chmod(0o644)
    file.write_bytes(b"wEights")
    for act in (made.read, made.path):
        with pytest.raises(CorruptionError) as caught:
            act("model.txt")
        for part in (str(file), made.files["model.txt"], hashlib.sha256(b"wEights").hexdigest()):
            assert part in str(caught.value)
    assert made.read("other") == b"fine"
    failed = [found for found in record.verify() if found.verdict == "fail"]
    assert [(found.check, found.subject) for found in failed] == [
        ("record.content", "delay:v0/model.txt")
    ]


def test_making_a_content_again_heals_what_went_bad_or_missing(record, run):
    made = run.make("delay", "model", {"bad": b"weights", "gone": b"more"})
    blob(record, made, "bad").chmod(0o644)
    blob(record, made, "bad").write_bytes(b"")
    blob(record, made, "gone").unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        made.read("gone")
    assert run.make("delay", "model", {"bad": b"weights", "gone": b"more"}).id == made.id
    assert made.read("bad") + made.read("gone") == b"weightsmore"


def test_a_digest_is_never_a_path(tmp_path):
    store = BlobStore(tmp_path / "blobs")
    (tmp_path / "secret").write_text("secret")
    for name in ("../secret", "", "ab", "../../secret", "A" * 64):
        with pytest.raises(NotFoundError):
            store.get(name)


def test_a_file_that_changes_while_it_is_copied_is_refused(tmp_path, monkeypatch):
    store, file = BlobStore(tmp_path / "blobs"), tmp_path / "file"
    file.write_bytes(b"before" * 1_000_000)
    exists = os.path.exists

    def change(place):
        file.write_bytes(b"after!" * 1_000_000)
        return exists(place)

    monkeypatch.setattr(os.path, "exists", change)
    with pytest.raises(InputError, match="changed while it was copied"):
        store.put(file)
    assert not [path for path in store.folder.rglob("*") if path.is_file()]


def test_a_durable_store_waits_for_the_disk(tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def note(file):
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", note)
    with Record(tmp_path, capture=False, durability="disk") as record:
        made = record.start_run("train").make("delay", "model", {"f": b"weights"})
        file = blob(record, made, "f")
    assert any(path.startswith(str(file)) for path in synced)
    assert str(file.parent) in synced
    assert str(tmp_path / "logs") in synced


def test_a_content_store_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="nothing was kept"):
        BlobStore(tmp_path / "file" / "blobs").put(b"content")


MAKER = """
import sys
from homeostat.record import Record
run = Record(sys.argv[1], capture=False).start_run("train", sys.argv[2])
for i in range(int(sys.argv[3])):
    mine = run.make("shared", "model", {"f": f"{sys.argv[2]} {i}".encode()}, aliases=["newest"])
    same = run.make("shared", "model", {"f": f"everyone {i}".encode()})
    print(mine.version, same.version, flush=True)
run.finish()
"""


def test_versions_made_by_many_processes_at_once_are_each_given_once(tmp_path):
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, str(tmp_path), str(i), "5"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(8)
    ]
    told = [maker.communicate()[0].split() for maker in makers]
    assert [maker.returncode for maker in makers] == [0] * 8
    mine = [int(version) for words in told for version in words[::2]]
    same = [[int(version) for version in words[1::2]] for words in told]
    assert len(set(mine)) == 40
    assert all(versions == same[0] for versions in same)
    with Record(tmp_path) as record:
        frame = record.artifacts(name="shared")
        assert frame["version"].to_list() == list(range(45))
        newest = record.artifact("shared:newest")
        assert newest.read("f").split()[1] == b"4"
        before = frame.rows(), newest
        assert not record.rebuild().changed
        assert (record.artifacts(name="shared").rows(), record.artifact("shared:newest")) == before


def test_sixty_four_processes_that_start_on_an_empty_record_all_succeed(tmp_path):
    """They are forked ready to go, and let go by one closed pipe."""
    script = (
        "import os, sys\n"
        "import polars\n"  # once, and not 64 times at once
        "from homeostat.record import Record\n"
        "from homeostat.record._history import history\n"
        "from homeostat.record._index import fold\n"
        "hold, go = os.pipe()\n"
        "children = []\n"
        "for i in range(64):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os.close(go)\n"
        "        os.read(hold, 1)\n"
        "        with Record(sys.argv[1], capture=False) as record:\n"
        "            with record.start_run('train', f'worker {i}') as run:\n"
        "                run.log({'loss': float(i)})\n"
        "                made = run.make('shared', 'model', {'f': b'the same'})\n"
        "                assert len(record.metrics(run.id)) == 1\n"
        "        os._exit(0)\n"
        "    children.append(child)\n"
        "os.close(go)\n"
        "ends = [os.waitpid(child, 0)[1] for child in children]\n"
        "sys.exit(sum(end != 0 for end in ends))\n"
    )
    # A forked child must not start threads of a pool that was made before the fork.
    environment = os.environ | {"POLARS_MAX_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "new")],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Record.open(tmp_path / "new") as record:
        runs = record.runs(status="finished")
        assert sorted(runs["name"]) == sorted(f"worker {i}" for i in range(64))
        assert record.metrics(runs["id"].to_list()).height == 64
        assert record.artifacts()["version"].to_list() == [0]
        assert not record.rebuild().changed
