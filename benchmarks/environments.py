"""Environments of the peers, made when they are missing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def home():
    """Where the environments are; HOMEOSTAT_PEERS names another folder."""
    return Path(os.environ.get("HOMEOSTAT_PEERS") or ROOT / ".venv-peers")


def python_of(name, packages):
    """Return the interpreter of an environment that has packages; None if they are refused."""
    folder = home() / name
    python = folder / "bin" / "python"
    if (folder / ".ready").exists():
        return str(python)
    print(f"installing {' '.join(packages)} into {folder} (once) ...", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    environment = {n: v for n, v in os.environ.items() if n != "PIP_CONSTRAINT"}
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, **quiet)
        install = [str(python), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(install, check=True, env=environment, **quiet)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or str(error)).strip().splitlines()
        print(f"could not install {name}, so it is left out: {reason[-1] if reason else error}")
        return None
    (folder / ".ready").touch()
    return str(python)
