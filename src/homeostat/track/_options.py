"""What `init` was asked for, completed from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import InputError, Json, suggest
from homeostat.track._plain import settings_of
from homeostat.track._settings import Settings, settings_from

if TYPE_CHECKING:
    from homeostat.record import Record

__all__ = ["Options", "Point", "options"]

_MODES = ("online", "offline", "disabled")
_RESUMES = ("allow", "must", "never", "auto")


@dataclass(frozen=True, slots=True)
class Point:
    """A step of a run, written ``"id?_step=12"``."""

    run: str
    step: int

    @classmethod
    def of(cls, text: str, what: str) -> Point:
        """Read it."""
        run, _, step = text.partition("?_step=")
        if not run or not step.isdecimal():
            raise InputError(f"`{what}` is written as 'run-id?_step=12', got {text!r}.")
        return cls(run, int(step))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run was asked to be."""

    project: str
    record: Record | Path
    name: str | None = None
    config: dict[str, Json] = field(default_factory=dict)
    id: str | None = None
    resume: str | None = None
    about: dict[str, Json] = field(default_factory=dict)
    mode: str = "online"
    reinit: str | None = None
    changeable: bool = False
    save_code: bool | None = None
    fork_from: Point | None = None
    resume_from: Point | None = None
    settings: Settings = field(default_factory=Settings)
    unknown: tuple[str, ...] = ()

    @property
    def captures(self) -> bool:
        """Whether code and environment are kept."""
        return self.settings.capture and self.save_code is not False

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self.record if isinstance(self.record, Path) else self.record.path


def options(
    *,
    project: str | None,
    name: str | None,
    config: object,
    id: str | None,  # noqa: A002 - W&B's word
    resume: bool | str | None,
    group: str | None,
    job_type: str | None,
    tags: Iterable[str] | str | None,
    notes: str | None,
    mode: str | None,
    dir: str | os.PathLike[str] | None,  # noqa: A002 - W&B's word
    entity: str | None,
    reinit: bool | str | None,
    allow_val_change: bool | None,
    settings: object,
    save_code: bool | None,
    fork_from: str | None,
    resume_from: str | None,
    record: Record | str | os.PathLike[str] | None,
) -> Options:
    """Check the arguments of `init` and fill in what the environment says."""
    kept, unknown = settings_from(settings)
    if fork_from and resume_from:
        raise InputError("A run is either forked or rewound: pass `fork_from` or `resume_from`.")
    about: dict[str, Json] = {
        "entity": entity or _env("ENTITY"),
        "group": group or _env("RUN_GROUP"),
        "job_type": job_type or _env("JOB_TYPE"),
        "notes": notes or _env("NOTES"),
        "tags": tags_of(tags if tags is not None else _env("TAGS")),
        "sweep": _env("SWEEP_ID"),
    }
    return Options(
        project=_text(project, "project") or _env("PROJECT") or "uncategorized",
        record=_record(record, dir),
        name=_text(name, "name") or _env("NAME"),
        config=settings_of(config),
        id=_text(id, "id") or _env("RUN_ID"),
        resume=_resume(resume if resume is not None else _env("RESUME")),
        about={key: value for key, value in about.items() if value},
        mode=_mode(mode),
        reinit=_reinit(reinit),
        changeable=bool(allow_val_change),
        save_code=save_code,
        fork_from=Point.of(fork_from, "fork_from") if fork_from else None,
        resume_from=Point.of(resume_from, "resume_from") if resume_from else None,
        settings=kept,
        unknown=tuple(unknown),
    )


def tags_of(tags: Iterable[str] | str | None) -> list[str]:
    """Read tags: a list, or one text with commas."""
    if tags is None:
        return []
    parts = tags.split(",") if isinstance(tags, str) else tags
    return list(dict.fromkeys(str(tag).strip() for tag in parts if str(tag).strip()))


def _text(value: object, what: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"`{what}` must be a text, got {value!r} of type {type(value).__name__}.")


def _mode(mode: str | None) -> str:
    asked = mode or _env("MODE") or "online"
    asked = {"dryrun": "offline", "run": "online", "shared": "online"}.get(asked, asked)
    if asked not in _MODES:
        raise InputError(f"`mode` must be online, offline or disabled.{suggest(asked, _MODES)}")
    return asked


def _resume(resume: bool | str | None) -> str | None:  # noqa: FBT001 - W&B's words
    if resume in {None, False, ""}:
        return None
    asked = "auto" if resume is True else str(resume).lower()
    asked = {"true": "auto", "1": "auto"}.get(asked, asked)
    if asked not in _RESUMES:
        raise InputError(
            f"`resume` must be allow, must, never, auto or True.{suggest(asked, _RESUMES)}"
        )
    return asked


def _reinit(reinit: bool | str | None) -> str | None:  # noqa: FBT001 - W&B's words
    if reinit is None or reinit == "default":
        return None
    if isinstance(reinit, bool):
        return "finish_previous" if reinit else "return_previous"
    if reinit not in {"finish_previous", "return_previous", "create_new"}:
        raise InputError(
            "`reinit` must be True, False, 'finish_previous', 'return_previous' or 'create_new', "
            f"got {reinit!r}."
        )
    return reinit


def _record(
    record: Record | str | os.PathLike[str] | None,
    folder: str | os.PathLike[str] | None,
) -> Record | Path:
    if record is not None:
        return Path(record) if isinstance(record, (str, os.PathLike)) else record
    if folder is not None:
        return Path(folder) / ".homeostat"
    return Path(os.environ.get("HOMEOSTAT_RECORD") or ".homeostat")


def _env(name: str) -> str | None:
    return os.environ.get(f"HOMEOSTAT_{name}") or None
