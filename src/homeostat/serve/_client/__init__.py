"""Clients: what is asked (`_answers`), how it is tried (`_core`), and two transports."""

from homeostat.serve._client._answers import Prediction
from homeostat.serve._client._async_client import AsyncClient
from homeostat.serve._client._backoff import Backoff
from homeostat.serve._client._client import Client
from homeostat.serve._client._errors import DeadlineError, RefusedError, UnavailableError
from homeostat.serve._client._tensors import Inference

__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "DeadlineError",
    "Inference",
    "Prediction",
    "RefusedError",
    "UnavailableError",
]
