import importlib.util
import signal
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from homeostat.record import Record
from homeostat.web import create_app
from homeostat.web._serve import Server

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def beside(name):
    """Load a module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def a_year():
    """The module that makes a record of a year."""
    return beside("a_year")


@pytest.fixture(scope="session")
def tracked(tmp_path_factory):
    """A record of tracked runs, and their ids; not to be written to."""
    record, ids = beside("tracked").write_tracked(tmp_path_factory.mktemp("tracked"))
    return settled(record), ids


@pytest.fixture(scope="session")
def tracked_site(tracked):
    with served(tracked[0]) as address:
        yield address


@pytest.fixture
def runs_web(tracked_site):
    with httpx.Client(base_url=tracked_site, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def tracked_addresses(tracked):
    """One address of each kind of page of tracked runs."""
    first, second, *_ = tracked[1]
    every = "&".join(f"run={run}" for run in tracked[1])
    table = f"/tables/{first}?key=predictions"
    return [
        "/runs?filter=config.lr+<+0.05&sort=-summary.val/auc",
        "/runs?columns=config.seed&columns=summary.val/auc", f"/runs/{second}",
        *(f"/runs/{first}?tab={tab}" for tab in ("media", "console", "machine", "code")),
        f"/runs/{first}?tab=media&step=100", f"/compare?run={first}&run={second}",
        f"/compare?{every}&scale=log", "/compare?filter=config.seed+<+3", table,
        f"{table}&filter=guess+!=+truth&sort=-score", f"{table}&group=truth&sort=truth",
        f"{table}&with={second}&on=id", f"{table}&truth=truth&guess=guess",
    ]  # fmt: skip


@contextmanager
def served(record, *, app=None, **settings):
    """Serve a record on a free port of the loopback; yields the address.

    `app` is an application to serve in place of the pages alone.
    """
    ready = threading.Event()

    class Awaited(Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            ready.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Awaited(app or create_app(record, **settings))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.handle_exit(signal.SIGINT, None)
            thread.join(30)


@pytest.fixture(scope="session")
def serving():
    return served


def settled(record):
    """Wait until code and environment of each run are captured, which happens in the background.

    A page that is open meanwhile would hear that the record grew, and fetch itself anew.
    """
    deadline = time.monotonic() + 60
    for run in record.runs()["id"]:
        while record.run(run).environment is None and time.monotonic() < deadline:
            time.sleep(0.05)
    return record


@pytest.fixture(scope="session")
def year(tmp_path_factory, a_year):
    """A record of one system that lived a year; not to be written to."""
    return settled(a_year.write_year(tmp_path_factory.mktemp("year")))


@pytest.fixture(scope="session")
def site(year):
    with served(year) as address:
        yield address


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory):
    with served(Record(tmp_path_factory.mktemp("empty"))) as address:
        yield address


@pytest.fixture
def web(site):
    with httpx.Client(base_url=site, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def addresses(year):
    """One address of each kind of page, of the record of a year."""
    replay = year.runs(kind="replay")["id"][0]
    train = year.runs(kind="train", name="boosted")["id"][0]
    finding = year.findings(check="slice.metric")["id"][0]
    shift = year.findings(check="shift.feature")["id"][0]
    return [
        "/", "/timeline", "/timeline?metric=auc&policy=weekly&from=2013-06-01&to=2013-08-01",
        "/shift", "/shift?measure=missing&scale=month", "/evaluation", "/runs", f"/runs/{replay}",
        f"/runs/{train}", "/artifacts", "/artifacts/boosted:v0", "/lineage/boosted:v0",
        f"/lineage/{finding}", "/findings", f"/findings/{finding}", f"/findings/{shift}",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing, and these tests look at pages in it")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a machine that many share is slow
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser):
    """Open a tab of a width and a theme; its ``complaints`` collect errors of the console."""
    contexts = []

    def opened(width=1280, height=900, theme="light", **settings):
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=theme, **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.complaints = []
        tab.on("console", lambda m: m.type == "error" and tab.complaints.append(m.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        return tab

    yield opened
    for context in contexts:
        context.close()
