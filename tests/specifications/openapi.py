"""Holds recorded exchanges to the published OpenAPI documents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.specifications import bicep, oav
from tests.specifications.oav import UNSPECIFIED, Disagreement, Verdict
from tests.specifications.tolerated import Tolerated, tolerating
from tests.specifications.traffic import Exchange

DOCUMENTS = Path(__file__).parents[3] / "shared" / "azure" / "specs"
"""Where the documents lie, beside the repository; they are not part of it."""

_METADATA = "imds"
_SPECIFIED = {
    "microsoft.authorization": ("2022-04-01",),
    "microsoft.compute": ("2024-07-01",),
    "microsoft.managedidentity": ("2018-11-30", "2023-01-31", "2024-11-30"),
    "microsoft.resources": ("2024-07-01",),
    "microsoft.subscriptions": ("2022-12-01",),
    _METADATA: ("2018-02-01", "2021-02-01", "2023-07-01"),
}
_REGISTRATION = re.compile(r"(/subscriptions/[^/]+/providers)/[^/]+(/register|/unregister)?", re.IGNORECASE)
_UNSPECIFIED = re.compile(r"/metadata/endpoints|/subscriptions/[^/]+/operationresults/.*", re.IGNORECASE)
_PROVIDER = re.compile(r"/providers/([^/]+)/", re.IGNORECASE)
_SUBSCRIPTIONS = re.compile(r"/(tenants|subscriptions(/[^/]+(/locations)?)?)/?", re.IGNORECASE)


@dataclass
class Findings:
    """What came of a check."""

    checked: int = 0
    without_specification: Counter[str] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)
    disagreements: dict[Disagreement, Exchange] = field(default_factory=dict)
    tolerated: Counter[Tolerated] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{len(self.disagreements)} disagreements in {self.checked} exchanges"]
        lines += [f"{disagreement}\n    in {exchange}" for disagreement, exchange in self.disagreements.items()]
        return "\n".join(lines)


def check(exchanges: Iterable[Exchange], package: Path, documents: Path = DOCUMENTS) -> Findings:
    """Check ``exchanges`` with the oav in the folder ``package``."""
    exchanges = list(exchanges)
    return findings_of(exchanges, verdicts(exchanges, package, documents))


def findings_of(exchanges: Iterable[Exchange], said: Iterable[Verdict]) -> Findings:
    """Sum up what was said of each of ``exchanges``.

    A request counts only where it was accepted: that a wrong one is refused is what the test that sent it is about.
    """
    findings = Findings()
    for exchange, verdict in zip(exchanges, said, strict=True):
        if verdict.operation is None:
            findings.without_specification[_service(exchange)] += 1
            continue
        findings.checked += 1
        if exchange.succeeded:
            findings.succeeded.add(verdict.operation)
        for disagreement in verdict.disagreements:
            _check(findings, disagreement, exchange)
    return findings


def verdicts(exchanges: Sequence[Exchange], package: Path, documents: Path = DOCUMENTS) -> list[Verdict]:
    """Return all that is said of each of ``exchanges``, tolerated or not."""
    versions = [version_checked(exchange) for exchange in exchanges]
    pairs = [(exchange, version) for exchange, version in zip(exchanges, versions, strict=True) if version is not None]
    said = iter(oav.validate(package, documents, [_as_traffic(exchange, version) for exchange, version in pairs]))
    return [
        UNSPECIFIED if version is None else _complete(next(said), exchange, documents)
        for exchange, version in zip(exchanges, versions, strict=True)
    ]


def version_checked(exchange: Exchange) -> str | None:
    """Return the api-version whose document an exchange is held to, None where there is no document for it.

    That is the one it asked for; or else the newest there is, since the sandbox answers the same to each.
    """
    versions = _SPECIFIED.get(_service(exchange))
    if versions is None or not exchange.api_version:
        return None
    return exchange.api_version if exchange.api_version in versions else versions[-1]


def _service(exchange: Exchange) -> str:
    """Return the name of the documents that an exchange is held to; where there are none, what it is about."""
    if exchange.url.startswith("http://"):
        return _METADATA
    if _UNSPECIFIED.fullmatch(exchange.path):
        return exchange.path.split("/")[-2]
    providers = _PROVIDER.findall(exchange.path)
    if providers and not _REGISTRATION.fullmatch(exchange.path):
        return str(providers[-1]).lower()
    return "microsoft.subscriptions" if _SUBSCRIPTIONS.fullmatch(exchange.path) else "microsoft.resources"


def _as_traffic(exchange: Exchange, version: str) -> dict[str, Any]:
    url = re.sub(r"(?<=[?&])api-version=[^&]*", f"api-version={version}", exchange.url, flags=re.IGNORECASE)
    if _REGISTRATION.fullmatch(exchange.path):  # oav would look for it among the provider's own operations
        url = re.sub(r"/providers/[^/?]+", "/providers/Microsoft.Unknown", url, flags=re.IGNORECASE)
    request: dict[str, Any] = {"method": exchange.method, "url": url, "headers": exchange.request_headers}
    response: dict[str, Any] = {"statusCode": str(exchange.status), "headers": exchange.headers}
    if exchange.request_body is not None:
        request["headers"] = {**exchange.request_headers, "content-type": "application/json"}
        request["body"] = exchange.request_body
    if exchange.body is not None:
        response["body"] = exchange.body
    return {"liveRequest": request, "liveResponse": response}


def _complete(verdict: Verdict, exchange: Exchange, documents: Path) -> Verdict:
    """Add what oav does not look at: the types of Bicep, and the shape of ARM's refusals."""
    if verdict.operation is None:
        return verdict
    found = [*verdict.disagreements, *bicep.check(exchange, documents)]
    if exchange.status >= 400 and exchange.method != "HEAD" and _service(exchange) != _METADATA:
        error = exchange.body.get("error") if isinstance(exchange.body, dict) else None
        if not isinstance(error, dict) or not all(isinstance(error.get(name), str) for name in ("code", "message")):
            found.append(Disagreement("response", verdict.operation, "ERROR_SHAPE", "$", "this is no error of ARM"))
    return Verdict(verdict.operation, tuple(found))


def _check(findings: Findings, disagreement: Disagreement, exchange: Exchange) -> None:
    if disagreement.side == "request" and not exchange.succeeded:
        return
    reason = tolerating(disagreement)
    if reason is None:
        findings.disagreements.setdefault(disagreement, exchange)
    else:
        findings.tolerated[reason] += 1
