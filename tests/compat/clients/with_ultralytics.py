"""Ultralytics' own callbacks, driven by a trainer that trains nothing: no weights are needed.

Torchvision is not installed where this runs, and Ultralytics imports it: an empty one stands in.
"""

import importlib.machinery
import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

try:
    import torchvision  # noqa: F401 - whether it is there
except ImportError:
    for name in ("torchvision", "torchvision.ops", "torchvision.transforms"):
        stand_in = ModuleType(name)
        stand_in.__spec__ = importlib.machinery.ModuleSpec(name, None)
        stand_in.__version__, stand_in.__path__ = "0.28.0", []
        stand_in.__getattr__ = lambda _: MagicMock()
        sys.modules[name] = stand_in
    asked = importlib.metadata.version
    importlib.metadata.version = lambda of: "0.28.0" if of == "torchvision" else asked(of)

import numpy as np
import torch
from PIL import Image
from ultralytics.utils.callbacks.wb import callbacks

Path("save").mkdir()
Image.new("RGB", (8, 8)).save("save/results.png")
Path("save/best.pt").write_bytes(b"weights")
curve = (np.linspace(0, 1, 5), np.linspace(1, 0, 10).reshape(2, 5), "Recall", "Precision")
of_curves = SimpleNamespace(curves=["PR"], curves_results=[curve], names={0: "cat", 1: "dog"})
added = []
trainer = SimpleNamespace(
    args=SimpleNamespace(
        name="tiny", project="matrix", resume=False, save=True, plots=True, lr0=0.1
    ),
    save_dir=Path("save"),
    best=Path("save/best.pt"),
    epoch=0,
    model=torch.nn.Linear(2, 2),
    plots={Path("save/results.png"): {"timestamp": 1.0}},
    tloss=torch.tensor([0.5]),
    lr={"lr/pg0": 0.1},
    validator=SimpleNamespace(plots={}, metrics=of_curves, speed={"inference": 2.0}),
    metrics={"metrics/mAP50(B)": 0.25},
    label_loss_items=lambda _, prefix: {f"{prefix}/box_loss": 0.5},
    add_callback=lambda event, function: added.append((event, function)),
)
callbacks["on_pretrain_routine_end"](trainer)
for epoch in range(2):
    trainer.epoch = epoch + 1
    callbacks["on_train_epoch_end"](trainer)
    callbacks["on_fit_epoch_end"](trainer)
callbacks["on_train_end"](trainer)
for event, function in added:
    if event == "on_train_end":
        function(trainer)
