"""Fit ledger: which rows each fitted statistic saw, and whether they were its to see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from homeostat.core._errors import GateError, InputError
from homeostat.core._finding import Finding, Verdict
from homeostat.core._policy import Policy, decide, finding
from homeostat.core._row_set import RowSet

if TYPE_CHECKING:
    from homeostat.core._tracked_rows import TrackedRows

__all__ = ["Fit", "FitLedger"]

_HELD_OUT = ("validation", "test")
_MANY = 0.01  # share of a part that is in training too, from which the parts fail
_REFUSE = Policy("fit ledger", finding(check="leakage.fit*", verdict="fail"), "block")


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One thing that was learned: a mean, a vocabulary, a resampler, a model.

    Args:
        name: What was fitted.
        saw: Every row that had a say in it, also through statistics fitted before.
        may_see: Parts it may look at: a calibrator or an early stop also sees validation.
    """

    name: str
    saw: RowSet
    may_see: tuple[str, ...] = ("train",)

    def __post_init__(self) -> None:
        if "test" in self.may_see:
            raise InputError(f"Nothing is fitted on the test, `{self.name}` was to be allowed to.")


@dataclass(slots=True)
class FitLedger:
    """Every fit of one model's making, held against what it is judged on.

    The parts may be told before the fits or after them, so that what was fitted before the
    split is found too.

    Args:
        parts: Rows of train, validation and test, as far as they are known yet.
        policy: Which findings refuse a fit with a GateError; None lets all pass as findings.

    Example:
        >>> ledger = FitLedger({"train": RowSet.of([1, 2]), "test": RowSet.of([3])}, policy=None)
        >>> fit = ledger.record("mean", RowSet.of([1, 2, 3]))
        >>> ledger.findings()[-1]
        Finding(fail leakage.fit on mean: mean was fitted on 1 of 1 test rows: fit it on \
training rows only.)
    """

    parts: Mapping[str, RowSet] = field(default_factory=dict)
    policy: Policy | None = _REFUSE
    fits: list[Fit] = field(default_factory=list)
    _judged: list[Finding] = field(default_factory=list, repr=False)
    _apart: dict[str, Mapping[str, RowSet]] = field(default_factory=dict, repr=False)
    _met: list[Finding] | None = field(default=None, repr=False)

    def record(
        self,
        name: str,
        rows: TrackedRows | RowSet,
        *,
        may_see: Sequence[str] = ("train",),
    ) -> Fit:
        """Write down that something is fitted on rows, before it is.

        Raises:
            GateError: If it sees rows that it may not and the policy refuses that.
        """
        fit = Fit(name, rows if isinstance(rows, RowSet) else rows.seen, tuple(may_see))
        self.fits.append(fit)
        self.refuse([self._judge(fit), *self._overlaps()])
        return fit

    def judge_on(self, name: str, rows: TrackedRows) -> Finding:
        """Say whether a model may be judged on rows: as they came, and seen by no fit.

        Raises:
            GateError: If not and the policy refuses that.
        """
        seen, made = RowSet.of(), int(rows.made.sum())
        for fit in self.fits:
            if rows.part not in fit.may_see:
                seen |= rows.own & fit.saw
        wrong = [f"{made:,} are copies or synthetic"] * (made > 0)
        wrong += [f"{len(seen):,} were seen by a fit"] * (len(seen) > 0)
        summary = f"{name} is judged on {len(rows):,} rows" + (
            f", of which {' and '.join(wrong)}: judge on original rows that nothing was fitted on."
            if wrong
            else " that came as they are and were seen by no fit."
        )
        verdict = Verdict.FAIL if wrong else Verdict.OK if len(rows) else Verdict.UNKNOWN
        found = Finding(
            check="leakage.fit_judged_rows",
            subject=name,
            verdict=verdict,
            summary=summary,
            statistic=float(made + len(seen)),
            threshold=0.0,
            evidence={"rows": len(rows), "made": made, "seen": len(seen)},
        )
        self._judged.append(found)
        self.refuse([found])
        return found

    def hold_out(self, parts: Mapping[str, RowSet]) -> None:
        """Tell the parts, or some of them; fits written down before are judged again.

        Raises:
            GateError: If a fit has seen what it may not and the policy refuses that.
        """
        self.parts, self._met = {**self.parts, **parts}, None
        self.refuse(self.findings())

    def keep_apart(self, what: str, parts: Mapping[str, RowSet]) -> None:
        """Tell what else may not be on both sides, such as patients, or sets of copies.

        Args:
            what: Such as ``"patient"``.
            parts: For each part the ids of the patients in it.

        Raises:
            GateError: If too many are on both sides and the policy refuses that.
        """
        self._apart[what], self._met = parts, None
        self.refuse(self.findings())

    def findings(self) -> list[Finding]:
        """Judge the parts, every fit, and what models were judged on."""
        return [*self._overlaps(), *(self._judge(fit) for fit in self.fits), *self._judged]

    def refuse(self, findings: Iterable[Finding] | None = None) -> None:
        """Raise GateError if the policy applies to findings; None takes all there are."""
        found = self.findings() if findings is None else findings
        if self.policy is not None and (against := decide([self.policy], found)):
            raise GateError("Training is refused by the fit ledger.", against[0].findings)

    def save(self) -> dict[str, bytes]:
        """Return files, by name: one of JSON, and one for each distinct set of rows."""
        apart = [rows for parts in self._apart.values() for rows in parts.values()]
        seen = [*self.parts.values(), *apart, *(fit.saw for fit in self.fits)]
        sets = {rows.digest: rows for rows in seen}
        told = {
            "format": 1,
            "parts": {name: rows.digest for name, rows in self.parts.items()},
            "fits": [[fit.name, fit.saw.digest, list(fit.may_see)] for fit in self.fits],
            "judged": [found.to_json() for found in self._judged],
            "apart": {
                what: {name: rows.digest for name, rows in parts.items()}
                for what, parts in self._apart.items()
            },
        }
        files = {f"{digest}.rows": rows.to_bytes() for digest, rows in sets.items()}
        return {"ledger.json": json.dumps(told).encode(), **files}

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, policy: Policy | None = _REFUSE) -> Self:
        """Rebuild a ledger from :meth:`save`."""
        try:
            told = json.loads(files["ledger.json"])
            sets = {
                name.removesuffix(".rows"): RowSet.from_bytes(raw)
                for name, raw in files.items()
                if name.endswith(".rows")
            }
            return cls(
                {name: sets[digest] for name, digest in told["parts"].items()},
                policy,
                [Fit(name, sets[digest], tuple(seen)) for name, digest, seen in told["fits"]],
                [Finding.from_json(one) for one in told["judged"]],
                {
                    what: {name: sets[digest] for name, digest in parts.items()}
                    for what, parts in told["apart"].items()
                },
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"These are no files of a fit ledger: {error!r}.") from error

    def _overlaps(self) -> list[Finding]:
        if self._met is None:
            self._met = [
                _overlap(what, name, parts[name], parts.get("train", RowSet.of()))
                for what, parts in {"rows": self.parts, **self._apart}.items()
                for name in _HELD_OUT
                if name in parts
            ]
        return self._met

    def _judge(self, fit: Fit) -> Finding:
        """Hold a fit against each part; rows that training holds too are no evidence."""
        train = self.parts.get("train", RowSet.of())
        seen, known = {}, 0
        for name, rows in self.parts.items():
            met = fit.saw & rows
            known += len(met)
            if name not in fit.may_see and (hits := len(met - train)):
                seen[name] = (hits, len(rows))
        return _fit_finding(fit, seen, known)


