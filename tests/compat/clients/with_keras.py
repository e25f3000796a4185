"""Keras 3 on torch, with a callback of the script's own: W&B's own one imports TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import wandb


class Log(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        wandb.log({**{f"epoch/{name}": value for name, value in logs.items()}, "epoch": epoch})


keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
with wandb.init(project="matrix", config={"units": 1, "optimizer": "sgd"}) as run:
    model.fit(x, x.sum(1), epochs=3, verbose=0, validation_split=0.25, callbacks=[Log()])
    model.save("model.keras")
    run.log_model("model.keras", name="line")
