"""What is asked of a server and what its answers mean, whoever carries them."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote, unquote

import orjson
import polars as pl

from homeostat.core import InputError, NotFoundError, ServerError
from homeostat.serve._client._core import one_line, said
from homeostat.serve._client._errors import RefusedError, UnavailableError
from homeostat.serve._client._wire import Ask, Reply

__all__ = [
    "JSON",
    "Call",
    "Outcome",
    "Prediction",
    "Questions",
    "Who",
    "merged",
    "polars_frame",
    "read_object",
]

JSON, _ARROW = "application/json", "application/vnd.apache.arrow.stream"
_PART_BYTES = 8 << 20  # of a frame that goes in one request; a server takes 32 MiB
_PART_OUTCOMES = 10_000
Outcome = bool | int | float | str
T = TypeVar("T")


class Prediction(NamedTuple):
    """An answer. Of probability, value and label there is what the model answers.

    Args:
        id: By which feedback is given.
        probability: Of label 1; None where the model answers something else.
        version: Of the model that answered.
        arm: Of the plan, such as ``"champion"``.
        value: What a regression answers.
        label: The likeliest of several.
        probabilities: Of each label.
    """

    id: str
    probability: float | None
    version: str
    arm: str
    value: float | None = None
    label: str | None = None
    probabilities: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how its answer is read."""

    ask: Ask
    read: Callable[[Reply], T]


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks, and under which idempotency key.

    Args:
        key: By which the arm is chosen.
        context: What is known of who asks beside the row, which audiences look at.
        once: The idempotency key; None for a new one.
    """

    key: str | None = None
    context: Mapping[str, object] | None = None
    once: str | None = None

    def headers(self, media: str) -> dict[str, str]:
        """Return the headers that say so, with the body's media type."""
        once = os.urandom(16).hex() if self.once is None else self.once
        headers = {
            "content-type": media,
            "idempotency-key": one_line(once, "An idempotency key"),
        }
        if self.key is not None:
            headers["homeostat-key"] = quote(self.key, safe="")
        if self.context is not None:
            headers["homeostat-context"] = quote(to_json(self.context), safe='{}:,[]"')
        return headers


class Questions:
    """Makes the requests of one model.

    Args:
        model: Its name, where a server has several; None for a server of one.
    """

    def __init__(self, model: str | None) -> None:
        self._under = "" if model is None else f"/models/{quote(model, safe='')}"

    def row(self, row: Mapping[str, object], who: Who) -> Call[Prediction]:
        """Ask for a row."""
        return Call(self._predict(_rows_to_json(row), JSON, who), _read_row)

    def rows(self, rows: Sequence[Mapping[str, object]], who: Who) -> Call[list[Prediction]]:
        """Ask for rows, as JSON."""
        return Call(self._predict(_rows_to_json(list(rows)), JSON, who), _read_rows)

    def frames(self, frame: object, who: Who) -> Iterator[Call[pl.DataFrame]]:
        """Ask for a frame, as Arrow, in as many requests as it takes."""
        table = polars_frame(frame)
        step = max(1, _PART_BYTES * table.height // max(int(table.estimated_size()), 1))
        for start in range(0, max(table.height, 1), step):
            body = _to_arrow(table[start : start + step])
            yield Call(self._predict(body, _ARROW, who), _read_frame)

    def outcome(self, of: Mapping[str, str], outcome: Outcome, **more: object) -> Call[str]:
        """Tell one outcome of what ``of`` names."""
        said = {name: value for name, value in more.items() if value is not None}
        return Call(self._tell({**of, "outcome": outcome, **said}), _read_result)

    def outcomes(
        self, outcomes: Mapping[str, Outcome] | Sequence[Mapping[str, object]]
    ) -> Iterator[Call[Mapping[str, Any]]]:
        """Tell many outcomes, in as many requests as it takes."""
        given: Sequence[Mapping[str, object]] = (
            [{"id": id_, "outcome": outcome} for id_, outcome in outcomes.items()]
            if isinstance(outcomes, Mapping)
            else outcomes
        )
        for start in range(0, max(len(given), 1), _PART_OUTCOMES):
            yield Call(self._tell(list(given[start : start + _PART_OUTCOMES])), read_object)

    def change(self, change: Mapping[str, object]) -> Call[Mapping[str, Any]]:
        """Ask for another route."""
        headers = {"content-type": JSON}
        return Call(Ask("PUT", f"{self._under}/route", to_json(change), headers), read_object)

    def page(self, path: str) -> Call[bytes]:
        """Ask for a page."""
        if not path.startswith("/"):
            raise InputError(f'A path begins with a slash, such as "/model", got {path!r}.')
        return Call(Ask("GET", quote(path, safe="/%?&=+,:;@~-._"), None, {}), _read_bytes)

    def _predict(self, body: bytes, media: str, who: Who) -> Ask:
        return Ask("POST", f"{self._under}/predict", body, who.headers(media))

    def _tell(self, given: object) -> Ask:
        return Ask("POST", f"{self._under}/feedback", to_json(given), Who().headers(JSON))


def merged(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what was answered to outcomes that went in several requests."""
    whole: dict[str, Any] = {}
    for answer in answers:
        for name, value in answer.items():
            known = whole.get(name)
            whole[name] = value if known is None else known + value
    return whole


def polars_frame(data: object) -> pl.DataFrame:
    """Return a frame of anything that speaks Arrow's PyCapsule interface, or of columns."""
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, Mapping) or hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    raise InputError(
        f"A batch is a frame (Polars, pandas, PyArrow, DuckDB, ...) or a mapping of columns, got "
        f"{type(data).__name__}. For rows there is `predict_rows`."
    )


def to_json(content: object) -> bytes:
    try:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise InputError(f"What is sent must be JSON: {error}.") from None


def _rows_to_json(rows: Mapping[str, object] | Sequence[Mapping[str, object]]) -> bytes:
    """Return rows as JSON, which writes NaN and infinity as null: those are refused instead."""
    body = to_json(rows)
    if b"null" in body:
        for number, row in enumerate([rows] if isinstance(rows, Mapping) else rows):
            for name, value in row.items():
                if isinstance(value, float) and not math.isfinite(value):
                    raise InputError(
                        f"Field `{name}` of row {number} is {value}, which JSON cannot carry: send "
                        "None for a missing value, or a frame."
                    )
    return body


def _to_arrow(frame: pl.DataFrame) -> bytes:
    """Return an Arrow stream; text as plain text, since views carry what was sliced away."""
    return frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest()).getvalue()


