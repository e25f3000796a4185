"""What the server says of itself: OpenAPI, a page for people, the model in force."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from homeostat.core import Json
from homeostat.serve._http._answers import AnswerForm
from homeostat.serve._http._deployed import Deployed
from homeostat.serve._server._live import Route

__all__ = ["model_info", "openapi", "page"]

_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer"},
                    "field": {"type": "string"},
                    "value": {},
                    "rule": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}


def model_info(name: str, route: Route) -> dict[str, Json]:
    """Return which versions are in force and where they come from."""
    challenger = route.challenger
    return {
        "name": name,
        "version": route.champion.version,
        "champion": _version(route.champion),
        "challenger": _version(challenger) if challenger else None,
        "share": route.share if challenger else 0.0,
        "mirror": route.mirror and challenger is not None,
        "plan": route.plan.to_json(),
        "mode": route.plan.mode,
        "trial": route.trial,
        "arms": {
            arm: {"version": one.version, "weight": route.plan.weights[arm]}
            for arm, one in route.by_arm.items()
        },
    }


def _version(deployed: Deployed) -> dict[str, Json]:
    package = deployed.package
    return {
        "version": deployed.version,
        "family": package.family,
        "answers": package.answers,
        "labels": list(package.labels),
        "features": list(package.schema.features),
        "schema": package.schema.digest,
        "metadata": package.manifest["metadata"],
    }


def openapi(name: str, route: Route) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the endpoints, with the request's fields and rules."""
    request = route.champion.request.model_json_schema(by_alias=True)
    definitions = request.pop("$defs", {})
    pages = {
        path: {"get": {"summary": text, "responses": {"200": {"description": "OK"}}}}
        for path, text in _PAGES.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": route.champion.version},
        "paths": {**_posts(route.champion.answers), **pages, **_protocol2(name)},
        "components": {"schemas": {"Row": request, "Error": _ERROR, **definitions}},
    }


def _posts(form: AnswerForm) -> dict[str, Any]:
    """Return the paths that take a body."""
    shares = _object(**dict.fromkeys(form.labels, _NUMBER))
    one: dict[str, Any] = {form.kind: _NUMBER}
    many: dict[str, Any] = {
        "values" if form.kind == "value" else "probabilities": _several(_NUMBER)
    }
    outcomes_are: dict[str, Any] = {"enum": [0, 1, False, True]}
    if form.kind == "classes":
        label = {"enum": list(form.labels)}
        one = {"label": label, "probabilities": shares}
        many = {"labels": _several(label), "probabilities": _several(shares)}
        outcomes_are = label
    elif form.kind == "value":
        outcomes_are = _NUMBER
    answer = _object(id=_TEXT, **one, version=_TEXT, arm=_TEXT)
    answers = _object(version=_TEXT, arm=_TEXT, ids=_several(_TEXT), **many)
    outcome = _object(id=_TEXT, outcome=outcomes_are)
    row, arrow = {"$ref": "#/components/schemas/Row"}, {"type": "string", "format": "binary"}
    choice = _object(champion=_TEXT, challenger=_TEXT, share=_NUMBER, mirror={"type": "boolean"})
    json_row = {"oneOf": [row, _several(row)]}
    rows = {"application/json": json_row, "application/vnd.apache.arrow.stream": arrow}
    outcomes = {"application/json": {"oneOf": [outcome, _several(outcome)]}}
    change = "Choose the champion, and the challenger's share; needs the server's token."
    told = "Tell the outcome of a prediction, or of several."
    return {
        "/predict": {
            "post": _takes("Predict a row or a batch.", rows, {"oneOf": [answer, answers]})
            | {"parameters": _HEADERS}
        },
        "/feedback": {"post": _takes(told, outcomes, _object(id=_TEXT, result=_TEXT))},
        "/route": {"put": _takes(change, {"application/json": choice}, {"type": "object"})},
    }


def _protocol2(name: str) -> dict[str, Any]:
    """Return the paths of the Open Inference Protocol, whose own documents say the rest."""
    model, infer = f"/v2/models/{quote(name, safe='')}", {"application/json": {"type": "object"}}
    told = "Predict by the Open Inference Protocol, version 2."
    pages = {
        "/v2/health/live": "Whether the server runs.",
        "/v2/health/ready": "Whether it takes requests.",
        model: "Inputs and outputs as the Open Inference Protocol names them.",
        f"{model}/ready": "Whether the model takes requests.",
    }
    said = {"responses": {"200": {"description": "OK"}}}
    return {path: {"get": {"summary": text, **said}} for path, text in pages.items()} | {
        f"{model}/infer": {"post": _takes(told, infer, {"type": "object"})}
    }


def _header(name: str, text: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": kind}}


_HEADERS = [
    _header("Homeostat-Key", "Who asks, percent-encoded: the same key gets the same arm."),
    _header("Homeostat-Deadline-Ms", "In how many milliseconds an answer is of use.", "number"),
    _header("Idempotency-Key", "A request that is sent again with it is predicted once."),
]
_PAGES = {
    "/model": "Which versions are in force.",
    "/healthz": "200 while the server takes requests, 503 while it drains.",
    "/metrics": "Counters in Prometheus' text format.",
    "/openapi.json": "This document.",
    "/docs": "The same for people.",
}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _several(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _takes(text: str, bodies: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation that takes a body."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    content = {media: {"schema": schema} for media, schema in bodies.items()}
    return {
        "summary": text,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": answer}}},
            "4XX": {"description": "What is wrong with the request.", "content": error},
            "5XX": {"description": "What is wrong with the server.", "content": error},
        },
    }


def page(document: Mapping[str, Any]) -> str:
    """Return an OpenAPI document as one HTML page without scripts."""
    row = document["components"]["schemas"]["Row"]
    required = set(row.get("required", ()))
    fields = "".join(
        f"<tr><th scope=row><code>{_e(name)}</code></th><td>{_e(_kind(spec))}</td>"
        f"<td>{'yes' if name in required else 'no'}</td>"
        f"<td>{_e(spec.get('description', ''))}</td></tr>"
        for name, spec in row["properties"].items()
    )
    endpoints = "".join(
        f"<tr><th scope=row><code>{_e(verb.upper())} {_e(path)}</code></th>"
        f"<td>{_e(said['summary'])}</td></tr>"
        for path, verbs in document["paths"].items()
        for verb, said in verbs.items()
    )
    info = document["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{_e(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{_e(info['title'])}</h1><p>Version <code>{_e(info['version'])}</code> is live. "
        "<a href=/openapi.json>OpenAPI</a>, <a href=/metrics>metrics</a>, "
        "<a href=/model>model</a>.</p>"
        f"<h2>Endpoints</h2><table>{endpoints}</table>"
        "<h2>Fields of a row</h2><table><thead><tr><th>Field<th>Type<th>Required<th>Rules</thead>"
        f"<tbody>{fields}</tbody></table>"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{"
    "text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884}"
)


def _kind(spec: Mapping[str, Any]) -> str:
    options = spec.get("anyOf", [spec])
    return " or ".join(str(option.get("format", option.get("type", "any"))) for option in options)


def _e(text: object) -> str:
    return html.escape(str(text))
