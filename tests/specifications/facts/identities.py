"""User-assigned identities and federated credentials (Microsoft.ManagedIdentity)."""

from __future__ import annotations

from tests.specifications.facts.telling import ANYTHING, GUID, NOTHING, Matches, Row, Story, error

VERSION = "2024-11-30"
_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
_LOWER = f"/subscriptions/<s>/resourcegroups/myResourceGroupVM/providers/{_TYPE}"
_BODY = {
    "location": "eastus",
    "tags": {},
    "id": f"{_LOWER}/ID1",
    "name": "ID1",
    "type": _TYPE,
    "properties": {"tenantId": "<t>", "principalId": GUID, "clientId": GUID},
}
_CREDENTIAL = {"issuer": "https://contoso.com", "subject": "ci", "audiences": ["api://AzureADTokenExchange"]}
_LONGEST = "a" * 128

IDENTITIES = Story(
    "identities",
    (
        Row(
            name="a new identity is answered 201 with its relative location, in lower case",
            method="PUT",
            path="<identities>/ID1",
            version=VERSION,
            body={"location": "eastus"},
            status=201,
            headers={"location": f"{_LOWER}/ID1"},
            answer=_BODY,
            learn={"principal": "body properties.principalId", "client": "body properties.clientId"},
        ),
        Row(
            name="an existing identity is answered 200 without a location, and keeps its principal",
            method="PUT",
            path="<identities>/ID1",
            version=VERSION,
            body={"location": "eastus", "tags": {"course": "identities"}},
            status=200,
            headers={"location": None},
            answer=_BODY
            | {
                "tags": {"course": "identities"},
                "properties": {"tenantId": "<t>", "principalId": "<principal>", "clientId": "<client>"},
            },
        ),
        Row(
            name="patching tags answers 200 with the whole resource",
            method="PATCH",
            path="<identities>/ID1",
            version=VERSION,
            body={"tags": {"course": "all"}},
            status=200,
            answer=_BODY | {"tags": {"course": "all"}},
        ),
        Row(
            name="without tags the key is there, empty",
            method="PUT",
            path="<identities>/ID1",
            version=VERSION,
            body={"location": "eastus"},
            status=200,
            answer=_BODY,
        ),
        Row(
            name="an id is found in any case and shown in its own",
            path="/SUBSCRIPTIONS/<s>/RESOURCEGROUPS/MYRESOURCEGROUPVM/PROVIDERS/MICROSOFT.MANAGEDIDENTITY"
            "/USERASSIGNEDIDENTITIES/id1",
            version=VERSION,
            status=200,
            answer=_BODY,
        ),
        *(
            Row(
                name=f"a name of {what} is refused",
                method="PUT",
                path=f"<identities>/{name}",
                version=VERSION,
                body={"location": "eastus"},
                status=400,
                answer=error("InvalidResourceName"),
            )
            for what, name in {
                "2 characters": "ID",
                "129 characters": _LONGEST + "a",
                "a dot": "ID.1",
                "a hyphen at its start": "-ID1",
                "an underscore at its start": "_ID1",
            }.items()
        ),
        *(
            Row(
                name=f"a name of {what} is taken",
                method="PUT",
                path=f"<identities>/{name}",
                version=VERSION,
                body={"location": "eastus"},
                status=201,
            )
            for what, name in {"3 characters": "ID2", "128 characters": _LONGEST, "a digit first": "1-_"}.items()
        ),
        Row(
            name="a new federated credential is answered 201 with a location",
            method="PUT",
            path="<identities>/ID1/federatedIdentityCredentials/ci1",
            version=VERSION,
            body={"properties": _CREDENTIAL},
            status=201,
            headers={"location": f"{_LOWER}/ID1/federatedIdentityCredentials/ci1"},
            answer={
                "id": f"{_LOWER}/ID1/federatedIdentityCredentials/ci1",
                "name": "ci1",
                "type": f"{_TYPE}/federatedIdentityCredentials",
                "properties": _CREDENTIAL,
            },
        ),
        Row(
            name="an existing federated credential is answered 200 without one",
            method="PUT",
            path="<identities>/ID1/federatedIdentityCredentials/ci1",
            version=VERSION,
            body={"properties": _CREDENTIAL},
            status=200,
            headers={"location": None},
        ),
        Row(
            name="deleting a federated credential answers 200 and nothing",
            method="DELETE",
            path="<identities>/ID1/federatedIdentityCredentials/ci1",
            version=VERSION,
            status=200,
            answer=NOTHING,
        ),
        Row(
            name="an identity that nothing has is associated with nothing",
            method="POST",
            path="<identities>/ID1/listAssociatedResources",
            version="2023-07-31-preview",
            status=200,
            answer={"totalCount": 0, "value": []},
        ),
        Row(
            name="a machine without a system-assigned identity has none to show",
            path="<machine>/providers/Microsoft.ManagedIdentity/identities/default",
            version=VERSION,
            status=404,
            answer=error("ResourceNotFound"),
        ),
        Row(
            name="a machine is given a system-assigned identity",
            method="PATCH",
            path="<machine>",
            version="2024-07-01",
            body={"identity": {"type": "SystemAssigned"}},
            status=200,
        ),
        Row(
            name="a system-assigned identity is shown below its machine",
            path="<machine>/providers/Microsoft.ManagedIdentity/identities/default",
            version=VERSION,
            status=200,
            answer={
                "id": "<machine>/providers/Microsoft.ManagedIdentity/identities/default",
                "name": "default",
                "type": "Microsoft.ManagedIdentity/identities",
                "location": "eastus",
                "tags": ANYTHING,
                "properties": {"tenantId": "<t>", "principalId": GUID, "clientId": GUID},
            },
        ),
        Row(
            name="deleting an identity answers 200 and nothing",
            method="DELETE",
            path="<identities>/ID1",
            version=VERSION,
            status=200,
            answer=NOTHING,
        ),
        Row(
            name="deleting an identity that is not there answers 204",
            method="DELETE",
            path="<identities>/ID1",
            version=VERSION,
            status=204,
            answer=NOTHING,
        ),
        Row(
            name="an identity made again has another principal",
            method="PUT",
            path="<identities>/ID1",
            version=VERSION,
            body={"location": "eastus"},
            status=201,
            answer=_BODY
            | {"properties": {"tenantId": "<t>", "principalId": Matches("(?!<principal>).*"), "clientId": GUID}},
        ),
    ),
)
