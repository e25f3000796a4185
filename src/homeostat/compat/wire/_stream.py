"""The file stream: what a running client sends every few seconds, taken in once, by line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import number, object_of, split
from homeostat.core import InputError

__all__ = ["take_in"]

_LINE = re.compile(
    r"(?P<level>ERROR )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z? ?(?P<text>.*)",
    re.DOTALL,
)
_SKIPPED = frozenset({"_step", "_timestamp"})


def take_in(run: WireRun, body: Mapping[str, Any]) -> None:
    """Take in one request; what of it was taken in before changes nothing.

    Args:
        run: Whose it is.
        body: Its JSON: ``files`` (each an offset in lines and the lines), ``preempting``,
            ``complete`` and ``exitcode``; nothing at all is a sign of life.

    Raises:
        InputError: If it has another form.
    """
    files = body.get("files") or {}
    if not isinstance(files, dict):
        raise InputError(f"`files` must be an object, got {type(files).__name__}.")
    if not files and not body.get("complete"):
        run.beat()
    counts: dict[str, int] = {}
    for name, stream, take in (
        ("wandb-history.jsonl", "history", _history),
        ("wandb-events.jsonl", "events", _events),
        ("output.log", "output", _output),
    ):
        if name in files:
            offset, lines = _chunk(files[name])
            seen = run.lines(stream)
            take(run, offset, lines, seen)
            counts[stream] = max(seen, offset + len(lines))
    about: dict[str, Any] = {}
    if counts:
        about["wandb_lines"] = {**(run.about.get("wandb_lines") or {}), **counts}
    about["wandb_preempting"] = bool(body.get("preempting")) or None
    if about["wandb_preempting"] is None and not run.about.get("wandb_preempting"):
        del about["wandb_preempting"]
    if about or "wandb-summary.json" in files:
        run.revive()
        run.update(summary=_summary(files.get("wandb-summary.json")), about=about)
    if body.get("complete"):
        run.end(int(body.get("exitcode") or 0))


def _chunk(said: object) -> tuple[int, list[str]]:
    if not isinstance(said, dict):
        raise InputError(f"A file of the stream is an object, got {type(said).__name__}.")
    offset, lines = said.get("offset", 0), said.get("content") or []
    if not isinstance(offset, int) or offset < 0 or not isinstance(lines, list):
        raise InputError("A file of the stream has an offset (0, 1, ...) and a list of lines.")
    return offset, [str(line) for line in lines]


def _summary(said: object) -> dict[str, Any] | None:
    lines = _chunk(said)[1] if said is not None else []
    return object_of(lines[-1]) if lines else None


def _history(run: WireRun, offset: int, lines: Sequence[str], seen: int) -> None:
    writer = run.revive()
    for line in lines[max(0, seen - offset) :]:
        row = object_of(line)
        step = row.get("_step")
        step = step if isinstance(step, int) else writer.step + 1
        at = _moment(row.get("_timestamp"))
        numbers, rest = split({key: row[key] for key in row if key not in _SKIPPED})
        if numbers:
            writer.log(numbers, step, at=at)
        if rest:
            writer.log_row(rest, step, at=at)
        run.tails["history"] = line


def _events(run: WireRun, offset: int, lines: Sequence[str], seen: int) -> None:
    writer = run.revive()
    for line in lines[max(0, seen - offset) :]:
        row = object_of(line)
        numbers = {
            key: found
            for key, value in row.items()
            if key != "_timestamp" and (found := number(value)) is not None
        }
        if numbers:
            writer.log_system(numbers, at=_moment(row.get("_timestamp")))
        run.tails["events"] = line


def _output(run: WireRun, offset: int, lines: Sequence[str], seen: int) -> None:
    writer = run.revive()
    again = lines[: max(0, seen - offset)]
    if again:  # a line of a terminal that was written over, such as a progress bar
        texts = [_line(line)[0] for line in again]
        writer.event("wandb-console", {"offset": offset, "lines": texts})
    for line in lines[len(again) :]:
        text, stream, at = _line(line)
        run.printed = max(at or run.printed, run.printed)  # lines keep their order
        writer.console(f"{text}\n", stream, at=run.printed)


def _line(line: str) -> tuple[str, str, datetime | None]:
    """Return a line's text, the stream it went to, and when; None if it does not say."""
    said = _LINE.fullmatch(line)
    if said is None:
        return line, "stdout", None
    at = datetime.fromisoformat(said["time"]).replace(tzinfo=UTC)
    return said["text"], "stderr" if said["level"] else "stdout", at


def _moment(seconds: object) -> datetime | None:
    try:
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
            return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return None
