"""The module door: our own face under the name ``wandb``, for scripts that stay as they are.

    import homeostat.compat.wandb; homeostat.compat.wandb.install()   # then: import wandb

or, from a shell, ``homeostat exec --as-wandb train.py``. No server and no second process: what
the script logs is in the record.
"""

from homeostat.compat.wandb._execute import execute
from homeostat.compat.wandb._install import install

__all__ = ["execute", "install"]
