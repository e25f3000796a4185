import warnings

import numpy as np
import pytest

from homeostat.core import InputError
from homeostat.serve import pack, package_info, unpack

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
pytest.importorskip("safetensors", reason="the torch extra is not installed")
nn = torch.nn

NET = """
import torch


class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.one = torch.nn.Linear(4, width)
        self.two = torch.nn.Linear(width, 1)

    def forward(self, x):
        return self.two(torch.tanh(self.one(x)))
"""


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Sequential(nn.LayerNorm(8), nn.Dropout(0.2), nn.GELU()),
        nn.Linear(8, 3),
    )


def test_plain_layers_are_written_down_and_read_without_any_code(tools, layers):
    files = pack(layers, tools.numbers, labels=["a", "b", "c"], link="softmax")
    assert package_info(files).needs == ()
    x = tools.matrix(20)
    with torch.no_grad():
        expected = layers.eval()(torch.as_tensor(x).float()).softmax(1).numpy()
    package = unpack(files)
    assert (package.answers, package.labels) == ("classes", ("a", "b", "c"))
    assert package.predict(tools.as_rows(x)) == pytest.approx(expected, abs=1e-6)
    assert tools.proven(layers, tools.numbers, labels=["a", "b", "c"], link="softmax") is not None


def test_a_layer_that_is_none_of_ours_is_not_made(tools, layers, resealed):
    files = pack(layers, tools.numbers, labels=["a", "b", "c"], link="softmax")
    for name in (b"Module", b"Bilinear", b"utils"):
        forged = files["model/format.json"].replace(b'"GELU"', b'"' + name + b'"')
        with pytest.raises(InputError, match="layers are of"):
            unpack(resealed(files, "model/format.json", forged))


def test_a_class_is_named_and_must_be_allowed(tools, tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    from own_net import Net

    torch.manual_seed(0)
    net = Net(5)
    files = pack(net, tools.numbers, arguments={"width": 5}, link="sigmoid")
    assert package_info(files).needs == ("own_net:Net",)
    assert "model/weights.safetensors" in files
    with pytest.raises(InputError, match="own_net:Net"):
        unpack(files)
    x = tools.matrix(20)
    with torch.no_grad():
        expected = net(torch.as_tensor(x).float()).sigmoid()[:, 0].numpy()
    package = unpack(files, allow=["own_net:Net"])
    assert package.predict(tools.as_rows(x)) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(InputError, match="weights do not fit"):
        pack(net, tools.numbers, arguments={"width": 6}, link="sigmoid")


def test_an_exported_program_is_read_only_where_torch_export_is_allowed(tools, layers):
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(layers.eval(), (torch.zeros(2, 4),), dynamic_shapes=({0: batch},))
    files = pack(program, tools.numbers, labels=["a", "b", "c"], link="softmax")
    assert package_info(files).needs == ("torch.export",)
    with pytest.raises(InputError, match=r"torch.export"):
        unpack(files)
    x = tools.matrix(20)
    plain = unpack(pack(layers, tools.numbers, labels=["a", "b", "c"], link="softmax"))
    found = unpack(files, allow=["torch.export"]).predict(tools.as_rows(x))
    assert found == pytest.approx(plain.predict(tools.as_rows(x)), abs=1e-6)


def test_scores_without_a_link_are_refused_and_torchscript_too(tools, layers):
    with pytest.raises(InputError, match="link"):
        pack(layers, tools.numbers, labels=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(layers)
    with pytest.raises(InputError, match="TorchScript"):
        pack(script, tools.numbers)


def test_one_row_is_answered_as_in_a_frame(tools):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    deployed = tools.proven(net, tools.numbers, answers="value")
    rows = tools.as_rows(tools.matrix(20))
    found = [deployed.one(row) for row in rows.iter_rows(named=True)]
    assert np.array(found) == pytest.approx(deployed.predict(rows), abs=1e-12)
