"""ARM's refusals: who, may they, what, how."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

from tests.specifications.facts.telling import ANYTHING, Known, Matches, Row, Story, error
from tests.support.sandbox import RunningSandbox

VERSION = "2024-07-01"
_CHALLENGE = 'Bearer authorization_uri="https://login.windows.net/<t>", error="invalid_token", error_description="{}"'
_MISSING = _CHALLENGE.format("The authentication failed because of missing 'Authorization' header.")
_ALLOWED = (
    "'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/',"
    "'https://management.azure.com'"
)
_ELSEWHERE = "00000000-0000-0000-0000-000000000000"
_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+Z"


def _tokens(sandbox: RunningSandbox, known: Known) -> None:
    """Make a stranger's token, and tokens that are none: expired, unsigned, for something else."""
    stranger, secret = sandbox.add_principal("stranger")
    known["stranger:client"], known["stranger:object"] = stranger.client_id, stranger.object_id
    known["token:stranger"] = sandbox.token(stranger.client_id, secret)

    def issue(audience: str, hours: float) -> str:
        issued = sandbox.cloud.issuer.for_application(
            audience=audience,
            client_id=known["operator:client"],
            object_id=known["operator:object"],
            lifetime=timedelta(hours=hours),
        )
        return issued.token

    known["token:expired"] = issue("https://management.azure.com/", -0.01)
    known["token:elsewhere"] = issue("https://vault.azure.net", 1)
    header = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    known["token:unsigned"] = f"{header}.{known['token:operator'].split('.')[1]}."


def _row(name: str, path: str = "<group>", method: str = "GET", **expected: Any) -> Row:
    return Row(**{"name": name, "path": path, "method": method, "version": VERSION, **expected})


REFUSALS = Story(
    "refusals",
    (
        _row(
            "401 without a token",
            by="",
            status=401,
            headers={"WWW-Authenticate": _MISSING},
            answer=error("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        ),
        _row(
            "401 with a token that is none",
            by="unsigned",
            status=401,
            headers={"WWW-Authenticate": _CHALLENGE.format("The access token is invalid.")},
            answer=error("InvalidAuthenticationToken", "The access token is invalid."),
        ),
        _row(
            "401 with a token whose time is over",
            by="expired",
            status=401,
            headers={"WWW-Authenticate": Matches(r'Bearer authorization_uri="https://login\.windows\.net/<t>".*')},
            answer=error(
                "ExpiredAuthenticationToken",
                Matches(f"The access token expiry UTC time '{_TIME}' is earlier than current UTC time '{_TIME}'\\."),
            ),
        ),
        _row(
            "401 with a token for something else",
            by="elsewhere",
            status=401,
            headers={"WWW-Authenticate": Matches(r'Bearer authorization_uri="https://login\.windows\.net/<t>".*')},
            answer=error(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource 'https://vault.azure.net'. It "
                f"should exactly match with one of the allowed audiences {_ALLOWED}.",
            ),
        ),
        *(
            _row(
                f"403 for {what}",
                path,
                by="stranger",
                status=403,
                answer=error(
                    "AuthorizationFailed",
                    "The client '<stranger:client>' with object id '<stranger:object>' does not have authorization to "
                    "perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope "
                    f"'{path}' or the scope is invalid. If access was recently granted, please refresh your "
                    "credentials.",
                ),
            )
            for what, path in {
                "a group that one may not read": "<group>",
                "a group that is not there, to one who may not read it": "/subscriptions/<s>/resourceGroups/absent",
            }.items()
        ),
        _row(
            "404 for a group that is not there",
            "/subscriptions/<s>/resourceGroups/absent",
            status=404,
            answer=error("ResourceGroupNotFound", "Resource group 'absent' could not be found."),
        ),
        _row(
            "404 for a resource that is not there",
            "<identities>/absent",
            version="2024-11-30",
            status=404,
            answer=error(
                "ResourceNotFound",
                "The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/absent' under resource group "
                "'myResourceGroupVM' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            ),
        ),
        _row(
            "404 for a subscription that is not there",
            f"/subscriptions/{_ELSEWHERE}",
            status=404,
            answer=error("SubscriptionNotFound", f"The subscription '{_ELSEWHERE}' could not be found."),
        ),
        _row(
            "404 for a type that is not there",
            "<group>/providers/Microsoft.Compute/ufos/a",
            status=404,
            answer=error("InvalidResourceType"),
        ),
        _row(
            "404 for a parent that is not there",
            "<identities>/absent/federatedIdentityCredentials/ci1",
            "PUT",
            version="2024-11-30",
            body={
                "properties": {
                    "issuer": "https://contoso.com",
                    "subject": "ci",
                    "audiences": ["api://AzureADTokenExchange"],
                }
            },
            status=404,
            answer=error("ParentResourceNotFound"),
        ),
        _row(
            "400 without an api-version",
            version="",
            status=400,
            answer=error(
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            ),
        ),
        _row(
            "400 for an api-version that ARM has not",
            version="1999-01-01",
            status=400,
            answer=error(
                "InvalidApiVersionParameter",
                Matches(r"The api-version '1999-01-01' is invalid\. The supported versions are '[\d,-]+'\."),
            ),
        ),
        _row(
            "400 for an api-version that a provider has not",
            "<machine>",
            version="1999-01-01",
            status=400,
            answer=error(
                "NoRegisteredProviderFound",
                Matches(
                    "No registered resource provider found for location '.*' and API version '1999-01-01' for type "
                    r"'virtualMachines'\. The supported api-versions are '[\w, -]+'\. The supported locations are "
                    r"'eastus, .*'\."
                ),
            ),
        ),
        _row(
            "400 for content that is no JSON object",
            "/subscriptions/<s>/resourceGroups/new",
            "PUT",
            body=["eastus"],
            status=400,
            answer=error("InvalidRequestContent"),
        ),
    ),
    prepare=_tokens,
)

THROTTLING = Story(
    "throttling",
    (
        _row("reads are served as far as the quota goes", times=200, status=200),
        _row(
            "429 for more reads than the quota has",
            times=200,
            status=429,
            headers={"Retry-After": "1"},
            answer=error("SubscriptionRequestsThrottled", Matches(r".*Please try again after '1' seconds.*")),
        ),
        _row("writes have a quota of their own", method="PATCH", body={}, status=200, answer=ANYTHING),
        _row("a while later reads are served again", later=30, status=200),
    ),
    timing="realistic",
    prepare=lambda sandbox, known: sandbox.clock.stop(),
)
