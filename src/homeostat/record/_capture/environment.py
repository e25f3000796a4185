"""What a run ran on: interpreter, packages, libraries, processor, graphics cards."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from homeostat.core import Json
from homeostat.record._capture.invocation import allowed_variables

__all__ = ["Environment", "capture_environment", "editable_folders", "without_login"]

_GPU_WAIT_S = 5.0
_LIBRARIES = re.compile(
    r"/(lib(?:openblas|mkl_rt|blis|cublas|cudnn|gomp|iomp5|omp|nccl)[^/\s]*\.so[^/\s]*)$"
)

_NAMED = re.compile(r"^(Name|Version):[ \t]*(.+?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a run ran on.

    Args:
        python: Version of Python.
        executable: Path of its interpreter.
        platform: Operating system and machine, in words.
        host: Name of the machine.
        cpus: Processors of the machine.
        usable_cpus: Processors this process may use.
        variables: Environment variables of a short list of harmless ones (threads, seeds, time
            zone, ranks, launchers); no other is ever kept.
        packages: Version of each installed distribution, by name.
        build: Implementation, build and compiler of Python.
        libc: Name and version of the C library.
        cpu: Model of the processor.
        cpu_flags: What it can do, such as ``avx2``.
        memory_bytes: Memory of the machine.
        libraries: Numerical libraries that were loaded, by file name.
        gpus: One line a graphics card: model, driver, memory; empty where there is none.
        editable: Folder of each distribution that runs from its sources, by name.
        origins: Where else than an index a distribution came from (a URL, a commit), by name.
    """

    python: str
    executable: str
    platform: str
    host: str
    cpus: int
    usable_cpus: int
    variables: Mapping[str, str]
    packages: Mapping[str, str] = field(repr=False)
    build: str = ""
    libc: str = ""
    cpu: str = ""
    cpu_flags: tuple[str, ...] = field(default=(), repr=False)
    memory_bytes: int = 0
    libraries: tuple[str, ...] = field(default=(), repr=False)
    gpus: tuple[str, ...] = ()
    editable: Mapping[str, str] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; unknown keys are ignored, new ones may be absent."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        for name in ("cpu_flags", "libraries", "gpus"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


def capture_environment() -> Environment:
    """Return Python, packages, libraries, host, processors, and a few harmless variables.

    Example:
        >>> "homeostat" in capture_environment().packages
        True
    """
    packages, editable, origins = _distributions()
    cpu, flags = _cpu()
    return Environment(
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        host=socket.gethostname(),
        cpus=os.cpu_count() or 1,
        usable_cpus=len(os.sched_getaffinity(0)),
        variables=allowed_variables(),
        packages=packages,
        build=f"{platform.python_implementation()} {' '.join(platform.python_build())}, "
        f"{platform.python_compiler()}",
        libc=" ".join(platform.libc_ver()).strip(),
        cpu=cpu,
        cpu_flags=flags,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        libraries=_libraries(),
        gpus=_gpus(),
        editable=editable,
        origins=origins,
    )


def editable_folders() -> dict[str, Path]:
    """Return the folder of each distribution that runs from its sources, by name."""
    return {name: Path(folder) for name, folder in _distributions()[1].items()}


def without_login(url: str) -> str:
    """Return a URL without user and password.

    Example:
        >>> without_login("https://me@example.org/a.git")
        'https://example.org/a.git'
    """
    return re.sub(r"(?<=://)[^/@\s]*@", "", url)


def _distributions() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return versions, folders of those that run from their sources, and where others came from."""
    return _installed(tuple((folder, _changed_ns(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _installed(
    path: tuple[tuple[str, int], ...],  # noqa: ARG001 - what is installed there changes with it
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    from importlib import metadata  # noqa: PLC0415 - only the background needs it

    packages: dict[str, str] = {}
    editable: dict[str, str] = {}
    origins: dict[str, str] = {}
    for found in metadata.distributions():
        text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
        said = dict(_NAMED.findall(text.partition("\n\n")[0]))
        name = said.get("Name")
        if not name or name in packages:
            continue  # the first on the path is the one that is imported
        packages[name] = said.get("Version", "")
        direct = found.read_text("direct_url.json")
        if direct is None:
            continue
        with suppress(ValueError, TypeError, AttributeError, KeyError):
            facts = json.loads(direct)
            if facts.get("dir_info", {}).get("editable"):
                editable[name] = unquote(urlsplit(facts["url"]).path)
            else:
                origins[name] = _origin(facts)
    return dict(sorted(packages.items())), dict(sorted(editable.items())), origins


def _changed_ns(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def _origin(facts: Mapping[str, Any]) -> str:
    """Write where a distribution came from as pip reads it (PEP 610 to PEP 508)."""
    url = without_login(facts["url"])
    version_control = facts.get("vcs_info")
    if version_control:
        return f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    digest = facts.get("archive_info", {}).get("hash", "")
    return f"{url}#{digest}" if digest else str(url)


def _cpu() -> tuple[str, tuple[str, ...]]:
    try:
        text = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return platform.processor(), ()
    facts = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    flags = facts.get("flags") or facts.get("Features") or ""
    return facts.get("model name") or platform.processor(), tuple(sorted(flags.split()))


def _libraries() -> tuple[str, ...]:
    try:
        text = Path("/proc/self/maps").read_text()
    except OSError:
        return ()
    found = {match[1] for line in text.splitlines() if (match := _LIBRARIES.search(line))}
    return tuple(sorted(found))


def _gpus() -> tuple[str, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    asked = "--query-gpu=name,driver_version,memory.total"
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [tool, asked, "--format=csv,noheader"],
            capture_output=True,
            check=False,
            text=True,
            timeout=_GPU_WAIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return tuple(line.strip() for line in lines if line.strip())
