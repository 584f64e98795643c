"""The diagrams: well-formed, readable on any background, and described for those who cannot see them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.notebooks.course import FOLDER, NAMES, book

SVG = "{http://www.w3.org/2000/svg}"
IMAGES = sorted((FOLDER / "images").glob("*"))


def test_there_is_one_for_each_notebook_and_no_other() -> None:
    assert [path.name for path in IMAGES] == [f"{name}.svg" for name in NAMES]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
class TestImage:
    def test_has_title_and_description(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        assert root.get("role") == "img"
        labels = str(root.get("aria-labelledby")).split()
        texts = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
        assert [text.get("id") for text in texts if text is not None and text.text] == labels

    def test_the_description_is_the_alt_text(self, path: Path) -> None:
        description = ElementTree.parse(path).getroot().find(f"{SVG}desc")
        assert description is not None and description.text
        pictures = re.findall(r"!\[([^\]]*)\]\(images/", book(path.stem).prose)
        assert pictures == [description.text]

    def test_brings_its_own_background(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        card = root.find(f"{SVG}rect")
        assert card is not None and card.get("class") == "card"
        assert float(str(card.get("width"))) >= float(str(root.get("width"))) - 2
        assert re.search(r"\.card \{ fill: #ffffff;", path.read_text("utf-8"))

    def test_text_has_contrast(self, path: Path) -> None:
        text = path.read_text("utf-8")
        ink = re.search(r"text \{[^}]*fill: (#[0-9a-f]{6})", text)
        assert ink
        for ground in re.findall(r"\.\w+ \{ fill: (#[0-9a-f]{6})", text):
            assert contrast(ink[1], ground) >= 7

    def test_has_a_style_for_what_it_draws_and_for_nothing_else(self, path: Path) -> None:
        """A shape without one is black."""
        text = path.read_text("utf-8")
        styled = set(re.findall(r"^ +\.(\w+) \{", text, re.MULTILINE))
        assert set(" ".join(re.findall(r'class="([^"]*)"', text)).split()) == styled

    def test_an_arrow_ends_at_what_it_points_to(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        shapes = [_edges(rect) for rect in root.findall(f"{SVG}rect") if rect.get("class") != "card"]
        for arrow in root.findall(f"{SVG}path"):
            for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", str(arrow.get("d"))):
                distances = [_distance(float(x), float(y), shape) for shape in shapes]
                assert min(distances) <= 3, f"{arrow.get('d')} leads nowhere"

    def test_loads_nothing_and_runs_nothing(self, path: Path) -> None:
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|<script|<image|@import|\bon\w+=|url\((?!#head\))", text)

    def test_nothing_is_outside(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        width, height = float(str(root.get("width"))), float(str(root.get("height")))
        assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
        for rect in root.findall(f"{SVG}rect"):
            x, y, w, h = (float(str(rect.get(name))) for name in ("x", "y", "width", "height"))
            assert x >= 0 and y >= 0 and x + w <= width and y + h <= height


def _edges(rect: ElementTree.Element) -> tuple[float, float, float, float]:
    x, y, width, height = (float(str(rect.get(name))) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def _distance(x: float, y: float, edges: tuple[float, float, float, float]) -> float:
    """How far a point is from the border of a rectangle."""
    left, top, right, bottom = edges
    outside = max(left - x, x - right, top - y, y - bottom)
    return outside if outside > 0 else min(x - left, right - x, y - top, bottom - y)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by the Web Content Accessibility Guidelines 2."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
