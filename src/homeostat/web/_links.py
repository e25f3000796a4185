"""Addresses of pages: whatever a name holds, its address is valid and stays inside the site."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

__all__ = ["Links", "query"]


def query(path: str, /, **parameters: object) -> str:
    """Return a path with a query of the parameters that are neither None nor empty.

    Example:
        >>> query("/runs", kind="train", system=None)
        '/runs?kind=train'
    """
    kept = {key: value for key, value in parameters.items() if not (value is None or value == "")}
    return f"{path}?{urlencode(kept, doseq=True)}" if kept else path


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses that templates ask for.

    Args:
        system: What pages of one system carry in their query; None where there is only one.
    """

    system: str | None = None

    def __call__(self, path: str) -> str:
        """Return the address of a page of the system at hand."""
        return query(path, system=self.system)

    def query(self, path: str, /, **parameters: object) -> str:
        """Return a path with a query."""
        return query(path, **parameters)

    def run(self, run: str) -> str:
        """Return the address of a run's page."""
        return f"/runs/{quote(run, safe='')}"

    def table(self, run: str, key: str, step: int | None = None) -> str:
        """Return the address of a table that a run logged."""
        return query(f"/tables/{quote(run, safe='')}", key=key, step=step)

    def artifact(self, reference: str) -> str:
        """Return the address of an artifact's page."""
        return f"/artifacts/{quote(reference, safe='')}"

    def file(self, reference: str, filename: str) -> str:
        """Return the address that downloads one file of an artifact."""
        return query("/file", artifact=reference, name=filename)

    def lineage(self, identity: str) -> str:
        """Return the address of the lineage of a run or an artifact."""
        return f"/lineage/{quote(identity, safe='')}"

    def finding(self, finding: str) -> str:
        """Return the address of a finding's page."""
        return f"/findings/{quote(finding, safe='')}"
