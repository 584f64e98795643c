"""Whole templates: parameters, variables, copies, and the order of resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm.resources.templates.errors import TemplateError
from sandbox.arm.resources.templates.plan import DeploymentScope
from sandbox.arm.resources.templates.template import Template

GROUP = "/subscriptions/S/resourceGroups/G"
PLACE = DeploymentScope({"id": "/subscriptions/S"}, {"id": GROUP, "location": "eastus"}, {"name": "D"})
TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"


def resource(name: str, **more: Any) -> dict[str, Any]:
    return {"type": TYPE, "apiVersion": "2024-11-30", "name": name, "location": "[resourceGroup().location]", **more}


def read(resources: list[Any], given: dict[str, Any] | None = None, **template: Any) -> Template:
    return Template({**template, "resources": resources}, given or {}, PLACE)


def refused(resources: list[Any], given: dict[str, Any] | None = None, **template: Any) -> str:
    with pytest.raises(TemplateError) as error:
        read(resources, given, **template)
    return str(error.value)


def names(template: Template) -> list[str]:
    return [planned.name for planned in template.resources]


def no_reference(*_: Any) -> Any:
    raise AssertionError("nothing is to be looked up")


def test_parameters_and_variables() -> None:
    template = read(
        [resource("[variables('name')]", tags={"cost": "[string(parameters('cost'))]"})],
        {"PREFIX": {"value": "a"}},
        parameters={
            "prefix": {"type": "string"},
            "cost": {"type": "int", "defaultValue": "[length('four')]"},
            "secret": {"type": "secureString", "defaultValue": "x"},
        },
        variables={"name": "[concat(parameters('prefix'), '-', variables('end'))]", "end": "id"},
        outputs={"id": {"type": "string", "value": f"[resourceId('{TYPE}', variables('name'))]"}},
    )
    [planned] = template.resources
    assert planned.id == f"{GROUP}/providers/{TYPE}/a-id"
    assert planned.content(no_reference) == {"location": "eastus", "tags": {"cost": "4"}}
    assert template.outputs(no_reference) == {"id": {"type": "String", "value": planned.id}}
    assert template.parameters == {
        "prefix": {"type": "String", "value": "a"},
        "cost": {"type": "Int", "value": 4},
        "secret": {"type": "SecureString"},
    }


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("securestring", "SecureString"),
        ("secureString", "SecureString"),
        ("SECURESTRING", "SecureString"),
        ("secureObject", "SecureObject"),
        ("SecureObject", "SecureObject"),
    ],
)
def test_a_secure_output_is_not_told(type_: str, shown: str) -> None:
    value: Any = {"key": "hidden"} if "object" in type_.casefold() else "hidden"
    template = read(
        [],
        parameters={"secret": {"type": type_, "defaultValue": value}},
        outputs={"told": {"type": type_, "value": "[parameters('secret')]"}},
    )
    assert template.parameters == {"secret": {"type": shown}}
    assert template.outputs(no_reference) == {"told": {"type": shown}}


@pytest.mark.parametrize(
    ("parameters", "given", "message"),
    [
        ({"a": {"type": "string"}}, {}, "The value for the template parameter 'a' is not provided"),
        ({}, {"b": {"value": 1}}, "do not correspond to any parameters defined in the template: 'b'"),
        ({"a": {"type": "string"}}, {"a": {"value": 1}}, "Expected 'String'"),
        ({"a": {"type": "int"}}, {"a": {"value": True}}, "Expected 'Int'"),
        ({"a": {"type": "string"}}, {"a": 1}, "an object with a 'value' is expected"),
        ({"a": {"type": "odd"}}, {}, "The template parameter type 'odd' is not valid"),
        ({"a": 1}, {}, "The template parameter type 'None' is not valid"),
        (
            {"a": {"type": "string", "allowedValues": ["x", "y"]}},
            {"a": {"value": "z"}},
            "The value 'z' is not part of the allowed value(s): 'x,y'",
        ),
    ],
)
def test_parameters_that_are_wrong(parameters: Any, given: Any, message: str) -> None:
    assert message in refused([], given, parameters=parameters)


@pytest.mark.parametrize(
    ("limits", "given", "message"),
    [
        ({"type": "int", "minValue": 2}, 1, "Its value '1' is not between '2' and 'None'"),
        ({"type": "int", "maxValue": 2}, 3, "Its value '3' is not between 'None' and '2'"),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abcd", "Its length '4' is not between '2' and '3'"),
        ({"type": "array", "MINLENGTH": 1}, [], "Its length '0' is not between '1' and 'None'"),
    ],
)
def test_a_parameter_keeps_to_its_limits(limits: dict[str, Any], given: Any, message: str) -> None:
    assert message in refused([], {"a": {"value": given}}, parameters={"a": limits})


def test_a_template_has_the_members_that_azure_knows() -> None:
    assert "Could not find member 'resource' on object of type 'Template'" in refused([], resource=[])
    surplus: dict[str, Any] = {"$schema": "x", "contentVersion": "1.0.0.0", "metadata": {}}
    read([], **surplus)


@st.composite
def in_any_case(draw: st.DrawFn, value: Any) -> Any:
    """A template with the names of its members in some other case, but for those that are its author's own."""
    if isinstance(value, list):
        return [draw(in_any_case(member)) for member in value]
    if not isinstance(value, dict):
        return value
    kept = ("a", "out", "tags", "n")
    cases: st.SearchStrategy[Callable[[str], str]] = st.sampled_from([str.upper, str.lower, str.title])
    return {name if name in kept else draw(cases)(name): draw(in_any_case(member)) for name, member in value.items()}


