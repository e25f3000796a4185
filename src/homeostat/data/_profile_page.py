"""A profile as one page: the same marks in a notebook, in a file of its own, and on the server.

The marks are plain strings, escaped where they are made: a notebook or a script needs no template
engine, and the server puts the same body between its own head and foot. They carry no style
attributes and no scripts, so that a strict content policy holds.
"""

from __future__ import annotations

import zlib
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from homeostat.core import Finding
from homeostat.data._profile_words import plural

__all__ = [
    "anchor",
    "document",
    "findings_list",
    "fragment",
    "marked",
    "profile_script",
    "profile_style",
]

_SHOWN, _ALIKE, _NAMED = 12, 3, 12
_TITLES = {
    "all_null": "have no value at all", "constant": "are constant", "missing": "lack many values",
    "identifier": "look like identifiers", "hidden_type": "are text that holds numbers or times",
    "imbalanced": "are imbalanced", "zeros": "are mostly 0", "skewed": "are skewed",
    "high_cardinality": "have many categories", "near_duplicate": "say what others say already",
    "determined": "hardly vary within a value of another", "infinite": "hold infinite values",
    "blank": "hold blank values", "padded": "hold values with white space at an end",
}  # fmt: skip


@cache
def profile_style() -> str:
    """Return the style sheet of profile pages."""
    return files("homeostat.data").joinpath("_profile_page.css").read_text("utf-8")


@cache
def profile_script() -> str:
    """Return the script of profile pages, an ES module: search and order of columns."""
    return files("homeostat.data").joinpath("_profile_page.js").read_text("utf-8")


def fragment(body: str) -> str:
    """Return a body with its style and script, to be shown in a notebook."""
    return (
        f'<style>{profile_style()}</style><div class="hp alone">{body}</div>'
        f'<script type="module">{profile_script()}</script>'
    )


def document(title: str, body: str, path: Path | str | None = None) -> str:
    """Return a body as a page that needs nothing else, written to a file if one is named."""
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n"
        "html{background:light-dark(#fbfaf7, #161614);color-scheme:light dark}body{margin:0}\n"
        f'{profile_style()}</style>\n</head>\n<body>\n<main class="hp alone">\n{body}</main>\n'
        f'<script type="module">\n{profile_script()}</script>\n</body>\n</html>\n'
    )
    if path is not None:
        Path(path).write_text(page, "utf-8")
    return page


def anchor(name: str) -> str:
    """Return an id of a column that is safe in an address, whatever its name."""
    return f"hp-{zlib.crc32(name.encode()):08x}"


def marked(text: str) -> str:
    """Escape a sentence, what stands between backticks as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def findings_list(findings: tuple[Finding, ...], columns: frozenset[str], none: str) -> str:
    """Return findings as a list, the first few shown and the rest folded."""
    if not findings:
        return f'<p class="none">{escape(none)}</p>'
    items = _grouped(findings, columns)
    listed = f'<ul class="says">{"".join(items[:_SHOWN])}</ul>'
    if len(items) <= _SHOWN:
        return listed
    rest = "".join(items[_SHOWN:])
    return (
        f'{listed}<details><summary class="more">{plural(len(items) - _SHOWN, "more finding")}'
        f'</summary><ul class="says">{rest}</ul></details>'
    )


def _grouped(findings: tuple[Finding, ...], columns: frozenset[str]) -> list[str]:
    """Say each finding, but those of a kind that many columns share in one line."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.check, finding.verdict.value), []).append(finding)
    items = []
    for (check, verdict), found in kinds.items():
        title = _TITLES.get(check.removeprefix("profile."))
        if title is None or len(found) <= _ALIKE:
            items += [_said(finding, columns) for finding in found]
            continue
        names = [_link(finding.subject, columns) for finding in found[:_NAMED]]
        more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        words = f"{len(found):,} columns {title}: {', '.join(names)}{more}."
        items.append(f'<li><span class="v {verdict}">{verdict}</span><span>{words}</span></li>')
    return items


def _link(name: str, columns: frozenset[str]) -> str:
    code = f"<code>{escape(name)}</code>"
    return f'<a href="#{anchor(name)}">{code}</a>' if name in columns else code


def _said(finding: Finding, columns: frozenset[str]) -> str:
    verdict = finding.verdict.value
    words = marked(finding.summary)
    code = f"<code>{escape(finding.subject)}</code>"
    words = words.replace(code, _link(finding.subject, columns), 1)
    return f'<li><span class="v {verdict}">{verdict}</span><span>{words}</span></li>'
