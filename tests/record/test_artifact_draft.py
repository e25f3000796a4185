"""Filling a draft of an artifact: files, folders, values, and what is refused."""

import gc
import json
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from homeostat.core import InputError, NotFoundError
from homeostat.record import ArtifactDraft, Blob, Record, Reference


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "rows.csv").write_text("1,2\n")
    (folder / "images" / "1.png").write_bytes(b"one")
    (folder / "images" / "2.png").write_bytes(b"two")
    return folder


@pytest.fixture
def draft():
    return ArtifactDraft("set", "dataset")


def names(draft):
    return [entry.name for entry in draft.entries]


def test_files_folders_and_new_files_become_a_version(run, draft, folder):
    draft.add_file(folder / "rows.csv")
    draft.add_file(folder / "rows.csv", "again/rows.csv")
    draft.add_dir(folder / "images", "pictures")
    with draft.new_file("notes.txt", "w") as file:
        file.write("größer\n")
    with draft.new_file("raw.bin", mode="wb") as file:
        file.write(b"\0")
    draft.metadata["rows"] = 1
    draft.description = "Two pictures."
    made = run.make_from(draft, aliases=["fresh"])
    assert sorted(made.files) == [
        "again/rows.csv", "notes.txt", "pictures/1.png", "pictures/2.png", "raw.bin", "rows.csv",
    ]  # fmt: skip
    assert made.read("pictures/2.png") == b"two"
    assert made.read("notes.txt") == "größer\n".encode()
    assert (made.description, made.metadata, made.aliases) == (
        "Two pictures.", {"rows": 1}, ("fresh",),
    )  # fmt: skip


def test_a_draft_may_be_filled_on_and_made_again(run, draft, folder):
    draft.add_file(folder / "rows.csv")
    assert run.make_from(draft).version == 0
    assert run.make_from(draft).version == 0
    draft.add_dir(folder / "images")
    assert run.make_from(draft).version == 1
    draft.remove("1.png")
    draft.remove("2.png")
    assert run.make_from(draft).version == 0


def test_entries_are_found_and_removed_also_by_folder(draft, folder):
    draft.add_dir(folder)
    assert names(draft) == ["images/1.png", "images/2.png", "rows.csv"]
    assert draft.get_entry("images/1.png").size == 3
    draft.remove("images")
    draft.remove(draft.get_entry("rows.csv"))
    assert names(draft) == []
    with pytest.raises(NotFoundError, match="has no file `x`"):
        draft.remove("x")
    with pytest.raises(NotFoundError, match="has no file `x`"):
        draft.get_entry("x")


def test_an_empty_draft_is_refused_unless_told(run, draft, tmp_path):
    (tmp_path / "empty").mkdir()
    assert draft.add_dir(tmp_path / "empty") == ()
    with pytest.raises(InputError, match="`set` must have files"):
        run.make_from(draft)
    assert run.make_from(draft, empty=True).files == {}


def test_a_name_that_is_taken_is_not_taken_again_by_accident(draft, folder):
    draft.add_file(folder / "rows.csv", "f")
    with pytest.raises(InputError, match="has a file `f` already"):
        draft.add_file(folder / "images" / "1.png", "f")
    draft.add_file(folder / "images" / "1.png", "f", overwrite=True)
    assert draft.get_entry("f").size == 3
    with pytest.raises(InputError, match="has a file `f` already"), draft.new_file("f", "x"):
        pass


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "../up", "a/../../up", "a//b", "./a", "a/.", "a\0b", "x" * 256,
     "/".join(["long"] * 1000), 7],
)  # fmt: skip
def test_a_name_that_could_leave_the_artifact_is_refused(draft, folder, name):
    with pytest.raises(InputError, match="A file's name"):
        draft.add_file(folder / "rows.csv", name)
    with pytest.raises(InputError, match="A file's name"), draft.new_file(name):
        pass
    assert names(draft) == []


def test_any_other_name_is_kept(run, draft, folder, tmp_path):
    odd = ["größe/データ🎉.csv", " ", "a b", "...", "-rf", "back\\slash", "e\u0301", 'q"\n', "C:x"]
    for name in odd:
        draft.add_file(folder / "rows.csv", name)
    made = run.make_from(draft)
    assert sorted(made.files) == sorted(odd)
    root = made.download(tmp_path / "out")
    assert all((root / name).read_text() == "1,2\n" for name in odd)


def test_a_file_name_that_is_no_text_is_kept_as_a_visible_escape(run, draft, tmp_path):
    (tmp_path / "odd").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "odd") + b"/\xff.csv")).write_text("1")
    draft.add_dir(tmp_path / "odd")
    assert list(run.make_from(draft).files) == ["\\udcff.csv"]


def test_symbolic_links_stand_for_what_they_point_to(run, draft, folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.txt").write_text("far")
    (folder / "link.csv").symlink_to("rows.csv")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    draft.add_dir(folder)
    made = run.make_from(draft)
    assert made.read("link.csv") == b"1,2\n"
    assert made.read("linked/far.txt") == b"far"


def test_what_no_folder_can_be_added_with_is_named(draft, folder, monkeypatch):
    (folder / "loop").symlink_to(folder)
    with pytest.raises(InputError, match="loop is a link to a folder it is in"):
        draft.add_dir(folder)
    (folder / "loop").unlink()
    (folder / "broken").symlink_to("nothing")
    with pytest.raises(InputError, match="broken cannot be read"):
        draft.add_dir(folder)
    (folder / "broken").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="pipe is no regular file"):
        draft.add_dir(folder)
    (folder / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)
        listening.bind("socket")
        with pytest.raises(InputError, match="socket is no regular file"):
            draft.add_dir(folder)
    assert names(draft) == []
    with pytest.raises(InputError, match="is no folder"):
        draft.add_dir(folder / "rows.csv")
    with pytest.raises(InputError, match="is a folder"):
        draft.add_file(folder)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        draft.add_file(folder / "absent")


