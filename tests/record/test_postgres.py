"""An index in PostgreSQL says what one in SQLite says, of the same logs, to the same questions."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homeostat.core import Finding, InputError, StorageError
from homeostat.record import Record
from homeostat.record._index.postgres import checked_url, schema_of
from homeostat.record._index.postgres_sql import translated

_spec = importlib.util.spec_from_file_location("postgres", Path(__file__).with_name("postgres.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
postgres = _module.postgres

EVIL = "../../etc/passwd'; DROP TABLE starts; -- \0 \N{SNOWMAN} \\ \t \n {{ 7*7 }} \\N <script>"


def live(record):
    """Write some of everything."""
    with record.start_run("train", EVIL, system=EVIL, config={EVIL: EVIL, "lr": 0.1}) as run:
        for i in range(300):
            run.log({"loss": 1 / (i + 1), EVIL: float("nan"), "inf": float("-inf")})
        run.log_row({"text": EVIL}, step=3)
        run.console(EVIL)
        run.event(EVIL, {EVIL: [EVIL]})
        run.find(Finding(check="shift.psi", subject=EVIL, verdict="fail", summary=EVIL))
        run.find(Finding(check="shift[a]", subject="b", verdict="ok", summary="c", statistic=1))
        run.make("model", "model", {"a": b"one"}, aliases=["best"], metadata={EVIL: 1})
        run.make("model", "model", {"a": b"two"}, aliases=["best"])
        run.update(summary={"auc": 0.9}, about={"tags": [EVIL]})
    with record.start_run("evaluate", parent=run, config={"lr": "high"}) as part:
        part.use("model:v0")
    record.start_run("train", config={"lr": 0.01}).finish("failed", EVIL)
    return run


@pytest.fixture
def both(tmp_path, postgres):
    """A record with some of everything, with its index in SQLite and in PostgreSQL."""
    with (
        Record(tmp_path / "record", capture=False) as lite,
        Record(tmp_path / "record", capture=False, index=postgres) as pg,
    ):
        yield lite, pg, live(lite)


def test_both_say_the_same_of_the_same_logs(both):
    lite, pg, _ = both
    for record in (lite, pg):
        record.runs()
    assert pg._ledger.index.digest() == lite._ledger.index.digest()
    assert {found.verdict for found in pg.verify()} == {"ok"}
    assert not pg.rebuild().changed
    assert pg._ledger.index.digest() == lite._ledger.index.digest()


@pytest.mark.parametrize(
    "question",
    [
        lambda r, run: r.runs(),
        lambda r, run: r.runs("config.lr < 0.05 or summary.auc > 0.8", order="-config.lr"),
        lambda r, run: r.runs("'nothing' in about.tags"),
        lambda r, run: r.runs(kind="train", status="failed"),
        lambda r, run: r.runs(name=EVIL, system=EVIL),
        lambda r, run: r.metrics(run.id),
        lambda r, run: r.events(),
        lambda r, run: r.events(kind=EVIL),
        lambda r, run: r.findings(),
        lambda r, run: r.findings(check="shift.*"),
        lambda r, run: r.findings(check="shift[[]a]"),
        lambda r, run: r.findings(check="s?ift.[!x]si"),
        lambda r, run: r.artifacts(),
    ],
)
def test_both_answer_a_question_alike(both, question):
    lite, pg, run = both
    assert question(pg, run).equals(question(lite, run))


def test_both_know_a_run_and_where_things_came_from(both):
    lite, pg, run = both
    assert pg.run(run.id) == lite.run(run.id)
    assert str(pg.lineage("model:v0")) == str(lite.lineage("model:v0"))
    finding = lite.findings()["id"][0]
    assert str(pg.lineage(finding)) == str(lite.lineage(finding))
    assert pg.artifact("model:best").read("a") == b"two"
    assert pg.logs(run.id) == lite.logs(run.id)


def test_what_is_written_afterwards_shows_in_both(both):
    lite, pg, _ = both
    assert pg.runs().height == 3
    with pg.start_run("train", config={"lr": 1.0}) as more:
        more.log({"loss": 0.5})
        assert more.make("model", "model", {"a": b"three"}).version == 2
    assert pg.runs("config.lr == 1.0")["id"].to_list() == [more.id]
    assert pg.runs().equals(lite.runs())
    assert pg._ledger.index.digest() == lite._ledger.index.digest()


def test_each_record_has_a_schema_of_its_own(both, tmp_path, postgres):
    _, pg, _ = both
    with Record(tmp_path / "another", capture=False, index=postgres) as another:
        assert another.runs().is_empty()
    assert pg.runs().height == 3


def test_several_processes_that_start_at_once_fill_one_index(tmp_path, postgres):
    script = (
        "import sys; from homeostat.record import Record\n"
        "with Record(sys.argv[1], capture=False) as r:\n"
        "    with r.start_run('train') as run: run.make('m', 'model', {'a': run.id.encode()})\n"
    )
    environment = {**os.environ, "HOMEOSTAT_INDEX": postgres}
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment)
        for _ in range(4)
    ]
    assert [one.wait(120) for one in started] == [0] * 4
    with Record(tmp_path, capture=False, index=postgres) as record:
        assert record.artifacts()["version"].to_list() == [0, 1, 2, 3]
        assert not record.rebuild().changed


def test_a_forked_child_opens_a_connection_of_its_own(both):
    _, pg, _ = both
    child = os.fork()
    if child == 0:
        status = 1
        try:
            [(count,)] = pg._ledger.index.query("SELECT count(*) FROM starts")
            status = 0 if count == 3 else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pg.runs().height == 3


def test_a_connection_that_broke_is_opened_again(both, tmp_path, postgres):
    _, pg, _ = both
    assert pg.runs().height == 3
    with Record(tmp_path / "another", capture=False, index=postgres) as another:
        another.runs()
        another._ledger.index._connection._raw.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'homeostat' AND pid <> pg_backend_pid()"
        )
    assert pg.artifacts().height == 2


def test_a_database_that_is_not_there_is_told_in_words_without_the_password(tmp_path):
    pytest.importorskip("pg8000")
    url = "postgresql://ada:secret@127.0.0.1:9/nowhere"
    with Record(tmp_path, capture=False, index=url) as record:
        record.start_run("train").finish()  # writing needs no index
        with pytest.raises(StorageError, match=r"ada@127\.0\.0\.1:9") as caught:
            record.runs()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql://host", "nonsense", "postgresql:///"])
def test_a_url_that_names_no_database_is_refused(url, tmp_path):
    with pytest.raises(InputError, match="postgresql://user@host"):
        checked_url(url)


def test_a_schema_can_be_named_in_the_url_and_cannot_do_harm(tmp_path):
    assert schema_of(tmp_path, "postgresql://a/b?schema=team_x") == "team_x"
    with pytest.raises(InputError, match="schema"):
        schema_of(tmp_path, 'postgresql://a/b?schema=x";DROP')


def test_what_stands_between_quotes_is_left_alone():
    assert translated("SELECT '? offset' FROM t WHERE a = ?", {}) == (
        "SELECT '? offset' FROM t WHERE a = :p0",
        1,
    )
