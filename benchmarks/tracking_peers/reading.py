"""What reading back costs: each tool in a process of its own."""

import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
WANTED = (1_000_000, 1_000, 2_000, 10_000)
"""Points of one run; runs, and points of each, of the chart of many; runs that are listed."""
COUNTS = {  # what is written for each in a short run; what is read is scaled to WANTED
    "ours": WANTED,
    "mlflow": (100_000, 10, 2_000, 10_000),
    "trackio": (100_000, 10, 2_000, 0),
    "aim": (20_000, 5, 2_000, 0),
    "tensorboardX": (100_000, 10, 2_000, 0),
}
SECONDS = 900


def compare(tools, folder, *, full):
    """Return the figures of each tool, in milliseconds of what WANTED says."""
    found = {}
    for tool, python in tools.items():
        counts = WANTED if full else COUNTS[tool]
        place = folder / f"read-{tool}"
        command = [python, str(HERE / "readers.py"), tool, *map(str, counts), str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
            told = json.loads(Path(f"{place}.json").read_text())
        except (subprocess.SubprocessError, OSError) as error:
            last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
            print(f"reading with {tool} failed: {' '.join(last)}")
            continue
        finally:
            shutil.rmtree(place, ignore_errors=True)
        times = (WANTED[0] / counts[0], WANTED[0] / counts[0], WANTED[1] / counts[1])
        for name, factor in zip(("full_ms", "chart_ms", "charts_ms"), times, strict=True):
            told[name] *= factor
        found[tool] = told
    return found
