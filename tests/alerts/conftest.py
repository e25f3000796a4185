import sys
from pathlib import Path

import pytest

from homeostat.core import SimulatedClock
from homeostat.record import Record

sys.path.insert(0, str(Path(__file__).parent))  # what the tests of alerts share

from alerting import START, Collected


@pytest.fixture
def channel():
    return Collected()


@pytest.fixture
def clock():
    return SimulatedClock(START)


@pytest.fixture
def record(tmp_path, clock):
    with Record(tmp_path / "record", clock=clock, capture=False) as record:
        yield record
