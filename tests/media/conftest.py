import hashlib
from typing import NamedTuple

import pytest


class Blob(NamedTuple):
    sha256: str
    size: int


class Store:
    """A content store in a folder, which notes what is put."""

    def __init__(self, folder):
        self.folder, self.puts = folder, []

    def put(self, content):
        found = content if isinstance(content, bytes) else content.read_bytes()
        blob = Blob(hashlib.sha256(found).hexdigest(), len(found))
        (self.folder / blob.sha256).write_bytes(found)
        self.puts.append(blob)
        return blob

    def path(self, digest):
        return self.folder / digest

    def read(self, digest):
        return self.path(digest).read_bytes()


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


class Memory(dict):
    """A content store in memory."""

    def put(self, content):
        blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
        self[blob.sha256] = content
        return blob

    path = dict.__getitem__


@pytest.fixture(scope="session")
def memory():
    return Memory
