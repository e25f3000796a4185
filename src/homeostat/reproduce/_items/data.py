"""Data: what the checklist asks of them."""

from __future__ import annotations

import shlex

from homeostat.record import Artifact
from homeostat.reproduce._items.facts import Facts, Filled, Question, as_text

__all__ = ["ITEMS"]

_SPLIT_WORDS = ("split", "fold", "validation", "test_size", "valid", "holdout")
_LINK_WORDS = ("url", "uri", "link", "source", "doi")


def _statistics(facts: Facts) -> Filled:
    found = [f"{one.reference}: {_size(one)}" for one in facts.datasets]
    if found:
        return Filled("; ".join(found), known=True)
    read = [f"{f['path']}: {f['size']:,} bytes" for past in facts.pasts for f in past.inputs]
    what = f" They read {', '.join(dict.fromkeys(read))} without declaring it." if read else ""
    return Filled(f"The runs declare no data: make it an artifact and `use` it.{what}")


def _size(artifact: Artifact) -> str:
    size = f"{len(artifact.files)} files, {artifact.size_bytes:,} bytes"
    return f"{size}, {as_text(artifact.metadata)}" if artifact.metadata else size


def _splits(facts: Facts) -> Filled:
    told = [
        f"{name} = {value}"
        for name, value in facts.runs[0].config.items()
        if any(word in name.lower() for word in _SPLIT_WORDS)
    ]
    told += [one.reference for one in facts.used if _is_split(one)]
    for info in facts.runs[:20]:
        told += facts.record.findings(info.id, "split.*")["summary"].to_list()
    if told:
        return Filled("; ".join(map(str, dict.fromkeys(told))), known=True)
    return Filled("No split is recorded: put it into the config, or make it an artifact.")


def _is_split(artifact: Artifact) -> bool:
    words = (artifact.type, artifact.name, *artifact.metadata)
    return any(part in word.lower() for word in words for part in _SPLIT_WORDS)


def _preprocessing(facts: Facts) -> Filled:
    told = []
    for one in facts.datasets:
        maker = facts.record.run(one.run)
        told.append(
            f"{one.reference} was made by {maker.kind} {maker.name or maker.id}: "
            f"{shlex.join(maker.command)}"
        )
    if told:
        return Filled("; ".join(told), known=True)
    return Filled("What was left out of the data, and how was it prepared?", ask=True)


def _link(facts: Facts) -> Filled:
    links = [one.uri for artifact in facts.datasets for one in artifact.references.values()]
    links += [
        f"{artifact.name}: {artifact.metadata[name]}"
        for artifact in facts.datasets
        for name in artifact.metadata
        if any(word == name.lower() for word in _LINK_WORDS)
    ]
    if links:
        return Filled("; ".join(dict.fromkeys(links)), known=True)
    return Filled("Where can the data be had? Put `url` into the artifact's metadata.", ask=True)


def _collection(facts: Facts) -> Filled:
    told = [
        f"{one.name}: {one.metadata[name]}"
        for one in facts.datasets
        for name in one.metadata
        if name.lower() in {"collection", "annotation", "annotators", "instructions"}
    ]
    if told:
        return Filled("; ".join(told), known=True)
    return Filled(
        "How were new data collected: instructions, annotators, quality control?", ask=True
    )


ITEMS: tuple[Question, ...] = (
    ("data.statistics", "The relevant statistics, such as number of examples", _statistics),
    ("data.splits", "The details of train / validation / test splits", _splits),
    (
        "data.preprocessing",
        "An explanation of any data that were excluded, and all pre-processing steps",
        _preprocessing,
    ),
    (
        "data.link",
        "A link to a downloadable version of the data set or simulation environment",
        _link,
    ),
    (
        "data.collection",
        "For new data, a complete description of the collection process",
        _collection,
    ),
)
"""The items on the data."""
