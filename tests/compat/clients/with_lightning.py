"""Lightning's WandbLogger, with checkpoints as artifacts."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger
from torch.utils.data import DataLoader, TensorDataset


class Line(pl.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)


pl.seed_everything(0)
x = torch.randn(32, 2)
data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
logger = WandbLogger(project="matrix", name="line", log_model=True, tags=["pl"])
trainer = pl.Trainer(
    max_epochs=2, logger=logger, log_every_n_steps=1, enable_progress_bar=False,
    enable_model_summary=False, accelerator="cpu",
    callbacks=[ModelCheckpoint(dirpath="saved", filename="line", monitor="train/loss_epoch")],
)  # fmt: skip
model = Line()
logger.watch(model, log_freq=1, log_graph=False)
trainer.fit(model, data)
logger.experiment.unwatch(model)
logger.log_table("samples", columns=["id", "text"], data=[[1, "a"], [2, "b"]])
logger.experiment.finish()
