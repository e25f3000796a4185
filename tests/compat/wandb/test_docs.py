"""The page says what the module has."""

import doctest
import re
import sys
from pathlib import Path

import pytest

from homeostat.compat.wandb._refused import REFUSED

PAGE = Path(__file__).parents[3] / "docs" / "wandb.md"
ROWS = dict(re.findall(r"^\| `wandb\.(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))


def test_the_table_is_what_the_module_has(wandb):
    assert set(ROWS.values()) == {"supported", "differs", "refused"}
    assert {name for name, said in ROWS.items() if said == "refused"} == set(REFUSED)
    assert {name for name, said in ROWS.items() if said != "refused"} == set(wandb.__all__)
    for name, said in ROWS.items():
        if said == "refused":
            with pytest.raises(AttributeError, match="is not part of"):
                getattr(wandb, name)
        elif name != "run":
            assert getattr(wandb, name) is not None


def test_every_module_on_the_page_can_be_imported_if_its_library_is_here(wandb):
    from importlib import import_module

    from homeostat.compat.wandb._install import HOMES

    for name, home in HOMES.items():
        if home not in {"_keras", "_xgboost", "_catboost", "_sb3"}:
            module = import_module(name)
            assert all(hasattr(module, one) for one in module.__all__ if one != "run"), name


def test_the_clients_on_the_page_have_scripts():
    folder = Path(__file__).parents[1] / "clients"
    scripts = {path.stem.removeprefix("with_") for path in folder.glob("with_*.py")}
    page = PAGE.read_text().lower().replace("-", "").replace("stablebaselines3", "sb3")
    page = page.replace("scikitlearn", "sklearn")
    for script in scripts - {"keras_callbacks"}:
        assert script in page
    for line in (folder / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if f"with_{name}.py" in {path.name for path in folder.iterdir()}:
            assert version in PAGE.read_text(), name


def test_the_examples_on_the_page_run(wandb):
    for name in [name for name in sys.modules if name.split(".")[0] == "wandb"]:
        del sys.modules[name]
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert (found.failed, found.attempted > 5) == (0, True)
