"""What nbconvert's exporter of HTML does, without what takes longest in it. To be imported once nbconvert is."""

from __future__ import annotations

import re
from typing import Any

from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbformat import NotebookNode

_UNDESCRIBED = re.compile(r"<img\b(?![^>]*\balt=)")
_SCROLLS = re.compile(r'<div(?= class="[^"]*\bjp-(?:Cell-inputWrapper|OutputArea-output)\b)')
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)[^<>]*?(/?)>")
_WITHOUT_END = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"))


def page_by(exporter: HTMLExporter, nb: NotebookNode, resources: dict[str, Any]) -> str:
    """Return the page of a notebook: HTMLExporter's, but for how the finished page is gone over a last time.

    HTMLExporter has BeautifulSoup take it in, to describe pictures that nobody has described and to let the keyboard
    scroll in what is too wide, and write it out again: two thirds of the time that a page takes. Here that is two
    substitutions, unless a tag is left open: a browser would take all that follows for a part of it.
    """
    filters = {
        "highlight_code": Highlight2HTML(pygments_lexer=_lexer(nb), parent=exporter),
        "filter_data_type": WidgetsDataTypeFilter(exporter._nb_metadata, resources, parent=exporter),
    }
    for name, made in filters.items():
        exporter.register_filter(name, made)
    html, _ = TemplateExporter.from_notebook_node(exporter, nb, resources)
    if not closes_its_tags(html):
        return exporter.from_notebook_node(nb, resources)[0]
    described = _UNDESCRIBED.sub('<img alt="No description has been given"', html)
    return _SCROLLS.sub('<div tabindex="0"', described)


def closes_its_tags(html: str) -> bool:
    """Say whether each tag that needs an end has it, at the right place. In doubt it says no."""
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


def _lexer(nb: NotebookNode) -> str | None:
    """What colours the code, as the kernel has said."""
    language: dict[str, str] = nb.metadata.get("language_info", {})
    return language.get("pygments_lexer") or language.get("name")
