import json
import sys
from pathlib import Path

import polars as pl
import pytest

from homeostat.record import Record

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "record", capture=False) as record:
        yield record


@pytest.fixture
def logged(record):
    """What a run logged last that was no number, by name."""

    def last(run):
        history = record.history(run).drop("run", strict=False)
        texts = [name for name, kind in history.schema.items() if kind == pl.String]
        found = {name: history[name].drop_nulls().to_list() for name in texts}
        return {name: json.loads(values[-1]) for name, values in found.items() if values}

    return last
