"""A W&B run's records, in order, as items of a foreign run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from homeostat.compat.importers._foreign import (
    End,
    Facts,
    Happened,
    Item,
    Line,
    Made,
    Point,
    Problems,
    Row,
    System,
)
from homeostat.compat.importers._values import flat, sorted_out, unix_ns
from homeostat.compat.importers._wandb_files import json_object, staged, with_contents
from homeostat.compat.importers._wandb_record import (
    Message,
    about_run,
    all_told,
    definition,
    entries,
    environment,
    integer,
    message,
    one,
    stamp,
    steps,
    told,
)
from homeostat.compat.importers._wire import blob

__all__ = ["Stream"]

_OWN = {"_step", "_timestamp", "_runtime", "_wandb"}
_NOT_FILES = {"output.log", "wandb-summary.json", "wandb-history.jsonl"}  # told in other ways


class Stream:
    """Reads one run's records; what has to be summed up is told at the end.

    Args:
        id: The run's id.
        files: The folder of its files.
        problems: Where to count what cannot be taken over.
    """

    def __init__(self, id: str, files: Path, problems: Problems) -> None:  # noqa: A002
        self._id, self._files, self._problems = id, files, problems
        self._config: dict[str, object] = {}
        self._summary: dict[str, object] = {}
        self._last: dict[str, object] = {}
        self._environment: dict[str, object] = {}
        self._metrics: dict[str, Mapping[str, object]] = {}
        self._lines: dict[str, tuple[int, str]] = {}
        self._now = 0
        self._exit: int | None = None
        self._about: dict[str, object] = {}
        self._name = ""
        self._media: set[Path] = set()

    def take(self, kind: str, body: Message) -> Iterator[Item]:
        """Give what a record says at once, and keep what it says of the run as a whole."""
        match kind:
            case "history":
                yield from self._history(body)
            case "output":
                yield from self._output(body)
            case "stats":
                yield from self._stats(body)
            case "artifact":
                yield from self._artifact(body)
            case "alert":
                payload = {"title": told(body, 1), "text": told(body, 2), "level": told(body, 3)}
                yield Happened(self._now, "alert", payload)
            case "use":
                used = {"artifact": told(body, 3), "type": told(body, 2)}
                yield Happened(self._now, "used", used)
            case _:
                self._keep(kind, body)

    def _keep(self, kind: str, body: Message) -> None:
        match kind:
            case "run":
                self._about |= about_run(body)
                self._name = told(body, 8) or self._name
                _merge(self._config, entries(one(body, 4), 1))
                if (started := one(body, 17)) is not None:
                    self._now = max(self._now, stamp(started))
            case "config":
                _merge(self._config, entries(body, 1))
                _remove(self._config, body)
            case "summary":
                _merge(self._summary, entries(body, 1))
                _remove(self._summary, body)
            case "metric":
                name, defined = definition(body)
                self._metrics[name] = {**self._metrics.get(name, {}), **defined}
            case "environment":
                self._environment |= environment(body)
            case "exit":
                self._exit = integer(body, 1)

    def end(self) -> Iterator[Item]:
        """Give what is known of the run as a whole, and how it ended."""
        for stream, (at, text) in self._lines.items():
            yield Line(at, text, stream)
        last = flat(self._last)
        summary = {
            name: self._content(value)
            for name, value in flat(self._summary).items()
            if name not in _OWN and not name.startswith("_wandb.") and not _same(last, name, value)
        }
        config = {name: value for name, value in self._config.items() if name != "_wandb"}
        about = dict(self._about)
        if self._environment:
            about["environment"] = self._environment
        yield Facts(config, summary, about, self._metrics, self._name)
        yield from self._other_files()
        if self._exit is None:
            yield End(self._now, "crashed", "The log of W&B says of no end.")
        elif self._exit:
            yield End(self._now, "failed", f"Exit code {self._exit}.", self._exit)
        else:
            yield End(self._now, exit_code=0)

    def _history(self, body: Message) -> Iterator[Item]:
        values = entries(body, 1)
        step = steps(body)
        told_step, told_time = values.get("_step"), values.get("_timestamp")
        if step is None:
            step = int(told_step) if isinstance(told_step, (int, float)) else 0
        if isinstance(told_time, (int, float)):
            self._now = unix_ns(told_time)
        rest = {name: value for name, value in values.items() if name not in _OWN}
        self._last |= rest
        numbers, others = sorted_out(flat(rest))
        if numbers:
            yield Point(step, self._now, numbers)
        if others:
            yield Row(step, self._now, {name: self._content(v) for name, v in others.items()})

    def _output(self, body: Message) -> Iterator[Item]:
        """Join what was printed in pieces to lines."""
        stream = "stderr" if integer(body, 1) == 0 else "stdout"
        at = stamp(one(body, 2) or {})
        started, text = self._lines.pop(stream, (at, ""))
        *lines, left = (text + told(body, 3)).split("\n")
        for line in lines:
            yield Line(started, line + "\n", stream)
            started = at
        if left:
            self._lines[stream] = started, left

    def _stats(self, body: Message) -> Iterator[Item]:
        numbers, _ = sorted_out(flat(entries(body, 3)))
        if numbers:
            yield System(stamp(one(body, 2) or {}), numbers)

    def _artifact(self, body: Message) -> Iterator[Item]:
        name = told(body, 5)
        files: dict[str, bytes | Path] = {}
        references: list[str] = []
        for raw in (one(body, 12) or {}).get(4, ()):
            entry = message(blob(raw))
            if told(entry, 3):
                references.append(told(entry, 3))
            elif (path := staged(entry)) is not None:
                files[told(entry, 1)] = path
            else:
                self._problems.add(
                    f"artifact {name}", f"file `{told(entry, 1)}` is not where W&B had put it"
                )
        metadata: dict[str, object] = {"wandb_digest": told(body, 6)}
        if told(body, 8):
            metadata |= json_object(told(body, 8))
        if told(body, 7):
            metadata["description"] = told(body, 7)
        if references:
            metadata["references"] = references
        aliases = tuple(alias for alias in all_told(body, 11) if alias != "latest")
        if files or references:
            yield Made(name, told(body, 4) or "files", files, metadata, aliases)

    def _content(self, value: object) -> object:
        return with_contents(value, self._files, self._problems, self._media)

    def _other_files(self) -> Iterator[Item]:
        files = {
            path.relative_to(self._files).as_posix(): path
            for path in sorted(self._files.rglob("*"))
            if path.is_file() and path not in self._media and path.name not in _NOT_FILES
        }
        if files:
            yield Made(f"run-{self._id}-files", "files", files)


def _merge(into: dict[str, object], more: Mapping[str, object]) -> None:
    for name, value in more.items():
        inside = into.get(name)
        if isinstance(inside, dict) and isinstance(value, dict) and "_type" not in value:
            _merge(inside, value)
        else:
            into[name] = value


def _remove(from_: dict[str, object], body: Message) -> None:
    for raw in body.get(2, ()):
        item = message(blob(raw))
        *above, name = all_told(item, 2) or [told(item, 1)]
        place: object = from_
        for step in above:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(name, None)


def _same(last: Mapping[str, object], name: str, value: object) -> bool:
    """Say whether a number is but the last value, which the record works out by itself."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return repr(last.get(name)) == repr(value)  # in which NaN is the same as NaN
