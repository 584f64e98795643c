"""A picture of one's world: what is in it, what has changed, and that the drawing says what the text says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import chain, pairwise, product
from typing import Any, Literal
from urllib.parse import unquote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright
from requests.adapters import HTTPAdapter

from helpers import connect, ensure_granted, ensure_identity
from helpers.connection import Connection
from helpers.lesson import picture
from helpers.lesson.world import Node, Picture, draw
from tests.helpers.pointing import point_to
from tests.notebooks.course import book, run
from tests.support.needs import in_need_of
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
DARK = "invert(0.93) hue-rotate(180deg)"
SVG = "{http://www.w3.org/2000/svg}"
# Whatever a document of XML can hold.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


class Image(HTMLParser):
    """The image in some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.feed(html)
        [attributes] = self.found
        self.text = attributes["alt"]
        self.svg = ET.fromstring(unquote(attributes["src"].removeprefix("data:image/svg+xml,")))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("img", "style")
        if tag == "img":
            self.found.append({name: value or "" for name, value in attrs})


def boxes(found: Picture) -> dict[str, str]:
    """The text of each box, and whether it is new, gone or kept."""
    groups = Image(found._repr_html_()).svg.findall(f"{SVG}g")
    return {str(each.findtext(f"{SVG}text")): each.attrib["class"] for each in groups}


def test_the_course_changes_the_world_step_by_step(at_sandbox: RunningSandbox) -> None:
    connection = connect("sandbox")
    at_start = picture(connection, GROUP)
    run("03_grant_access")
    granted = picture(connection, GROUP, at_start)
    assert granted.changes == ["+ ID1 is Reader at myResourceGroupVM", "+ identity ID1", "+ myVM has ID1"]
    assert boxes(granted) == {"myVM": "kept", "+ ID1": "new", "+ Reader": "new", GROUP: "kept"}
    run("06_clean_up")
    cleaned = picture(connection, GROUP, granted)
    assert cleaned.changes == ["- ID1 is Reader at myResourceGroupVM", "- identity ID1", "- myVM has ID1"]
    assert boxes(cleaned) == {"myVM": "kept", "- ID1": "gone", "- Reader": "gone", GROUP: "kept"}
    assert picture(connection, GROUP, at_start).changes == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("01_create_identity", ["+ identity ID1"]),
        ("02_assign_identity", ["+ myVM has ID1"]),
        ("03_grant_access", ["+ ID1 is Reader at myResourceGroupVM"]),
        ("05_read_properties", ["- ID1 is Reader at myResourceGroupVM"]),
        ("06_clean_up", ["- ID1 is Reader at myResourceGroupVM", "- identity ID1", "- myVM has ID1"]),
    ],
)
def test_saved_notebooks_show_what_they_have_changed(name: str, says: list[str]) -> None:
    [output] = book(name).cell("picture-now-show").outputs
    plain = "".join(output["data"]["text/plain"])
    assert plain.partition("Since the last picture:\n")[2].split("\n") == [f"  {each}" for each in says]
    assert Image("".join(output["data"]["text/html"])).text == plain


def test_a_picture_has_no_ids_and_is_the_same_twice(connection: Connection) -> None:
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_granted(connection, identity, connection_scope(connection), "Reader")
    first, second = picture(connection, GROUP), picture(connection, GROUP)
    assert first == second and repr(first) == repr(second)
    assert str(identity.principal_id) not in repr(first)
    assert repr(first).endswith("ID1 is Reader at the subscription")
    assert "nothing has changed" in repr(picture(connection, GROUP, first))


def connection_scope(connection: Connection) -> str:
    return f"/subscriptions/{connection.subscription_id}"


