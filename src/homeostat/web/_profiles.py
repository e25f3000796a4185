"""The page of a profile in the record, or of several side by side."""

from __future__ import annotations

from typing import Literal

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from homeostat.core import Finding, InputError
from homeostat.data import Profile, ProfileReport, compare, profile_script, profile_style
from homeostat.web._links import query
from homeostat.web._page import Ask, Table, View

__all__ = ["is_profile", "profile_href", "profiles", "script", "style"]

_MOST = 60  # profiles on one page
_NAMES = ("profile.bin", "profile")
_COLUMNS = ("check", "subject", "verdict", "statistic", "threshold", "summary")


def is_profile(name: str) -> bool:
    """Say whether a file of an artifact is a profile, by its name."""
    return name in _NAMES or name.endswith(".profile")


def profile_href(*references: str, name: str) -> str:
    """Return the address of the page of a profile, or of several compared."""
    return query("/profiles", artifact=references, name=name)


def profiles(ask: Ask) -> View:
    """Show the profile in an artifact; of several artifacts, what changed from the first on."""
    references = ask.query.getlist("artifact")
    if not 1 <= len(references) <= _MOST:
        raise InputError(
            f"Name 1 to {_MOST} artifacts that hold a profile, as `?artifact=NAME:v0`, got "
            f"{len(references)}."
        )
    held = {reference: _read(ask, reference) for reference in references}
    if len(held) == 1:
        reference, found = held.popitem()
        report = ProfileReport.of(found, title=reference)
        return _view(reference, report.html_body(), report.findings, [reference])
    steps = ask.choice("against", ("first", "previous")) == "previous"
    against: Literal["first", "previous"] = "previous" if steps else "first"
    title = f"{references[0]} to {references[-1]}"
    compared = compare(held, against=against, title=title)
    return _view(title, compared.html_body(), compared.findings, references)


def _read(ask: Ask, reference: str) -> Profile:
    """Return the profile that an artifact holds."""
    artifact = ask.record.artifact(reference)
    names = [name for name in artifact.files if is_profile(name)]
    name = ask.get("name") if ask.get("name") in artifact.files else next(iter(names), None)
    if name is None:
        files = ", ".join(artifact.files)
        raise InputError(f"`{reference}` holds no profile, it has: {files}.")
    return Profile.from_bytes(artifact.read(name))


def _view(title: str, body: str, findings: tuple[Finding, ...], references: list[str]) -> View:
    rows = [tuple(getattr(one, column) for column in _COLUMNS) for one in findings]
    data = {"artifacts": references, "findings": [one.to_json() for one in findings]}
    marks = Markup(body)  # noqa: S704 - the data room escapes what it puts between its marks
    return View("profile.html", title, data, [Table("findings", _COLUMNS, rows)], {"body": marks})


def style(_: Request) -> Response:
    """Answer with the style sheet of profile pages, which lies in the data room."""
    return Response(profile_style(), media_type="text/css")


def script(_: Request) -> Response:
    """Answer with the script of profile pages."""
    return Response(profile_script(), media_type="text/javascript")
