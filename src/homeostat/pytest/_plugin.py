"""The plugin: options, a fixture, a table at the end, and findings in a record.

Imports nothing but pytest: every run of pytest where Homeostat is installed loads this module.
Findings travel as JSON in the reports' ``user_properties``, so they arrive from xdist's workers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from homeostat.core import Finding
    from homeostat.pytest._verdicts import Action, Check

__all__: list[str] = []

_PROPERTY = "homeostat.finding"
_HELD = pytest.StashKey[list[tuple[str, dict[str, Any]]]]()
_TOLD = pytest.StashKey[str]()
_ORDER = ("fail", "unknown", "warn", "ok")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("homeostat", "tests of models")
    group.addoption(
        "--homeostat-strict",
        action="store_true",
        help="a finding that is warn or unknown fails its test",
    )
    for verdict, default in (("warn", "pass"), ("unknown", "skip")):
        group.addoption(
            f"--homeostat-{verdict}",
            choices=("fail", "skip", "pass"),
            default=None,
            help=f"what a finding that is {verdict} does to its test (default: {default})",
        )
    group.addoption(
        "--homeostat-record",
        metavar="DIR",
        default=None,
        help="write the findings of the run to the record in DIR",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the findings."""
    config.stash[_HELD] = []


@pytest.fixture
def homeostat_check(request: pytest.FixtureRequest) -> Check:
    """Return a callable that turns a finding, or several, into this test's result."""
    from homeostat.pytest._verdicts import Check as Judge  # noqa: PLC0415 - where it is asked for

    def noted(found: Finding) -> None:
        text = json.dumps(found.to_json(), default=str)
        request.node.user_properties.append((_PROPERTY, text))

    strict = bool(request.config.getoption("homeostat_strict"))

    def action(verdict: str, default: Action) -> Action:
        told = request.config.getoption(f"homeostat_{verdict}")
        return cast("Action", told or ("fail" if strict else default))

    return Judge(action("warn", "pass"), action("unknown", "skip"), noted)


class _Collector:
    """Gathers what the tests found, in the process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the findings of a test when it is over."""
        if report.when != "teardown":
            return
        held = self._config.stash[_HELD]
        for name, value in report.user_properties:
            if name == _PROPERTY:
                held.append((report.nodeid, json.loads(str(value))))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Gather in the process that reports, which with xdist runs no test."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Collector(session.config), "homeostat-collector")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the findings to the record, where one was asked for."""
    config = session.config
    where = config.getoption("homeostat_record")
    held = config.stash[_HELD]
    if where is None or not held or hasattr(config, "workerinput"):
        return
    from homeostat.core import HomeostatError  # noqa: PLC0415 - only where findings are written
    from homeostat.pytest._to_record import to_record  # noqa: PLC0415 - heavy, likewise

    failed = int(exitstatus) != 0
    try:
        config.stash[_TOLD] = f"recorded in {where} as {to_record(where, held, failed=failed)}"
    except HomeostatError as error:
        config.stash[_TOLD] = f"NOT recorded: {error}"
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if not failed else exitstatus


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print a line a finding, the worst first."""
    held = config.stash[_HELD]
    if not held:
        return
    terminalreporter.section("homeostat findings")
    worst_first = sorted(held, key=lambda one: _ORDER.index(one[1]["verdict"]))
    colours = {"fail": "red", "unknown": "yellow", "warn": "yellow", "ok": "green"}
    width = terminalreporter._tw.fullwidth  # noqa: SLF001 - pytest offers no other way to the width
    for nodeid, found in worst_first:
        verdict = found["verdict"]
        terminalreporter.write(f"{verdict:<8}", **{colours[verdict]: True})
        line = f"{found['summary']}  ({nodeid.rpartition('::')[2]})"
        room = max(width - 9, 40)
        terminalreporter.write_line(line if len(line) <= room else f"{line[: room - 1]}…")
    counts = {one: sum(found["verdict"] == one for _, found in held) for one in _ORDER}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    recorded = config.stash.get(_TOLD, "")
    terminalreporter.write_line(f"{told}; {recorded}" if recorded else told)
