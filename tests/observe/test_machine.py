"""Gauges of the machine, and what is done every so often."""

import sys
import threading
import types

import pytest

from homeostat import observe
from homeostat.core import InputError
from homeostat.observe import _machine


def test_cpu_memory_and_disk_are_gauges_in_base_units(tmp_path):
    observe.look_at_machine(tmp_path)
    observe.look_at_machine(tmp_path)
    seen = observe.observed()
    shares = ["machine_cpu_ratio", "machine_memory_ratio", "machine_disk_ratio"]
    assert all(0 <= seen.gauge(name) <= 1 for name in shares)
    assert seen.gauge("process_resident_memory_bytes") > 10e6
    assert seen.gauge("process_threads") >= 1


def test_gpus_are_gauges_each_with_its_number(monkeypatch, tmp_path):
    nvml = types.ModuleType("pynvml")
    nvml.NVMLError = RuntimeError
    nvml.NVML_TEMPERATURE_GPU = 0
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetCount = lambda: 2
    nvml.nvmlDeviceGetHandleByIndex = int
    nvml.nvmlDeviceGetUtilizationRates = lambda n: types.SimpleNamespace(gpu=50 + n, memory=10)
    nvml.nvmlDeviceGetMemoryInfo = lambda _: types.SimpleNamespace(total=80 << 30, used=20 << 30)
    nvml.nvmlDeviceGetTemperature = lambda _, __: 40
    nvml.nvmlDeviceGetPowerUsage = lambda _: 300_000
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    _machine._machines.clear()
    observe.look_at_machine(tmp_path)
    _machine._machines.clear()
    seen = observe.observed()
    assert seen.gauge("gpu_utilization_ratio", gpu=1) == pytest.approx(0.51)
    assert seen.gauge("gpu_memory_ratio", gpu=0) == 0.25
    assert seen.gauge("gpu_memory_bytes", gpu=0) == 20 << 30
    assert seen.gauge("gpu_power_watts", gpu=1) == 300


def test_what_fails_is_warned_of_once_and_done_again(recwarn):
    done, twice = [], threading.Event()

    def fails():
        done.append(1)
        if len(done) > 1:
            twice.set()
        raise OSError("gone")

    doing = observe.every(0.001, fails)
    assert twice.wait(10)
    doing.stop()
    doing.stop()
    assert doing.failed == len(done) >= 2
    assert [str(w.message) for w in recwarn] == [
        "What is done every 0.001 s failed, and is tried again: gone"
    ]


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_how_often_is_a_number_of_seconds(seconds):
    with pytest.raises(InputError, match="above 0"):
        observe.every(seconds, print)
