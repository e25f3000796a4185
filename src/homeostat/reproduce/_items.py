"""The 21 items of the checklist, and what the record can say to each."""

from __future__ import annotations

import shlex
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from homeostat.core import RecordError
from homeostat.record import Artifact, Record, RunInfo
from homeostat.reproduce._past import Past, past_of
from homeostat.reproduce._spread import Group, groups

__all__ = ["ITEMS", "Facts", "Filled", "facts_of"]

_MODEL_WORDS = ("model", "algorithm", "architecture", "estimator")
_SPLIT_WORDS = ("split", "fold", "validation", "test_size", "valid", "holdout")
_LINK_WORDS = ("url", "uri", "link", "source", "doi")
_HIDDEN = "[hidden]"


@dataclass(frozen=True, slots=True)
class Filled:
    """What the record says to an item.

    Args:
        text: What it says; else what to do.
        known: Whether it says anything.
        ask: Whether only a person can say it.
    """

    text: str
    known: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the runs of a checklist."""

    record: Record = field(repr=False)
    pasts: tuple[Past, ...]
    groups: tuple[Group, ...]
    used: tuple[Artifact, ...]
    made: tuple[Artifact, ...]

    @property
    def runs(self) -> tuple[RunInfo, ...]:
        """The runs."""
        return tuple(past.info for past in self.pasts)

    @property
    def datasets(self) -> list[Artifact]:
        """The artifacts they used that are no models."""
        return [artifact for artifact in self.used if artifact.type != "model"]

    def command(self, past: Past) -> str:
        """Return the command of a run, as one types it in the project's folder."""
        root = past.root
        words = list(past.info.command)
        if words:
            words[0] = "python"
        if root is not None and root.folder:
            words = [word.replace(f"{root.folder}/", "") for word in words]
        seed = "" if past.invocation is None else past.invocation.hash_seed
        return f"{f'PYTHONHASHSEED={seed} ' if seed else ''}{shlex.join(words)}"


def facts_of(record: Record, runs: Sequence[str]) -> Facts:
    """Gather what the items ask of the record."""
    pasts = tuple(past_of(record, run) for run in runs)
    infos = [past.info for past in pasts]
    return Facts(
        record=record,
        pasts=pasts,
        groups=tuple(groups(infos)),
        used=tuple(_artifacts(record, (ref for info in infos for ref in info.used))),
        made=tuple(_artifacts(record, (ref for info in infos for ref in info.made))),
    )


def _artifacts(record: Record, references: Iterator[str]) -> Iterator[Artifact]:
    for reference in dict.fromkeys(references):
        try:
            yield record.artifact(reference)
        except RecordError:
            continue  # deleted since: the items then say less


def _asked(text: str) -> Callable[[Facts], Filled]:
    return lambda _: Filled(text, ask=True)


def _model(facts: Facts) -> Filled:
    models = [artifact for artifact in (*facts.made, *facts.used) if artifact.type == "model"]
    said = [f"{one.reference}: {one.description}" for one in models if one.description]
    said += [f"{one.reference}: {_facts_text(one.metadata)}" for one in models if one.metadata]
    config = facts.runs[0].config
    said += [f"{name} = {config[name]}" for name in _MODEL_WORDS if name in config]
    if said:
        return Filled("; ".join(dict.fromkeys(said)), known=True)
    return Filled("What is the model? Give its artifact a description, or say it here.", ask=True)


def _statistics(facts: Facts) -> Filled:
    found = [f"{one.reference}: {_size(one)}" for one in facts.datasets]
    if found:
        return Filled("; ".join(found), known=True)
    read = [f"{f['path']}: {f['size']:,} bytes" for past in facts.pasts for f in past.inputs]
    what = f" They read {', '.join(dict.fromkeys(read))} without declaring it." if read else ""
    return Filled(f"The runs declare no data: make it an artifact and `use` it.{what}")


