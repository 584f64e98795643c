"""What a collection is asked for: which objects (``$filter``), in which pages, and which of their properties.

Query options: https://learn.microsoft.com/graph/query-parameters. Of ``$filter`` there is the part of OData's language
that clients use on principals (https://learn.microsoft.com/graph/filter-query-parameter): ``eq``, ``in``,
``startswith`` and ``any``, joined by ``and``, ``or``, ``not`` and parentheses. Text compares without regard to case, as
in the directory.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rbac.folding import fold
from sandbox.core.http import Answer, Request
from sandbox.core.tokenizer import END, NotUnderstoodError, Tokenizer
from sandbox.graph import errors
from sandbox.graph.objects import Kind

Object = Mapping[str, Any]
Condition = Callable[[Object], bool]

PAGE_SIZE = 100
MAXIMUM_PAGE_SIZE = 999
_SKIP_TOKEN = "$skiptoken"
_OFFERED = frozenset({"$filter", "$top", _SKIP_TOKEN, "$select", "$count"})
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:/]|[A-Za-z_][\w.]*)")
_DEEPEST = 20  # parentheses and negations within each other


def answer_collection(request: Request, kind: Kind, objects: list[dict[str, Any]], context: dict[str, Any]) -> Answer:
    """Answer a page of ``objects``, all of ``kind`` and ordered by id, under the ``context`` of such answers."""
    _check_options(request)
    size = _page_size(request)
    text = request.parameter("$filter")
    found = list(filter(parse_filter(text, kind.filterable, kind.name), objects)) if text is not None else objects
    body = dict(context)
    if fold(request.parameter("$count") or "") == "true":
        body["@odata.count"] = len(found)
    after = _skip_token(request)
    rest = [shown for shown in found if shown["id"] > after]
    if len(rest) > size:
        body["@odata.nextLink"] = request.next_link(_SKIP_TOKEN, rest[size - 1]["id"])
    body["value"] = [selected(request, kind, shown) for shown in rest[:size]]
    return Answer(200, body)


def selected(request: Request, kind: Kind, shown: dict[str, Any]) -> dict[str, Any]:
    """Return what ``$select`` asks for of one object; all of it without that option."""
    wanted = request.parameter("$select")
    if not wanted:
        return shown
    names = {fold(name): name for name in shown}
    chosen = [part.strip() for part in wanted.split(",")]
    for name in chosen:
        if fold(name) not in names:
            raise errors.refusal("unknown_property", name, kind.odata_type[1:])
    return {names[fold(name)]: shown[names[fold(name)]] for name in chosen}


def _check_options(request: Request) -> None:
    for name, _ in request.query:
        if name.startswith("$") and fold(name) not in _OFFERED:
            raise errors.refusal("unsupported_option", name)


def _page_size(request: Request) -> int:
    top = request.parameter("$top")
    if top is None:
        return PAGE_SIZE
    if not (top.isascii() and top.isdigit()) or not 1 <= int(top[:4]) <= MAXIMUM_PAGE_SIZE or len(top) > 3:
        raise errors.refusal("invalid_page_size", top, MAXIMUM_PAGE_SIZE)
    return int(top)


def _skip_token(request: Request) -> str:
    try:
        return request.page_before(_SKIP_TOKEN)
    except ValueError as error:
        raise errors.refusal("invalid_skip_token") from error


# --- $filter ----------------------------------------------------------------------------------------------------------


def parse_filter(text: str, properties: Mapping[str, type], kind: str) -> Condition:
    """Return what a ``$filter`` asks of an object of the type ``kind``.

    ``properties`` are the names that can be compared, with the types of their values: str, bool, or a list of strings.
    """
    try:
        tokens = Tokenizer(text, _TOKEN)
        condition = _Parser(tokens, properties, kind).alternatives(0)
        tokens.expect(END)
    except NotUnderstoodError as error:
        raise errors.refusal("invalid_filter", error) from error
    return condition


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, tokens: Tokenizer, properties: Mapping[str, type], kind: str) -> None:
        self._tokens = tokens
        self._properties = {fold(name): (name, type_) for name, type_ in properties.items()}
        self._kind = kind

    def alternatives(self, depth: int) -> Condition:
        choices = [self._conjunction(depth)]
        while self._tokens.accept("or"):
            choices.append(self._conjunction(depth))
        return lambda found: any(choice(found) for choice in choices)

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._term(depth)]
        while self._tokens.accept("and"):
            parts.append(self._term(depth))
        return lambda found: all(part(found) for part in parts)

    def _term(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise NotUnderstoodError("the expression is nested too deep")
        if self._tokens.accept("not"):
            negated = self._term(depth + 1)
            return lambda found: not negated(found)
        if self._tokens.accept("("):
            inner = self.alternatives(depth + 1)
            self._tokens.expect(")")
            return inner
        if self._tokens.accept("startswith"):
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Condition:
        self._tokens.expect("(")
        name = self._known(self._tokens.next(), str)
        self._tokens.expect(",")
        prefix = self._text()
        self._tokens.expect(")")
        return lambda found: _fold(found.get(name)).startswith(prefix)

    def _comparison(self) -> Condition:
        token = self._tokens.next()
        if self._tokens.accept("/"):
            return self._any(self._known(token, list))
        if self._tokens.accept("in"):
            name, choices = self._known(token, str), self._texts()
            return lambda found: _fold(found.get(name)) in choices
        self._tokens.expect("eq")
        if self._tokens.peek() in ("true", "false"):
            flag, wanted = self._known(token, bool), self._tokens.next() == "true"
            return lambda found: found.get(flag) is wanted
        name, text = self._known(token, str), self._text()
        return lambda found: _fold(found.get(name)) == text

    def _any(self, name: str) -> Condition:
        self._tokens.expect("any")
        self._tokens.expect("(")
        variable = self._tokens.next()
        for token in (":", variable, "eq"):
            self._tokens.expect(token)
        text = self._text()
        self._tokens.expect(")")
        return lambda found: text in map(_fold, found.get(name, ()))

    def _known(self, token: str, type_: type) -> str:
        name, actual = self._properties.get(fold(token), (token, None))
        if actual is not type_:
            raise errors.refusal("unsupported_filter", token, self._kind)
        return name

    def _texts(self) -> set[str]:
        self._tokens.expect("(")
        texts = {self._text()}
        while self._tokens.accept(","):
            texts.add(self._text())
        self._tokens.expect(")")
        return texts

    def _text(self) -> str:
        token = self._tokens.next()
        if not token.startswith("'"):
            raise NotUnderstoodError(f"'{token}' is not a string in quotes")
        return _fold(token[1:-1].replace("''", "'"))


def _fold(value: object) -> str:
    return fold(value) if isinstance(value, str) else ""
