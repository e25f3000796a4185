"""Results: what the checklist asks of them."""

from __future__ import annotations

import statistics
from collections import Counter

from homeostat.reproduce._items.facts import Facts, Filled, Question, as_text

__all__ = ["ITEMS"]


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
            "; ".join(f"{name}: {as_text(one)}" for name, one in defined.items()), known=True
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


ITEMS: tuple[Question, ...] = (
    (
        "result.hyperparameters",
        "The range of hyper-parameters, how the best were selected, and all that were used",
        _hyperparameters,
    ),
    ("result.runs", "The exact number of training and evaluation runs", _runs),
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
    ("result.runtime", "The average runtime for each result, or estimated energy cost", _runtime),
    (
        "result.infrastructure",
        "A description of the computing infrastructure used",
        _infrastructure,
    ),
)
"""The items on the results."""
