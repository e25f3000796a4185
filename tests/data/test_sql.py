"""Reading SQL: rows in batches, the query and its database in lineage, cells that do not fit."""

import sqlite3
import sys
from datetime import date, datetime

import duckdb
import polars as pl
import pytest
from postgres import postgres  # noqa: F401 - a fixture

from homeostat.core import InputError, MissingExtraError, SchemaError, Verdict
from homeostat.data import read_sql


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A SQLite file whose column `n` is of whole numbers, but for one cell in 201."""
    monkeypatch.chdir(tmp_path)
    base = sqlite3.connect("shop.db")
    base.execute("CREATE TABLE orders (n INT, s TEXT, d TEXT)")
    rows = [(number, f"s{number}", "1850-01-01") for number in range(1, 201)]
    rows.insert(100, ("many", "x", "1850-01-01"))
    base.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    base.commit()
    base.close()
    return tmp_path / "shop.db"


def test_rows_of_sqlite_come_typed_and_the_cell_of_another_type_is_put_aside(shop):
    read = read_sql("SELECT * FROM orders;", shop, dtypes={"d": "date"})
    assert read.collect().schema == {"n": pl.Int64, "s": pl.String, "d": pl.Date}
    assert read.collect()["d"][0] == date(1850, 1, 1)
    assert read.collect()["n"].to_list() == list(range(1, 201))
    (aside,) = read.rejected.rows(named=True)
    assert (aside["file"], aside["line"], aside["column"]) == ("shop.db", 101, "n")
    assert aside["reason"] == "column `n`: 'many' is not a whole number"
    assert aside["text"] == "{'n': 'many', 's': 'x', 'd': '1850-01-01'}"
    assert read.findings[0].verdict is Verdict.WARN


def test_lineage_has_the_query_the_file_its_fingerprint_and_the_rows_digest(shop):
    read = read_sql("SELECT n FROM orders WHERE n < ?", shop, parameters=[3])
    told = read.source.to_json()
    assert told["query"] == "SELECT n FROM orders WHERE n < ?"
    assert (told["location"], told["rows"], told["rejected"]) == ("shop.db", 2, 0)
    assert told["version"].startswith("sqlite ")
    again = read_sql("select n from orders where n <= 2", shop, batch_rows=1)
    assert again.collect().equals(read.collect())
    other = read_sql("SELECT n FROM orders WHERE n < 4", shop)
    assert other.source.sha256 != read.source.sha256


def test_the_same_rows_are_known_again_whatever_the_batches_of_the_database(shop):
    one = read_sql("SELECT * FROM orders", shop)
    base = sqlite3.connect(shop)
    base.execute("PRAGMA page_size = 8192")
    base.execute("VACUUM")
    base.close()
    assert read_sql("SELECT * FROM orders", shop).digest == one.digest


def test_with_a_cache_rows_lie_on_disk_in_parts_and_nothing_else_is_left(shop, tmp_path):
    folder = tmp_path / "kept"
    read = read_sql("SELECT * FROM orders", shop, batch_rows=50, cache=folder)
    (kept,) = folder.iterdir()
    assert len(list(kept.iterdir())) == 4
    assert read.collect().equals(read_sql("SELECT * FROM orders", shop).collect())
    assert read_sql("SELECT * FROM orders", shop, batch_rows=50, cache=folder).rejected.height == 1
    with pytest.raises(InputError, match="no such column"):
        read_sql("SELECT nope FROM orders", shop, cache=folder)
    assert list(folder.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("cells", "dtype", "kept", "aside"),
    [
        ([1, 2.5, None], pl.Float64, [1.0, 2.5, None], 0),
        ([None] * 70_000 + ["x"], pl.String, [None] * 70_000 + ["x"], 0),
        ([1] * 70_000 + [2.5], pl.Float64, [1.0] * 70_000 + [2.5], 0),
        (["a", 1, b"\xff"], pl.String, ["a", "1", "FF"], 0),
        (["x"] * 200 + [5], pl.String, ["x"] * 200, 1),
        ([b"\x00\xff"], pl.Binary, [b"\x00\xff"], 0),
        ([None], pl.Null, [None], 0),
    ],
)
def test_a_column_of_sqlite_is_what_nearly_all_of_its_cells_are(
    cells, dtype, kept, aside, tmp_path
):
    base = sqlite3.connect(tmp_path / "a.db")
    base.execute("CREATE TABLE t (x)")
    base.executemany("INSERT INTO t VALUES (?)", [(cell,) for cell in cells])
    base.commit()
    for where in (base, tmp_path / "a.db"):
        read = read_sql("SELECT x FROM t", where)
        assert read.collect()["x"].to_list() == kept
        assert read.collect()["x"].dtype == dtype or dtype == pl.Null
        assert read.rejected.height == aside
    base.close()


def test_a_mixed_column_is_text_and_a_finding_says_so():
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t AS SELECT 1 AS x UNION ALL SELECT 'a'")
    found = read_sql("SELECT x FROM t", base).findings[-1]
    assert (found.check, found.subject, found.verdict) == ("source.mixed_types", "x", Verdict.WARN)
    base.close()


def test_text_of_sqlite_that_is_no_utf8_is_put_aside():
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t AS SELECT CAST(x'ff' AS TEXT) AS s UNION ALL SELECT 'ok'")
    read = read_sql("SELECT s FROM t", base)
    assert read.collect()["s"].to_list() == ["ok"]
    assert read.rejected["reason"].to_list() == [r"column `s`: '\\xff' is not valid UTF-8"]
    base.close()


def test_a_query_only_reads(shop):
    with pytest.raises(InputError, match="cannot answer the query"):
        read_sql("DELETE FROM orders", shop)
    assert read_sql("SELECT count(*) AS n FROM orders", shop).collect().item() == 201


def test_without_adbc_sqlite_is_read_all_the_same(shop, monkeypatch):
    read = read_sql("SELECT s, d FROM orders", shop)
    monkeypatch.setitem(sys.modules, "adbc_driver_sqlite", None)
    assert read_sql("SELECT s, d FROM orders", shop).digest == read.digest


def test_duckdb_is_read_from_a_file_and_from_an_open_connection(tmp_path):
    base = duckdb.connect(str(tmp_path / "a.duckdb"))
    base.execute(
        "CREATE TABLE t AS SELECT range AS i, date '1850-01-01' AS d, 1.25::DECIMAL(10, 2) AS n, "
        "'a'::ENUM('a', 'b') AS e, interval 1 day AS v, [1, 2] AS l, {'x': 1} AS s FROM range(3)"
    )
    inside = read_sql("SELECT * FROM t WHERE i < $1 ORDER BY i", base, parameters=[2])
    base.close()
    read = read_sql("SELECT * FROM t ORDER BY i", tmp_path / "a.duckdb", name="t")
    assert read.collect().row(2)[:2] == (2, date(1850, 1, 1))
    assert read.collect()["e"].to_list() == ["a"] * 3
    assert read.collect()["v"].to_list() == ["P0M1DT0S"] * 3
    assert inside.collect().equals(read.collect().head(2))
    assert read_sql("SELECT * FROM t WHERE i > 5", tmp_path / "a.duckdb").collect().width == 7
    held = read_sql("SELECT i - 0.5 AS x FROM t", tmp_path / "a.duckdb", dtypes={"x": "int"})
    assert held.rejected["line"].to_list() == [1, 2, 3]


def test_postgresql_is_read_in_batches_and_its_password_is_nowhere(postgres):  # noqa: F811 - the fixture
    from adbc_driver_postgresql import dbapi

    url = postgres.replace("tester@", "tester:hunter2@")
    with dbapi.connect(url) as base, base.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute(
            "CREATE TABLE t AS SELECT i, i * 1.25::numeric(10, 2) AS n, i / 3.0 AS f, "
            "'x' || i AS s, "
            "date '1850-01-01' AS d, timestamptz '0900-01-01 05:00Z' AS at, "
            "'00000000-0000-0000-0000-000000000001'::uuid AS u, interval '1 day' AS v, "
            "'{\"a\": 1}'::jsonb AS j FROM generate_series(1, 1000) AS i"
        )
        cursor.execute("ALTER TABLE t ALTER COLUMN n TYPE numeric(10, 2)")
        base.commit()
        open_one = read_sql("SELECT i FROM t ORDER BY i", base)
    read = read_sql("SELECT * FROM t WHERE i > $1 ORDER BY i", url, parameters=[0], batch_rows=300)
    frame = read.collect()
    assert frame.height == 1000
    assert frame["n"].dtype == pl.Decimal(10, 2)
    assert frame["f"][0] == pytest.approx(1 / 3)
    assert frame["d"][0] == date(1850, 1, 1)
    assert frame["at"][0].year == 900
    assert frame["u"][0] == "00000000-0000-0000-0000-000000000001"
    assert open_one.collect()["i"].to_list() == frame["i"].to_list()
    assert read.source.location.startswith("postgresql://127.0.0.1:")
    assert read.source.version.startswith("postgresql ")
    assert "hunter2" not in str(read.lineage_json()) + read.lineage() + repr(read.source)
    assert "tester" not in str(read.lineage_json())
    held = read_sql("SELECT s FROM t ORDER BY i", url, dtypes={"s": "int"})
    assert (held.collect().height, held.rejected.height) == (0, 1000)
    with pytest.raises(InputError, match="read-only"):
        read_sql("INSERT INTO t (i) VALUES (1) RETURNING i", url)
    with pytest.raises(InputError, match='relation "nope" does not exist'):
        read_sql("SELECT * FROM nope", url)


def test_a_server_that_is_away_is_told_without_the_password():
    with pytest.raises(InputError, match="cannot be reached") as caught:
        read_sql("SELECT 1", "postgresql://zelda:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in str(caught.value)
    assert "zelda" not in str(caught.value)


def test_what_looks_like_a_secret_in_a_query_is_not_in_lineage():
    base = sqlite3.connect(":memory:")
    query = "SELECT 1 AS a -- password='hunter2' token=abc postgresql://ann:hunter3@host/x\n"
    told = read_sql(query, base).source.query
    assert "hunter" not in told
    assert "abc" not in told
    base.close()


class OnlyDbApi:
    """A connection of some other database."""

    def __init__(self, rows, names=("a", "t")):
        self.rows, self.description = rows, [(name,) for name in names]

    def cursor(self):
        return self

    def execute(self, query, parameters=()):
        self.asked = query, parameters

    def fetchall(self):
        return self.rows

    def close(self):
        pass


def test_any_db_api_connection_serves():
    at = datetime(1850, 1, 1)  # noqa: DTZ001 - as a database without zones gives it
    base = OnlyDbApi([[1, at], [None, None]])
    read = read_sql("SELECT 1", base, parameters=[7])
    assert read.collect().rows() == [(1, at), (None, None)]
    assert base.asked == ("SELECT 1", [7])
    with pytest.raises(InputError, match="CAST it in the query"):
        read_sql("SELECT 1", OnlyDbApi([[1, at], ["x", at]]))


def test_what_cannot_be_asked_is_refused_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("no database")
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0 torn")
    for where, why in (
        (tmp_path / "absent.db", "cannot be read"),
        (f"sqlite:///{tmp_path}/absent.db", "no such file"),
        (tmp_path / "a.txt", "neither SQLite nor DuckDB"),
        (tmp_path / "a.db", "cannot be opened as sqlite"),
        ("mysql://ann@host/x", "pass an open connection"),
        (7, "got int"),
    ):
        with pytest.raises(InputError, match=why):
            read_sql("SELECT 1", where)
    with pytest.raises(InputError, match="`batch_rows` is a whole number"):
        read_sql("SELECT 1", sqlite3.connect(":memory:"), batch_rows=0)
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    monkeypatch.delitem(sys.modules, "adbc_driver_postgresql.dbapi", raising=False)
    with pytest.raises(MissingExtraError, match=r"homeostat\[sources\]"):
        read_sql("SELECT 1", "postgresql://host/x")


def test_two_columns_of_one_name_are_refused(shop):
    for base in (shop, duckdb.connect(), sqlite3.connect(shop)):
        with pytest.raises(SchemaError, match="more than once: a"):
            read_sql("SELECT 1 AS a, 2 AS a", base)


def test_a_number_is_no_date_until_its_unit_is_said(shop):
    with pytest.raises(SchemaError, match="what a number counts"):
        read_sql("SELECT 5 AS d", duckdb.connect(), dtypes={"d": "date"})


def test_bad_rows_of_a_query_can_be_refused(shop):
    with pytest.raises(InputError, match=r"Line 101 of shop\.db: column `n`"):
        read_sql("SELECT * FROM orders", shop, on_bad_rows="refuse")
