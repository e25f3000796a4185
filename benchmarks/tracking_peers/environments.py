"""The peers' own environments, made when they are missing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = {
    "wandb": ("wandb==0.31.0",),
    "mlflow": ("mlflow==3.17.2",),
    "trackio": ("trackio==0.43.0",),
    "aim": ("aim==3.29.1",),
    "tensorboardX": ("tensorboardX==2.6.5", "tensorboard==2.21.0"),
}
OURS = ("ours", "ours (Run.log)")


def home():
    """Where the environments are; HOMEOSTAT_PEERS names another folder."""
    return Path(os.environ.get("HOMEOSTAT_PEERS") or ROOT / ".venv-peers")


def python_of(tool):
    """Return the interpreter that has a tool, making its environment if needed; None if refused."""
    if tool in OURS:
        return sys.executable
    folder = home() / tool
    python = folder / "bin" / "python"
    if (folder / ".ready").exists():
        return str(python)
    print(f"installing {' '.join(PEERS[tool])} into {folder} (once) ...", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    environment = {n: v for n, v in os.environ.items() if n != "PIP_CONSTRAINT"}
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, **quiet)
        install = [str(python), "-m", "pip", "install", "--quiet", *PEERS[tool]]
        subprocess.run(install, check=True, env=environment, **quiet)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or str(error)).strip().splitlines()
        print(f"could not install {tool}, so it is left out: {reason[-1] if reason else error}")
        return None
    (folder / ".ready").touch()
    return str(python)
