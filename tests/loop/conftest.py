from types import SimpleNamespace

import pytest
import shop

from homeostat.core import SimulatedClock
from homeostat.loop import replay
from homeostat.record import Record


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as opened:
        yield opened


@pytest.fixture
def now():
    """The day on which a round is gone in most tests."""
    return SimulatedClock(shop.day(45))


@pytest.fixture(scope="session")
def replayed(tmp_path_factory):
    """Three policies over the days around the change; not to be written to."""
    with Record(tmp_path_factory.mktemp("replayed"), capture=False) as record:
        policies = [shop.never(), shop.often(), shop.often("misled", model=shop.Misled)]
        result = replay(shop.shop(), record, shop.iso(45), shop.iso(67), policies=policies)
        yield SimpleNamespace(record=record, result=result, runs=result.runs)
