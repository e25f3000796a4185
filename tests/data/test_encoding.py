"""Encodings of text files: declared, marked, or detected with a finding; files that mix."""

import bz2
import gzip
import lzma
import zipfile

import pyarrow as pa
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import read_csv, read_json_lines

TEXT = "name,n\nZoë,1\nJürgen,2\n"
ROWS = [("Zoë", 1), ("Jürgen", 2)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_a_file_is_read_in_its_encoding_declared_or_not(encoding):
    data = TEXT.encode(encoding)
    assert read_csv(data, encoding=encoding).collect().rows() == ROWS
    read = read_csv(data)
    assert read.collect().rows() == ROWS
    assert read.rejected.height == 0
    guessed = encoding in {"utf-16-le", "utf-16-be", "cp1252"}
    found = [one for one in read.findings if one.check == "source.encoding"]
    assert [one.verdict for one in found] == [Verdict.WARN] * guessed
    if guessed:
        assert found[0].evidence["encoding"] == encoding
        assert "pass `encoding`" in found[0].summary


def test_a_file_that_mixes_puts_the_odd_lines_aside_or_reads_them_by_the_fallback():
    data = TEXT.encode() + "Jörg,3\n".encode("cp1252") + b"x,4\n"
    read = read_csv(data)
    assert read.collect()["n"].to_list() == [1, 2, 4]
    assert read.rejected["reason"].to_list() == ["not valid UTF-8"]
    (found,) = [one for one in read.findings if one.check == "source.encoding"]
    assert "of 3 lines beyond ASCII 1 are not UTF-8" in found.summary
    assert "'Jörg,3' if that is cp1252" in found.summary
    both = read_csv(data, fallback_encoding="cp1252")
    assert both.collect().row(2) == ("Jörg", 3)
    assert both.rejected.height == 0


def test_a_byte_that_is_not_of_the_declared_encoding_loses_only_its_line():
    data = "a,b\nü,1\n".encode("cp1252") + b"\x81,2\nx,3\n"
    read = read_csv(data, encoding="cp1252")
    assert read.collect().rows() == [("ü", 1), ("x", 3)]
    assert read.rejected.select("line", "reason").rows() == [(3, "not valid CP1252")]


def test_an_encoding_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="no encoding 'utf-9'"):
        read_csv(TEXT.encode(), encoding="utf-9")


def packed(kind, data, path):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", data)
        return
    pack = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": lambda raw: pa.compress(raw, "zstd", asbytes=True),
    }[kind]
    path.write_bytes(pack(data))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_compressed_files_are_read_and_damaged_ones_told(kind, tmp_path):
    path = tmp_path / f"a.csv.{kind}"
    packed(kind, TEXT.encode(), path)
    read = read_csv(path)
    assert (read.collect().rows(), read.source.name) == (ROWS, "a")
    packed(kind, b'{"a": 1}\n', tmp_path / f"b.jsonl.{kind}")
    assert read_json_lines(tmp_path / f"b.jsonl.{kind}").collect().item() == 1
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(path)
    path.write_bytes(TEXT.encode())
    with pytest.raises(InputError, match="not what its name says"):
        read_csv(path)


def test_a_line_without_an_end_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("homeostat.data._encoding._LONGEST_LINE", 1_000)
    for read in (read_csv, read_json_lines):
        with pytest.raises(InputError, match="Line 3 of memory has 0 MB and no end"):
            read(b"a\n1\n" + b"x" * 3_000 + b"\n1\n")
    assert read_csv(b"a\n" + b"x" * 900 + b"\n").collect().height == 1


@pytest.mark.slow
def test_a_line_of_100_mb_is_refused_in_words():
    with pytest.raises(InputError, match="Line 1 of memory has 100 MB and no end"):
        read_csv(b"x" * 100_000_000)
