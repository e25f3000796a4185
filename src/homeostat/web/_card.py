"""The card of a model."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from homeostat.core import NotFoundError
from homeostat.evaluate import card_style
from homeostat.loop import card as card_of
from homeostat.record import Artifact
from homeostat.web._page import Ask, Table, View, missing

__all__ = ["card", "card_href", "style"]

_COLUMNS = ("check", "subject", "verdict", "statistic", "threshold", "summary")


def card_href(model: Artifact) -> str | None:
    """Return the address of a model's card; None for what is no model."""
    if model.type != "model":
        return None
    return f"/models/{quote(model.name, safe='')}/v{model.version}/card"


def card(ask: Ask) -> View:
    """Show the card of a released model, as the record has it now."""
    reference = f"{ask.names['name']}:{ask.names['version']}"
    try:
        model = ask.record.artifact(reference)
    except NotFoundError:
        models = [ask.record.artifact(id_) for id_ in ask.record.artifacts(type="model")["id"]]
        known = {one.reference: card_href(one) or "" for one in models}
        return missing("model", reference, known, known.__getitem__)
    made = card_of(ask.record, model)
    rows = [tuple(getattr(one, column) for column in _COLUMNS) for one in made.problems]
    drawing = {
        "body": Markup(made.html_body()),  # noqa: S704 - the card escapes what it puts in its marks
        "model": model.reference,
        "kept": _kept(ask, model),
    }
    title = f"Card of {model.reference}"
    return View("card.html", title, made.to_json(), [Table("problems", _COLUMNS, rows)], drawing)


def _kept(ask: Ask, model: Artifact) -> dict[str, object] | None:
    """Return the card that was kept with the release, and where its files are."""
    try:
        kept = ask.record.artifact(f"{model.name}-card:of-v{model.version}")
    except NotFoundError:
        return None
    files = {name: ask.link.file(kept.reference, name) for name in kept.files}
    return {"ref": kept.reference, "files": files}


def style(_: Request) -> Response:
    """Answer with the style sheet of cards."""
    return Response(card_style(), media_type="text/css")
