"""Expressions: strings in brackets, such as ``"[concat(parameters('name'), '-nic')]"``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rbac.folding import fold
from sandbox.arm.resources.templates import errors
from sandbox.core.data_files import read_data
from sandbox.core.tokenizer import END, NotUnderstoodError, Tokenizer

Function = Callable[..., Any]

LONGEST = 131_072  # characters of a string, ARM's limit
LARGEST = 20_000  # values in a value
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_]\w*|-?\d+|[()\[\],.])")
_DEEPEST = 40  # levels of an expression, and of a template
_MOST_DIGITS = 20
_LONGEST_EXPRESSION = 24_576  # characters, ARM's limit
_CHARACTERS_PER_VALUE = 64  # a longer string counts as several values
_CHARACTERS_PER_TOKEN = 8
_BUDGET = 1_000_000  # values that a template may come to, all its expressions and copies together

_NOT_HERE = frozenset(read_data(__file__, "functions.yaml")["missing"].split())  # functions of Azure's


@dataclass(frozen=True, slots=True)
class Literal:
    """A string or a whole number."""

    value: str | int


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function with its arguments; names compare without regard to case."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """``target.name`` or ``target[index]``."""

    target: Expression
    key: Expression


Expression = Literal | FunctionCall | Member


@dataclass(slots=True)
class Budget:
    """How many more values a template may come to."""

    left: int = _BUDGET

    def spend(self, amount: int) -> None:
        """Take ``amount`` from what is left; raises TemplateError where that is less."""
        self.left -= amount
        if self.left < 0:
            raise errors.refusal("budget")


@dataclass(slots=True)
class Evaluator:
    """Evaluates the expressions of one template, up to a limit for all of them together.

    ``functions`` are those that can be called, by name in lowercase; ``budget`` is what they may come to.
    """

    functions: Mapping[str, Function]
    budget: Budget = field(default_factory=Budget)

    def extended(self, **functions: Function) -> Evaluator:
        """Return an evaluator that knows more functions, and shares the limit."""
        return Evaluator({**self.functions, **functions}, self.budget)

    def evaluate(self, value: Any, depth: int = 0) -> Any:
        """Return a JSON value with every expression in it, at any depth, replaced by its value."""
        if depth > _DEEPEST:
            raise errors.refusal("template_depth", _DEEPEST)
        self._spend_on_reading(value)
        if isinstance(value, dict):
            return {name: self.evaluate(member, depth + 1) for name, member in value.items()}
        if isinstance(value, list):
            return [self.evaluate(member, depth + 1) for member in value]
        if not isinstance(value, str):
            return value
        expression = parse(value)
        if expression is not None:
            return self.value_of(expression)
        return value[1:] if value.startswith("[[") else value

    def calls_in(self, value: Any, name: str) -> Iterator[FunctionCall]:
        """Yield every call of the function ``name`` in the expressions of a JSON value."""
        waiting = [value]
        while waiting:
            found = waiting.pop()
            self._spend_on_reading(found)
            if isinstance(found, dict):
                waiting += found.values()
            elif isinstance(found, list):
                waiting += found
            elif isinstance(found, str):
                expression = parse(found)
                if expression is not None:
                    yield from _calls(expression, name)

    def _spend_on_reading(self, value: Any) -> None:
        self.budget.spend(1 + (len(value) // _CHARACTERS_PER_TOKEN if isinstance(value, str) else 0))

    def value_of(self, expression: Expression) -> Any:
        """Return the value of an expression. Of ``if``, only the branch that is chosen is evaluated."""
        if isinstance(expression, Literal):
            return expression.value
        if isinstance(expression, Member):
            return _member(self.value_of(expression.target), self.value_of(expression.key))
        if expression.name == "if":
            condition, *branches = expression.arguments
            if len(branches) != 2:
                raise errors.refusal("if")
            return self.value_of(branches[0 if self.value_of(condition) is True else 1])
        return self._call(expression)

    def _call(self, call: FunctionCall) -> Any:
        function = self.functions.get(call.name)
        if function is None:
            what = "not in the sandbox" if call.name in _NOT_HERE else "not valid"
            raise errors.refusal("function", call.name, what)
        arguments = [self.value_of(argument) for argument in call.arguments]
        try:
            value = function(*arguments)
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            raise errors.refusal("arguments", call.name) from error
        self.budget.spend(1 + size_of(value))
        return value


def size_of(value: Any) -> int:
    """Return how many values there are in a value, itself included; raises TemplateError if it is too large."""
    waiting, size = [value], 0
    while waiting:
        found = waiting.pop()
        size += 1
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, str):
            size += len(found) // _CHARACTERS_PER_VALUE
            if len(found) > LONGEST:
                raise errors.refusal("too_large")
        elif isinstance(found, int) and abs(found) >= 2**63:
            raise errors.refusal("too_large")
        if size + len(waiting) > LARGEST:
            raise errors.refusal("too_large")
    return size


def _calls(expression: Expression, name: str) -> Iterator[FunctionCall]:
    if isinstance(expression, Member):
        yield from _calls(expression.target, name)
        yield from _calls(expression.key, name)
    elif isinstance(expression, FunctionCall):
        if expression.name == name:
            yield expression
        for argument in expression.arguments:
            yield from _calls(argument, name)


def _member(target: Any, key: Any) -> Any:
    if isinstance(target, list) and isinstance(key, int) and 0 <= key < len(target):
        return target[key]
    if isinstance(target, dict) and isinstance(key, str):
        for name, value in target.items():
            if fold(name) == fold(key):
                return value
        known = ", ".join(target)
        raise errors.refusal("no_property", key, known)
    raise errors.refusal("property", key)


@lru_cache(maxsize=128)  # the longest ones take half a megabyte
def parse(text: str) -> Expression | None:
    """Return the expression that the string ``text`` is, or None where it stands for itself."""
    if not text.startswith("[") or not text.endswith("]") or text.startswith("[["):
        return None
    if len(text) > _LONGEST_EXPRESSION:
        raise errors.refusal("expression_length", _LONGEST_EXPRESSION)
    try:
        tokens = Tokenizer(text[1:-1], _TOKEN)
        expression = _Parser(tokens).expression(0)
        tokens.expect(END)
    except NotUnderstoodError as error:
        raise errors.refusal("unreadable", text[1:-1]) from error
    return expression


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, tokens: Tokenizer) -> None:
        self._tokens = tokens

    def expression(self, depth: int) -> Expression:
        _check_depth(depth)
        token = self._tokens.next()
        if token.startswith("'"):
            found: Expression = Literal(token[1:-1].replace("''", "'"))
        elif token.lstrip("-").isdigit() and len(token) <= _MOST_DIGITS:
            found = Literal(int(token))
        elif token[:1].isalpha() or token[:1] == "_":
            found = self._call(token, depth)
        else:
            raise NotUnderstoodError(f"'{token}' begins no expression")
        return self._members(found, depth)

    def _call(self, name: str, depth: int) -> FunctionCall:
        self._tokens.expect("(")
        if self._tokens.accept(")"):
            return FunctionCall(fold(name), ())
        arguments = [self.expression(depth + 1)]
        while self._tokens.accept(","):
            arguments.append(self.expression(depth + 1))
        self._tokens.expect(")")
        return FunctionCall(fold(name), tuple(arguments))

    def _members(self, target: Expression, depth: int) -> Expression:
        while self._tokens.peek() in (".", "["):
            depth += 1
            _check_depth(depth)
            if self._tokens.next() == ".":
                target = Member(target, Literal(self._tokens.next()))
            else:
                target = Member(target, self.expression(depth))
                self._tokens.expect("]")
        return target


def _check_depth(depth: int) -> None:
    if depth > _DEEPEST:
        raise NotUnderstoodError("the expression is nested too deep")
