"""What the documentation says is there, and what it shows runs."""

import doctest
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import click
import pytest

from homeostat.cli import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKED = [ROOT / "README.md", *PAGES]
ROWS = {"A": 6, "B": 8, "C": 10, "D": 8, "E": 8, "F": 14, "G": 6, "H": 9}  # rows of the mission
HOMES = {"code": ROOT / "src" / "homeostat", "test": ROOT / "tests"}
TABLE = re.compile(r"^\| ([A-H]\d+) .*?\|\s*(.*?)\s*\|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)


def covered():
    """The rows of coverage.md: id, status, text, code, tests."""
    return TABLE.findall((DOCS / "coverage.md").read_text())


def name_of(path):
    return str(path.relative_to(ROOT))


def anchors(page):
    """What the headings of a page are called in a link."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def commands(group, path="homeostat"):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def test_every_row_of_the_mission_is_there_once_and_in_order():
    asked = [f"{section}{i}" for section, n in ROWS.items() for i in range(1, n + 1)]
    assert [row for row, *_ in covered()] == asked


@pytest.mark.parametrize("row", covered(), ids=lambda row: row[0])
def test_what_coverage_points_at_exists(row):
    _, status, text, code, tests = row
    pointers = {"code": re.findall(r"`(.+?)`", code), "test": re.findall(r"`(.+?)`", tests)}
    assert status in {"done", "first form", "not yet"}
    assert all(bool(found) == (status != "not yet") for found in pointers.values())
    assert status != "first form" or text.strip()
    for kind, found in pointers.items():
        for pointer in found:
            file, _, name = pointer.partition("::")
            path = HOMES[kind] / file
            assert path.is_file(), pointer
            assert f"def {name}(" in path.read_text() or not name, pointer


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_every_page_is_in_the_contents():
    linked = re.findall(r"\]\((.+?)\)", (DOCS / "index.md").read_text())
    pages = {str(page.relative_to(DOCS)) for page in PAGES} - {"index.md"}
    assert pages <= set(linked)


def test_every_command_is_mentioned():
    text = "\n".join(page.read_text() for page in PAGES)
    assert [one for one in commands(cli) if one not in text] == []


@pytest.mark.parametrize("page", [p for p in PAGES if ">>>" in p.read_text()], ids=name_of)
def test_examples_print_what_the_page_says(page):
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted
    assert not found.failed


def test_your_own_system_runs_as_written_and_prints_what_the_tutorial_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = (DOCS / "tutorial.md").read_text().partition("## Your own system")[2]
    blocks = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", section, re.DOTALL)
    assert len(blocks) > 2
    names = {}
    for code, said in blocks:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == said
