"""Stable-Baselines3: metrics by way of TensorBoard, the model saved with the run."""

import gymnasium as gym
import wandb
from stable_baselines3 import PPO
from wandb.integration.sb3 import WandbCallback

run = wandb.init(project="matrix", config={"env": "CartPole-v1"}, sync_tensorboard=True)
model = PPO(
    "MlpPolicy", gym.make("CartPole-v1"), n_steps=64, batch_size=32, n_epochs=1, seed=0,
    tensorboard_log="runs", device="cpu",
)  # fmt: skip
model.learn(256, callback=WandbCallback(model_save_path="models", verbose=0))
run.finish()
