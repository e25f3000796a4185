"""The summary of a run: the result of each metric, and what was said above that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping

from homeostat.core import Json
from homeostat.track._metric import Metrics
from homeostat.track._plain import plain, settings_of

__all__ = ["Summary"]


class Summary(MutableMapping[str, Json]):
    """Results by name, as items and as attributes.

    Each metric shows its last value, or what :func:`define_metric` asked for. What is set here
    stands above that.

    Args:
        latest: The last value of each metric; the run keeps it.
        metrics: What was defined.
        said: What was set before.
        write: Takes what is set and the names that are taken away.

    Example:
        >>> summary = Summary({"loss": 0.5}, Metrics())
        >>> summary.best_epoch = 3
        >>> dict(summary)
        {'loss': 0.5, 'best_epoch': 3}
    """

    __slots__ = ("_latest", "_metrics", "_removed", "_said", "_write")

    _latest: MutableMapping[str, Json]
    _metrics: Metrics
    _removed: set[str]
    _said: dict[str, Json]
    _write: Callable[[Mapping[str, Json], list[str]], None]

    def __init__(
        self,
        latest: MutableMapping[str, Json],
        metrics: Metrics,
        *,
        said: Mapping[str, Json] | None = None,
        write: Callable[[Mapping[str, Json], list[str]], None] | None = None,
    ) -> None:
        set_ = object.__setattr__
        set_(self, "_latest", latest)
        set_(self, "_metrics", metrics)
        set_(self, "_said", dict(said or {}))
        set_(self, "_removed", set())
        set_(self, "_write", write or _nowhere)

    def update(self, values: object = None, **named: object) -> None:  # type: ignore[override]  # as W&B has it
        """Set several results."""
        new = settings_of(values, "summary") | settings_of(named, "summary")
        if new:
            self._said.update(new)
            self._removed.difference_update(new)
            self._write(new, [])

    def __getitem__(self, key: str) -> Json:
        if key in self._said:
            return self._said[key]
        if key in self._removed:
            raise KeyError(key)
        found = self._metrics.result(key, self._latest[key])
        if found is None and self._latest[key] is not None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: plain(value)})

    def __delitem__(self, key: str) -> None:
        self[key]  # raises where there is none
        self._said.pop(key, None)
        self._removed.add(key)
        self._write({}, [key])

    def __getattr__(self, key: str) -> Json:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"The summary has no `{key}`.") from None

    def __setattr__(self, key: str, value: object) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        del self[key]

    def __iter__(self) -> Iterator[str]:
        for key in list(self._latest):
            if key not in self._said and key in self:
                yield key
        yield from list(self._said)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        try:
            self[key]  # type: ignore[index]  # any key may be asked for
        except KeyError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Summary({dict(self)!r})"


def _nowhere(values: Mapping[str, Json], removed: list[str]) -> None:
    """Keep nothing: the summary of no run."""