def test_a_pipe_is_refused_and_not_waited_for(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        run.make("set", "dataset", {"f": tmp_path / "pipe"})


def test_a_file_that_changed_after_it_was_added_is_refused(run, draft, folder):
    draft.add_file(folder / "rows.csv")
    (folder / "rows.csv").write_text("3,4\n5,6\n")
    with pytest.raises(InputError, match=r"rows.csv changed after it was added as `rows.csv`"):
        run.make_from(draft)
    (folder / "rows.csv").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        run.make_from(draft)


def test_a_draft_with_a_store_takes_contents_in_at_once(record, run, folder):
    draft = ArtifactDraft("set", "dataset", store=record._ledger.blobs)
    entry = draft.add_file(folder / "rows.csv")
    (folder / "rows.csv").unlink()
    with draft.new_file("new") as file:
        file.write("x")
    made = run.make_from(draft)
    assert (made.read("rows.csv"), made.read("new")) == (b"1,2\n", b"x")
    assert made.files["rows.csv"] == entry.sha256


def test_a_new_file_whose_block_fails_is_not_added_and_none_is_left(draft):
    with pytest.raises(ZeroDivisionError), draft.new_file("f") as file:
        file.write(str(1 / 0))
    assert names(draft) == []
    with draft.new_file("g", "w") as file:
        file.write("x")
    with pytest.raises(InputError, match="opened to write"), draft.new_file("h", "r"):
        pass
    assert len(list(draft._folder.iterdir())) == 1


def test_the_scratch_folder_goes_with_the_draft():
    draft = ArtifactDraft("set", "dataset")
    with draft.new_file("f") as file:
        file.write("x")
    scratch = draft._folder
    assert scratch.exists()
    del draft
    gc.collect()
    assert not scratch.exists()


class Picture:
    """A value of the media room, as the draft sees it."""

    def to_row(self, put):
        pixels, mask = put(b"pixels"), put(b"mask")
        return {"_type": "image-file", "sha256": pixels.sha256, "size": pixels.size,
                "masks": {"m": {"sha256": mask.sha256}}}  # fmt: skip


def test_a_value_becomes_its_row_and_its_contents(run, draft):
    draft.add(Picture(), "cat")
    made = run.make_from(draft)
    row = json.loads(made.read("cat.image-file.json"))
    assert made.read(f"media/{row['sha256']}") == b"pixels"
    assert made.read(f"media/{row['masks']['m']['sha256']}") == b"mask"
    assert len(made.files) == 3
    with pytest.raises(InputError, match="media or a table, got int"):
        draft.add(7, "seven")


def test_contents_of_the_store_and_references_are_files_too(run):
    blob = run.put(b"weights")
    made = run.make(
        "model", "model", {"w": blob, "far": Reference("s3://bucket/far", etag="e1", size=9)}
    )
    assert made.read("w") == b"weights"
    assert made.files == {"w": blob.sha256}
    assert made.references["far"].etag == "e1"
    assert [entry.name for entry in made.entries] == ["far", "w"]
    assert made.get_entry("far").size == 9
    with pytest.raises(NotFoundError, match="is not in the record: put it again"):
        run.make("model", "model", {"w": Blob("0" * 64, 7)})
    with pytest.raises(NotFoundError, match="is not in the record"):
        run.make("model", "model", {"w": Blob(blob.sha256, 8)})
    with pytest.raises(NotFoundError, match="is not in the record"):
        run.make("model", "model", {"w": Blob("../../../etc/passwd", 8)})


def test_a_changed_reference_is_another_version_and_the_same_is_not(run):
    def make(**about):
        return run.make("far", "dataset", {"f": Reference("s3://b/f", **about)}).version

    assert [make(etag="1"), make(etag="2"), make(etag="1"), make(digest="a" * 64)] == [0, 1, 0, 2]


def test_a_draft_says_how_long_its_version_lives(run, draft):
    with draft.new_file("f") as file:
        file.write("x")
    draft.ttl = timedelta(days=2)
    made = run.make_from(draft)
    assert made.expires - made.made == timedelta(days=2)
    for wrong in (timedelta(-1), 5):
        draft.ttl = wrong
        with pytest.raises(InputError, match="time to live is a timedelta"):
            run.make_from(draft)


def test_a_thousand_files_are_one_version_and_one_change_is_one_content(record, run, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for i in range(1000):
        (many / f"{i}").write_bytes(b"%d" % i * 50)
    for change in (b"", b"changed"):
        before = len(list((record.path / "blobs").rglob("*")))
        if change:
            (many / "7").write_bytes(change)
        draft = ArtifactDraft("many", "dataset")
        draft.add_dir(many)
        made = run.make_from(draft)
    assert made.version == 1
    assert len([p for p in (record.path / "blobs").rglob("*") if p.is_file()]) == 1001
    assert len(list((record.path / "blobs").rglob("*"))) <= before + 2
