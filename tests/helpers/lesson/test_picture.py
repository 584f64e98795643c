"""A picture of one's world: what is in it, what has changed, and that the drawing says what the text says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import connect, ensure_granted, ensure_identity
from helpers.connection import Connection
from helpers.lesson import picture
from helpers.lesson.drawing import Edge, Graph, Node, draw
from helpers.lesson.world import Grant, Picture
from tests.helpers.pointing import point_to
from tests.notebooks.course import book, run
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
SVG = "{http://www.w3.org/2000/svg}"
# Whatever a document of XML can hold.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


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
        assert tag == "img"
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
    assert boxes(granted) == {"myVM": "kept", "ID1": "new", "Reader": "new", GROUP: "kept"}
    run("06_clean_up")
    cleaned = picture(connection, GROUP, granted)
    assert cleaned.changes == ["- ID1 is Reader at myResourceGroupVM", "- identity ID1", "- myVM has ID1"]
    assert boxes(cleaned) == {"myVM": "kept", "ID1": "gone", "Reader": "gone", GROUP: "kept"}
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
    assert "ID1 is Reader at the subscription Contoso Sandbox" in repr(first)
    assert "nothing has changed" in repr(picture(connection, GROUP, first))


def connection_scope(connection: Connection) -> str:
    return f"/subscriptions/{connection.subscription_id}"


def test_what_is_deleted_in_the_wrong_order_leaves_something_behind(at_sandbox: RunningSandbox) -> None:
    run("03_grant_access")
    identity = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    at_sandbox.arm("DELETE", identity, version="2024-11-30").raise_for_status()
    text = repr(picture(connect("sandbox"), GROUP))
    assert "a deleted identity is Reader at myResourceGroupVM" in text
    assert "VM myVM, has ID1 (deleted, or elsewhere)" in text


def test_a_machines_own_identity_is_in_it(at_sandbox: RunningSandbox) -> None:
    machine = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.Compute/virtualMachines/myVM"
    own = {"identity": {"type": "SystemAssigned"}}
    at_sandbox.arm("PATCH", machine, own, version="2024-11-01").raise_for_status()
    assert "VM myVM, has myVM's own identity" in repr(picture(connect("sandbox"), GROUP))


def test_a_group_that_is_not_there_and_one_that_may_not_be_seen(
    at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect("sandbox")
    assert "nowhere (is not there)" in repr(picture(connection, "nowhere"))
    principal, secret = at_sandbox.add_principal("ada")
    scope = at_sandbox.seed_data.group("contosoPayroll")
    identity = ensure_identity(connection, "contosoPayroll", "ID1", "eastus")
    identity.principal_id, identity.name = principal.object_id, "ada"
    ensure_granted(connection, identity, scope, "Reader")
    point_to(at_sandbox, monkeypatch, client_id=principal.client_id, secret=secret)
    assert "is not there" in repr(picture(connect("sandbox"), GROUP))
    assert "is not there" not in repr(picture(connect("sandbox"), "contosoPayroll"))


@given(name=TEXT, vm=TEXT, role=TEXT, scope=TEXT, group=TEXT)
def test_whatever_names_are_is_text_and_nothing_of_it_is_markup(
    name: str, vm: str, role: str, scope: str, group: str
) -> None:
    grant = Grant(name, role, scope)
    found = Picture("a", group, True, frozenset({name}), {vm: frozenset({name})}, frozenset({grant}))
    image = Image(found._repr_html_())
    assert " ".join(image.text.split()) == " ".join(repr(found).split())
    assert {each.tag.removeprefix(SVG) for each in image.svg.iter()} == {"svg", "style", "rect", "text", "path", "g"}


NODES = st.builds(Node, st.integers(0, 3), TEXT)


@given(st.frozensets(NODES, min_size=1), st.frozensets(NODES, min_size=1), st.data())
def test_every_box_and_line_is_drawn_once_and_no_two_boxes_overlap(
    now: frozenset[Node], before: frozenset[Node], data: st.DataObject
) -> None:
    edges = data.draw(st.frozensets(st.builds(Edge, st.sampled_from(sorted(now)), st.sampled_from(sorted(now)))))
    root = ET.fromstring(draw(Graph(now, edges), Graph(before, frozenset())))
    states = [each.attrib["class"] for each in root.findall(f"{SVG}g")]
    assert (states.count("new"), states.count("gone")) == (len(now - before), len(before - now))
    places = [(each.attrib["x"], each.attrib["y"]) for each in root.iterfind(f"{SVG}g/{SVG}rect")]
    assert len(set(places)) == len(places) == len(now | before)
    assert len(root.findall(f"{SVG}path")) == len(edges)
    height = int(root.attrib["viewBox"].split()[3])
    assert all(int(y) + 42 <= height for _, y in places)
