"""Users and entities, as clients see them."""

from __future__ import annotations

from typing import Any

from homeostat.compat.wire._names import to_global

__all__ = ["ENTITY", "UserView", "member"]

ENTITY: dict[str, Any] = {
    "available": False,
    "is_team": False,
    "entity_type": "user",
    "read_only": False,
    "read_only_admin": False,
    "private_only": False,
    "storage_bytes": 0,
    "code_saving_enabled": True,
    "default_access": "PRIVATE",
    "is_paid": False,
    "photo_url": None,
    "xxhash_digests_enabled": False,
    "organization": None,
}
"""What is said of every entity."""


class UserView:
    """The fields of the schema's type ``User``."""

    typename = "User"

    def __init__(self, name: str, key_id: str | None = None) -> None:
        self.id = to_global("User", name)
        self.name = self.username = self.entity = name
        self.email = f"{name}@localhost"
        self.admin = False
        self.flags = "{}"
        keys = [] if key_id is None else [{"node": {"id": key_id, "name": key_id}}]
        self.api_keys: dict[str, Any] = {"edges": keys}
        self.organizations: list[Any] = []
        team = {"id": to_global("Entity", name), "name": name}
        self.teams = {"edges": [{"node": team}]}


def member(name: str) -> dict[str, Any]:
    """Return the one member an entity has: the user of its name."""
    told = {"id": to_global("Member", name), "name": name, "username": name, "role": "admin"}
    email = {"email": f"{name}@localhost", "photo_url": None, "api_key": None}
    return {**told, **email, "account_type": "USER", "admin": False, "pending": False}