# What the answers mean.


def _read_row(reply: Reply) -> Prediction:
    return _prediction(read_object(reply))


def _prediction(answer: Mapping[str, Any]) -> Prediction:
    try:
        return Prediction(
            answer["id"],
            answer.get("probability"),
            answer["version"],
            answer["arm"],
            answer.get("value"),
            answer.get("label"),
            answer.get("probabilities"),
        )
    except KeyError as error:
        raise ServerError(f"The server's answer has no {error}: it speaks another form.") from None


def _read_rows(reply: Reply) -> list[Prediction]:
    """Read columns of answers, beside what all rows share, as rows."""
    answer = read_object(reply)
    try:
        ids, version, arm = answer["ids"], answer["version"], answer["arm"]
    except KeyError as error:
        raise ServerError(f"The server's answer has no {error}: it speaks another form.") from None
    labels, values = answer.get("labels"), answer.get("values")
    shares = answer.get("probabilities")
    if labels is not None:
        return [
            Prediction(id_, None, version, arm, None, label, share)
            for id_, label, share in zip(ids, labels, shares or [None] * len(ids), strict=True)
        ]
    if values is not None:
        return [
            Prediction(i, None, version, arm, value) for i, value in zip(ids, values, strict=True)
        ]
    return [Prediction(i, p, version, arm) for i, p in zip(ids, shares or (), strict=True)]


def _read_frame(reply: Reply) -> pl.DataFrame:
    content = _read_bytes(reply)
    frame = pl.read_ipc_stream(io.BytesIO(content))
    shared = {
        name: pl.lit(unquote(given), pl.String).alias(name)
        for name in ("version", "arm")
        if (given := reply.headers.get(f"homeostat-{name}")) is not None
    }
    return frame.with_columns(lit for name, lit in shared.items() if name not in frame.columns)


def _read_result(reply: Reply) -> str:
    return str(read_object(reply)["result"])


def read_object(reply: Reply) -> Mapping[str, Any]:
    content = _read_bytes(reply)
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ServerError(f"The server's answer is no JSON: {error}. Is the URL right?") from None
    if not isinstance(answer, dict):
        raise ServerError(f"The server's answer is no object, got {content[:60]!r}.")
    return answer


def _read_bytes(reply: Reply) -> bytes:
    """Return what a good answer holds; raise what another stands for."""
    if reply.status < 300:
        return reply.body
    message = said(reply)
    if reply.status < 400:
        where = reply.headers.get("location", "nowhere")
        raise ServerError(f"The server sends to {where!r} ({reply.status}): use that URL.")
    if reply.status == 404:
        raise NotFoundError(message)
    if reply.status < 500:
        raise RefusedError(message, status=reply.status, fields=_fields(reply))
    raise UnavailableError(f"{reply.status}: {message}", status=reply.status, attempts=1)


def _fields(reply: Reply) -> Sequence[Mapping[str, object]]:
    try:
        fields = orjson.loads(reply.body).get("fields", ())
    except (orjson.JSONDecodeError, AttributeError):
        return ()
    return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else ()
