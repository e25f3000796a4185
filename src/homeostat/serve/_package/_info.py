"""What a package holds, told without reading its model; and whether it answers here as it did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeostat.core import Finding, InputError, Schema, Verdict
from homeostat.data import batch_from_rows
from homeostat.serve._package._environment import judge_environment
from homeostat.serve._package._manifest import MODEL, SAMPLE, SCHEMA, checked_manifest
from homeostat.serve._package._package import PackagedModel
from homeostat.serve._package._sklearn import types_in

__all__ = ["PackageInfo", "check_package", "package_info"]

_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class PackageInfo:
    """What a package holds.

    Args:
        family: Who keeps the model: "sklearn", "lightgbm", "onnx", ...
        answers: "probability", "value" or "classes".
        labels: The classes, in the order of the answers.
        features: What a request carries, with their types.
        needs: Names that `unpack` must be allowed to use; empty where it runs no foreign code.
        types: Every type and function that a scikit-learn model is built of.
        environment: The Python and the versions of packages it was packed with.
        metadata: Where it comes from.
        sample_rows: Rows of the sample request.
        size_bytes: Of the model's own files.
    """

    family: str
    answers: str
    labels: tuple[str, ...]
    features: Mapping[str, str]
    needs: tuple[str, ...]
    types: tuple[str, ...]
    environment: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sample_rows: int
    size_bytes: int

    def describe(self) -> str:
        """Return a few lines for a terminal."""
        features = ", ".join(f"{name} ({kind})" for name, kind in self.features.items())
        labels = f" of {', '.join(self.labels)}" if self.labels else ""
        packages = self.environment.get("packages", {})
        versions = ", ".join(f"{name} {version}" for name, version in packages.items())
        lines = {
            "model": f"{self.family}, {self.size_bytes:,} bytes",
            "answers": self.answers + labels,
            "features": features,
            "allow": ", ".join(self.needs) or "nothing: it runs no code of its own",
            "types": ", ".join(self.types),
            "python": str(self.environment.get("python", "unknown")),
            "packages": versions,
            "sample": f"{self.sample_rows} rows",
        }
        return "\n".join(f"{name:<9} {text}" for name, text in lines.items() if text)


def package_info(files: Mapping[str, bytes]) -> PackageInfo:
    """Return what a package holds; every byte is checked, the model is not read.

    Args:
        files: As `pack` made them.

    Raises:
        CorruptionError: If a file is missing, was added or was changed.
        VersionError: If the package was made by a newer Homeostat.

    Example:
        >>> from homeostat.core import Column
        >>> from homeostat.serve import pack
        >>> schema = Schema((Column("x", "float", {"feature"}),))
        >>> files = pack("numpy:sin", schema, answers="value", inputs="numpy")
        >>> info = package_info(files)
        >>> info.family, info.answers, info.needs
        ('python', 'value', ('numpy:sin',))
    """
    manifest = checked_manifest(files)
    schema = Schema.from_json(json.loads(files[SCHEMA]))
    skops = files.get(f"{MODEL}model.skops")
    return PackageInfo(
        family=str(manifest["family"]),
        answers=str(manifest.get("answers", "probability")),
        labels=tuple(manifest.get("labels", ())),
        features={name: schema.column(name).type.value for name in schema.features},
        needs=tuple(manifest.get("needs", ())),
        types=types_in(skops) if skops is not None else (),
        environment=manifest.get("environment", {}),
        metadata=manifest.get("metadata", {}),
        sample_rows=len(json.loads(files.get(SAMPLE, b"[]"))),
        size_bytes=sum(len(c) for name, c in files.items() if name.startswith(MODEL)),
    )


def check_package(package: PackagedModel) -> tuple[Finding, ...]:
    """Say whether a package is served here as it was packed: its environment and its answers.

    Returns:
        ``package.environment``: fails where a library of the model is another major version,
        warns where any package differs. ``package.sample``: fails where the sample is answered
        otherwise than when it was packed (by more than 1e-12 of the larger); unknown without one.
    """
    libraries = getattr(package.model, "libraries", ("scikit-learn", "lightgbm"))
    return judge_environment(package.environment, libraries), _judge_sample(package)


def _judge_sample(package: PackagedModel) -> Finding:
    if not package.expected:
        return Finding(
            check="package.sample",
            subject=package.family,
            verdict=Verdict.UNKNOWN,
            summary="The package has no sample with answers: pack it with `sample=`.",
        )
    schema = package.schema.select(package.schema.features)
    before = np.array(package.expected, dtype=np.float64)
    try:
        now = package.predict(batch_from_rows([dict(row) for row in package.sample], schema))
    except InputError as error:
        return Finding(
            check="package.sample",
            subject=package.family,
            verdict=Verdict.FAIL,
            summary=f"The sample cannot be answered here: {error}",
        )
    worst = float((np.abs(now - before) / np.maximum(1, np.abs(before))).max())
    same = bool(worst <= _SAME)
    told = "as when the model was packed" if same else f"otherwise than when packed, by {worst:.3g}"
    return Finding(
        check="package.sample",
        subject=package.family,
        verdict=Verdict.OK if same else Verdict.FAIL,
        statistic=worst,
        threshold=_SAME,
        summary=f"The sample's {len(before)} rows are answered {told}.",
    )
