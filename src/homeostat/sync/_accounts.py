"""Who may use a server: people, their roles, and their tokens."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, cast, get_args

from homeostat.core import (
    Clock,
    CorruptionError,
    InputError,
    NotFoundError,
    RealClock,
    ServerError,
    StorageError,
    suggest,
)
from homeostat.record import alone

__all__ = ["Accounts", "Role", "User", "is_loopback"]

Role = Literal["viewer", "writer", "admin"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_LETTERS = "0123456789abcdefghijklmnopqrstuv"
_KEY_LETTERS, _SECRET_LETTERS = 8, 32  # 40 and 160 bits; clients of W&B want 40 in all
_NOBODY = "0" * _KEY_LETTERS


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use a server.

    Args:
        name: What they are called.
        role: ``"viewer"`` reads, ``"writer"`` also writes, ``"admin"`` also looks after accounts.
    """

    name: str
    role: Role

    def may(self, need: Role) -> bool:
        """Say whether this role includes another.

        Example:
            >>> User("ada", "writer").may("viewer"), User("ada", "writer").may("admin")
            (True, False)
        """
        roles = get_args(Role)
        return roles.index(self.role) >= roles.index(need)


@dataclass(frozen=True, slots=True)
class _Entry:
    role: Role
    made: str
    key: str  # the public start of the token, by which it is found; empty where revoked
    salt: str
    hash: str


