"""The context of a request: what audiences look at, its header first and then its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from homeostat.serve._http._deployed import Refused, read_json
from homeostat.serve._router._functions import Context

__all__ = ["read_context"]

_CONTEXT = b"homeostat-context"


def read_context(headers: Mapping[bytes, bytes], payload: Any) -> Context:  # noqa: ANN401 - what a client sent
    """Return what is known of who asks.

    Args:
        headers: Of the request; ``Homeostat-Context`` is a JSON object, percent-encoded where it
            is not plain ASCII.
        payload: The request's row; None where it is a batch.

    Raises:
        Refused: With status 400 if the header is no JSON object.
    """
    row: Context = payload if isinstance(payload, dict) else {}
    given = headers.get(_CONTEXT)
    if given is None:
        return row
    told = read_json(unquote_to_bytes(given))
    if not isinstance(told, dict):
        raise Refused(400, "The header `Homeostat-Context` is a JSON object.")
    return {**row, **told}
