"""Every claim about data, sampling, leakage and features, one script after the other.

Each script may be run by itself, with settings of its own; they make the peers' environments
under .venv-peers where they are missing, which takes long the first time.

Run: python benchmarks/data.py [NAME ...]
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLAIMS = {
    "sources": ("data_peers/sources.py",),
    "profiles": ("data_peers/profiles.py",),
    "expectations": ("data_peers/expectations.py",),
    "resampling": ("data_peers/resampling.py", "--limit", "600"),
    "near_duplicates": ("data_peers/near_duplicates.py",),
    "leakage": ("leakage.py",),
    "importance": ("data_peers/importance.py",),
    "features": ("data_peers/features.py",),
}


def run(claims, names):
    """Run the scripts of some claims, or of all; return what failed, in words, or None."""
    failed = []
    for name in names or claims:
        print(f"\n== {name}", flush=True)
        script, *settings = claims[name]
        done = subprocess.run([sys.executable, str(HERE / script), *settings], check=False)
        failed += [name] * bool(done.returncode)
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(run(CLAIMS, sys.argv[1:]))
