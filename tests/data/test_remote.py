"""Files elsewhere: object stores and the web through fsspec, by the same readers."""

import gzip
import hashlib
import io
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import polars as pl
import pytest

from homeostat.core import InputError, MissingExtraError
from homeostat.data import read_arrow, read_csv, read_json_lines, read_parquet

FRAME = pl.DataFrame({"a": [1, 2], "s": ["x", None]})


@pytest.fixture
def store():
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder with ETags; a wrong signature is refused."""

    def end_headers(self):
        self.send_header("ETag", '"v1"')
        super().end_headers()

    def do_GET(self):
        if "denied" in self.path:
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, *told):
        pass


@pytest.fixture
def web(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_many_objects_are_one_source_with_a_checksum_each(store):
    store.pipe("/in/b.csv", b"a\n3\nx,y\n")
    store.pipe("/in/a.csv.gz", gzip.compress(b"a\n1\n"))
    store.pipe("/in/other.txt", b"no")
    read = read_csv("memory://in/*.csv*", name="both")
    assert read.collect()["a"].to_list() == [1, 3]
    assert [one.location for one in read.source.files] == [
        "memory:///in/a.csv.gz",
        "memory:///in/b.csv",
    ]
    assert read.source.files[1].sha256 == hashlib.sha256(b"a\n3\nx,y\n").hexdigest()
    assert read.rejected.rows()[0][:2] == ("memory:///in/b.csv", 3)
    store.pipe("/in/b.csv", b"a\n4\n")
    assert read_csv("memory://in/*.csv*", name="both").digest != read.digest


def test_every_reader_takes_an_address(store):
    parquet, arrow = io.BytesIO(), io.BytesIO()
    FRAME.write_parquet(parquet)
    FRAME.write_ipc(arrow)
    store.pipe("/f/a.parquet", parquet.getvalue())
    store.pipe("/f/a.arrow", arrow.getvalue())
    store.pipe("/f/a.jsonl", b'{"a": 1, "s": "x"}\n{"a": 2}\n')
    for reader, name in (
        (read_parquet, "parquet"),
        (read_arrow, "arrow"),
        (read_json_lines, "jsonl"),
    ):
        read = reader(f"memory://f/a.{name}")
        assert read.collect().equals(FRAME)
        assert read.source.name == "a"


def test_the_web_gives_its_etag_to_lineage_and_the_query_does_not_show(web, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    read = read_csv(f"{web}/a.csv?signature=hunter2")
    assert read.collect().item() == 1
    assert read.source.version == "v1"
    assert read.source.location == f"{web}/a.csv"
    assert "hunter2" not in read.lineage() + str(read.lineage_json())


def test_what_is_not_there_or_denied_is_told_without_secrets(web, store):
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_csv(f"{web.replace('http://', 'http://ann:hunter2@')}/denied.csv?key=hunter3")
    assert "hunter" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(f"{web}/absent.csv")
    with pytest.raises(InputError, match="No object is at"):
        read_csv("memory://nothing/*.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_csv("nosuch://bucket/a.csv")


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"homeostat\[remote\]"):
        read_csv("s3://bucket/a.csv")
