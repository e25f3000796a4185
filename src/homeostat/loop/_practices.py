"""The nine best practices for feature engineering, each as one check on the evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from homeostat.core import Finding, Json, Verdict, worst
from homeostat.loop._practice_evidence import Evidence

__all__ = ["PRACTICES", "judge"]

_DOMINANT = 0.8  # share of all importance of one feature, from which it should be explained
_SEVERAL = 4  # features, from which one that carries the model is not a matter of course
_RESAMPLING = ("smote", "oversampl", "undersampl", "resampl", "tomek", "adasyn", "augment")
_RETIRE = ("empty", "constant", "copy", "stale", "unused", "no_effect", "duplicate")

Answer = tuple[Verdict, str, dict[str, Json]]


def _split_by_time(known: Evidence) -> Answer:
    if known.forward is True:
        return Verdict.OK, f"Each part lies wholly after the one before: {known.split}.", {}
    told = known.checks("leakage.random_time_split")
    if known.forward is None and told:
        return told[0].verdict, told[0].summary, {}
    if known.forward is False:
        words = " ".join(one.summary for one in told)
        return Verdict.FAIL, f"Parts overlap in time ({known.split}): use `by_time`. {words}", {}
    return Verdict.UNKNOWN, "No split is known: run the system, or pass its declaration.", {}


def _resample_after(known: Evidence) -> Answer:
    before = [step for step in known.steps() if any(word in step.lower() for word in _RESAMPLING)]
    told = known.checks("leakage.fit_parts", "leakage.fit_judged_rows", "leakage.duplicates")
    evidence: dict[str, Json] = {"steps": before, "checks": _checks(told)}
    if known.keys is not None:
        repeated, both = known.keys
        evidence |= {"repeated_keys": repeated, "keys_on_both_sides": both}
        if both:
            words = f"{both:,} keys are in training and held out: rows were copied before the split"
            return Verdict.FAIL, f"{words}; resample the training part only.", evidence
    if before:
        words = f"The dataset is made by {before[0]}, which comes before the split"
        return Verdict.FAIL, f"{words}: resample the training part only.", evidence
    bad = [one for one in told if one.verdict in {Verdict.FAIL, Verdict.WARN}]
    if bad:
        return worst(bad), " ".join(one.summary for one in bad[:3]), evidence
    if known.keys is not None and not known.keys[0]:
        words = "No row occurs twice by its key, and no step resamples before the split."
        return Verdict.OK, words, evidence
    if any(one.verdict == Verdict.OK for one in told):
        return Verdict.OK, "No row of validation or test has a copy in training.", evidence
    words = "Whether rows were copied before the split is unknown: give columns the role `key`."
    return Verdict.UNKNOWN, words, evidence


def _fit_on_train(known: Evidence) -> Answer:
    ledger = known.checks("leakage.fit")
    traces = known.checks(
        "leakage.scaled", "leakage.imputed", "leakage.target_encoding", "leakage.preparation"
    )
    evidence: dict[str, Json] = {
        "fitted_rows": dict(known.fitted),
        "checks": _checks(ledger + traces),
    }
    bad = [one for one in ledger + traces if one.verdict in {Verdict.FAIL, Verdict.WARN}]
    if bad:
        return worst(bad), " ".join(one.summary for one in bad[:3]), evidence
    more = {name: n for name, n in known.fitted.items() if n > (known.train_rows or n)}
    if more:
        words = ", ".join(f"{name} on {n:,}" for name, n in more.items())
        return Verdict.FAIL, f"Models saw more than {known.train_rows:,} rows: {words}.", evidence
    if ledger:
        words = f"The ledger holds {_count(len(ledger), 'fit')}; none saw a held-out row."
        return worst(ledger), words, evidence
    if known.fitted or traces or known.train_rows is not None:
        models = f"{len(known.fitted)} models were fitted on training rows alone, and " * bool(
            known.fitted
        )
        words = f"{models}no column bears a trace of statistics over all rows."
        if known.train_rows is not None:
            return Verdict.OK, words[0].upper() + words[1:], evidence
        words = f"{len(known.fitted)} models were fitted on training rows; the columns themselves"
        return Verdict.UNKNOWN, f"{words} were not searched: pass the declaration too.", evidence
    return Verdict.UNKNOWN, "Nothing is known of what was fitted: run the system.", evidence


def _understand_data(known: Evidence) -> Answer:
    if known.schema is None:
        return Verdict.UNKNOWN, "No schema is known, so nobody has written the data down.", {}
    columns = [known.schema.column(name) for name in known.features if name in known.schema.names]
    silent = [one.name for one in columns if not one.description]
    undated = [one.name for one in columns if one.known_at is None]
    evidence: dict[str, Json] = {
        "undescribed": silent,
        "without_known_at": undated,
        "expectations": len(known.schema.expectations),
    }
    lacks = [
        f"{len(names)} of {len(columns)} features have no {what} ({', '.join(names[:5])})"
        for names, what in ((silent, "description"), (undated, "known-at rule"))
        if names
    ]
    if not known.schema.expectations:
        lacks.append("nothing is expected of the data")
    if not lacks:
        words = f"All {len(columns)} features are described and dated, with "
        return (
            Verdict.OK,
            f"{words}{_count(len(known.schema.expectations), 'expectation')}.",
            evidence,
        )
    ask = "ask those who collect the data and write it into the schema"
    return Verdict.WARN, f"{_sentence(lacks)}: {ask}.", evidence


def _lineage(known: Evidence) -> Answer:
    sources = known.sources()
    evidence: dict[str, Json] = {
        "sources": dict(sources),
        "steps": len(list(known.steps())),
        "model": known.model,
        "model_sources": list(known.model_sources),
    }
    if not sources:
        return Verdict.UNKNOWN, "No source of the data is known.", evidence
    data = f"the data go back to {_count(len(sources), 'source')} with checksums"
    if lost := [name for name, digest in sources.items() if not digest]:
        return Verdict.FAIL, f"No checksum is known of {', '.join(lost)}.", evidence
    if not known.run:
        return Verdict.UNKNOWN, f"{_up(data)}; no run is known, so no model does.", evidence
    return *_model_lineage(known, data), evidence


def _model_lineage(known: Evidence, data: str) -> tuple[Verdict, str]:
    if not known.model:
        return Verdict.WARN, f"{_up(data)}, but no model was released."
    if not known.model_sources:
        return Verdict.FAIL, f"{known.model} goes back to nothing, though {data}."
    if not known.code:
        return Verdict.WARN, f"{known.model} and {data}; the code was not captured."
    return Verdict.OK, f"{known.model} goes back to {known.model_sources[0]}, and {data}."


def _importance(known: Evidence) -> Answer:
    told = known.checks("importance.")
    if not known.importance and told:
        return worst(told), " ".join(one.summary for one in told[:3]), {"checks": _checks(told)}
    total = sum((known.importance or {}).values())
    if not known.importance or total <= 0:
        words = "How much the model uses each feature is unknown: pass `importance`, or the record"
        return Verdict.UNKNOWN, f"{words} of a run with the declaration.", {}
    shares = {name: value / total for name, value in known.importance.items()}
    top = sorted(shares, key=lambda name: -shares[name])[:5]
    evidence: dict[str, Json] = {"shares": {n: shares[n] for n in sorted(shares)}, "how": known.how}
    words = ", ".join(f"{name} {shares[name]:.0%}" for name in top)
    if len(known.features) >= _SEVERAL and shares[top[0]] >= _DOMINANT:
        reason = f"{top[0]} carries the model alone ({words})"
        return Verdict.WARN, f"{reason}: explain it, or look whether it is a leak.", evidence
    return Verdict.OK, f"The model uses {words} ({known.how}).", evidence


def _correlation(known: Evidence) -> Answer:
    told = known.checks("leakage.")
    told = [one for one in told if not one.check.startswith(("leakage.fit", "leakage.duplicates"))]
    searched = [one for one in told if one.check.removeprefix("leakage.") in _SEARCHED]
    ruled = [one for one in told if one.check == "leakage.known_at"]
    evidence: dict[str, Json] = {"checks": _checks(told)}
    bad = [one for one in searched + ruled if one.verdict == Verdict.FAIL]
    if bad:
        return Verdict.FAIL, " ".join(one.summary for one in bad[:3]), evidence
    if searched:
        words = "Every feature, alone and in pairs, was held against the label; none gives it away."
        return worst([one for one in searched if one.verdict != Verdict.UNKNOWN]), words, evidence
    if ruled:
        words = "Features were held against their known-at rules; none was searched with the label."
        return Verdict.OK if _all_ruled(known) else Verdict.WARN, words, evidence
    return Verdict.UNKNOWN, "Features were not held against the label: run the leak scan.", evidence


_SEARCHED = ("association", "pair", "scan", "missingness", "identity", "row_order")


def _all_ruled(known: Evidence) -> bool:
    schema = known.schema
    return schema is not None and all(
        name in schema.names and schema.column(name).known_at is not None for name in known.features
    )


def _generalizing(known: Evidence) -> Answer:
    told = known.checks("features.generalization", "features.generalization_by")
    bad = [one for one in told if one.verdict in {Verdict.WARN, Verdict.FAIL}]
    evidence: dict[str, Json] = {"not_ok": {one.subject: one.summary for one in bad}}
    if bad:
        names = ", ".join(one.subject for one in bad[:5])
        words = f"{len(bad)} of {len(told)} features do not generalize to the test rows ({names})"
        return worst(bad), f"{words}: {bad[0].summary}", evidence
    if any(one.verdict == Verdict.OK for one in told):
        words = f"All {len(told)} features are covered in the test rows, by values training knows."
        return Verdict.OK, words, evidence
    return Verdict.UNKNOWN, "No feature was compared between training and other rows.", evidence


def _stale(known: Evidence) -> Answer:
    told = known.checks(*(f"features.{name}" for name in (*_RETIRE, "useful")))
    bad = [one for one in told if one.verdict != Verdict.OK]
    evidence: dict[str, Json] = {"retire": {one.subject: one.check for one in bad}}
    if bad:
        names = ", ".join(f"{one.subject} ({one.check.partition('.')[2]})" for one in bad[:5])
        return worst(bad), f"{_count(len(bad), 'feature')} can be taken out: {names}.", evidence
    if told:
        return Verdict.OK, "No feature is empty, constant, a copy, stale or unused.", evidence
    words = "Whether a feature is stale or unused is unknown: pass the declaration."
    return Verdict.UNKNOWN, words, evidence


#: In the seed's order and, as far as a line allows, its words.
PRACTICES: tuple[tuple[str, str, Callable[[Evidence], Answer]], ...] = (
    ("split_by_time", "Split data by time instead of doing it randomly", _split_by_time),
    ("resample_after_split", "If you oversample, do it after splitting", _resample_after),
    ("fit_on_train", "Use statistics from the train split only", _fit_on_train),
    ("understand_data", "Understand how your data is generated and collected", _understand_data),
    ("lineage", "Keep track of data lineage", _lineage),
    ("importance", "Understand feature importance to your model", _importance),
    ("correlation", "Measure correlation between features and labels", _correlation),
    ("generalization", "Use features that generalize well", _generalizing),
    ("stale_features", "Remove stale features from your models", _stale),
)


def judge(known: Evidence) -> list[Finding]:
    """Return the nine findings, checks ``practice.*``, in order."""
    found = []
    for name, _, check in PRACTICES:
        verdict, words, evidence = check(known)
        found.append(
            Finding(
                check=f"practice.{name}",
                subject=known.system,
                verdict=verdict,
                summary=words,
                evidence={"run": known.run, **evidence},
            )
        )
    return found


def _checks(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the worst verdict of each check."""
    names = dict.fromkeys(one.check for one in found)
    return {name: worst([o for o in found if o.check == name]).value for name in names}


def _sentence(parts: Sequence[str]) -> str:
    return _up("; ".join(parts))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _up(words: str) -> str:
    return words[0].upper() + words[1:]
