"""What is written for TensorBoard is logged as well: with writers that only keep events."""

import struct
import sys
from types import ModuleType, SimpleNamespace

import pytest

from homeostat.core import InputError
from homeostat.record import Record


class Writer:
    """A stand-in of tensorboard's and tensorboardX's class."""

    def __init__(self, folder):
        self.folder, self.events = str(folder), []

    def get_logdir(self):
        return self.folder

    def add_event(self, event):
        self.events.append(event)


def event(step, **tags):
    return SimpleNamespace(
        step=step,
        HasField=lambda field: field == "summary",
        summary=SimpleNamespace(value=[value(tag, one) for tag, one in tags.items()]),
    )


def value(tag, one):
    found = SimpleNamespace(tag=tag.replace("__", "/"), WhichOneof=lambda _: one[0])
    setattr(found, one[0], one[1])
    plugin = SimpleNamespace(plugin_name=one[2] if len(one) > 2 else "")
    found.metadata = SimpleNamespace(plugin_data=plugin)
    return found


def tensor(**given):
    empty = {"string_val": [], "float_val": [], "double_val": [], "tensor_content": b"", "dtype": 1}
    return SimpleNamespace(**{**empty, **given})


@pytest.fixture
def writers(monkeypatch):
    parts = "tensorboardX.event_file_writer"
    module = ModuleType(parts)
    module.EventFileWriter = Writer
    package = ModuleType("tensorboardX")
    package.__path__, package.__spec__ = [], SimpleNamespace()
    monkeypatch.setitem(sys.modules, "tensorboardX", package)
    monkeypatch.setitem(sys.modules, parts, module)
    yield Writer
    from homeostat.compat.wandb._tensorboard import unpatch

    unpatch()


def test_scalars_are_rows_by_step_and_the_writer_still_writes(wandb, writers, tmp_path):
    run = wandb.init(project="p", sync_tensorboard=True)
    writer = writers(tmp_path / "runs")
    writer.add_event(event(0, loss=("simple_value", 0.5)))
    writer.add_event(event(0, acc=("simple_value", 0.75)))
    packed = tensor(tensor_content=struct.pack("<f", 0.25))
    writer.add_event(event(7, val__loss=("tensor", packed, "scalars"), graph=("graph", None)))
    other = writers(tmp_path / "runs" / "eval")
    other.add_event(event(7, loss=("simple_value", 1.0)))
    wandb.finish()
    rows = Record(".homeostat").history(run.id)
    assert rows["loss"].to_list() == [0.5, None]
    assert rows["acc"].to_list() == [0.75, None]
    assert rows["global_step"].to_list() == [0, 7]
    assert rows["val/loss"].to_list() == [None, 0.25]
    assert rows["eval/loss"].to_list() == [None, 1.0]
    assert len(writer.events) == 3


def test_texts_and_histograms_are_kept_and_nothing_after_the_run(wandb, writers, tmp_path):
    wandb.tensorboard.patch(root_logdir=str(tmp_path))
    run = wandb.init(project="p")
    writer = writers(tmp_path)
    histo = SimpleNamespace(min=0.0, max=2.0, bucket_limit=[1.0, 3.0], bucket=[4.0, 5.0])
    writer.add_event(event(1, h=("histo", histo)))
    writer.add_event(event(1, note=("tensor", tensor(string_val=[b"hello"], dtype=7), "text")))
    wandb.finish()
    writer.add_event(event(2, h=("simple_value", 1.0)))
    [row] = Record(".homeostat").history(run.id).to_dicts()
    assert '"values": [4, 5]' in row["h"] or '"values":[4,5]' in row["h"]
    assert "hello" in row["note"]


def test_without_a_writer_to_tap_it_says_so(wandb):
    if any(__import__("importlib.util").util.find_spec(n) for n in ("tensorboard", "tensorboardX")):
        pytest.skip("a writer is installed here")
    with pytest.raises(InputError, match="pip install tensorboard"):
        wandb.init(project="p", sync_tensorboard=True)