class Accounts:
    """The accounts of one record, in its file ``accounts.json``.

    The file holds no token: of each it keeps the first 8 letters and a salted SHA-256. (A token
    has 160 random bits, so nothing is gained by a slow hash.) It is read again as soon as
    another process changed it.

    Args:
        folder: Folder of the record.
        clock: Dates accounts.

    Raises:
        CorruptionError: If the file cannot be understood; then nobody gets in.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     accounts = Accounts(folder)
        ...     token = accounts.add("ada", role="writer")
        ...     accounts.authenticate(token), accounts.authenticate("guessed")
        (User(name='ada', role='writer'), None)
    """

    def __init__(self, folder: str | Path, *, clock: Clock | None = None) -> None:
        self.path = Path(folder) / "accounts.json"
        self._clock = clock or RealClock()
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._entries: Mapping[str, _Entry] = {}
        self._names: Mapping[str, str] = {}

    def users(self) -> list[User]:
        """Return everybody, by name."""
        return [User(name, entry.role) for name, entry in sorted(self._read().items())]

    def add(self, name: str, *, role: Role) -> str:
        """Make an account and return its token, which is shown this once only.

        Raises:
            InputError: If the name is taken or no name, or there is no such role.
            StorageError: If the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                f"A user's name has 1 to 64 of a-z, 0-9, '.', '_', '@', '-', got {name!r}."
            )
        _checked_role(role)
        token, entry = self._issue(role, self._clock.now())
        with alone(self._lock_path()):
            entries = dict(self._read())
            if name in entries:
                raise InputError(
                    f"There is a user `{name}` already: rotate their token, or choose another name."
                )
            self._write(entries | {name: entry})
        return token

    def rotate(self, name: str) -> str:
        """Give a user a new token and return it; the old one is worth nothing from now on."""
        with alone(self._lock_path()):
            entries, old = self._known(name)
            token, entry = self._issue(old.role, datetime.fromisoformat(old.made))
            self._write(entries | {name: entry})
        return token

    def revoke(self, name: str) -> None:
        """Take a user's token away; :meth:`rotate` gives another."""
        with alone(self._lock_path()):
            entries, old = self._known(name)
            self._write(entries | {name: _Entry(old.role, old.made, "", "", "")})

    def change(self, name: str, *, role: Role) -> None:
        """Give a user another role."""
        _checked_role(role)
        with alone(self._lock_path()):
            entries, old = self._known(name)
            self._write(entries | {name: _Entry(role, old.made, old.key, old.salt, old.hash)})

    def remove(self, name: str) -> None:
        """Take an account away, and its token with it.

        Raises:
            InputError: If it is the last one: an empty list would open the server to everybody
                on this machine.
        """
        with alone(self._lock_path()):
            entries, _ = self._known(name)
            if len(entries) == 1:
                raise InputError(
                    f"`{name}` is the last account, and a server without any lets everybody on "
                    "its machine in: add another first, or revoke the token instead."
                )
            self._write({other: entry for other, entry in entries.items() if other != name})

    def authenticate(self, token: str) -> User | None:
        """Return whose token it is, in a time that tells nothing of how much was right."""
        entries = self._read()
        key, secret = token[:_KEY_LETTERS], token[_KEY_LETTERS:]
        name = self._names.get(key, "")
        entry = entries.get(name) or _Entry("viewer", "", _NOBODY, "", "")
        right = hmac.compare_digest(_hash(entry.salt, secret).encode(), entry.hash.encode())
        return User(name, entry.role) if right and name else None

    def must_cover(self, host: str) -> None:
        """Refuse to listen past the loopback where nobody has an account.

        Raises:
            ServerError: If so.
        """
        if not is_loopback(host) and not self._read():
            raise ServerError(
                f"Past the loopback a token is required, got host {host!r} and no account: run "
                "`homeostat server user add NAME --role admin`, or listen on 127.0.0.1."
            )

    def __bool__(self) -> bool:
        """Say whether anybody has an account."""
        return bool(self._read())

    def __repr__(self) -> str:
        return f"Accounts({str(self.path)!r})"

    def _known(self, name: str) -> tuple[dict[str, _Entry], _Entry]:
        entries = dict(self._read())
        if name not in entries:
            raise NotFoundError(f"There is no user `{name}`.{suggest(name, entries)}")
        return entries, entries[name]

    def _issue(self, role: Role, made: datetime) -> tuple[str, _Entry]:
        token = "".join(secrets.choice(_LETTERS) for _ in range(_KEY_LETTERS + _SECRET_LETTERS))
        key, secret = token[:_KEY_LETTERS], token[_KEY_LETTERS:]
        salt = secrets.token_hex(16)
        return token, _Entry(role, made.isoformat(), key, salt, _hash(salt, secret))

    def _read(self) -> Mapping[str, _Entry]:
        """Return the accounts, read anew where the file changed."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            if self._seen is not None:
                raise CorruptionError(
                    f"{self.path} is gone while the server runs: restore it, or start again."
                ) from None
            return {}
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            if seen != self._seen:
                self._entries = _parsed(self.path)
                self._names = {entry.key: name for name, entry in self._entries.items()}
                self._seen = seen
            return self._entries

    def _write(self, entries: Mapping[str, _Entry]) -> None:
        users = {name: asdict(entry) for name, entry in sorted(entries.items())}
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "w") as out:
                json.dump({"homeostat_accounts": 1, "users": users}, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(
                f"The accounts cannot be written: {error.strerror or error}. Make "
                f"{self.path.parent} writable."
            ) from error

    def _lock_path(self) -> Path:
        return self.path.with_name("record.lock")


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode("utf-8", "replace")).hexdigest()


def _checked_role(role: str) -> None:
    if role not in get_args(Role):
        raise InputError(f"A role is 'viewer', 'writer' or 'admin', got {role!r}.")


def _parsed(path: Path) -> Mapping[str, _Entry]:
    try:
        users = cast("dict[str, dict[str, str]]", json.loads(path.read_text())["users"])
        entries = {name: _Entry(**entry) for name, entry in users.items()}  # type: ignore[arg-type]
        for entry in entries.values():
            _checked_role(entry.role)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorruptionError(
            f"The accounts in {path} cannot be understood, so nobody gets in: {error}. Restore "
            "the file from a copy."
        ) from error
    return entries


def is_loopback(host: str) -> bool:
    """Say whether a host name is this machine's loopback."""
    name = host.strip("[]").lower()
    return name in {"localhost", "::1"} or (name.startswith("127.") and name.count(".") == 3)
