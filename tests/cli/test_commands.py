import csv
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import click
import pytest
from shop import iso

from homeostat.cli import cli
from homeostat.evaluate import no_worse
from homeostat.record import Record
from homeostat.serve import Client

SHOP = str(Path(__file__).parents[1] / "loop")
TABLES = ("runs", "findings", "artifacts")


def is_one_sentence(told):
    assert told.code == 1
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.strip().endswith((".", "?"))
    assert "Traceback" not in told.err
    return True


def test_help_lists_every_command_in_its_section(homeostat):
    told = homeostat("--help")
    assert told.code == 0
    sections = [line[:-1] for line in told.out.splitlines() if line.endswith(":")]
    assert sections[1:] == [
        "Start here", "The loop", "In production", "Data", "Track", "Ask the record",
        "Do it again", "Look after the record",
    ]  # fmt: skip
    for name in cli.commands:
        assert f"\n  {name} " in told.out


def commands(group, *above):
    for name, command in group.commands.items():
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_each_command_says_what_it_does(homeostat, path):
    told = homeostat(*path, "--help")
    assert told.code == 0
    [_, about] = told.out.split("\n\n")[:2]
    assert about.strip().endswith(".")


def test_without_a_command_the_help_is_shown(homeostat):
    assert "Start here:" in homeostat().err
    told = homeostat("rnu")
    assert told.code == 2
    assert "No such command 'rnu'" in told.err


def test_the_version_is_that_of_the_package(homeostat):
    import homeostat as package

    assert package.__version__ in homeostat("--version").out


@pytest.mark.parametrize("command", TABLES)
def test_an_empty_record_says_what_to_do(homeostat, empty, command):
    told = homeostat(command, "--record", empty)
    assert told.code == 0
    assert "homeostat demo" in told.out
    assert homeostat(command, "--record", empty, "--output", "json").out == "[]\n"
    [header] = csv.reader(io.StringIO(homeostat(command, "--record", empty, "--output", "csv").out))
    assert "run" in header or "id" in header


@pytest.mark.parametrize("command", TABLES)
def test_json_csv_and_the_table_tell_the_same(homeostat, filled, command):
    rows = json.loads(homeostat(command, "--record", filled, "--output", "json").out)
    printed = homeostat(command, "--record", filled, "--output", "csv")
    assert printed.code == 0
    table = list(csv.DictReader(io.StringIO(printed.out)))
    assert len(rows) == len(table) > 5
    assert [row["id"] for row in rows] == [row["id"] for row in table]
    assert list(rows[0]) == list(table[0])


@pytest.mark.parametrize("command", TABLES)
@pytest.mark.parametrize("columns", [80, 160])
def test_a_table_can_be_read_on_a_narrow_terminal(homeostat, filled, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    told = homeostat(command, "--record", filled)
    assert told.code == 0
    lines = told.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].split()[0] in {"id", "at", "name"}
    assert len(lines) < 50 * 8


def test_a_list_is_one_cell_of_the_csv(homeostat, filled):
    out = homeostat("artifacts", "--record", filled, "--type", "model", "--output", "csv").out
    [row] = csv.DictReader(io.StringIO(out))
    assert row["aliases"] == "candidate production"


def test_filters_narrow_what_is_asked_for(homeostat, filled):
    def asked(*arguments):
        return json.loads(homeostat(*arguments, "--record", filled, "--output", "json").out)

    assert [row["kind"] for row in asked("runs", "--kind", "replay")] == ["replay"]
    assert asked("runs", "--system", "bakery") == []
    assert {row["verdict"] for row in asked("findings", "--verdict", "warn")} == {"warn"}
    assert {row["check"] for row in asked("findings", "--check", "leakage.*")} >= {
        "leakage.known_at"
    }
    [gates] = asked("runs", "--kind", "gates")
    assert {row["run"] for row in asked("findings", "--run", gates["id"])} == {gates["id"]}
    assert {row["name"] for row in asked("artifacts", "--name", "shop")} == {"shop"}


def test_lineage_leads_from_a_model_to_its_dataset(homeostat, filled):
    told = homeostat("lineage", "shop:production", "--record", filled)
    assert told.code == 0
    assert told.out.startswith("model shop:v0")
    assert "dataset shop-dataset:v0" in told.out


