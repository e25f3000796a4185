import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import homeostat.serve
from homeostat.core import MissingExtraError

DOC = Path(__file__).parents[2] / "docs" / "serve.md"


def test_the_examples_of_the_guide_give_what_they_say():
    assert doctest.testfile(str(DOC), module_relative=False).failed == 0


def test_public_names_are_sorted_and_documented():
    names = homeostat.serve.__all__
    assert names == sorted(names)
    assert all(getattr(homeostat.serve, name).__doc__ for name in names)


def test_importing_the_room_brings_in_neither_the_server_nor_the_estimators():
    heavy = "uvloop httptools starlette lightgbm sklearn pandas torch"
    code = f"import sys, homeostat.serve; print(*set('{heavy}'.split()) & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_a_missing_extra_is_named_with_the_command_that_installs_it(record, monkeypatch):
    for name in [
        name for name in sys.modules if name.startswith("homeostat.serve._server._server")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'homeostat\[server\]'"):
        homeostat.serve.serve(record, "delay", port=0)
