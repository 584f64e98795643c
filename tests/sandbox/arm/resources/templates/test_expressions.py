"""What expressions come to, and how they are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm.resources.templates.errors import TemplateError
from sandbox.arm.resources.templates.expressions import calls_in, evaluate, parse
from sandbox.arm.resources.templates.functions import PURE

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **PURE,
    "variables": {"object": {"Name": "n", "list": [1, [2, 3]]}}.__getitem__,
    "fail": lambda: 1 // 0,
}
MSI = "Microsoft.ManagedIdentity/userAssignedIdentities"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("[not an expression", "[not an expression"),
        ("[[escaped]", "[escaped]"),
        ("['it''s']", "it's"),
        ("[-3]", -3),
        ("[concat('a', 'b', string(1))]", "ab1"),
        ("[concat(createArray(1), createArray(2))]", [1, 2]),
        ("[ CONCAT ( 'a' , 'b' ) ]", "ab"),
        ("[variables('object').name]", "n"),
        ("[variables('object')['name']]", "n"),
        ("[variables('object').list[1][0]]", 2),
        ("[if(equals(1, 1), 'yes', fail())]", "yes"),
        ("[if(false(), fail(), 'no')]", "no"),
        ("[equals('a', 'A')]", False),
        ("[equals(1, true())]", False),
        ("[and(true(), not(false()), or(false(), true()))]", True),
        ("[coalesce(null(), 'x')]", "x"),
        ("[empty('')]", True),
        ("[length(split('a,b,c', ','))]", 3),
        ("[join(createArray('a', 1), '-')]", "a-1"),
        ("[format('{0}-{1}{{}}', 'a', 2)]", "a-2{}"),
        ("[contains(createObject('Key', 1), 'key')]", True),
        ("[union(createObject('a', 1), createObject('a', 2, 'b', 3))]", {"a": 2, "b": 3}),
        ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
        ("[toLower(toUpper(trim(' x ')))]", "x"),
        ("[substring(replace('abc', 'b', 'd'), 1, 1)]", "d"),
        ("[add(mul(2, 3), sub(5, int('4')))]", 7),
        ("[first(range(4, 3))]", 4),
        ("[json('{\"a\": [1]}').a[0]]", 1),
        (f"[extensionResourceId('/s', '{MSI}', 'ID1')]", f"/s/providers/{MSI}/ID1"),
        (f"[tenantResourceId('{MSI}', 'ID1')]", f"/providers/{MSI}/ID1"),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert evaluate(text, FUNCTIONS) == value
    assert evaluate({"a": [text]}, FUNCTIONS) == {"a": [value]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "Unable to parse language expression ''"),
        ("[concat(]", "Unable to parse language expression 'concat('"),
        ("[concat('a' 'b')]", "Unable to parse"),
        ("['a' 'b']", "Unable to parse"),
        ("[concat('a'),]", "Unable to parse"),
        ("['unfinished]", "Unable to parse"),
        ("[" + "concat(" * 50 + ")" * 50 + "]", "Unable to parse"),
        ("[newGuid()]", "The template function 'newguid' is not valid"),
        ("[concat('a').b]", "The language expression property 'b' can't be evaluated"),
        ("[variables('object').other]", "property 'other' doesn't exist, available properties are 'Name, list'"),
        ("[variables('object').list[7]]", "can't be evaluated"),
        ("[variables('unknown')]", "Unable to evaluate the template language function 'variables'"),
        ("[length(1)]", "Unable to evaluate the template language function 'length'"),
        ("[int('x')]", "Unable to evaluate the template language function 'int'"),
        ("[if(true(), 1)]", "expects three parameters"),
        ("[range(0, 1000000)]", "too large"),
        ("[mul(9000000000000000000, 9)]", "too large"),
        (f"[tenantResourceId('{MSI}', 'a', 'b')]", "requires '1' resource name argument(s)"),
        ("[tenantResourceId(1)]", "its parameters are strings"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as refused:
        evaluate([text], FUNCTIONS)
    assert message in str(refused.value)


def test_what_is_made_of_itself_twice_is_stopped() -> None:
    text = "'" + "a" * 20_000 + "'"
    for _ in range(4):
        text = f"concat({text}, {text})"
    with pytest.raises(TemplateError, match="too large"):
        evaluate(f"[{text}]", FUNCTIONS)


def test_a_template_that_is_nested_too_deep_is_refused() -> None:
    value: Any = "x"
    for _ in range(60):
        value = [value]
    with pytest.raises(TemplateError, match="levels deep"):
        evaluate(value, FUNCTIONS)


def test_calls_are_found_wherever_they_stand() -> None:
    body = {"a": ["[concat(reference('x').y, string(reference('z')[reference('w').i]))]"], "b": "reference('q')"}
    assert sorted(str(call.arguments[0]) for call in calls_in(body, "reference")) == [
        "Literal(value='w')",
        "Literal(value='x')",
        "Literal(value='z')",
    ]


@given(st.text())
def test_any_text_can_be_written_as_an_expression(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert evaluate(f"[concat({quoted})]", FUNCTIONS) == text


@given(st.text("[](),.'ab1- ", max_size=12))
def test_whatever_is_written_has_a_value_or_is_refused(text: str) -> None:
    try:
        parse(f"[{text}]")
        evaluate(f"[{text}]", FUNCTIONS)
    except TemplateError as error:
        assert str(error).startswith("Deployment template ")
