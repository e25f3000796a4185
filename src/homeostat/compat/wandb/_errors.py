"""``wandb.errors``: W&B's names for what we raise."""

from homeostat.core import HomeostatError, InputError, ServerError
from homeostat.track import ConfigError

__all__ = ["CommError", "ConfigError", "Error", "UsageError"]

Error = HomeostatError
CommError = ServerError
UsageError = InputError
