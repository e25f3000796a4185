"""The config of a run: what it was told, locked once set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping

from homeostat.core import InputError, Json
from homeostat.track._plain import plain, same, settings_of

__all__ = ["Config", "ConfigError"]


class ConfigError(InputError):
    """A value of a config was to be changed without leave."""


class Config(MutableMapping[str, Json]):
    """Settings by name, as items and as attributes.

    A value that was set stays: to change it takes ``update(..., allow_val_change=True)``, or a
    run that was started with ``allow_val_change=True``.

    Args:
        values: What is known at the start.
        write: Takes what is set and the names that are taken away.
        changeable: Whether values may change.

    Example:
        >>> config = Config({"lr": 0.1})
        >>> config.layers = 3
        >>> config["layers"], config.get("dropout", 0.0), dict(config)
        (3, 0.0, {'lr': 0.1, 'layers': 3})
        >>> config.update({"lr": 0.2}, allow_val_change=True)
        >>> config.lr
        0.2
    """

    __slots__ = ("_changeable", "_values", "_write")

    _changeable: bool
    _values: dict[str, Json]
    _write: Callable[[Mapping[str, Json], list[str]], None]

    def __init__(
        self,
        values: Mapping[str, Json] | None = None,
        *,
        write: Callable[[Mapping[str, Json], list[str]], None] | None = None,
        changeable: bool = False,
    ) -> None:
        set_ = object.__setattr__
        set_(self, "_values", dict(values or {}))
        set_(self, "_write", write or _nowhere)
        set_(self, "_changeable", changeable)

    def update(  # type: ignore[override]  # as W&B has it
        self,
        values: object = None,
        allow_val_change: bool | None = None,  # noqa: FBT001 - as W&B has it
        **named: object,
    ) -> None:
        """Set several values; accepts what `init(config=)` does.

        Raises:
            ConfigError: If a value would change and may not; then none is set.
        """
        given = settings_of(values) | settings_of(named)
        allowed = self._changeable if allow_val_change is None else allow_val_change
        new = {key: value for key, value in given.items() if self._is_new(key, value)}
        for key in new if not allowed else ():
            if key in self._values:
                raise ConfigError(
                    f"config.{key} is {self._values[key]!r} and stays so, got {new[key]!r}: pass "
                    "allow_val_change=True to config.update() or init() if you mean it."
                )
        if new:
            self._values.update(new)
            self._write(new, [])

    def setdefaults(self, values: object) -> None:
        """Set what is not set yet."""
        given = settings_of(values)
        self.update({key: value for key, value in given.items() if key not in self._values})

    def as_dict(self) -> dict[str, Json]:
        """Return a copy."""
        return dict(self._values)

    def persist(self) -> None:
        """Do nothing: every change is in the record already."""

    def __getitem__(self, key: str) -> Json:
        return self._values[key]

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._write({}, [key])

    def __getattr__(self, key: str) -> Json:
        try:
            return self._values[key]
        except KeyError:
            raise AttributeError(
                f"The config has no `{key}`: set it, or use config.get()."
            ) from None

    def __setattr__(self, key: str, value: object) -> None:
        self.update({key: value})

    def __delattr__(self, key: str) -> None:
        del self[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    def _is_new(self, key: str, value: Json) -> bool:
        return key not in self._values or not same(self._values[key], plain(value))


def _nowhere(values: Mapping[str, Json], removed: list[str]) -> None:
    """Keep nothing: the config of no run."""
