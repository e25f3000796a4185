"""What the machine does while a run trains: looked at now and then, off the training thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

__all__ = ["Machine", "Watcher"]

_MIB = 1 << 20


class Watcher:
    """A daemon thread that looks at the machine every so often.

    Args:
        look: Called each time, on the thread; what it raises ends the watching.
        seconds: How often.
    """

    def __init__(self, look: Callable[[], None], seconds: float) -> None:
        self._look, self._seconds = look, seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first look is at once, though not on this thread."""
        self._thread = threading.Thread(target=self._run, name="homeostat-machine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, without waiting for a look that is under way."""
        self._stop.set()

    def renew(self) -> None:
        """Forget the thread in a forked child, which has none."""
        self._thread = None

    def _run(self) -> None:
        with suppress(Exception):  # gauges are a courtesy: whatever ails them is no one's trouble
            while True:
                self._look()
                if self._stop.wait(self._seconds):
                    return


class Machine:
    """CPU, memory, disk, network and GPU, named as W&B names them.

    Rates are per second since the look before. GPUs are seen if `nvidia-ml-py` is installed and
    there are any.

    Args:
        folder: Whose disk is looked at.
        seconds: A steady count of seconds, for the rates.

    Example:
        >>> look = Machine(".", seconds=iter(range(9)).__next__).look()
        >>> 0 <= look["system.memory_percent"] <= 100
        True
    """

    def __init__(self, folder: str | os.PathLike[str], *, seconds: Callable[[], float]) -> None:
        import psutil  # noqa: PLC0415 - on the watching thread, not where a run starts

        self._psutil: Any = psutil
        self._process: Any = psutil.Process()
        self._folder, self._seconds = os.fspath(folder), seconds
        self._gpus = _gpus()
        self._at = seconds()
        self._counted = self._counts()
        self._process.cpu_percent()
        psutil.cpu_percent()

    def look(self) -> dict[str, float]:
        """Return what is seen now; what this machine does not tell is left out."""
        found: dict[str, float] = {}
        for part in (self._processors, self._memory, self._disk, self._rates, self._graphics):
            with suppress(OSError, self._psutil.Error, RuntimeError, ValueError):
                found |= part()
        return {f"system.{name}": float(value) for name, value in found.items()}

    def _processors(self) -> Mapping[str, float]:
        return {
            "cpu": self._psutil.cpu_percent(),
            "proc.cpu": self._process.cpu_percent(),
            "proc.cpu.threads": self._process.num_threads(),
            "load": os.getloadavg()[0],
        }

    def _memory(self) -> Mapping[str, float]:
        memory, own = self._psutil.virtual_memory(), self._process.memory_info().rss
        return {
            "memory_percent": memory.percent,
            "proc.memory.availableMB": memory.available / _MIB,
            "proc.memory.rssMB": own / _MIB,
            "proc.memory.percent": 100 * own / memory.total,
        }

    def _disk(self) -> Mapping[str, float]:
        disk = self._psutil.disk_usage(self._folder)
        return {"disk.usagePercent": disk.percent, "disk.usageGB": disk.used / (_MIB << 10)}

    def _rates(self) -> Mapping[str, float]:
        now, counts = self._seconds(), self._counts()
        passed = max(now - self._at, 1e-9)
        rates = {
            f"{name}PerSecond": (count - self._counted[name]) / passed
            for name, count in counts.items()
            if name in self._counted
        }
        self._at, self._counted = now, counts
        return counts | rates

    def _counts(self) -> dict[str, float]:
        counts: dict[str, float] = {}
        with suppress(OSError, RuntimeError):
            if net := self._psutil.net_io_counters():
                counts |= {"network.sent": net.bytes_sent, "network.recv": net.bytes_recv}
        with suppress(OSError, RuntimeError):
            if disk := self._psutil.disk_io_counters():
                counts |= {"disk.in": disk.read_bytes / _MIB, "disk.out": disk.write_bytes / _MIB}
        return counts

    def _graphics(self) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for number, look in enumerate(self._gpus):
            found |= {f"gpu.{number}.{name}": value for name, value in look().items()}
        return found


def _gpus() -> list[Callable[[], dict[str, float]]]:
    """Return a way to look at each NVIDIA GPU; none without the library, the driver or a GPU."""
    try:
        pynvml: Any = import_module("pynvml")  # an optional extra
        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(number)
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
    except Exception:  # noqa: BLE001 - each driver fails in its own way
        return []
    return [lambda handle=handle: _gpu(pynvml, handle) for handle in handles]  # type: ignore[misc]


def _gpu(nvml: Any, handle: Any) -> dict[str, float]:  # noqa: ANN401 - a library without types
    found: dict[str, float] = {}
    with suppress(nvml.NVMLError):
        used = nvml.nvmlDeviceGetUtilizationRates(handle)
        found |= {"gpu": used.gpu, "memory": used.memory}
    with suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        found |= {
            "memoryAllocated": 100 * memory.used / memory.total,
            "memoryAllocatedBytes": memory.used,
        }
    with suppress(nvml.NVMLError):
        found["temp"] = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
    with suppress(nvml.NVMLError):
        found["powerWatts"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
    return found