def _fit_finding(fit: Fit, seen: Mapping[str, tuple[int, int]], known: int) -> Finding:
    words = " and ".join(f"{hits:,} of {size:,} {name}" for name, (hits, size) in seen.items())
    verdict = Verdict.FAIL if seen else Verdict.OK
    if seen:
        summary = f"{fit.name} was fitted on {words} rows: fit it on training rows only."
    elif known:
        summary = f"{fit.name} was fitted on {len(fit.saw):,} rows, none of them held out."
    else:
        verdict = Verdict.UNKNOWN
        summary = (
            f"None of the {len(fit.saw):,} rows that {fit.name} was fitted on is in a known part: "
            "tell the ledger the split, and know rows by the same key everywhere."
        )
    return Finding(
        check="leakage.fit",
        subject=fit.name,
        verdict=verdict,
        summary=summary,
        statistic=float(sum(hits for hits, _ in seen.values())),
        threshold=0.0,
        effect=max((hits / size for hits, size in seen.values()), default=0.0),
        evidence={
            "saw": len(fit.saw),
            "held_out": {name: hits for name, (hits, _) in seen.items()},
            "may_see": list(fit.may_see),
        },
    )


def _overlap(what: str, part: str, rows: RowSet, train: RowSet) -> Finding:
    hits, size = rows.meets(train), len(rows)
    share = hits / size if size else 0.0
    verdict = Verdict.FAIL if share >= _MANY else Verdict.WARN if hits else Verdict.OK
    named = f"{part} rows" if what == "rows" else f"`{what}` of {part}"
    return Finding(
        check="leakage.fit_parts" if what == "rows" else "leakage.fit_groups",
        subject=part if what == "rows" else f"{what} of {part}",
        verdict=verdict if size else Verdict.UNKNOWN,
        summary=(
            f"{hits:,} of {size:,} {named} ({share:.1%}) are in training too"
            + (": keep copies and groups on one side, resample after the split." * (hits > 0))
            + "." * (hits == 0)
        ),
        statistic=share,
        threshold=_MANY,
        effect=share,
        evidence={"size": size, "in_train": hits},
    )
