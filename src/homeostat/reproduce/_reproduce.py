"""Doing a run again, and saying whether it came out the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from homeostat.core import Finding, InputError, Verdict
from homeostat.record import Record, Run, RunInfo
from homeostat.reproduce._compare import Comparison, Difference, compare
from homeostat.reproduce._installed import Interpreter, current, recorded
from homeostat.reproduce._launch import Ended, launch
from homeostat.reproduce._past import Past, past_of
from homeostat.reproduce._preflight import preflight
from homeostat.reproduce._worktree import lay_out, provide_inputs

__all__ = ["Reproduction", "reproduce"]

Outcome = Literal["identical", "within tolerance", "different", "cannot run"]

_NO_WAY = ("reproduce.command", "reproduce.launcher", "reproduce.artifact")
"""A failure of one of these checks is no warning: the run cannot be done again."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of doing a run again.

    Args:
        run: Id of the original.
        reproduction: Id of the run, in the same record, that did it again; None if none started.
        verdict: ``"identical"``, ``"within tolerance"``, ``"different"`` or ``"cannot run"``.
        findings: What was said beforehand, and what differs.
        comparison: What was compared; None where nothing could be.
        command: The command line that was called.
        output: The end of what it printed.
    """

    run: str
    reproduction: str | None
    verdict: Outcome
    findings: tuple[Finding, ...] = field(repr=False)
    comparison: Comparison | None = field(default=None, repr=False)
    command: tuple[str, ...] = field(default=(), repr=False)
    output: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the numbers came out the same, up to the tolerance."""
        return self.verdict in {"identical", "within tolerance"}

    @property
    def first(self) -> Difference | None:
        """The first difference that is not tolerated; None if there is none."""
        found = () if self.comparison is None else self.comparison.differences
        return next((one for one in found if not one.tolerated), None)

    def report(self) -> str:
        """Return it as Markdown, for people."""
        compared = self.comparison
        lines = [f"# Run {self.run}: {self.verdict}", ""]
        if compared is not None:
            lines += [
                (
                    f"Compared {compared.points} points of {compared.metrics} metrics, "
                    f"{compared.results} results, {compared.rows} other logged values and "
                    f"{compared.artifacts} artifacts."
                ),
                "",
            ]
            lines += [f"- {_mark(one)} {one}" for one in compared.differences]
        lines += [
            f"- {finding.verdict}: {finding.summary}"
            for finding in self.findings
            if finding.verdict is not Verdict.OK and not finding.check.endswith(".result")
        ]
        if self.command:
            lines += ["", f"    {' '.join(self.command)}"]
        if self.verdict == "cannot run" and self.output:
            lines += ["", *(f"    {line}" for line in self.output.splitlines()[-15:])]
        return "\n".join(lines) + "\n"


def reproduce(
    record: Record,
    run: str,
    *,
    folder: str | Path | None = None,
    environment: Literal["recorded", "current"] = "recorded",
    timeout_s: float = 3600.0,
    tolerance: float | Mapping[str, float] = 1e-6,
    ignore: Collection[str] = (),
) -> Reproduction:
    """Do a run again from what the record has of it, and compare every number with the original.

    Code comes from the stored snapshot, so the user's repository is not needed and not touched;
    inputs from the record; arguments, folder, variables and seeds are the recorded ones. The
    process writes a record of its own, so nothing in this one moves; what it came to is then
    written here as one more run, of kind ``"reproduce"`` and with ``about["reproduces"]``.

    Args:
        record: Where the run is.
        run: Its id.
        folder: Where to lay out its files, and leave them; unless told, a temporary folder.
        environment: ``"recorded"`` installs the recorded versions of packages that differ;
            ``"current"`` takes the running interpreter as it is, and tells what differs.
        timeout_s: How long it may take, and installing packages as well.
        tolerance: Relative difference that counts as rounding; or one for each pattern of names.
        ignore: Patterns of metrics, results and artifacts that are not compared, such as
            ``"time/*"``. System metrics never are.

    Raises:
        NotFoundError: If there is no such run.
        InputError: If the folder is not empty.
    """
    past = past_of(record, run)
    with ExitStack() as stack:
        place = _folder(folder, stack)
        attempt = _attempt(
            record, past, place, environment=environment, timeout_s=timeout_s,
        )  # fmt: skip
        if attempt.problem is not None:
            return _noted(record, past, attempt, None, None)
        with Record(place / "record", capture=False) as scratch:
            found = _counterpart(record, past.info, scratch)
            if found is None:
                return _noted(record, past, attempt.failed(_silent(attempt)), None, None)
            if found.status != past.info.status and attempt.ended is not None:
                attempt = attempt.failed(_broke(past.info, found, attempt.ended))
                return _noted(record, past, attempt, None, (scratch, found))
            compared = compare(
                record, past.info.id, scratch, found.id, tolerance=tolerance, ignore=ignore
            )
            return _noted(record, past, attempt, compared, (scratch, found))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How far it came.

    Args:
        findings: What was said beforehand.
        ended: How the command ended; None if it was not called.
        problem: Why it cannot be done; None if it was.
    """

    findings: tuple[Finding, ...]
    ended: Ended | None = None
    problem: Finding | None = None

    def failed(self, problem: Finding) -> _Attempt:
        return _Attempt(self.findings, self.ended, problem)


def _attempt(
    record: Record, past: Past, folder: Path, *, environment: str, timeout_s: float
) -> _Attempt:
    findings = [one for one in preflight(record, past) if not _of_surroundings(one)]
    stops = [one for one in findings if one.verdict is Verdict.FAIL and one.check in _NO_WAY]
    stops += [one for one in findings if one.subject == "code" and one.verdict is Verdict.FAIL]
    if stops:
        return _Attempt(tuple(findings), problem=stops[0])
    python = _interpreter(past, folder, environment, timeout_s)
    findings += python.findings
    if python.executable is None:
        return _Attempt(tuple(findings), problem=python.findings[-1])
    layout = lay_out(past, folder)
    findings += provide_inputs(record, past, layout)
    Record(folder / "record", capture=False).close()
    ended = launch(
        record,
        past,
        layout,
        python=python,
        scratch=folder / "record",
        timeout_s=timeout_s,
    )
    attempt = _Attempt(tuple(findings), ended)
    if ended.exit_code is None:
        summary = f"The run took longer than {timeout_s:g} s and was killed."
        return attempt.failed(_finding("command", "command", Verdict.FAIL, summary))
    return attempt


def _interpreter(past: Past, folder: Path, environment: str, timeout_s: float) -> Interpreter:
    if environment == "current":
        return current(past.info.environment)
    if environment == "recorded":
        return recorded(past.info.environment, folder / "environment", timeout_s)
    raise InputError(f"The environment is 'recorded' or 'current', got {environment!r}.")


def _of_surroundings(finding: Finding) -> bool:
    return finding.check in {"reproduce.package", "reproduce.python", "reproduce.machine"}


def _counterpart(record: Record, original: RunInfo, scratch: Record) -> RunInfo | None:
    """Return the run of the new process that is what the original was of the old one."""
    like = scratch.runs(kind=original.kind).sort("started", "id")
    same = like.filter(like["name"] == original.name)
    ids = (same if same.height else like)["id"].to_list()
    if not ids:
        return None
    turn = _turn(record, original) if len(ids) > 1 else 0
    return scratch.run(ids[min(turn, len(ids) - 1)])


def _turn(record: Record, original: RunInfo) -> int:
    """Return how many runs of its kind and name the original's process had started before."""
    like = record.runs(kind=original.kind, name=original.name or None).sort("started", "id")
    before = like["id"].to_list()[: like["id"].to_list().index(original.id)]
    return sum(record.run(one).process == original.process for one in before[-1000:])


