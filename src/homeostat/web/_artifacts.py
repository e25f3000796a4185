"""The list of artifacts, and the page of one."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from homeostat.core import NotFoundError
from homeostat.record import Artifact
from homeostat.web._card import card_href
from homeostat.web._flat import flat
from homeostat.web._links import query
from homeostat.web._lists import Sorting, cut, filters
from homeostat.web._page import Ask, Table, View, missing
from homeostat.web._profiles import is_profile, profile_href
from homeostat.web._read import run_rows

__all__ = ["artifact", "artifacts"]

_MOST_PREVIEW_BYTES = 200_000
_SHOWN_CHARACTERS = 20_000


def artifacts(ask: Ask) -> View:
    """List the artifacts, each by its latest version."""
    versions = ask.record.artifacts()
    latest = versions.sort("version").group_by("name", maintain_order=True).agg(
        pl.col("type", "made", "size_bytes").last(),
        pl.col("version").last(),
        pl.len().alias("versions"),
        pl.col("aliases").explode().drop_nulls().unique().sort(),
    ).sort("made", descending=True)  # fmt: skip
    chosen, fields = filters(ask, latest, ("type",))
    sorting = Sorting.of(ask, ("name", "type", "versions", "made"))
    chosen = sorting.applied(chosen)
    shown, pager = cut(ask, chosen)
    rows = [
        {**row, "ref": f"{row['name']}:v{row['version']}"} for row in shown.iter_rows(named=True)
    ]
    data = {"total": len(chosen), "artifacts": rows}
    drawing = {
        "types": fields[0]["options"], "type": fields[0]["value"], "sorting": sorting,
        "pager": pager, "filtered": fields[0]["value"] is not None,
    }  # fmt: skip
    flat_versions = versions.with_columns(pl.col("aliases").list.join(" ")).drop("files")
    table = Table("artifacts", flat_versions.columns, flat_versions.iter_rows())
    return View("artifacts.html", "Artifacts", data, [table], drawing)


def artifact(ask: Ask) -> View:
    """Show one version of an artifact."""
    reference = ask.names["reference"]
    try:
        found = ask.record.artifact(reference)
    except NotFoundError:
        frame = ask.record.artifacts().select(pl.format("{}:v{}", "name", "version"))
        return missing("artifact", reference, frame.to_series(), ask.link.artifact)
    lineage = ask.record.lineage(found.id)
    versions = ask.record.artifacts(name=found.name).reverse()
    data = {
        "ref": found.reference,
        "type": found.type,
        "id": found.id,
        "made": found.made,
        "aliases": found.aliases,
        "metadata": flat(found.metadata),
        "files": [
            {"name": name, "size": found.sizes[name], "digest": digest,
             "href": ask.link.file(found.reference, name),
             "table": query("/tables", artifact=found.reference, name=name)
             if name.endswith((".table.json", ".parquet")) else None,
             "profile": _profile(found, versions, name)}
            for name, digest in found.files.items()
        ],
        "made_by": _runs(ask, (e.source for e in lineage.edges if e.target == found.id)),
        "used_by": _runs(ask, (e.target for e in lineage.edges if e.source == found.id)),
        "versions": [
            {"ref": f"{row['name']}:v{row['version']}", "aliases": row["aliases"],
             "made": row["made"]}
            for row in versions.iter_rows(named=True)
        ],
    }  # fmt: skip
    files = [(name, found.sizes[name], digest) for name, digest in found.files.items()]
    table = Table("files", ("file", "size_bytes", "sha256"), files)
    drawing = {"preview": _preview(found), "card": card_href(found)}
    return View("artifact.html", found.reference, data, [table], drawing)


def _profile(found: Artifact, versions: pl.DataFrame, name: str) -> list[dict[str, str]]:
    """Return where a file is shown as a profile, and beside the version before."""
    if not is_profile(name):
        return []
    before = versions.filter(pl.col("version") < found.version)
    links = [{"words": "as a profile", "href": profile_href(found.reference, name=name)}]
    if len(before):
        last = f"{found.name}:v{max(before['version'].to_list())}"
        href = profile_href(last, found.reference, name=name)
        links.append({"words": f"since {last}", "href": href})
    return links


def _runs(ask: Ask, ids: Iterable[str]) -> list[dict[str, str]]:
    """Return runs as links."""
    wanted = list(dict.fromkeys(ids))
    rows = run_rows(ask.record.runs().filter(pl.col("id").is_in(wanted)))
    return [{"id": row.id, "label": row.label} for row in rows]


def _preview(found: Artifact) -> dict[str, str] | None:
    """Return the first file that is short text, to be read on the page."""
    for name, size in found.sizes.items():
        if size > _MOST_PREVIEW_BYTES:
            continue
        try:
            text = found.read(name).decode()
        except UnicodeDecodeError:
            continue
        if text.isprintable() or not any(ord(c) < 32 and c not in "\t\n\r" for c in text):
            return {"name": name, "text": text[:_SHOWN_CHARACTERS]}
    return None
