"""Keras 3 on torch, with wandb.integration.keras: by the module door, which needs no TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
with wandb.init(project="matrix", config={"units": 1}):
    callbacks = [WandbMetricsLogger(), WandbModelCheckpoint("models/line.keras")]
    model.fit(x, x.sum(1), epochs=3, verbose=0, callbacks=callbacks)