def _size(artifact: Artifact) -> str:
    size = f"{len(artifact.files)} files, {artifact.size_bytes:,} bytes"
    return f"{size}, {_facts_text(artifact.metadata)}" if artifact.metadata else size


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


def _dependencies(facts: Facts) -> Filled:
    environments = [info.environment for info in facts.runs]
    if None in environments:
        return Filled("A run's environment was not captured: start it with `capture=True`.")
    first = environments[0]
    assert first is not None  # noqa: S101 - just looked at
    kinds = {tuple(sorted(one.packages.items())) for one in environments if one is not None}
    same = "" if len(kinds) == 1 else f", in {len(kinds)} different sets"
    return Filled(
        f"Python {first.python} and {len(first.packages)} packages, each with its version{same}.",
        known=True,
    )


def _training_code(facts: Facts) -> Filled:
    missing = [past.info.id for past in facts.pasts if past.root is None and not past.cells]
    if missing:
        return Filled(f"The code of {', '.join(missing[:3])} was not kept.")
    commits = dict.fromkeys(_commit(past) for past in facts.pasts)
    return Filled(f"Kept whole in the record: {'; '.join(commits)}.", known=True)


def _commit(past: Past) -> str:
    code = past.info.code
    if code is None or code.commit is None:
        return f"{len(past.files(''))} files outside git"
    where = f" of {next(iter(code.remotes.values()))}" if code.remotes else ""
    return f"commit {code.commit[:12]}{where}{' with changes' if code.dirty else ''}"


def _evaluation_code(facts: Facts) -> Filled:
    if _training_code(facts).known and any(info.summary for info in facts.runs):
        return Filled(
            "The runs evaluate what they train: the same code, the same snapshot.", known=True
        )
    return Filled("The runs have no results: log what the evaluation came to.")


def _models_shared(facts: Facts) -> Filled:
    models = [one.reference for one in (*facts.made, *facts.used) if one.type == "model"]
    if models:
        return Filled(f"In the record: {', '.join(dict.fromkeys(models))}.", known=True)
    return Filled("No model was kept: make it an artifact of type `model`.")


def _readme(facts: Facts) -> Filled:
    if any(_HIDDEN in word for info in facts.runs for word in info.command):
        return Filled("A command holds a secret that was not kept: pass it by a variable.")
    return Filled("The table and the commands above; put them into the README.", known=True)


def _hyperparameters(facts: Facts) -> Filled:
    values: dict[str, Counter[str]] = {}
    for info in facts.runs:
        for name, value in info.config.items():
            values.setdefault(name, Counter())[str(value)] += 1
    if not values:
        return Filled("The runs have no config: pass what they are told to `config`.")
    told = [f"{name} = {', '.join(seen)}" for name, seen in values.items()]
    sweeps = {str(info.about["sweep"]) for info in facts.runs if info.about.get("sweep")}
    how = f" Chosen by sweep {', '.join(sorted(sweeps))}." if sweeps else ""
    return Filled(f"{'; '.join(told)}.{how}", known=True)


def _runs(facts: Facts) -> Filled:
    states = Counter(info.status for info in facts.runs)
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    again = facts.record.runs(kind="reproduce")
    done = sum(parent in {info.id for info in facts.runs} for parent in again["parent"])
    extra = f"; done again {done} times" if done else ""
    text = f"{len(facts.runs)} runs ({told}) of {len(facts.groups)} configurations{extra}."
    if set(states) - {"finished"}:
        return Filled(f"{text} Report only runs that finished.")
    return Filled(text, known=True)


def _metrics(facts: Facts) -> Filled:
    defined = {name: about for info in facts.runs for name, about in info.metrics.items()}
    names = dict.fromkeys(name for group in facts.groups for name in group.results)
    if defined:
        return Filled(
            "; ".join(f"{name}: {_facts_text(one)}" for name, one in defined.items()), known=True
        )
    return Filled(
        f"How are {', '.join(names) or 'the results'} defined? Use `define_metric`, or say it.",
        ask=True,
    )


