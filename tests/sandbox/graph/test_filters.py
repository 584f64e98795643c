"""What ``$filter`` means, against an evaluation of the same expression in Python."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.graph.query import parse_filter

PROPERTIES = {"id": str, "displayName": str, "names": list, "enabled": bool}
TEXTS = st.text("aAbB'() ,éß", max_size=4)
OBJECTS = st.fixed_dictionaries(
    {"id": TEXTS, "displayName": st.none() | TEXTS, "names": st.lists(TEXTS, max_size=3), "enabled": st.booleans()}
)
Expression = tuple[str, Any]  # as written, and what it asks of an object


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def same(value: str | None, text: str) -> bool:
    return (value or "").casefold() == text.casefold()


@st.composite
def comparisons(draw: st.DrawFn) -> Expression:
    name = draw(st.sampled_from(["id", "displayName"]))
    text, other = draw(TEXTS), draw(TEXTS)
    return draw(
        st.sampled_from(
            [
                (f"{name} eq {quoted(text)}", lambda found: same(found[name], text)),
                (
                    f"{name} in ({quoted(text)},{quoted(other)})",
                    lambda found: same(found[name], text) or same(found[name], other),
                ),
                (
                    f"startswith({name},{quoted(text)})",
                    lambda found: (found[name] or "").casefold().startswith(text.casefold()),
                ),
                (f"names/any(n:n eq {quoted(text)})", lambda found: any(same(each, text) for each in found["names"])),
                ("enabled eq true", lambda found: found["enabled"]),
                ("enabled eq false", lambda found: not found["enabled"]),
            ]
        )
    )


def combined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def both(pair: tuple[Expression, Expression]) -> Expression:
        (one, asks), (two, asks_too) = pair
        return f"({one}) and ({two})", lambda found: asks(found) and asks_too(found)

    def either(pair: tuple[Expression, Expression]) -> Expression:
        (one, asks), (two, asks_too) = pair
        return f"({one} or {two})", lambda found: asks(found) or asks_too(found)

    def negated(expression: Expression) -> Expression:
        return f"not ({expression[0]})", lambda found: not expression[1](found)

    return st.tuples(inner, inner).map(both) | st.tuples(inner, inner).map(either) | inner.map(negated)


@given(st.recursive(comparisons(), combined, max_leaves=6), OBJECTS)
def test_it_keeps_what_the_expression_asks_for(expression: Expression, found: dict[str, Any]) -> None:
    text, asks = expression
    assert parse_filter(text, PROPERTIES, "thing")(found) == asks(found)


def test_and_binds_before_or() -> None:
    keeps = parse_filter("id eq 'a' or id eq 'b' and enabled eq true", PROPERTIES, "thing")
    assert keeps({"id": "a", "enabled": False})
    assert not keeps({"id": "b", "enabled": False})
