"""How a run was called: arguments, folder, launcher, and what else decides how Python behaves."""

from __future__ import annotations

import locale
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from homeostat.core import Json
from homeostat.record._capture.hide import command

__all__ = [
    "ALLOWED_VARIABLES",
    "Invocation",
    "allowed_variables",
    "capture_invocation",
    "project_folder",
]

_LAUNCHERS = {
    "torchrun": ("TORCHELASTIC_RUN_ID",),
    "accelerate": ("ACCELERATE_MIXED_PRECISION",),
    "slurm": ("SLURM_JOB_ID",),
    "mpi": ("OMPI_COMM_WORLD_RANK", "PMI_RANK"),
    "ray": ("RAY_JOB_ID",),
}
ALLOWED_VARIABLES = (
    "ACCELERATE_MIXED_PRECISION", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP",
    "CUBLAS_WORKSPACE_CONFIG", "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "GROUP_RANK",
    "GROUP_WORLD_SIZE", "KMP_AFFINITY", "LANG", "LC_ALL", "LC_NUMERIC", "LOCAL_RANK",
    "LOCAL_WORLD_SIZE", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NVIDIA_TF32_OVERRIDE",
    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMP_NUM_THREADS", "OMP_PROC_BIND",
    "OPENBLAS_NUM_THREADS", "PMI_RANK", "PMI_SIZE", "POLARS_MAX_THREADS",
    "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUNBUFFERED",
    "PYTHONUTF8", "PYTORCH_CUDA_ALLOC_CONF", "RANK", "RAY_JOB_ID", "RAYON_NUM_THREADS",
    "ROLE_RANK", "SLURM_ARRAY_TASK_ID", "SLURM_CPUS_PER_TASK", "SLURM_JOB_ID", "SLURM_NNODES",
    "SLURM_NTASKS", "SLURM_PROCID", "TF_DETERMINISTIC_OPS", "TORCHELASTIC_RUN_ID", "TZ",
    "VECLIB_MAXIMUM_THREADS", "WORLD_SIZE",
)  # fmt: skip
"""The only environment variables that are ever kept."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a process was called.

    Args:
        arguments: The whole command line, the interpreter first; secrets hidden.
        script: The file that ran as ``__main__``; None for ``-c``, notebooks and the like.
        folder: The folder it was called in.
        launcher: What started it as one of several processes, such as ``"torchrun"``; or "".
        processes: How many processes the launcher says there were.
        hash_seed: ``PYTHONHASHSEED``; None where Python drew one, so that the order of sets of
            texts differs from run to run.
        locale: Language and encoding that the process used.
        time_zone: ``TZ``, or what the machine's zone is linked to.
        umask: Permissions that new files lack, in octal.
        limits: Soft limits on open files, memory and processor time; -1 is none.
        random: Digest of the state of each global random generator as the run started.
    """

    arguments: tuple[str, ...]
    script: str | None
    folder: str
    launcher: str = ""
    processes: int = 1
    hash_seed: str | None = None
    locale: str = ""
    time_zone: str = ""
    umask: str = ""
    limits: Mapping[str, int] = field(default_factory=dict, repr=False)
    random: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Json]:
        """Return it as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`; unknown keys are ignored."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        return cls(**{**known, "arguments": tuple(known.get("arguments", ()))})


def capture_invocation(folder: str, random: Mapping[str, str]) -> Invocation:
    """Return how this process was called.

    Args:
        folder: The current folder as the run started; it may have changed since.
        random: Digests of the random generators as the run started.
    """
    world = os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or "1"
    return Invocation(
        arguments=tuple(command(sys.orig_argv)),
        script=_script(),
        folder=folder,
        launcher=next(
            (name for name, signs in _LAUNCHERS.items() if any(s in os.environ for s in signs)), ""
        ),
        processes=int(world) if world.isdigit() else 1,
        hash_seed=os.environ.get("PYTHONHASHSEED"),
        locale=".".join(part or "C" for part in locale.getlocale()),
        time_zone=os.environ.get("TZ") or _zone(),
        umask=_umask(),
        limits={
            "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "memory_bytes": resource.getrlimit(resource.RLIMIT_AS)[0],
            "cpu_s": resource.getrlimit(resource.RLIMIT_CPU)[0],
        },
        random=random,
    )


def allowed_variables() -> dict[str, str]:
    """Return the environment variables that are kept."""
    return {name: os.environ[name] for name in ALLOWED_VARIABLES if name in os.environ}


def project_folder(folder: Path) -> Path:
    """Return where the code of this process lies: around the script, or else where it was called.

    Args:
        folder: Where it was called.
    """
    script = _script()
    if script is None:
        return folder
    place = Path(script).parent
    tools = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    if any(place.is_relative_to(tool) for tool in tools) or place.is_relative_to(folder):
        return folder
    return place


def _script() -> str | None:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not isinstance(file, str) or file.startswith("<"):
        return None
    path = Path(file)
    return str(path.resolve()) if path.exists() else None


def _zone() -> str:
    try:
        return str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""


def _umask() -> str:
    """Return it from /proc, as asking the system sets it for a moment, for all threads."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return ""
    return next((line.split()[1] for line in text.splitlines() if line.startswith("Umask:")), "")
