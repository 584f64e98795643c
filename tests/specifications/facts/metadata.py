"""The metadata service on a machine."""

from __future__ import annotations

from typing import Any

from sandbox.core import seed_data
from tests.specifications.facts.telling import ANYTHING, Has, Known, Matches, Row, Story, error
from tests.support.sandbox import RunningSandbox

_TOKEN = "<metadata>/metadata/identity/oauth2/token?api-version=2018-02-01"
_RESOURCE = "resource=https://management.azure.com/"
_METADATA = {"Metadata": "true"}
_NUMBER = Matches(r"\d+")
_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
_GRANT = "<group>/providers/Microsoft.Authorization/roleAssignments/0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7f001"


def _answered(client: object, resource: str = "https://management.azure.com/") -> dict[str, Any]:
    return {
        "access_token": ANYTHING,
        "client_id": client,
        "refresh_token": "",
        "expires_in": _NUMBER,
        "expires_on": _NUMBER,
        "not_before": _NUMBER,
        "resource": resource,
        "token_type": "Bearer",
    }


def _refused(description: Any) -> dict[str, Any]:
    return {"error": "invalid_request", "error_description": description}


_NOT_FOUND = _refused("Identity not found")
_SEVERAL = _refused(
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token "
    "request"
)


def _ask(name: str, path: str, **expected: Any) -> Row:
    return Row(**{"name": name, "path": path, "by": "", "sent": _METADATA, **expected})


def _attach(name: str, **identity: Any) -> Row:
    return Row(
        name=name, method="PATCH", path="<machine>", version="2024-07-01", body={"identity": identity}, status=200
    )


def _identities(sandbox: RunningSandbox, known: Known) -> None:
    for name in ("ID1", "ID2"):
        path = f"{known['identities']}/{name}"
        made = sandbox.arm("PUT", path, {"location": "eastus"}, token=known["token:operator"], version="2024-11-30")
        properties = made.json()["properties"]
        known[f"{name}:client"], known[f"{name}:object"] = properties["clientId"], properties["principalId"]


METADATA = Story(
    "metadata",
    (
        _ask(
            "a machine without identities gets no token",
            f"{_TOKEN}&{_RESOURCE}",
            status=400,
            headers={"Server": Matches("IMDS/.*")},
            answer=_NOT_FOUND,
        ),
        _attach(
            "a machine gets a user-assigned identity",
            type="UserAssigned",
            userAssignedIdentities={"<identities>/ID1": {}},
        ),
        _ask(
            "a token comes with values that are all strings",
            f"{_TOKEN}&{_RESOURCE}",
            status=200,
            headers={"Server": Matches("IMDS/.*")},
            answer=_answered("<ID1:client>"),
            learn={"token:ID1": "body access_token"},
        ),
        *(
            _ask(
                f"an identity is named by its {what}",
                f"{_TOKEN}&{_RESOURCE}&{selector}",
                status=200,
                answer=_answered("<ID1:client>"),
            )
            for what, selector in {
                "client id": "client_id=<ID1:client>",
                "object id": "object_id=<ID1:object>",
                "resource id": "msi_res_id=<identities>/ID1",
            }.items()
        ),
        _ask(
            "a resource may come without its final slash",
            f"{_TOKEN}&resource=https://management.azure.com",
            status=200,
            answer=_answered("<ID1:client>", "https://management.azure.com"),
        ),
        _ask(
            "an identity that the machine has not is not found",
            f"{_TOKEN}&{_RESOURCE}&client_id=<ID2:client>",
            status=400,
            answer=_NOT_FOUND,
        ),
        _ask(
            "without its header nothing is told",
            f"{_TOKEN}&{_RESOURCE}",
            sent={},
            status=400,
            answer=_refused("Required metadata header not specified"),
        ),
        _ask(
            "nothing is told to a proxy",
            f"{_TOKEN}&{_RESOURCE}",
            sent={**_METADATA, "X-Forwarded-For": "10.0.0.1"},
            status=400,
            answer=_refused(ANYTHING),
        ),
        _ask(
            "two of the same parameter are refused",
            f"{_TOKEN}&{_RESOURCE}&{_RESOURCE}",
            status=400,
            answer=_refused(ANYTHING),
        ),
        _ask("other methods are refused", f"{_TOKEN}&{_RESOURCE}", method="POST", status=405),
        _ask(
            "without an api-version the newest are named",
            "<metadata>/metadata/instance",
            status=400,
            answer={
                "error": "Bad request. api-version was not specified in the request. For more information refer to "
                "aka.ms/azureimds",
                "newest-versions": [ANYTHING, ANYTHING, ANYTHING],
            },
        ),
        _ask(
            "a machine's identities are not in its instance metadata",
            "<metadata>/metadata/instance?api-version=2021-02-01",
            status=200,
            answer={"compute": Has({"name": seed_data.VM_NAME, "location": "eastus"}), "network": ANYTHING},
        ),
        _attach(
            "a machine gets a second identity",
            type="UserAssigned",
            userAssignedIdentities={"<identities>/ID2": {}},
        ),
        _ask("of two identities one has to be named", f"{_TOKEN}&{_RESOURCE}", status=400, answer=_SEVERAL),
        _attach("a machine gets an identity of its own", type="SystemAssigned, UserAssigned"),
        _ask(
            "unless the machine has one of its own",
            f"{_TOKEN}&{_RESOURCE}",
            status=200,
            answer=_answered(ANYTHING),
        ),
        Row(
            name="a token that was had before a role is assigned",
            path="<group>",
            version="2024-07-01",
            by="ID1",
            status=403,
            answer=error("AuthorizationFailed"),
        ),
        Row(
            name="the identity gets a role",
            method="PUT",
            path=_GRANT,
            version="2022-04-01",
            body={
                "properties": {
                    "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{_READER}",
                    "principalId": "<ID1:object>",
                    "principalType": "ServicePrincipal",
                }
            },
            status=201,
        ),
        Row(name="opens afterwards, without a new one", path="<group>", version="2024-07-01", by="ID1", status=200),
        Row(name="the identity is deleted", method="DELETE", path="<identities>/ID1", version="2024-11-30", status=200),
        Row(name="a token outlives its identity", path="<group>", version="2024-07-01", by="ID1", status=200),
        _ask(
            "of an identity that is deleted there is no new one",
            f"{_TOKEN}&{_RESOURCE}&client_id=<ID1:client>",
            status=400,
            answer=_NOT_FOUND,
        ),
    ),
    prepare=_identities,
)

METADATA_QUOTA = Story(
    "metadata quota",
    (
        _ask(
            "more than 20 requests in a second are too many",
            "<metadata>/metadata/instance?api-version=2021-02-01",
            times=21,
            status=429,
        ),
        _ask(
            "a second later they are served again",
            "<metadata>/metadata/instance?api-version=2021-02-01",
            later=1,
            status=200,
        ),
    ),
    timing="realistic",
)
