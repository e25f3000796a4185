"""Every claim about evaluation, one script after the other.

Each script may be run by itself, with settings of its own; they make the peers' environments
under .venv-peers where they are missing.

Run: python benchmarks/evaluate.py [NAME ...]
"""

import sys

from data import run

CLAIMS = {
    "metrics": ("evaluate_peers/metrics.py",),
    "behaviour": ("evaluate_peers/behaviour.py",),
    "calibration": ("evaluate_peers/calibration.py",),
    "slices": ("evaluate_peers/slices.py",),
}

if __name__ == "__main__":
    sys.exit(run(CLAIMS, sys.argv[1:]))
