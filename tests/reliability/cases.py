"""The faults that the series is run with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """Faults, as they stand in the file, and what to call them."""

    title: str
    rules: str


CASES = (
    Case(
        "Resource Manager: 429 with Retry-After, the first three requests",
        "{fault: 429, service: arm, first: 3, retry_after: 1}",
    ),
    Case("Resource Manager: 500, every 9th request", "{fault: 500, service: arm, every: 9}"),
    Case("Resource Manager: 503, three requests in a row", "{fault: 503, service: arm, first: 3}"),
    Case("Resource Manager: 503, always", "{fault: 503, service: arm}"),
    Case("Resource Manager: 409, the first change", "{fault: 409, service: arm, method: [PUT, PATCH], nth: 1}"),
    Case("Resource Manager: connection reset, every 7th request", "{fault: reset, service: arm, every: 7}"),
    Case("Resource Manager: answer lost, every 5th request", "{fault: lost, service: arm, every: 5}"),
    Case("Resource Manager: no answer to the 10th request", "{fault: hang, service: arm, nth: 10}"),
    Case("`PrincipalNotFound`, twice", "{fault: PrincipalNotFound, first: 2}"),
    Case("`PrincipalNotFound`, always", "{fault: PrincipalNotFound}"),
    Case("`ScopeLocked`", "{fault: ScopeLocked}"),
    Case("`ScopeLocked`, deletions only", "{fault: ScopeLocked, method: DELETE}"),
    Case("`RequestDisallowedByPolicy`", "{fault: RequestDisallowedByPolicy}"),
    Case("`ReadOnlyDisabledSubscription`", "{fault: ReadOnlyDisabledSubscription}"),
    Case("A claims challenge (multi-factor sign-in)", "{fault: ClaimsChallenge}"),
    Case("Entra: 429 with Retry-After, once", "{fault: 429, service: entra, method: POST, first: 1, retry_after: 1}"),
    Case("Entra: 503, always", "{fault: 503, service: entra, method: POST}"),
    Case("Entra: connection reset, once", "{fault: reset, service: entra, method: POST, nth: 1}"),
    Case("Entra: no answer, once", "{fault: hang, service: entra, method: POST, nth: 1}"),
    Case("Metadata service: 404, three times", "{fault: 404, service: metadata, first: 3}"),
    Case("Metadata service: 410, for 20 seconds", "{fault: 410, service: metadata, seconds: 20}"),
    Case("Metadata service: 429, three times", "{fault: 429, service: metadata, first: 3}"),
    Case("Metadata service: 500, three times", "{fault: 500, service: metadata, first: 3}"),
    Case('Metadata service: "Identity not found", for 10 seconds', "{fault: IdentityNotFound, seconds: 10}"),
    Case("Metadata service: connection reset, twice", "{fault: reset, service: metadata, first: 2}"),
)