ANY_CASE = {
    "parameters": {"a": {"type": "string", "defaultValue": "x", "allowedValues": ["x", "y"]}},
    "variables": {"a": "[parameters('a')]"},
    "resources": [
        {
            "type": TYPE,
            "apiVersion": "2024-11-30",
            "name": "[concat(variables('a'), copyIndex())]",
            "copy": {"name": "loop", "count": 2},
            "condition": True,
            "dependsOn": ["first"],
            "comments": "two",
            "tags": {"n": "1"},
        },
        {"type": TYPE, "apiVersion": "2024-11-30", "name": "first"},
    ],
    "outputs": {"out": {"type": "string", "value": "[variables('a')]", "condition": True}},
}


@given(in_any_case(ANY_CASE), in_any_case({"a": {"value": "y"}}))
def test_the_names_of_members_may_be_in_any_case(template: dict[str, Any], parameters: dict[str, Any]) -> None:
    read_so = Template(template, parameters, PLACE)
    assert names(read_so) == ["first", "y0", "y1"]
    assert [planned.api_version for planned in read_so.resources] == ["2024-11-30"] * 3
    assert read_so.resources[1].content(no_reference) == {"tags": {"n": "1"}}
    assert read_so.outputs(no_reference) == {"out": {"type": "String", "value": "y"}}


def test_names_are_told_apart_as_ids_are() -> None:
    """Not as str.casefold would, to which "ß" is "ss"."""
    apart = [resource("straße"), resource("strasse", dependsOn=["STRAßE"])]
    assert names(read(apart)) == ["straße", "strasse"]


def test_copies_each_have_their_number() -> None:
    template = read(
        [
            resource("[concat('id', copyIndex())]", copy={"name": "loop", "count": 3}, tags={"n": "[copyIndex(1)]"}),
            resource("after", dependsOn=["loop"]),
        ]
    )
    assert names(template) == ["id0", "id1", "id2", "after"]
    assert [each.content(no_reference)["tags"]["n"] for each in template.resources[:3]] == [1, 2, 3]


def test_a_condition_leaves_a_resource_out() -> None:
    left_out = resource("a", condition="[equals(1, 2)]")
    assert names(read([left_out, resource("b", condition=True, dependsOn=["a"])])) == ["b"]


def test_children_are_named_after_their_parent() -> None:
    child = {"type": "federatedIdentityCredentials", "apiVersion": "2024-11-30", "name": "c", "properties": {}}
    template = read([resource("p", resources=[child])])
    assert template.resources[1].id == f"{GROUP}/providers/{TYPE}/p/federatedIdentityCredentials/c"
    assert "resources" not in template.resources[0].content(no_reference)


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (["x"], "A resource of the template is not an object"),
        ([{"name": "a", "apiVersion": "1"}], "has no valid 'type'"),
        ([resource("a/b")], "has an invalid name"),
        ([resource("a", dependsOn=["b"])], "The resource 'b' is not defined in the template"),
        ([resource("a", dependsOn="b")], "is not a list"),
        ([resource("a"), resource("A")], "is defined multiple times in a template"),
        ([resource("a", dependsOn=["a"])], f"Circular dependency detected on resource: '{GROUP}/providers/{TYPE}/a'"),
        ([resource("a", copy={"name": "l", "count": -1})], "The copy count of a resource must be"),
        ([resource("a", copy={"name": "l", "count": 801})], "The copy count of a resource must be"),
        ([resource("a", copy=3)], "The copy count of a resource must be"),
        (
            [resource("[concat('a', copyIndex())]", copy={"name": "l", "count": 800}), resource("b")],
            "more than 800 resources",
        ),
        ([resource(f"a{number}") for number in range(801)], "more than 800 resources"),
        ([resource("[copyIndex()]")], "The template function 'copyindex' is not valid"),
        ([resource("[variables('a')]")], "The template variable 'A' refers to itself"),
        ([resource("[parameters('a')]")], "The template parameter 'a' is not found"),
        ([{**resource("a"), "type": "Microsoft.Resources/deployments"}], "is not supported by the sandbox"),
    ],
)
def test_resources_that_are_wrong(resources: list[Any], message: str) -> None:
    assert message in refused(resources, variables={"a": "[variables('b')]", "b": "[variables('A')]"})


