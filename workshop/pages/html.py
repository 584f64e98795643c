"""Readable pages of executed notebooks: one file each, nothing fetched from anywhere.

Takes long to import, for nbconvert: the process that makes pages does it, not the runner.
"""

import base64
import os
import re
from collections.abc import Sequence
from functools import cache
from html import unescape
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from workshop.notebooks.outcome import Failure
from workshop.pages.index import TEMPLATES, title_of

_SVG = "image/svg+xml"
_SVG_IN_BASE64 = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=\s]+)")
_PICTURE_FILE = re.compile(r'(<img\b[^>]*?\bsrc=)"(?![a-z]+:|//)([^"]+)"')
_NOTEBOOK_LINK = re.compile(r'href="(?:\./)?(\w+)\.ipynb(?=["#])')
_UNDESCRIBED = re.compile(r"<img\b(?![^>]*\balt=)")
_SCROLLS = re.compile(r'<div(?= class="[^"]*\bjp-(?:Cell-inputWrapper|OutputArea-output)\b)')
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)[^<>]*?(/?)>")
_WITHOUT_END = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"))


def notebook_page(
    node: NotebookNode, names: Sequence[str], name: str, folder: Path, failure: Failure | None = None
) -> str:
    """Return the page of an executed notebook, which is clean, with links to those before and after it in ``names``.

    The pictures that its text refers to are in the folder.
    """
    index = names.index(name)
    around = {
        "name": name,
        "title": title_of(node, name),
        "previous": names[index - 1] if index > 0 else None,
        "next": names[index + 1] if index + 1 < len(names) else None,
        "failure": failure,
        "style": _style(),
    }
    html = page_by(_exporter(), node, {"metadata": {"name": name, "path": str(folder)}, "page": around})
    return _link_pages(_embed_pictures(_percent_encode_svg(html), folder), names)


def page_by(exporter: HTMLExporter, nb: NotebookNode, resources: dict[str, Any]) -> str:
    """Return the page of a notebook: HTMLExporter's, but for how the finished page is gone over a last time.

    HTMLExporter has BeautifulSoup take it in, to describe pictures that nobody has described and to let the keyboard
    scroll in what is too wide, and write it out again: two thirds of the time that a page takes. Here that is two
    substitutions, unless a tag is left open: a browser would take all that follows for a part of it.
    """
    language, where = nb.metadata.get("language_info", {}), resources["metadata"]
    lexer = language.get("pygments_lexer") or language.get("name")
    metadata = {os.path.join(where["path"], where["name"]): nb.metadata}  # noqa: PTH118 - nbconvert looks for this text
    exporter.register_filter("highlight_code", Highlight2HTML(pygments_lexer=lexer, parent=exporter))
    exporter.register_filter("filter_data_type", WidgetsDataTypeFilter(metadata, resources, parent=exporter))
    html, _ = TemplateExporter.from_notebook_node(exporter, nb, resources)
    if not closes_its_tags(html):
        return exporter.from_notebook_node(nb, resources)[0]
    described = _UNDESCRIBED.sub('<img alt="No description has been given"', html)
    return _SCROLLS.sub('<div tabindex="0"', described)


def closes_its_tags(html: str) -> bool:
    """Return whether each tag that needs an end has it, at the right place. In doubt it says no."""
    opened: list[str] = []
    for ends, name, alone in _TAG.findall(html):
        if name.lower() in _WITHOUT_END:
            continue
        if alone:  # which is the beginning of something for a browser
            return False
        if not ends:
            opened.append(name.lower())
        elif not opened or opened.pop() != name.lower():
            return False
    return not opened


@cache
def _exporter() -> HTMLExporter:
    # Not embed_images: it ends what begins in one piece of HTML in the text and ends in another, such as <details>.
    return HTMLExporter(
        template_name="notebook",
        extra_template_basedirs=[str(TEMPLATES)],
        anchor_link_text="#",  # not empty: nbconvert then leaves the link open; hidden by the style sheet
        optimistic_validation=True,
    )


@cache
def _style() -> str:
    """The style sheet with the colours of code, for light and for dark."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    ours = (TEMPLATES / "style.css").read_text("utf-8")
    own_background = ".highlight, .highlight pre { background: none; }"
    return f"{ours}{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own_background}"


def _percent_encode_svg(html: str) -> str:
    """Embed the drawings of outputs as text."""
    return _SVG_IN_BASE64.sub(lambda match: _embedded(base64.b64decode(match.group(1)), _SVG), html)


def _embed_pictures(html: str, folder: Path) -> str:
    """Put the pictures that are files in ``folder`` into the page."""

    def embedded(match: re.Match[str]) -> str:
        path = folder / unquote(unescape(match.group(2)))
        kind = guess_type(path.name)[0] or ""
        if not kind.startswith("image/") or not path.is_file():
            return match.group()
        return f'{match.group(1)}"{_embedded(path.read_bytes(), kind)}"'

    return _PICTURE_FILE.sub(embedded, html)


def _embedded(picture: bytes, kind: str) -> str:
    """Drawings go in as text: smaller, and nothing in them can look like a token by chance."""
    if kind == _SVG:
        return f"data:{_SVG},{quote(picture, safe=' =:/')}"
    return f"data:{kind};base64,{base64.b64encode(picture).decode()}"


def _link_pages(html: str, names: Sequence[str]) -> str:
    """Let links to notebooks that have a page lead to it."""
    return _NOTEBOOK_LINK.sub(
        lambda match: f'href="{match.group(1)}.html' if match.group(1) in names else match.group(), html
    )