def test_the_folder_may_be_named_by_the_environment(homeostat, filled, monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_RECORD", str(filled))
    assert homeostat("runs", "--kind", "replay", "--output", "csv").out.count("\n") == 2


def logs_of(record, folder):
    """Copy a record without its index."""
    return shutil.copytree(record, folder / "copy", ignore=shutil.ignore_patterns("index*"))


def test_a_lost_index_is_rebuilt_from_the_logs(homeostat, filled, tmp_path):
    before = homeostat("runs", "--record", filled, "--output", "csv").out
    copy = logs_of(filled, tmp_path)
    assert homeostat("record", "rebuild", "--record", copy).code == 0
    assert homeostat("runs", "--record", copy, "--output", "csv").out == before
    assert homeostat("record", "verify", "--record", copy).code == 0


def test_a_changed_content_is_found_and_named(homeostat, filled, tmp_path):
    assert homeostat("record", "verify", "--record", filled).code == 0
    copy = logs_of(filled, tmp_path)
    with Record.open(copy) as record:
        path = record.artifact("shop:production").path("model/model.json")
    path.chmod(0o644)
    path.write_bytes(b"{}")
    told = homeostat("record", "verify", "--record", copy)
    assert told.code == 1
    assert "fail" in told.out
    assert "blobs" in told.out or path.name in told.out
    assert "Traceback" not in told.err


READS = [
    *((name,) for name in TABLES), ("lineage", "shop"), ("record", "verify"), ("record", "rebuild"),
    ("serve", "shop"),
]  # fmt: skip


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_a_record_that_is_not_there_is_told_and_not_made(homeostat, tmp_path, command):
    told = homeostat(*command, "--record", tmp_path / "nowhere")
    assert is_one_sentence(told)
    assert "There is no record in" in told.err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", [*READS, ("run", "shop:shop"), ("ui",)], ids=" ".join)
def test_a_record_of_a_newer_version_is_told_and_left_alone(homeostat, empty, command):
    (empty / "record.json").write_text('{"homeostat_record": 99}')
    told = homeostat(*command, "--record", empty)
    assert is_one_sentence(told)
    assert "has format 99" in told.err
    assert "upgrade" in told.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bakery", "'module:attribute' or one of flight-delay"),
        ("bakery:system", "No module named 'bakery'"),
        ("shop:shopp", "no attribute 'shopp'"),
        ("shop:DAYS", "is a int, not a homeostat System"),
        ("shop:orders", "is a DataFrame, not a homeostat System"),
        (":system", "'module:attribute'"),
        ("..:system", "'module:attribute'"),
        ("shop:", "There is no system"),
    ],
)
def test_a_system_that_is_none_is_told(homeostat, tmp_path, name, words):
    for command in (("run", name), ("replay", name, "2024-02-15", "2024-02-16")):
        told = homeostat(*command, "--record", tmp_path / "record")
        assert is_one_sentence(told)
        assert words in told.err
        assert not (tmp_path / "record").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay", "shop:shop", "2024-02-30", "2024-03-10"), "such as '2013-03-01'"),
        (("replay", "shop:shop", "2024-03-10", "2024-03-01"), "ends after it starts"),
        (("replay", "shop:shop", iso(45), iso(46), "--workers", "0"), "at least one worker"),
        (("lineage", "shopp"), "Did you mean `shop`"),
        (("serve", "bakery", "--port", "0"), "no model `bakery` in production"),
        (("serve", "shop", "--port", "99999"), "Choose another host or port"),
        (("serve", "shop", "--host", "0.0.0.0"), "token is required"),
        (("ui", "--host", "0.0.0.0"), "token is required"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else None,
)
def test_bad_input_is_one_sentence(homeostat, filled, arguments, words):
    told = homeostat(*arguments, "--record", filled)
    assert is_one_sentence(told)
    assert words in told.err


@pytest.mark.parametrize("command", [("ui",), ("serve", "shop")], ids=" ".join)
def test_a_port_in_use_is_told_with_another_to_choose(homeostat, filled, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = homeostat(*command, "--port", port, "--record", filled)
    assert is_one_sentence(told)
    assert f"Port {port} on 127.0.0.1 is in use" in told.err
    assert str(port + 1) in told.err


def test_run_goes_once_round_and_a_refusal_names_its_reasons(homeostat, tmp_path, monkeypatch):
    monkeypatch.chdir(SHOP)
    # By now the depot has moved, and no model here beats the majority's rate.
    refused = homeostat("run", "shop:shop", "--record", tmp_path / "record")
    assert refused.code == 1
    assert "a release must be shown to be better" in refused.err
    monkeypatch.setattr("shop.beats", no_worse)
    told = homeostat("run", "shop:shop", "--record", tmp_path / "record")
    assert told.code == 0
    assert told.out.startswith("shop: released shop:v0\n")
    assert told.out.count("phase") == 3
    monkeypatch.setattr("shop.FEATURES", ("depot", "hours"))
    refused = homeostat("run", "shop:shop", "--record", tmp_path / "record")
    assert refused.code == 1
    assert refused.err.startswith("shop: stopped at leaks.\n  - hours is known too late")


def test_replay_prints_the_table_and_the_conclusion(homeostat, tmp_path):
    told = homeostat(
        "replay", "shop:shop", iso(45), iso(48), "--workers", "1", "--record", tmp_path / "record"
    )
    assert told.code == 0
    assert "every 3 days" in told.out
    assert "loses least" in told.out


def test_ctrl_c_is_told_in_a_sentence_and_ends_with_130(homeostat, filled, monkeypatch):
    def interrupted(*_arguments, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("homeostat.loop.System.run", interrupted)
    told = homeostat("run", "shop:shop", "--record", filled)
    assert told.code == 130
    assert told.err.strip() == (
        "Stopped. What was finished is kept; run again to go on from there."
    )


def start(*arguments):
    """Start the command as a shell does."""
    script = Path(sys.executable).with_name("homeostat")
    command = [str(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_serve_answers_until_it_is_told_to_stop(filled):
    row = {"depot": "east", "distance": 9.5, "weight": None, "queue": 21.0}
    with start("serve", "shop", "--port", 0, "--record", filled) as served:
        url = served.stdout.readline().split()[-1]
        with Client(url) as client:
            assert client.predict(row).version == "shop:v0"
        served.send_signal(signal.SIGINT)
        _, err = served.communicate(timeout=60)
    assert served.returncode == 0
    assert "Traceback" not in err


def test_ui_tells_its_address_once_it_answers(filled):
    with start("ui", "--port", 0, "--record", filled) as shown:
        url = shown.stdout.readline().split()[3]
        with urlopen(url) as answer:
            assert b"shop" in answer.read()
        shown.send_signal(signal.SIGINT)
        _, err = shown.communicate(timeout=60)
    assert "Traceback" not in err


@pytest.mark.parametrize(("form", "start"), [("md", "# "), ("html", "<!doctype"), ("json", "{")])
def test_a_card_is_printed_in_each_form(homeostat, filled, form, start):
    said = homeostat("card", "shop", "--record", filled, "--format", form)
    assert said.code == 0
    assert said.out.lower().startswith(start)
    assert "shop" in said.out
