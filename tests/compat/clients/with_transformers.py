"""Transformers' Trainer with report_to="wandb"; a tiny model from a config, nothing downloaded."""

import os

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

os.environ["WANDB_PROJECT"] = "matrix"
os.environ["WANDB_LOG_MODEL"] = "end"
torch.manual_seed(0)
config = BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
    max_position_embeddings=8,
)  # fmt: skip
rows = [
    {"input_ids": torch.randint(0, 20, (6,)), "attention_mask": torch.ones(6), "labels": i % 2}
    for i in range(16)
]
args = TrainingArguments(
    output_dir="out", report_to="wandb", run_name="tiny", max_steps=4, logging_steps=1,
    per_device_train_batch_size=4, eval_strategy="steps", eval_steps=2, save_strategy="no",
    use_cpu=True, seed=0, disable_tqdm=True,
)  # fmt: skip
model = BertForSequenceClassification(config)
Trainer(model, args, train_dataset=rows, eval_dataset=rows[:4]).train()
