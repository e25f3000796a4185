import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_example(name, folder):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        cwd=folder,
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tiny_loop_alarms_after_the_depot_moved_and_ends_better_for_it(tmp_path):
    told = run_example("tiny_loop.py", tmp_path)
    [alarm] = [int(day) for day in re.findall(r"day +(\d+)  alarm", told)]
    assert 180 <= alarm <= 190
    never, relearned = map(float, re.findall(r"moved (\d\.\d+)", told))
    assert relearned < never - 0.05


def test_the_readme_shows_the_example_and_what_it_really_prints(tmp_path):
    readme = (ROOT / "README.md").read_text()
    assert (ROOT / "examples" / "late_orders.py").read_text().strip() in readme
    told = run_example("late_orders.py", tmp_path)
    for line in told.splitlines():
        if "CPU s" not in line:
            assert line.rstrip() in readme
    assert "weekly" in told.splitlines()[6]


def test_the_readmes_five_lines_run_and_are_found_again(tmp_path):
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Track any training script")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    (tmp_path / "train.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "0.333333" in done.stdout
    assert (tmp_path / ".homeostat" / "logs").is_dir()
