"""``$filter``: which objects of a collection are asked for.

The part of OData's language that clients use on principals (https://learn.microsoft.com/graph/filter-query-parameter):
``eq``, ``in``, ``startswith`` and ``any``, joined by ``and``, ``or``, ``not`` and parentheses. Text compares without
regard to case, as in the directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.core.tokenizer import END, UnknownCharacterError, Words
from sandbox.graph import errors

Object = Mapping[str, Any]
Condition = Callable[[Object], bool]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:/]|[A-Za-z_][\w.]*)")
_DEEPEST = 20  # parentheses and negations within each other


def parse_filter(text: str, properties: Mapping[str, type], kind: str) -> Condition:
    """Return what ``text`` asks of an object.

    Args:
        text: The value of ``$filter``.
        properties: The names that can be compared, each with the type of its values: str, bool, or list for a
            list of strings.
        kind: The type of the objects, for refusals.

    Raises:
        GraphError: It is no expression, or compares what cannot be compared.
    """
    parser = _Parser(text, properties, kind)
    condition = parser.alternatives(0)
    parser.expect(END)
    return condition


class _Parser:
    """Reads an expression from left to right, one word at a time."""

    def __init__(self, text: str, properties: Mapping[str, type], kind: str) -> None:
        try:
            self._words = Words(text, _TOKEN)
        except UnknownCharacterError as error:
            raise errors.invalid_filter(f"character {error.at + 1} of '{text}' is not understood") from error
        self._properties = {name.casefold(): (name, type_) for name, type_ in properties.items()}
        self._kind = kind

    def alternatives(self, depth: int) -> Condition:
        choices = [self._conjunction(depth)]
        while self._accept("or"):
            choices.append(self._conjunction(depth))
        return lambda found: any(choice(found) for choice in choices)

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._term(depth)]
        while self._accept("and"):
            parts.append(self._term(depth))
        return lambda found: all(part(found) for part in parts)

    def _term(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise errors.invalid_filter("the expression is nested too deep")
        if self._accept("not"):
            negated = self._term(depth + 1)
            return lambda found: not negated(found)
        if self._accept("("):
            inner = self.alternatives(depth + 1)
            self.expect(")")
            return inner
        if self._accept("startswith"):
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Condition:
        self.expect("(")
        name = self._property(str)
        self.expect(",")
        prefix = self._text()
        self.expect(")")
        return lambda found: _fold(found.get(name)).startswith(prefix)

    def _comparison(self) -> Condition:
        word = self._words.next()
        if self._accept("/"):
            return self._any(self._known(word, list))
        if self._accept("in"):
            name, choices = self._known(word, str), self._texts()
            return lambda found: _fold(found.get(name)) in choices
        self.expect("eq")
        if self._words.peek() in ("true", "false"):
            flag, wanted = self._known(word, bool), self._words.next() == "true"
            return lambda found: found.get(flag) is wanted
        name, text = self._known(word, str), self._text()
        return lambda found: _fold(found.get(name)) == text

    def _any(self, name: str) -> Condition:
        self.expect("any")
        self.expect("(")
        variable = self._words.next()
        for word in (":", variable, "eq"):
            self.expect(word)
        text = self._text()
        self.expect(")")
        return lambda found: text in map(_fold, found.get(name, ()))

    def _property(self, type_: type) -> str:
        return self._known(self._words.next(), type_)

    def _known(self, word: str, type_: type) -> str:
        name, actual = self._properties.get(word.casefold(), (word, None))
        if actual is not type_:
            raise errors.unsupported_filter(word, self._kind)
        return name

    def _texts(self) -> set[str]:
        self.expect("(")
        texts = {self._text()}
        while self._accept(","):
            texts.add(self._text())
        self.expect(")")
        return texts

    def _text(self) -> str:
        word = self._words.next()
        if not word.startswith("'"):
            raise errors.invalid_filter(f"'{word}' is not a string in quotes")
        return _fold(word[1:-1].replace("''", "'"))

    def expect(self, word: str) -> None:
        found = self._words.next()
        if found != word:
            raise errors.invalid_filter(f"'{found}' stands where '{word or 'the end'}' is expected")

    def _accept(self, word: str) -> bool:
        if self._words.peek() != word:
            return False
        self._words.next()
        return True


def _fold(value: object) -> str:
    return value.casefold() if isinstance(value, str) else ""
