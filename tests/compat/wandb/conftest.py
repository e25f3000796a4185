"""Our face under the name wandb, put in for one test and taken away after it."""

import os
import sys

import pytest

from homeostat import track
from homeostat.compat.wandb import install


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    """Import our face in an empty folder, without code capture, to be quick."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "HOMEOSTAT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOMEOSTAT_SILENT", "1")
    monkeypatch.setenv("HOMEOSTAT_CONSOLE", "off")
    monkeypatch.setenv("WANDB_DISABLE_CODE", "true")
    monkeypatch.chdir(tmp_path)
    finders = list(sys.meta_path)
    install()
    import wandb

    yield wandb
    track.finish()
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.split(".")[0] == "wandb"]:
        del sys.modules[name]
