"""A notation for what Azure is known to answer: stories of requests, each with all that its answer must be.

In paths, bodies and expectations ``<name>`` stands for what is known by that name: the seeded ids, and what earlier
rows of the story have learnt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from sandbox.core import seed_data
from tests.support.sandbox import RunningSandbox

Known = dict[str, str]
_NAME = re.compile(r"<([\w:]+)>")


class Anything:
    """Equals whatever is there."""

    def __repr__(self) -> str:
        return "ANYTHING"


@dataclass(frozen=True)
class Matches:
    """A text that a regular expression matches as a whole; what is known stands in it literally."""

    pattern: str


@dataclass(frozen=True)
class SameAs:
    """The value of another header of the same answer."""

    header: str


@dataclass(frozen=True)
class Has:
    """An object with at least these members."""

    members: Mapping[str, Any]


@dataclass(frozen=True)
class Ordered:
    """An object with just these members, in this order."""

    members: Mapping[str, Any]


ANYTHING, NOTHING = Anything(), object()
"""What an answer's body may be, beside JSON: whatever it is; or no bytes at all."""

GUID_PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
GUID = Matches(GUID_PATTERN)
TIME = Matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")
COMPUTE_TIME = Matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00")


def error(code: str, message: Any = ANYTHING) -> dict[str, Any]:
    """ARM's shape of a refusal."""
    return {"error": {"code": code, "message": message}}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One request and what must come back.

    ``path`` may be a whole URL; ``version`` is the api-version, none if empty. ``by`` is who asks: a name that the
    story's preparation has learnt a token for; nobody, if empty. ``later`` is how many seconds pass first, ``times``
    how often the request is made. Of ``headers``, None stands for one that is not there. ``learn`` keeps parts of the
    answer: ``{"poll": "header location", "id": "body properties.principalId"}``.
    """

    name: str
    method: str = "GET"
    path: str
    version: str = ""
    body: Any = None
    form: Mapping[str, str] | None = None
    sent: Mapping[str, str] = field(default_factory=dict)
    by: str = "operator"
    later: float = 0
    times: int = 1
    status: int
    headers: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = ANYTHING
    learn: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """Rows that are asked in their order, of one sandbox; ``prepare`` may add to what is known."""

    name: str
    rows: tuple[Row, ...]
    timing: str = "instant"
    prepare: Callable[[RunningSandbox, Known], None] = lambda sandbox, known: None


@dataclass(frozen=True)
class Told:
    """What came back for a row, and what was known then."""

    response: requests.Response = field(repr=False)
    known: Known = field(repr=False)  # there are tokens in it

    def differences(self, row: Row) -> list[str]:
        """Return in what the answer is not the one that ``row`` has."""
        response = self.response
        found = [] if response.status_code == row.status else [f"status {response.status_code}, not {row.status}"]
        for name, expected in row.headers.items():
            actual = response.headers.get(name)
            wanted = response.headers.get(expected.header) if isinstance(expected, SameAs) else expected
            found += self._compare(f"header {name}", wanted, actual)
        if row.answer is NOTHING:
            return [*found, *([f"a body: {response.text}"] if response.content else [])]
        if row.answer is not ANYTHING:
            found += self._compare("body", row.answer, response.json() if response.content else None)
        return found

    def _compare(self, place: str, expected: Any, actual: Any) -> list[str]:
        match expected:
            case Anything():
                return []
            case Matches(pattern):
                pattern = fill(pattern, {name: re.escape(value) for name, value in self.known.items()})
                good = isinstance(actual, str) and re.fullmatch(pattern, actual, re.DOTALL) is not None
            case str():
                good, expected = actual == fill(expected, self.known), fill(expected, self.known)
            case Has(members) if isinstance(actual, dict):
                return self._compare_members(place, members, {name: actual.get(name, NOTHING) for name in members})
            case Ordered(members) if isinstance(actual, dict):
                if list(actual) != list(members):
                    return [f"{place} has {list(actual)}, not {list(members)}"]
                return self._compare_members(place, members, actual)
            case dict() if isinstance(actual, dict):
                filled = {fill(name, self.known): value for name, value in expected.items()}
                return self._compare_members(place, filled, actual)
            case list() if isinstance(actual, list) and len(actual) == len(expected):
                pairs = enumerate(zip(expected, actual, strict=True))
                return [text for at, (one, other) in pairs for text in self._compare(f"{place}[{at}]", one, other)]
            case _:
                good = type(actual) is type(expected) and actual == expected
        return [] if good else [f"{place} is {actual!r}, not {expected!r}"]

    def _compare_members(self, place: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
        found = [f"{place} has no {name!r}" for name in expected.keys() - actual.keys()]
        found += [f"{place} has {name!r}" for name in actual.keys() - expected.keys()]
        for name in [name for name in expected if name in actual]:
            found += self._compare(f"{place}.{name}", expected[name], actual[name])
        return found


def fill(text: str, known: Mapping[str, str]) -> str:
    """Return ``text`` with each ``<name>`` that is known replaced."""
    return _NAME.sub(lambda found: known.get(found[1], found[0]), text)


def tell(story: Story, sandbox: RunningSandbox) -> dict[str, Told]:
    """Ask a story's rows in their order; return what came back by the name of the row."""
    known = _seeded(sandbox)
    story.prepare(sandbox, known)
    told: dict[str, Told] = {}
    for row in story.rows:
        sandbox.clock.advance(row.later)
        for _ in range(row.times):
            response = _ask(row, sandbox, known)
        told[row.name] = Told(response, dict(known))
        for name, source in row.learn.items():
            known[name] = _part(response, source)
    return told


def _seeded(sandbox: RunningSandbox) -> Known:
    there = sandbox.seed_data
    group = there.group(seed_data.RESOURCE_GROUP)
    return {
        "endpoint": sandbox.endpoint,
        "metadata": sandbox.metadata_endpoint(),
        "t": there.tenant_id,
        "s": there.subscription_id,
        "group": group,
        "identities": f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        "machine": f"{group}/providers/Microsoft.Compute/virtualMachines/{seed_data.VM_NAME}",
        "operator:client": there.operator_client_id,
        "operator:object": there.operator_object_id,
        "operator:secret": sandbox.secret,
        "token:operator": sandbox.token(),
    }


def _ask(row: Row, sandbox: RunningSandbox, known: Known) -> requests.Response:
    path = fill(row.path, known)
    url = path if path.startswith("http") else sandbox.endpoint + path
    if row.version:
        url += f"{'&' if '?' in url else '?'}api-version={row.version}"
    headers = {"Authorization": f"Bearer {known[f'token:{row.by}']}"} if row.by else {}
    headers |= {name: fill(value, known) for name, value in row.sent.items()}
    form = None if row.form is None else {name: fill(value, known) for name, value in row.form.items()}
    body = _filled(row.body, known)
    return sandbox.session.request(row.method, url, json=body, data=form, headers=headers, allow_redirects=False)


def _filled(value: Any, known: Known) -> Any:
    if isinstance(value, str):
        return fill(value, known)
    if isinstance(value, dict):
        return {fill(name, known): _filled(member, known) for name, member in value.items()}
    return [_filled(member, known) for member in value] if isinstance(value, list) else value


def _part(response: requests.Response, source: str) -> str:
    kind, _, name = source.partition(" ")
    if kind == "header":
        return response.headers[name]
    value = response.json()
    for step in name.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return str(value)
