"""Which operation a path leads to."""

import pytest

from sandbox.arm import OPERATIONS
from sandbox.arm.routing import Operation, Router
from sandbox.core.http import Answer


def operation(method: str, template: str, kind: str = "Contoso.Test/things") -> Operation:
    return Operation(method, template, lambda call: Answer(200), None, frozenset(), kind)


ROUTES = [
    operation("GET", "/subscriptions/{s}"),
    operation("GET", "/subscriptions/{s}/resourceGroups/{g}"),
    operation("DELETE", "/subscriptions/{s}/resourceGroups/{g}"),
    operation("POST", "/subscriptions/{s}/resourceGroups/{g}/things/{name}/start"),
    operation("GET", "/subscriptions/{s}/resourceGroups/{g}/things"),
    operation("GET", "/subscriptions/{s}/providers/{namespace}"),
    operation("GET", "{scope}/providers/Contoso.Ext/notes/{name}"),
    operation("GET", "{scope}/providers/Contoso.Ext/notes"),
]


@pytest.mark.parametrize(
    ("path", "template", "scope", "parameters"),
    [
        ("/subscriptions/1", ROUTES[0].template, "/subscriptions/1", {"s": "1"}),
        ("/SUBSCRIPTIONS/1/", ROUTES[0].template, "/SUBSCRIPTIONS/1", {"s": "1"}),
        ("/subscriptions/1/resourcegroups/A", ROUTES[1].template, "/subscriptions/1/resourcegroups/A", {"g": "A"}),
        (
            "/subscriptions/1/resourceGroups/a/things/b/START",
            ROUTES[3].template,
            "/subscriptions/1/resourceGroups/a/things/b",
            {"name": "b"},
        ),
        ("/subscriptions/1/resourceGroups/a/things", ROUTES[4].template, "/subscriptions/1/resourceGroups/a", {}),
        (
            "/subscriptions/1/providers/Contoso.Ext/notes/n",
            ROUTES[6].template,
            "/subscriptions/1/providers/Contoso.Ext/notes/n",
            {"scope": "/subscriptions/1", "name": "n"},
        ),
        ("/providers/Contoso.Ext/notes", ROUTES[7].template, "/", {"scope": "/"}),
        (
            "/a/providers/Contoso.Ext/notes/b/providers/Contoso.Ext/notes",
            ROUTES[7].template,
            "/a/providers/Contoso.Ext/notes/b",
            {"scope": "/a/providers/Contoso.Ext/notes/b"},
        ),
    ],
)
def test_a_path_leads_to_its_operation(path: str, template: str, scope: str, parameters: dict[str, str]) -> None:
    match = Router(ROUTES).match(path)
    assert match is not None
    assert {operation.template for operation in match.operations.values()} == {template}
    assert match.scope == scope
    assert parameters.items() <= match.parameters.items()


@pytest.mark.parametrize(
    "path",
    ["", "/", "/subscriptions", "/subscriptions/1/resourceGroups", "/subscriptions//resourceGroups/a", "/providers"],
)
def test_elsewhere_is_nothing(path: str) -> None:
    assert Router(ROUTES).match(path) is None


def test_two_operations_for_one_path_are_an_error_at_start() -> None:
    twice = operation("GET", "/Subscriptions/{other}")
    with pytest.raises(ValueError, match="two operations for GET"):
        Router([*ROUTES, twice])


def test_the_sandboxs_own_operations_go_together_and_each_names_its_action() -> None:
    Router(OPERATIONS)
    open_to_all = {operation.template for operation in OPERATIONS if operation.action is None}
    for template in open_to_all:  # what has no action of its own in the declaration decides for itself
        assert not template.endswith("/{name}") or "roleDefinitions" in template, template
