"""Watching a torch model."""

import time

import pytest

import homeostat.track as hs
from homeostat.core import InputError

torch = pytest.importorskip("torch", reason="watching a model needs torch", exc_type=ImportError)
nn = torch.nn


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def a_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def a_step(model, scale=1.0):
    model.zero_grad()
    loss = (model(torch.ones(16, 4)) * scale).square().mean()
    loss.backward()
    return loss.item()


def test_gradients_and_parameters_become_part_of_the_row(start, read):
    run = start()
    model = a_model()
    hs.watch(model, log="all", log_freq=2)
    for _ in range(4):
        hs.log({"loss": a_step(model)})
    others, points = read().others(run), read().points(run)
    assert sorted(others) == [1, 3]
    assert set(others[1]) == {
        f"{kind}/{name}"
        for kind in ("gradients", "parameters")
        for name in ("0.weight", "0.bias", "2.weight", "2.bias")
    }
    histogram = others[1]["gradients/0.weight"]
    assert histogram["_type"] == "histogram"
    assert sum(histogram["values"]) == 32
    assert points[3]["gradient_norm/0.weight"] == pytest.approx(
        float(model[0].weight.grad.norm()), rel=1e-5
    )
    assert points[3]["gradient_norm"] > 0
    assert "loss" in points[3]


def test_nan_exploding_and_vanishing_gradients_are_findings_told_once(start, read):
    run = start()
    model = a_model()
    hs.watch(model, log=None, log_freq=1)
    for scale in [1.0] * 6 + [1e3] * 2 + [0.0] * 4 + [float("nan")] * 2:
        a_step(model, scale)
        hs.log({"x": 1.0})
    found = read().record.findings(run=run.id)
    counts = dict(found["check"].value_counts().iter_rows())
    assert counts["training.gradients.finite"] == 4
    assert counts["training.gradients.vanishing"] == 4
    assert 1 <= counts["training.gradients.exploding"] <= 5
    verdicts = dict(found.select("check", "verdict").iter_rows())
    assert verdicts["training.gradients.finite"] == "fail"
    assert verdicts["training.gradients.exploding"] == "warn"
    assert read().others(run) == {}


def test_a_healthy_training_has_no_findings(start, read):
    run = start()
    model = a_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    hs.watch(model, log_freq=5)
    for _ in range(100):
        a_step(model)
        optimizer.step()
        hs.log({"x": 1.0})
    assert read().record.findings(run=run.id).height == 0


def test_a_compiled_model_is_watched_without_a_break_in_its_graph(start, read):
    run = start()
    model = a_model()
    hs.watch(model, log_freq=1)
    explained = torch._dynamo.explain(model)(torch.ones(16, 4))
    assert explained.graph_break_count == 0
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for _ in range(3):
        a_step(compiled)
        hs.log({"x": 1.0})
    assert sorted(read().others(run)) == [0, 1, 2]
    hs.unwatch()
    hs.watch(compiled, log_freq=1)
    a_step(compiled)
    hs.log({"x": 1.0})
    assert "gradients/0.weight" in read().others(run)[3]


def test_one_look_costs_less_than_two_steps_so_a_hundredth_of_them_less_than_2_percent(start):
    run = start()
    model = nn.Sequential(*(nn.Linear(256, 256) for _ in range(6)))
    x = torch.ones(128, 256)
    hs.watch(model, log="gradients", log_freq=10**9)

    def step():
        model.zero_grad()
        model(x).square().mean().backward()

    def cost(act):
        began = time.process_time()
        act()
        return time.process_time() - began

    step()
    steps = min(cost(step) for _ in range(20))
    looks = min(cost(run.watching[0].look) for _ in range(20))
    assert looks < 2 * steps


def test_several_models_keep_their_names_apart_and_may_be_left_alone(start, read):
    run = start()
    one, two = a_model(), a_model()
    hs.watch([one, two], log_freq=1)
    hs.watch(one, log_freq=1)  # a second time is no second hook
    a_step(one)
    a_step(two)
    hs.log({"x": 1.0})
    names = read().others(run)[0]
    assert {"gradients/0.weight", "gradients/graph_1/0.weight"} <= set(names)
    hs.unwatch(one)
    a_step(one)
    a_step(two)
    hs.log({"x": 1.0})
    assert not any("/0.weight" in name and "graph_1" not in name for name in read().others(run)[1])
    hs.finish()
    a_step(two)


def test_odd_tensors_are_looked_at(start, read):
    from homeostat.track._tensor import describe

    for tensor in (
        torch.empty(0),
        torch.zeros(3),
        torch.tensor([float("nan")] * 2),
        torch.tensor([1.0, float("inf"), 2.0]),
        torch.ones(5, dtype=torch.bfloat16),
        torch.ones(3, dtype=torch.complex64),
        torch.arange(300_000.0),
    ):
        seen = describe(tensor)
        assert seen.count == tensor.numel()
        assert seen.histogram()["_type"] == "histogram"
    assert describe(torch.tensor([1.0, float("inf"), 2.0])).odd == 1
    assert describe(torch.tensor([3.0, 4.0])).norm == pytest.approx(5.0)


@pytest.mark.parametrize(
    "arguments",
    [{"models": 3}, {"models": nn.ReLU()}, {"log": "everything"}, {"log_freq": 0}],
)
def test_what_cannot_be_watched_is_refused(start, arguments):
    start()
    with pytest.raises(InputError):
        hs.watch(**({"models": a_model()} | arguments))


def test_torch_scalars_and_tensors_are_logged(start, read, capsys):
    run = start()
    hs.log(
        {
            "a": torch.tensor(0.5, requires_grad=True),
            "b": torch.tensor([2], dtype=torch.int32),
            "c": torch.tensor(0.5, dtype=torch.bfloat16),
            "d": torch.arange(3),
            "e": torch.randn(1000),
        }
    )
    assert read().points(run) == {0: {"a": 0.5, "b": 2.0, "c": 0.5}}
    assert read().others(run)[0]["d"] == [0, 1, 2]
    assert read().others(run)[0]["e"]["_type"] == "histogram"
