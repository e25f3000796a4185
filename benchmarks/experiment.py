"""Every claim about split tests, one script after the other.

Each script may be run by itself, with settings of its own; they make the peers' environments
under .venv-peers where they are missing.

Run: python benchmarks/experiment.py [NAME ...]
"""

import sys

from data import run

CLAIMS = {
    "peers": ("experiment_peers/peers.py",),
    "decisions": ("experiment_peers/decisions.py",),
}

if __name__ == "__main__":
    sys.exit(run(CLAIMS, sys.argv[1:]))
