"""Expressions: strings in brackets, such as ``"[concat(parameters('name'), '-nic')]"``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.arm.resources.templates.errors import evaluation_failed, validation_failed
from sandbox.core.tokenizer import END, Tokenizer, UnknownCharacterError

Function = Callable[..., Any]
Functions = Mapping[str, Function]  # by case-folded name

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_]\w*|-?\d+|[()\[\],.])")
_DEEPEST = 40  # levels of an expression, and of a template
_LONGEST = 131_072  # characters, ARM's limit
LARGEST = 20_000  # values in a value


@dataclass(frozen=True, slots=True)
class Literal:
    """A string or a whole number."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; names compare without regard to case."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """``target.name`` or ``target[index]``."""

    target: Expression
    key: Expression


Expression = Literal | Call | Member


def parse(text: str) -> Expression | None:
    """Return the expression that the string ``text`` is, or None where it stands for itself.

    Raises:
        TemplateError: It begins like an expression and is none.
    """
    if not text.startswith("[") or not text.endswith("]") or text.startswith("[["):
        return None
    parser = _Parser(text[1:-1])
    expression = parser.expression(0)
    parser.expect(END)
    return expression


def evaluate(value: Any, functions: Functions, depth: int = 0) -> Any:
    """Return a JSON value with every expression in it, at any depth, replaced by its value.

    Raises:
        TemplateError: An expression cannot be read, or has no value.
    """
    if depth > _DEEPEST:
        raise validation_failed(f"The template is nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {name: evaluate(member, functions, depth + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [evaluate(member, functions, depth + 1) for member in value]
    if not isinstance(value, str):
        return value
    expression = parse(value)
    if expression is not None:
        return value_of(expression, functions)
    return value[1:] if value.startswith("[[") else value


def value_of(expression: Expression, functions: Functions) -> Any:
    """Return the value of an expression. Of ``if``, only the branch that is chosen is evaluated."""
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Member):
        return _member(value_of(expression.target, functions), value_of(expression.key, functions))
    if expression.name == "if":
        condition, *branches = expression.arguments
        if len(branches) != 2:
            raise evaluation_failed("The template language function 'if' expects three parameters")
        return value_of(branches[0 if value_of(condition, functions) is True else 1], functions)
    function = functions.get(expression.name)
    if function is None:
        raise validation_failed(f"The template function '{expression.name}' is not valid", "arm-functions")
    arguments = [value_of(argument, functions) for argument in expression.arguments]
    try:
        value = function(*arguments)
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise evaluation_failed(
            f"Unable to evaluate the template language function '{expression.name}': the arguments are not valid"
        ) from error
    _check_size(value)
    return value


def calls_in(value: Any, name: str) -> Iterator[Call]:
    """Yield every call of the function ``name`` in the expressions of a JSON value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, str):
            expression = parse(found)
            if expression is not None:
                yield from _calls(expression, name)


def _calls(expression: Expression, name: str) -> Iterator[Call]:
    if isinstance(expression, Member):
        yield from _calls(expression.target, name)
        yield from _calls(expression.key, name)
    elif isinstance(expression, Call):
        if expression.name == name:
            yield expression
        for argument in expression.arguments:
            yield from _calls(argument, name)


def _check_size(value: Any) -> None:
    """Refuse a value that has grown out of all proportion, as one can that is made of itself twice, and so on."""
    waiting, seen = [value], 0
    while waiting:
        found = waiting.pop()
        seen += 1
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        too_long = isinstance(found, str) and len(found) > _LONGEST
        if too_long or seen + len(waiting) > LARGEST or (isinstance(found, int) and abs(found) >= 2**63):
            raise evaluation_failed("The value of a template language expression is too large")


def _member(target: Any, key: Any) -> Any:
    if isinstance(target, list) and isinstance(key, int) and 0 <= key < len(target):
        return target[key]
    if isinstance(target, dict) and isinstance(key, str):
        for name, value in target.items():
            if name.casefold() == key.casefold():
                return value
        known = ", ".join(target)
        raise evaluation_failed(
            f"The language expression property '{key}' doesn't exist, available properties are '{known}'"
        )
    raise evaluation_failed(f"The language expression property '{key}' can't be evaluated")


class _Parser:
    """Reads an expression from left to right, one word at a time."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._words = Tokenizer(text, _TOKEN)
        except UnknownCharacterError as error:
            raise self._unreadable() from error

    def expression(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise self._unreadable()
        word = self._words.next()
        if word.startswith("'"):
            found: Expression = Literal(word[1:-1].replace("''", "'"))
        elif word.lstrip("-").isdigit():
            found = Literal(int(word))
        elif word[:1].isalpha() or word[:1] == "_":
            found = self._call(word, depth)
        else:
            raise self._unreadable()
        return self._members(found, depth)

    def _call(self, name: str, depth: int) -> Call:
        self.expect("(")
        arguments: list[Expression] = []
        if self._words.peek() != ")":
            arguments.append(self.expression(depth + 1))
            while self._words.peek() == ",":
                self._words.next()
                arguments.append(self.expression(depth + 1))
        self.expect(")")
        return Call(name.casefold(), tuple(arguments))

    def _members(self, target: Expression, depth: int) -> Expression:
        while self._words.peek() in (".", "["):
            if self._words.next() == ".":
                target = Member(target, Literal(self._words.next()))
            else:
                target = Member(target, self.expression(depth + 1))
                self.expect("]")
        return target

    def expect(self, word: str) -> None:
        if self._words.next() != word:
            raise self._unreadable()

    def _unreadable(self) -> Exception:
        return validation_failed(f"Unable to parse language expression '{self._text}'", "arm-syntax")
