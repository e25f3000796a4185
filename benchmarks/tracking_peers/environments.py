"""Which packages the peers are."""

import sys

import environments

PEERS = {
    "wandb": ("wandb==0.31.0",),
    "mlflow": ("mlflow==3.17.2",),
    "trackio": ("trackio==0.43.0",),
    "aim": ("aim==3.29.1",),
    "tensorboardX": ("tensorboardX==2.6.5", "tensorboard==2.21.0"),
}
OURS = ("ours", "ours (Run.log)")


def python_of(tool):
    """Return the interpreter that has a tool, making its environment if needed; None if refused."""
    return sys.executable if tool in OURS else environments.python_of(tool, PEERS[tool])
