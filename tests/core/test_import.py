import subprocess
import sys

import pytest

HEAVY = {
    *("torch", "ray", "lightgbm", "sklearn", "pandas", "polars", "numpy", "scipy"),
    *("starlette", "uvicorn", "pydantic", "rich"),
}


def imported_by(statement):
    code = f"import sys; {statement}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import homeostat", "import homeostat.core, homeostat.cli"])
def test_importing_homeostat_pulls_in_nothing_heavy(statement):
    assert imported_by(statement).isdisjoint(HEAVY)


def test_every_public_name_is_reachable_from_the_package():
    import homeostat

    assert homeostat.run is None
    for name in set(homeostat.__all__) - {"run", "config", "summary"}:
        assert getattr(homeostat, name) is not None
    for name in ("config", "summary"):
        with pytest.raises(homeostat.core.RecordError, match=r"call homeostat\.init\(\) before"):
            getattr(homeostat, name)
    with pytest.raises(AttributeError, match="Did you mean `System`"):
        homeostat.Sytem  # noqa: B018 - the access is what is tested
