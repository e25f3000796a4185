"""References: files of an artifact that are kept elsewhere."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from homeostat.core import CorruptionError, InputError, MissingExtraError, NotFoundError
from homeostat.core import StorageError as Refused
from homeostat.record import ArtifactDraft, Record, Reference


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def run(record):
    return record.start_run("train")


@pytest.fixture
def draft():
    return ArtifactDraft("far", "dataset")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "far away"
    (folder / "images").mkdir(parents=True)
    (folder / "rows.csv").write_text("1,2\n")
    (folder / "images" / "1.png").write_bytes(b"one")
    return folder


class Site(BaseHTTPRequestHandler):
    """Pages with an ETag, without one, without HEAD, and ones that lead elsewhere."""

    pages: dict
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        page = self.pages.get(self.path, {"status": 404})
        content = page.get("content", b"")
        if not body and page.get("no_head"):
            self.send_response(405)
            content = b""
        else:
            self.send_response(page.get("status", 200))
        for name, value in page.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", page.get("length", str(len(content))))
        self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    class Mine(Site):
        pages = {}  # noqa: RUF012 - one for each test

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Mine.root = f"http://127.0.0.1:{server.server_port}"
    yield Mine
    server.shutdown()
    server.server_close()
    thread.join()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_a_folder_becomes_its_files_and_nothing_is_copied(record, run, draft, folder):
    draft.add_reference(folder.as_uri(), "data")
    made = run.make_from(draft)
    assert made.files == {}
    assert sorted(made.references) == ["data/images/1.png", "data/rows.csv"]
    kept = made.references["data/rows.csv"]
    assert (kept.digest, kept.size) == (sha256(b"1,2\n"), 4)
    assert made.read("data/rows.csv") == b"1,2\n"
    assert not (record.path / "blobs").exists() or not list((record.path / "blobs").rglob("*/*"))


def test_a_changed_target_names_both_digests(run, draft, folder, tmp_path):
    draft.add_reference(folder / "rows.csv")
    made = run.make_from(draft)
    (folder / "rows.csv").write_text("1,3\n")
    for act in (
        lambda: made.read("rows.csv"),
        lambda: made.path("rows.csv"),
        lambda: made.download(tmp_path / "out"),
    ):
        with pytest.raises(CorruptionError) as caught:
            act()
        for part in (sha256(b"1,2\n"), sha256(b"1,3\n"), "rows.csv"):
            assert part in str(caught.value)
    assert not (tmp_path / "out" / "rows.csv").exists()
    assert [found.verdict for found in made.verify()] == ["fail", "ok"]
    assert [found.verdict for found in made.verify(references=False)] == ["ok"]
    (folder / "rows.csv").unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        made.read("rows.csv")


def test_a_target_is_downloaded_and_given_a_path(run, draft, folder, tmp_path):
    draft.add_reference(folder.as_uri())
    made = run.make_from(draft)
    root = made.download(tmp_path / "out")
    assert (root / "images" / "1.png").read_bytes() == b"one"
    assert made.path("rows.csv").read_text() == "1,2\n"
    assert made.get_path("rows.csv", tmp_path / "one").read_text() == "1,2\n"


def test_without_a_checksum_nothing_is_asked(run, draft):
    [entry] = draft.add_reference("s3://nowhere/at/all.bin", checksum=False)
    assert (entry.name, entry.size, entry.sha256) == ("all.bin", None, "")
    made = run.make_from(draft)
    assert made.references["all.bin"].uri == "s3://nowhere/at/all.bin"


def test_too_many_objects_are_refused_and_nothing_is_added(draft, folder):
    with pytest.raises(InputError, match="has more than 1 objects"):
        draft.add_reference(folder.as_uri(), max_objects=1)
    assert draft.entries == ()


@pytest.mark.parametrize("uri", ["rows.csv", "", "s3://", 7, "://x"])
def test_what_is_no_address_is_refused(draft, uri):
    with pytest.raises(InputError, match="needs an address"):
        draft.add_reference(uri)


def test_what_is_not_there_is_told(draft, folder, site):
    for uri in (f"{folder.as_uri()}/absent", f"{site.root}/absent"):
        with pytest.raises(NotFoundError, match="nothing at"):
            draft.add_reference(uri)
    with pytest.raises(InputError, match="A local file is written"):
        draft.add_reference("file://host/x")
    with pytest.raises(Refused, match="cannot be reached"):
        draft.add_reference("http://127.0.0.1:9/x")


def test_a_page_is_known_by_its_etag_and_not_read(run, draft, site):
    site.pages["/a.csv?v=1"] = {"content": b"rows", "headers": {"ETag": '"e1"'}}
    [entry] = draft.add_reference(f"{site.root}/a.csv?v=1")
    assert (entry.name, entry.size, entry.sha256) == ("a.csv", 4, "")
    made = run.make_from(draft)
    assert made.read("a.csv") == b"rows"
    site.pages["/a.csv?v=1"] = {"content": b"rOws", "headers": {"ETag": '"e2"'}}
    with pytest.raises(CorruptionError, match='must have ETag "e1", it has "e2"'):
        made.read("a.csv")


def test_a_page_without_an_etag_or_a_head_is_read_and_hashed(run, draft, site):
    site.pages["/a"] = {"content": b"rows"}
    site.pages["/b"] = {"content": b"more", "no_head": True}
    for page in "ab":
        draft.add_reference(f"{site.root}/{page}")
    made = run.make_from(draft)
    assert made.references["a"].digest == sha256(b"rows")
    assert made.references["b"].digest == sha256(b"more")
    site.pages["/a"] = {"content": b"rOws"}
    with pytest.raises(CorruptionError, match=sha256(b"rOws")):
        made.read("a")


def test_a_page_may_lead_to_a_page_and_to_nothing_else(draft, site, folder):
    site.pages["/end"] = {"content": b"rows", "headers": {"ETag": "e"}}
    site.pages["/go"] = {"status": 302, "headers": {"Location": "/end"}}
    site.pages["/evil"] = {"status": 302, "headers": {"Location": folder.as_uri()}}
    site.pages["/ftp"] = {"status": 302, "headers": {"Location": "ftp://127.0.0.1/x"}}
    [entry] = draft.add_reference(f"{site.root}/go")
    assert entry.reference.etag == "e"
    with pytest.raises(InputError, match="is no web address"):
        draft.add_reference(f"{site.root}/ftp")
    with pytest.raises(Refused, match="is not allowed"):
        draft.add_reference(f"{site.root}/evil")


def test_an_answer_that_is_cut_short_is_told(draft, site):
    site.pages["/short"] = {"content": b"ro", "length": "4"}
    with pytest.raises(Refused, match=r"cannot be reached|sent 2 of 4 bytes"):
        draft.add_reference(f"{site.root}/short")


def test_any_store_that_fsspec_opens_is_expanded_and_verified(run, draft):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/data/a.csv", b"a")
    memory.pipe("/bucket/data/deep/b.csv", b"bb")
    try:
        draft.add_reference("memory://bucket/data", "d")
        draft.add_reference("memory://bucket/data/a.csv")
        made = run.make_from(draft)
        assert {name: one.size for name, one in made.references.items()} == {
            "d/a.csv": 1, "d/deep/b.csv": 2, "a.csv": 1,
        }  # fmt: skip
        assert made.references["d/deep/b.csv"].uri == "memory://bucket/data/deep/b.csv"
        assert made.read("d/deep/b.csv") == b"bb"
        memory.pipe("/bucket/data/a.csv", b"A")
        with pytest.raises(CorruptionError, match=sha256(b"A")):
            made.read("a.csv")
        memory.rm("/bucket/data/a.csv")
        with pytest.raises(NotFoundError, match="is gone"):
            made.read("a.csv")
        with pytest.raises(NotFoundError, match="nothing at"):
            ArtifactDraft("x", "y").add_reference("memory://bucket/none")
    finally:
        memory.rm("/bucket", recursive=True)


def test_an_object_is_known_by_the_etag_of_its_store(run, draft, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a", b"a")
    real, etag = type(memory).info, ['"e1"']

    def info(self, path, **options):
        return real(self, path, **options) | {"ETag": etag[0]}

    monkeypatch.setattr(type(memory), "info", info)
    monkeypatch.setattr(type(memory), "find", lambda self, path, **_: {path: self.info(path)})
    try:
        [entry] = draft.add_reference("memory://bucket/a")
        assert (entry.sha256, entry.reference.etag) == ("", "e1")
        made = run.make_from(draft)
        assert made.read("a") == b"a"
        etag[0] = '"e2"'
        with pytest.raises(CorruptionError, match="must have ETag e1, it has e2"):
            made.read("a")
    finally:
        monkeypatch.undo()
        memory.rm("/bucket", recursive=True)


def test_a_kind_that_nothing_opens_is_refused_in_words(draft, monkeypatch):
    pytest.importorskip("fsspec")
    with pytest.raises(InputError, match="of no kind that fsspec knows"):
        draft.add_reference("gopher2://x/y")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"homeostat\[remote\]"):
        draft.add_reference("memory://x/y")


def test_a_reference_that_cannot_be_is_refused():
    for wrong in ({"digest": "abc"}, {"size": -1}, {"size": "4"}):
        with pytest.raises(InputError):
            Reference("s3://bucket/f", **wrong)
