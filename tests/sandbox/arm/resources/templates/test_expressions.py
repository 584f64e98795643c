"""What expressions come to, and how they are refused."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm.resources.templates.errors import TemplateError
from sandbox.arm.resources.templates.expressions import Evaluator, parse
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
        ("[guid('a', 'b')]", str(uuid.uuid5(uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830"), "a-b"))),
        ("[length(uniqueString('a'))]", 13),
        ("[equals(uniqueString('a', 'b'), uniqueString('a', 'c'))]", False),
        ("[json('{\"a\": [1]}').a[0]]", 1),
        (f"[extensionResourceId('/s', '{MSI}', 'ID1')]", f"/s/providers/{MSI}/ID1"),
        (f"[tenantResourceId('{MSI}', 'ID1')]", f"/providers/{MSI}/ID1"),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert Evaluator(FUNCTIONS).evaluate(text) == value
    assert Evaluator(FUNCTIONS).evaluate({"a": [text]}) == {"a": [value]}


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
        ("[nope()]", "The template function 'nope' is not valid"),
        ("[newGuid()]", "The template function 'newguid' is not in the sandbox"),
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
        Evaluator(FUNCTIONS).evaluate([text])
    assert message in str(refused.value)


def test_what_is_made_of_itself_twice_is_stopped() -> None:
    text = "variables('text')"
    for _ in range(4):
        text = f"concat({text}, {text})"
    with pytest.raises(TemplateError, match="too large"):
        Evaluator({**FUNCTIONS, "variables": {"text": "a" * 20_000}.__getitem__}).evaluate(f"[{text}]")


LONG = "variables('long')"


@pytest.mark.parametrize(
    "text",
    [
        f"replace({LONG}, 'a', {LONG})",
        f"join(range(0, 19000), {LONG})",
        f"format(variables('places'), {LONG})",
        f"concat({', '.join([LONG] * 400)})",
        f"string(createArray({', '.join([LONG] * 400)}))",
        f"createArray({', '.join([LONG] * 400)})",
        f"guid({', '.join([LONG] * 400)})",
        "range(0, 4000000)",
    ],
)
def test_what_would_be_too_large_is_not_built(text: str) -> None:
    values = {"long": "a" * 131_072, "places": "{0}" * 40_000}
    evaluator = Evaluator({**FUNCTIONS, "variables": values.__getitem__})
    tracemalloc.start()
    try:
        with pytest.raises(TemplateError, match="too large"):
            evaluator.evaluate(f"[{text}]")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


class Unread(list[int]):
    """A list that may be counted, and not gone through."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("gone through")


def test_lists_are_counted_before_they_are_joined() -> None:
    with pytest.raises(TemplateError, match="too large"):
        PURE["concat"](Unread([0] * 10_000), Unread([0] * 10_001))


def test_a_format_with_many_places_has_its_value() -> None:
    evaluator = Evaluator({**FUNCTIONS, "variables": {"places": "{0}" * 40_000}.__getitem__})
    assert evaluator.evaluate("[format(variables('places'), 'a')]") == "a" * 40_000


@pytest.mark.parametrize("text", ["9" * 5000, "variables('object')" + ".a" * 5000, "variables('object')" + "[0]" * 500])
def test_what_no_reader_could_read_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="Unable to parse"):
        Evaluator(FUNCTIONS).evaluate(f"[{text}]")


def test_an_expression_has_arms_longest_length() -> None:
    with pytest.raises(TemplateError, match="more than 24576 characters"):
        Evaluator(FUNCTIONS).evaluate("['" + "a" * 24_576 + "']")


def test_all_expressions_of_a_template_come_to_so_much_and_no_more() -> None:
    evaluator = Evaluator(FUNCTIONS)
    with pytest.raises(TemplateError, match="more than the sandbox evaluates"):
        evaluator.extended(more=lambda: 1).evaluate([["[length(range(0, 19000))]"] * 100] * 10)
    with pytest.raises(TemplateError, match="more than the sandbox evaluates"):
        evaluator.evaluate("[true()]")


def test_a_template_that_is_nested_too_deep_is_refused() -> None:
    value: Any = "x"
    for _ in range(60):
        value = [value]
    with pytest.raises(TemplateError, match="levels deep"):
        Evaluator(FUNCTIONS).evaluate(value)


def test_calls_are_found_wherever_they_stand() -> None:
    body = {"a": ["[concat(reference('x').y, string(reference('z')[reference('w').i]))]"], "b": "reference('q')"}
    assert sorted(str(call.arguments[0]) for call in Evaluator({}).calls_in(body, "reference")) == [
        "Literal(value='w')",
        "Literal(value='x')",
        "Literal(value='z')",
    ]


@given(st.text())
def test_any_text_can_be_written_as_an_expression(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert Evaluator(FUNCTIONS).evaluate(f"[concat({quoted})]") == text


@given(st.text("[](),.'ab1- ", max_size=12))
def test_whatever_is_written_has_a_value_or_is_refused(text: str) -> None:
    try:
        parse(f"[{text}]")
        Evaluator(FUNCTIONS).evaluate(f"[{text}]")
    except TemplateError as error:
        assert str(error).startswith("Deployment template ")