def _silent(attempt: _Attempt) -> Finding:
    ended = attempt.ended
    last = "" if ended is None or not ended.tail.strip() else ended.tail.strip().splitlines()[-1]
    code = None if ended is None else ended.exit_code
    summary = f"The command ended with {code} before it started a run: {last or 'it said nothing'}"
    return _finding("command", "command", Verdict.FAIL, f"{summary}.")


def _broke(original: RunInfo, found: RunInfo, ended: Ended) -> Finding:
    why = found.error or (ended.tail.strip().splitlines() or ["it said nothing"])[-1]
    summary = f"The run had {original.status}, this time it {found.status}: {why}."
    return _finding("command", "command", Verdict.FAIL, summary)


def _verdict(attempt: _Attempt, compared: Comparison | None) -> Outcome:
    if attempt.problem is not None or compared is None:
        return "cannot run"
    if not all(one.tolerated for one in compared.differences):
        return "different"
    return "within tolerance" if compared.differences else "identical"


def _noted(
    record: Record,
    past: Past,
    attempt: _Attempt,
    compared: Comparison | None,
    again: tuple[Record, RunInfo] | None,
) -> Reproduction:
    """Write what came of it to the record, as one more run."""
    verdict = _verdict(attempt, compared)
    problems = (
        () if attempt.problem is None or attempt.problem in attempt.findings else (attempt.problem,)
    )
    findings = (*attempt.findings, *problems, *_results(past.info, compared))
    info = past.info
    about = {"reproduces": info.id, "verdict": verdict}
    with record.start_run(
        "reproduce", info.name, system=info.system, config=info.config, parent=info.id, about=about
    ) as run:
        if again is not None:
            _copy(*again, run)
        run.find_all(findings)
    return Reproduction(
        run=info.id,
        reproduction=run.id,
        verdict=verdict,
        findings=findings,
        comparison=compared,
        command=() if attempt.ended is None else attempt.ended.command,
        output="" if attempt.ended is None else attempt.ended.tail,
    )


def _copy(scratch: Record, found: RunInfo, run: Run) -> None:
    """Write the points and results of the new process to its run here."""
    frame = scratch.metrics(found.id)
    if frame.height:
        turn = frame.select("name", "step").select(turn=frame["step"].cum_count()).to_series()
        wide = frame.with_columns(turn=turn).sort("step", "time", "turn")
        for (step, _), part in wide.group_by(["step", "time"], maintain_order=True):
            run.log(dict(part.select("name", "value").iter_rows()), step=int(str(step)))
    run.update(summary=dict(found.summary))


def _results(info: RunInfo, compared: Comparison | None) -> Iterator[Finding]:
    if compared is None:
        return
    if not compared.differences:
        summary = (
            f"All {compared.points} points, {compared.results} results and {compared.artifacts} "
            "artifacts came out the same."
        )
        yield _finding("result", info.id, Verdict.OK, summary)
    for one in compared.differences:
        told = Verdict.WARN if one.tolerated else Verdict.FAIL
        yield _finding("result", one.key, told, f"{str(one)[0].upper()}{str(one)[1:]}.")


def _folder(folder: str | Path | None, stack: ExitStack) -> Path:
    if folder is None:
        return Path(
            stack.enter_context(TemporaryDirectory(prefix="homeostat-reproduce-"))
        ).resolve()
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise InputError(f"The folder to reproduce a run in must be empty, got {place}.")
    return place


def _mark(difference: Difference) -> str:
    return "within tolerance:" if difference.tolerated else "differs:"


def _finding(check: str, subject: str, verdict: Verdict, summary: str) -> Finding:
    return Finding(check=f"reproduce.{check}", subject=subject, verdict=verdict, summary=summary)
