"""``wandb.integration``: one module for each bridged library."""

__all__: list[str] = []