def test_a_role_that_cannot_be_read_has_no_name_and_the_others_have(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    grants = [
        ensure_granted(connection, identity, connection_scope(connection), each) for each in ("Reader", "AcrPull")
    ]
    guid = str(grants[0].role_definition_id).rpartition("/")[2]
    send = HTTPAdapter.send

    def refusing(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        if f"/roleDefinitions/{guid}" in str(request.path_url):
            answer.status_code = 403
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", refusing)
    text = repr(picture(connection, GROUP))
    assert "ID1 is some role at the subscription" in text and "ID1 is AcrPull at the subscription" in text


@pytest.mark.parametrize(("scope", "where"), [("", "the subscription"), (f"/resourceGroups/{GROUP}", GROUP)])
def test_the_case_of_a_scope_does_not_matter(connection: Connection, scope: str, where: str) -> None:
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_granted(connection, identity, (connection_scope(connection) + scope).upper(), "Reader")
    assert f"ID1 is Reader at {where}\n" in f"{picture(connection, GROUP)}\n"


def test_what_is_deleted_in_the_wrong_order_leaves_something_behind(at_sandbox: RunningSandbox) -> None:
    run("03_grant_access")
    identity = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    at_sandbox.arm("DELETE", identity, version="2024-11-30").raise_for_status()
    text = repr(picture(connect("sandbox"), GROUP))
    assert "a deleted identity is Reader at myResourceGroupVM" in text
    assert "myVM has ID1 (deleted, or elsewhere)" in text


def test_a_machines_own_identity_is_in_it(at_sandbox: RunningSandbox) -> None:
    machine = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.Compute/virtualMachines/myVM"
    own = {"identity": {"type": "SystemAssigned"}}
    at_sandbox.arm("PATCH", machine, own, version="2024-11-01").raise_for_status()
    assert "myVM has myVM's own identity" in repr(picture(connect("sandbox"), GROUP))


def test_a_group_that_is_not_there_and_one_that_may_not_be_seen(
    at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect("sandbox")
    assert repr(picture(connection, "nowhere")) == "In the subscription Contoso Sandbox:\n  nothing"
    principal, secret = at_sandbox.add_principal("ada")
    scope = at_sandbox.seed_data.group("contosoPayroll")
    identity = ensure_identity(connection, "contosoPayroll", "ID1", "eastus")
    identity.principal_id, identity.name = principal.object_id, "ada"
    ensure_granted(connection, identity, scope, "Reader")
    point_to(at_sandbox, monkeypatch, client_id=principal.client_id, secret=secret)
    assert picture(connect("sandbox"), GROUP).facts == {}
    assert "resource group contosoPayroll" in repr(picture(connect("sandbox"), "contosoPayroll"))


NODES = st.builds(Node, st.integers(0, 3), TEXT)
CHAINS = st.lists(NODES, min_size=1, max_size=3).map(tuple)


@given(st.dictionaries(TEXT, CHAINS), st.dictionaries(TEXT, CHAINS))
def test_whatever_names_are_is_text_and_nothing_of_it_is_markup(
    now: dict[str, tuple[Node, ...]], before: dict[str, tuple[Node, ...]]
) -> None:
    found = Picture("a", now, Picture("a", before))
    image = Image(found._repr_html_())
    assert " ".join(image.text.split()) == " ".join(repr(found).split())
    tags = {each.tag.removeprefix(SVG) for each in image.svg.iter()}
    assert tags <= {"svg", "style", "rect", "text", "path", "g"}


@given(st.lists(CHAINS, min_size=1), st.lists(CHAINS, min_size=1))
def test_every_box_and_line_is_drawn_once_and_no_two_boxes_overlap(
    now: list[tuple[Node, ...]], before: list[tuple[Node, ...]]
) -> None:
    root = ET.fromstring(draw(now, before))
    come, was = set(chain(*now)), set(chain(*before))
    states = [each.attrib["class"] for each in root.findall(f"{SVG}g")]
    assert (states.count("new"), states.count("gone")) == (len(come - was), len(was - come))
    places = [(each.attrib["x"], each.attrib["y"]) for each in root.iterfind(f"{SVG}g/{SVG}rect")]
    assert len(set(places)) == len(places) == len(come | was)
    assert len(root.findall(f"{SVG}path")) == len(set(chain(*map(pairwise, [*now, *before]))))
    height = int(root.attrib["viewBox"].split()[3])
    assert all(int(y) + 42 < height for _, y in places)


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_it_is_dark_where_jupyterlab_is_and_elsewhere_where_the_system_is() -> None:
    chromium = in_need_of("chromium", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        for own, system in product((None, *SCHEMES), SCHEMES):
            page.emulate_media(color_scheme=system)
            theme = "" if own is None else f'data-jp-theme-light="{str(own == "light").lower()}"'
            page.set_content(f"<body {theme}>{Picture('a', {'VM b': (Node(0, 'b'),)})._repr_html_()}</body>")
            applied = page.locator("img").evaluate("image => getComputedStyle(image).filter")
            assert applied == (DARK if (own or system) == "dark" else "none"), (own, system)
        browser.close()


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_written_in_it_can_be_read(dark: bool) -> None:
    style = str(ET.fromstring(draw([(Node(0, "a"),)], [])).findtext(f"{SVG}style"))
    shade = turned if dark else tuple
    [page] = re.findall(r"\.page{fill:#(\w+)", style)
    [box] = re.findall(r"\.box{fill:#(\w+)", style)
    inks = re.findall(r"(?:text|head){fill:#(\w+)", style)
    assert len(inks) == 4
    for ink in inks:
        assert all(contrast(shade(rgb(ink)), shade(rgb(ground))) >= 4.5 for ground in (page, box))


def rgb(colour: str) -> tuple[float, ...]:
    pairs = colour if len(colour) == 6 else "".join(2 * each for each in colour)
    return tuple(int(pairs[i : i + 2], 16) / 255 for i in (0, 2, 4))


def turned(colour: tuple[float, ...]) -> tuple[float, ...]:
    """What the filter makes of a colour: inverted, then with the opposite hue at the same lightness."""
    amount = float(re.findall(r"[\d.]+", DARK)[0])
    red, green, blue = (amount + each * (1 - 2 * amount) for each in colour)
    twice_grey = 2 * (0.213 * red + 0.715 * green + 0.072 * blue)
    return tuple(min(max(twice_grey - each, 0), 1) for each in (red, green, blue))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """As WCAG 2 defines it."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[float, ...]) -> float:
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
