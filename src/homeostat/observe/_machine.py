"""Machine: CPU, memory, disk, network and GPU as gauges in base units."""

from __future__ import annotations

import os
import re

from homeostat.core import RealClock
from homeostat.observe._verbs import gauge
from homeostat.track import Machine

__all__ = ["look_at_machine"]

_MIB = 1 << 20
_GAUGES = {  # as `track` names it: name here, unit of its value in base units
    "cpu": ("machine_cpu_ratio", 0.01),
    "load": ("machine_load", 1.0),
    "memory_percent": ("machine_memory_ratio", 0.01),
    "proc.cpu": ("process_cpu_ratio", 0.01),
    "proc.cpu.threads": ("process_threads", 1.0),
    "proc.memory.rssMB": ("process_resident_memory_bytes", _MIB),
    "proc.memory.availableMB": ("machine_memory_available_bytes", _MIB),
    "disk.usagePercent": ("machine_disk_ratio", 0.01),
    "network.sentPerSecond": ("machine_network_sent_bytes_per_second", 1.0),
    "network.recvPerSecond": ("machine_network_received_bytes_per_second", 1.0),
    "gpu": ("gpu_utilization_ratio", 0.01),
    "memory": ("gpu_memory_busy_ratio", 0.01),
    "memoryAllocated": ("gpu_memory_ratio", 0.01),
    "memoryAllocatedBytes": ("gpu_memory_bytes", 1.0),
    "temp": ("gpu_temperature_celsius", 1.0),
    "powerWatts": ("gpu_power_watts", 1.0),
}
_GPU = re.compile(r"gpu\.(\d+)\.(\w+)")
_machines: dict[tuple[int, str], Machine] = {}


def look_at_machine(folder: str | os.PathLike[str] = ".") -> None:
    """Set gauges of CPU, memory, disk, network and NVIDIA GPUs to what they are now.

    CPU and network are means since the look before; the first look of a process has none. What
    a machine does not tell is left out; GPUs need ``homeostat[gpu]``. A process's own are summed
    over the processes that share a folder. Call it every 10 seconds or so, or let `every` do it.

    Args:
        folder: Whose disk is looked at.

    Example:
        >>> from homeostat.observe import observed
        >>> look_at_machine()
        >>> 0 < observed().gauge("machine_memory_ratio") <= 1
        True
    """
    key = os.getpid(), os.fspath(folder)
    machine = _machines.get(key)
    if machine is None:
        _machines.clear()
        machine = _machines[key] = Machine(folder, seconds=RealClock.steady_s)
    for name, value in machine.look().items():
        short, labels = name.removeprefix("system."), {}
        if match := _GPU.fullmatch(short):
            labels, short = {"gpu": match[1]}, match[2]
        if short in _GAUGES:
            base, unit = _GAUGES[short]
            gauge(
                base, value * unit, over="sum" if base.startswith("process") else "last", **labels
            )