def _variation(facts: Facts) -> Filled:
    told = [
        f"{f'{group.name}: ' if group.name else ''}{name} {spread}"
        for group in facts.groups
        for name, spread in group.results.items()
    ]
    if not told:
        return Filled("The runs have no results.")
    single = [group for group in facts.groups if len(group.runs) < 2]
    if single:
        return Filled(f"{'; '.join(told)}. One run has no spread: repeat it with other seeds.")
    return Filled(f"{'; '.join(told)}.", known=True)


def _runtime(facts: Facts) -> Filled:
    lasted = [
        (i.finished - i.started).total_seconds() for i in facts.runs if i.finished is not None
    ]
    if not lasted:
        return Filled("No run has ended.")
    spread = f" ± {statistics.stdev(lasted):.3g}" if len(lasted) > 1 else ""
    return Filled(
        f"{statistics.fmean(lasted):.3g}{spread} s a run on the wall; energy was not measured.",
        known=True,
    )


def _infrastructure(facts: Facts) -> Filled:
    told = []
    for info in facts.runs:
        one = info.environment
        if one is None:
            return Filled(f"What {info.id} ran on was not captured.")
        gpus = f", {'; '.join(one.gpus)}" if one.gpus else ", no graphics card"
        memory = f", {one.memory_bytes / 2**30:.0f} GiB" if one.memory_bytes else ""
        told.append(
            f"{one.cpu or one.platform}, {one.usable_cpus} of {one.cpus} processors{memory}{gpus}, "
            f"{one.platform}"
        )
    return Filled("; ".join(dict.fromkeys(told)), known=True)


def _facts_text(facts: object) -> str:
    if not hasattr(facts, "items"):
        return str(facts)
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))


_APPLIES = "If the work makes a theoretical claim: "
ITEMS: tuple[tuple[str, str, Callable[[Facts], Filled]], ...] = (
    (
        "model.description",
        "A clear description of the mathematical setting, algorithm, and/or model",
        _model,
    ),
    (
        "model.assumptions",
        "A clear explanation of any assumptions",
        _asked("Which assumptions does the model make?"),
    ),
    (
        "model.complexity",
        "An analysis of the complexity (time, space, sample size) of any algorithm",
        _asked("How do time, memory and sample size grow?"),
    ),
    (
        "theory.statement",
        "A clear statement of the claim",
        _asked(f"{_APPLIES}what is it? Else say that there is none."),
    ),
    (
        "theory.proof",
        "A complete proof of the claim",
        _asked(f"{_APPLIES}where is its proof? Else say that there is none."),
    ),
    (
        "data.statistics",
        "The relevant statistics, such as number of examples",
        _statistics,
    ),
    (
        "data.splits",
        "The details of train / validation / test splits",
        _splits,
    ),
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
    (
        "code.dependencies",
        "Specification of dependencies",
        _dependencies,
    ),
    (
        "code.training",
        "Training code",
        _training_code,
    ),
    (
        "code.evaluation",
        "Evaluation code",
        _evaluation_code,
    ),
    (
        "code.models",
        "(Pre-)trained models",
        _models_shared,
    ),
    (
        "code.readme",
        "A table of results with the precise command to produce them",
        _readme,
    ),
    (
        "result.hyperparameters",
        "The range of hyper-parameters, how the best were selected, and all that were used",
        _hyperparameters,
    ),
    (
        "result.runs",
        "The exact number of training and evaluation runs",
        _runs,
    ),
    (
        "result.metrics",
        "A clear definition of the specific measure or statistics used to report results",
        _metrics,
    ),
    (
        "result.variation",
        "Results with central tendency (mean) and variation (error bars)",
        _variation,
    ),
    (
        "result.runtime",
        "The average runtime for each result, or estimated energy cost",
        _runtime,
    ),
    (
        "result.infrastructure",
        "A description of the computing infrastructure used",
        _infrastructure,
    ),
)
"""Key, text and filler of each item."""
