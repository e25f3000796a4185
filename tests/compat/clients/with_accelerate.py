"""Accelerate's tracker."""

import numpy as np
from accelerate import Accelerator

accelerator = Accelerator(cpu=True, log_with="wandb")
accelerator.init_trackers(
    "matrix", config={"lr": 0.1, "layers": 2}, init_kwargs={"wandb": {"name": "acc", "tags": ["a"]}}
)
for step in range(4):
    accelerator.log({"loss": 1 / (step + 1), "epoch": step}, step=step)
tracker = accelerator.get_tracker("wandb")
tracker.log_images({"picture": np.zeros((1, 4, 4, 3), np.uint8)}, step=4)
tracker.log_table("table", columns=["a", "b"], data=[[1, "x"]], step=5)
accelerator.end_training()
