"""What random requests have once brought down, or brought out of order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.core import seed_data
from tests.specifications.fuzz.watch import no_errors_logged
from tests.support.sandbox import RunningSandbox

GUID = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c79101"
READER = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
GRANT: dict[str, Any] = {"roleDefinitionId": READER, "principalId": GUID, "principalType": "ServicePrincipal"}
ROLE = {"roleName": "Lister", "assignableScopes": ["<s>"], "permissions": [{"actions": ["*/read"]}]}
DEFINITION = f"<s>/providers/Microsoft.Authorization/roleDefinitions/{GUID}"
ASSIGNMENT = f"<g>/providers/Microsoft.Authorization/roleAssignments/{GUID}"

# Method, path, body, api-version, and the status and code of the answer; <s> is the subscription, <g> a group.
FOUND: dict[str, tuple[str, str, Any, str, int, str]] = {
    "a path that ends where a provider should come": (
        "GET", "<g>/providers/Contoso/providers", None, "2024-07-01", 404, "InvalidResourceNamespace",
    ),
    "a scope that begins with nothing known": (
        "PUT", f"/contoso{READER[:-36]}{GUID}", {"properties": ROLE}, "2022-04-01", 404, "MissingSubscription",
    ),
    "subscriptions without an id for a scope": (
        "PUT", f"/subscriptions{READER[:-36]}{GUID}", {"properties": ROLE}, "2022-04-01", 400, "InvalidSubscriptionId",
    ),
    "a role for less than where it is put": (
        "PUT", READER[:-36] + GUID, {"properties": ROLE}, "2022-04-01", 403, "AuthorizationFailed",
    ),
    "a type whose letters fold into two": (
        "GET", "<g>/providers/Microsoft.Network/publicIPAddreßes/a", None, "2024-05-01", 404, "InvalidResourceType",
    ),
    "half a surrogate pair in a scope": (
        "PUT", DEFINITION, {"properties": {**ROLE, "assignableScopes": ["/subscriptions/\ud800"]}}, "2022-04-01",
        400, "InvalidRequestContent",
    ),
    "half a surrogate pair in an action": (
        "POST", "<g>/providers/Sandbox.Local/explain", {"action": "\ud800"}, "2024-05-28", 400, "InvalidRequestContent",
    ),
    "a job that is nested too deep": (
        "GET", "<s>/operationresults/" + "W1tb" * 2_000, None, "2024-07-01", 404, "OperationNotFound",
    ),
    "a job with half a surrogate pair": (
        "GET", "<s>/operationresults/eyJqb2JJZCI6IlgtXHVkODAwIn0", None, "2024-07-01", 404, "OperationNotFound",
    ),
    "a description that is no text": (
        "PUT", ASSIGNMENT, {"properties": {**GRANT, "description": {"a": 1}}}, "2022-04-01",
        400, "InvalidRequestContent",
    ),
    "a role's description that is no text": (
        "PUT", DEFINITION, {"properties": {**ROLE, "description": ["a"]}}, "2022-04-01", 400, "InvalidRequestContent",
    ),
    "a manager that is no text": (
        "PUT", "<s>/resourceGroups/new", {"location": "eastus", "managedBy": [1]}, "2024-07-01",
        400, "InvalidRequestContent",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "version", "status", "code"), FOUND.values(), ids=FOUND.keys())
def test_what_was_found_is_refused(
    sandbox: RunningSandbox, method: str, path: str, body: Any, version: str, status: int, code: str
) -> None:
    known = {"<s>": sandbox.seed_data.subscription, "<g>": sandbox.seed_data.group(seed_data.RESOURCE_GROUP)}
    text = json.dumps(body)
    for name, value in known.items():
        path, text = path.replace(name, value), text.replace(name, value)
    with no_errors_logged():
        response = sandbox.arm(method, path, json.loads(text), version=version)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000])
def test_a_number_that_could_not_be_written_again_is_refused(sandbox: RunningSandbox, number: str) -> None:
    response = sandbox.session.put(
        f"{sandbox.endpoint}{sandbox.seed_data.group('new')}?api-version=2024-07-01",
        data=f'{{"location": "eastus", "contoso": {number}}}',
        headers={"Authorization": f"Bearer {sandbox.token()}", "Content-Type": "application/json"},
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "InvalidRequestContent")


def test_names_that_fold_into_the_same_are_two(sandbox: RunningSandbox) -> None:
    made = []
    for name in ("straße", "strasse"):
        group = sandbox.seed_data.group(name)
        assert sandbox.arm("PUT", group, {"location": "eastus"}, version="2024-07-01").status_code == 201
        identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
        made.append(sandbox.arm("PUT", identity, {"location": "eastus"}, version="2024-11-30"))
    assert [response.status_code for response in made] == [201, 201]
    assert len({response.json()["properties"]["principalId"] for response in made}) == 2
    assert made[0].headers["location"].isascii()


def test_principals_whose_names_differ_in_case_are_two(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals"
    made = [sandbox.arm("PUT", f"{path}/{name}", version="2024-05-28") for name in ("Fabrikam", "fabrikam")]
    assert [response.status_code for response in made] == [201, 201]
    assert len({response.json()["objectId"] for response in made}) == 2
