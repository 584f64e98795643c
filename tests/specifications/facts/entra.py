"""Entra's token endpoint, and what clients ask of a cloud of their own."""

from __future__ import annotations

from typing import Any

from tests.specifications.facts.telling import ANYTHING, GUID, Matches, Ordered, Row, Story

_SECRET = {
    "grant_type": "client_credentials",
    "client_id": "<operator:client>",
    "client_secret": "<operator:secret>",
    "scope": "https://management.azure.com/.default",
}


def _sign_in(name: str, form: dict[str, str], path: str = "/<t>/oauth2/v2.0/token", **expected: Any) -> Row:
    return Row(name=name, method="POST", path=path, by="", form=form, **expected)


ENTRA = Story(
    "entra",
    (
        _sign_in(
            "an application gets a token",
            _SECRET,
            status=200,
            answer=Ordered(
                {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": ANYTHING}
            ),
        ),
        _sign_in(
            "a wrong secret is refused in this shape",
            _SECRET | {"client_secret": "wrong"},
            status=401,
            answer=Ordered(
                {
                    "error": "invalid_client",
                    "error_description": Matches("AADSTS7000215: .*"),
                    "error_codes": [7000215],
                    "timestamp": Matches(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
                    "trace_id": GUID,
                    "correlation_id": GUID,
                    "error_uri": Matches("https://login.microsoftonline.com/error.*"),
                }
            ),
        ),
        Row(
            name="a cloud tells its addresses before anybody has signed in",
            path="/metadata/endpoints?api-version=2022-09-01",
            by="",
            status=200,
            answer={
                "name": ANYTHING,
                "portal": ANYTHING,
                "authentication": {
                    "loginEndpoint": "<endpoint>",
                    "audiences": ANYTHING,
                    "tenant": "common",
                    "identityProvider": "AAD",
                },
                "media": ANYTHING,
                "graphAudience": ANYTHING,
                "graph": ANYTHING,
                "microsoftGraphResourceId": ANYTHING,
                "resourceManager": "<endpoint>/",
                "suffixes": ANYTHING,
            },
        ),
        Row(
            name="the Azure CLI finds the tenant's configuration",
            path="/<t>/v2.0/.well-known/openid-configuration",
            by="",
            status=200,
        ),
        *(
            Row(name=f"{client} asks for {what} in {version}", path=path, version=version, status=200)
            for client, what, path, version in (
                ("the Azure CLI", "identities", "<identities>", "2025-05-31-preview"),
                ("the Azure CLI", "machines", "<machine>", "2026-04-01"),
                ("the Azure CLI", "groups", "<group>", "2024-11-01"),
                ("the Azure CLI", "providers", "/subscriptions/<s>/providers/Microsoft.Compute", "2024-11-01"),
                (
                    "the Azure CLI",
                    "role definitions",
                    "<group>/providers/Microsoft.Authorization/roleDefinitions",
                    "2022-05-01-preview",
                ),
                (
                    "the Azure CLI",
                    "role assignments",
                    "<group>/providers/Microsoft.Authorization/roleAssignments",
                    "2022-04-01",
                ),
                ("the Azure CLI", "subscriptions", "/subscriptions", "2022-12-01"),
                ("azure-mgmt-msi 7.1", "identities", "<identities>", "2024-11-30"),
                ("azure-mgmt-compute 39", "machines", "<machine>", "2026-04-01"),
                (
                    "azure-mgmt-authorization 4",
                    "role assignments",
                    "<group>/providers/Microsoft.Authorization/roleAssignments",
                    "2022-04-01",
                ),
                ("azure-mgmt-resource 26", "groups", "<group>", "2025-04-01"),
            )
        ),
    ),
)
