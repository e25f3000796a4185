"""What a page is: a question, the data that answer it, and their forms for people and machines."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, Response

from homeostat.core import InputError, NotFoundError, suggest
from homeostat.record import Record
from homeostat.web._forms import Visitor
from homeostat.web._links import Links, query
from homeostat.web._words import FILTERS

__all__ = ["Ask", "Page", "Table", "View", "answer", "missing"]

_MOST_KNOWN, _MOST_CHARACTERS = 2000, 200  # what finding the nearest name may cost
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a visitor asks of a page.

    Args:
        record: What is looked at.
        path: The page's address, without the suffix of a twin.
        names: What the address names, such as ``{"run": "..."}``.
        query: The parameters of the address.
        system: The system that the page is about; None where the record has none.
        link: Makes addresses.
        visitor: Who asks, and what they may do.
    """

    record: Record
    path: str
    names: Mapping[str, str]
    query: QueryParams
    system: str | None
    link: Links
    visitor: Visitor

    def get(self, name: str) -> str | None:
        """Return a parameter; None where it is not given, or empty."""
        return self.query.get(name) or None

    def whole(self, name: str, default: int) -> int:
        """Return a parameter as a whole number of at least 1."""
        text = self.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
            raise InputError(f"`{name}` must be a whole number of at least 1, got {text!r}.")
        return int(text)

    def choice(self, name: str, known: Sequence[str]) -> str:
        """Return a parameter that is one of several; the first is the default."""
        value = self.get(name) or known[0]
        if value not in known:
            raise InputError(f"`{name}` cannot be {value!r}.{suggest(value, known)}")
        return value

    def here(self, **changes: object) -> str:
        """Return the address of this page with parameters changed; None leaves one out."""
        kept = {key: self.query.getlist(key) for key in self.query}
        return query(self.path, **(kept | changes))


Page = Callable[[Ask], "View"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page, as its CSV twin gives it: raw values, not words."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]

    def csv(self) -> bytes:
        """Write the table as CSV (RFC 4180).

        Text that a spreadsheet would run as a formula is led by an apostrophe.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return out.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


@dataclass(frozen=True, slots=True)
class View:
    """A page before it is written in one of its forms.

    Args:
        template: Name of the template.
        title: Title of the page.
        data: What the page says; the JSON twin and, by name, the template.
        tables: The page's tables, the main one first; the CSV twin.
        drawing: What only the template needs: links, scales, marks.
        status: The HTTP status.
    """

    template: str
    title: str
    data: Mapping[str, object]
    tables: Sequence[Table] = ()
    drawing: Mapping[str, object] = field(default_factory=dict)
    status: int = 200

    def table(self, name: str | None) -> Table:
        """Return a table by name, or the main one."""
        for table in self.tables:
            if name in {None, table.name}:
                return table
        names = [table.name for table in self.tables]
        raise NotFoundError(f"This page has no table {name or ''!r}.{suggest(name or '', names)}")


def answer(view: View, form: str, *, table: str | None, frame: Mapping[str, object]) -> Response:
    """Write a view as HTML, JSON or CSV.

    Args:
        view: The page.
        form: ``"html"``, ``"json"`` or ``"csv"``.
        table: Which of the page's tables the CSV is of; None is the main one.
        frame: What every template needs besides: navigation, theme.
    """
    if form == "json":
        body = orjson.dumps(view.data, default=str, option=orjson.OPT_NON_STR_KEYS)
        return Response(body, view.status, media_type="application/json")
    if form == "csv":
        name = view.table(table).name
        headers = {"Content-Disposition": f'inline; filename="{name}.csv"'}
        return Response(view.table(table).csv(), view.status, headers, "text/csv; charset=utf-8")
    context = {**frame, **view.data, **view.drawing, "title": view.title, "view": view}
    return HTMLResponse(_templates().get_template(view.template).render(context), view.status)


def missing(what: str, name: str, known: Iterable[str], href: Callable[[str], str]) -> View:
    """Return the page that says that there is no such thing, and what is nearest.

    Args:
        what: What was looked for, such as ``"run"``.
        name: The name that was asked for.
        known: The names that exist.
        href: Makes the address of one.
    """
    some = list(islice(known, _MOST_KNOWN))
    near = difflib.get_close_matches(name[:_MOST_CHARACTERS], some, n=5, cutoff=0.4)
    message = f"The record has no {what} `{name}`."
    links = [{"name": one, "href": href(one)} for one in near]
    return View(
        "error.html", f"No such {what}", {"error": message, "near": links}, status=404,
        drawing={"heading": f"No such {what}", "message": message, "ask_token": False},
    )  # fmt: skip


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("homeostat.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FILTERS, "json_block": _json_block, "marked": _marked}
    return environment


def _marked(text: str) -> Markup:
    """Write a sentence, what stands between backticks as code."""
    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    marked = (f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return Markup("".join(marked))  # noqa: S704 - each part was escaped above


def _json_block(value: object) -> Markup:
    """Write JSON that can stand inside a script element: no `<` that could end it."""
    text = orjson.dumps(value, default=str).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - the characters that HTML would read are escaped above
