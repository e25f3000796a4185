"""``wandb.integration.sb3``: Stable-Baselines3's learning, logged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stable_baselines3.common.callbacks import BaseCallback

from homeostat import track
from homeostat.core import InputError

__all__ = ["WandbCallback"]


class WandbCallback(BaseCallback):  # type: ignore[misc]  # has no types here
    """Takes the settings into the config, saves the model, and watches its gradients.

    The metrics come by way of TensorBoard: ``wandb.init(sync_tensorboard=True)``.

    Args:
        verbose: As Stable-Baselines3 has it.
        model_save_path: Folder for ``model.zip``; None saves nothing.
        model_save_freq: Calls between two savings; 0 saves at the end only.
        gradient_save_freq: Steps between two looks at the gradients; 0 for none.
        log: What to watch: ``"gradients"``, ``"parameters"`` or ``"all"``.
    """

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: Literal["gradients", "parameters", "all"] | None = "all",
    ) -> None:
        super().__init__(verbose)
        track.current("WandbCallback()")
        if model_save_path is None and model_save_freq:
            raise InputError("To save every so often, say where: pass model_save_path.")
        self.model_save_freq, self.gradient_save_freq = model_save_freq, gradient_save_freq
        self.folder = None if model_save_path is None else Path(model_save_path)
        self.log = log

    def _init_callback(self) -> None:
        run = track.current()
        settings = {"algo": type(self.model).__name__} | {
            name: value if type(value) in {float, int, str} else str(value)
            for name, value in vars(self.model).items()
        }
        run.config.setdefaults(settings)
        if self.gradient_save_freq > 0:
            run.watch(self.model.policy, log_freq=self.gradient_save_freq, log=self.log)

    def _on_step(self) -> bool:
        if self.model_save_freq > 0 and self.n_calls % self.model_save_freq == 0:
            self.save_model()
        return True

    def _on_training_end(self) -> None:
        if self.folder is not None:
            self.save_model()

    def save_model(self) -> None:
        """Save the model, and keep the file with the run."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "model.zip"
        self.model.save(path)
        track.save(path, base_path=self.folder)