@pytest.mark.parametrize("section", ["parameters", "variables", "outputs"])
def test_sections_that_are_wrong(section: str) -> None:
    assert f"The template's '{section}' is not valid" in refused([], None, **{section: "x"})


@pytest.mark.parametrize("wanted", ["b", f"{TYPE}/B", f"[resourceId('{TYPE}', 'b')]"])
def test_a_dependency_by_name_by_type_and_by_id(wanted: str) -> None:
    assert names(read([resource("a", dependsOn=[wanted]), resource("b")])) == ["b", "a"]


def test_what_is_referred_to_is_depended_on() -> None:
    refer = f"[reference(resourceId('{TYPE}', 'b')).clientId]"
    template = read([resource("a", tags={"client": refer}), resource("b")])
    assert names(template) == ["b", "a"]
    content = template.resources[1].content(lambda name: {"clientId": name.rpartition("/")[2]})
    assert content["tags"] == {"client": "b"}


@pytest.mark.parametrize(("section", "limit"), [("parameters", 256), ("variables", 256), ("outputs", 64)])
def test_there_are_no_more_of_each_than_in_azure(section: str, limit: int) -> None:
    entry = {"type": "int", "defaultValue": 1, "value": 1}
    declared = {f"a{number}": entry for number in range(limit + 1)}
    assert f"Limit: '{limit}' and actual: '{limit + 1}'" in refused([], None, **{section: declared})
    del declared["a0"]
    read([], None, **{section: declared})


def test_dependencies_are_resolved_in_one_pass() -> None:
    """Names are looked up: each of some 48,000 would else be compared with those of 800 resources."""
    looked_at = 0

    class Name(str):
        def casefold(self) -> str:
            nonlocal looked_at
            looked_at += 1
            return str(self).casefold()

    declared = [
        resource(
            Name(f"r{number:03}"), dependsOn=[Name(f"r{other:03}") for other in range(max(0, number - 60), number)]
        )
        for number in range(800)
    ]
    assert names(read(declared[::-1])) == [f"r{number:03}" for number in range(800)]
    assert looked_at < 200_000


def test_what_copies_repeat_counts_as_often_as_it_is_read() -> None:
    """A copy of a large resource, or of one with a large child, is as much work each time."""
    child: dict[str, Any] = {"type": "federatedIdentityCredentials", "apiVersion": "2024-11-30", "name": "c"}
    child["properties"] = [0] * 10_000
    message = refused([resource("[concat('a', copyIndex())]", copy={"name": "l", "count": 390}, resources=[child])])
    assert "more than the sandbox evaluates" in message


def test_a_template_has_so_many_dependencies_and_no_more() -> None:
    loops = [
        resource("[concat('a', copyIndex())]", copy={"name": "first", "count": 390}),
        resource("[concat('b', copyIndex())]", copy={"name": "second", "count": 390}, dependsOn=["first"]),
    ]
    assert "more than 100000 dependencies" in refused(loops)


@given(st.lists(st.lists(st.integers(0, 7), max_size=4), min_size=8, max_size=8))
def test_every_resource_comes_after_those_it_depends_on(edges: list[list[int]]) -> None:
    acyclic = [sorted({other for other in others if other < number}) for number, others in enumerate(edges)]
    declared = [
        resource(f"r{number}", dependsOn=[f"r{other}" for other in others]) for number, others in enumerate(acyclic)
    ]
    order = names(read(declared[::-1]))
    assert len(order) == 8
    for number, others in enumerate(acyclic):
        assert all(order.index(f"r{other}") < order.index(f"r{number}") for other in others)
