"""Deployments of templates: through the same gate as every request, all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.core.http import Answer
from tests.support.desk import Desk, code, message

VERSION = "2024-11-01"
MSI = "Microsoft.ManagedIdentity/userAssignedIdentities"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def identity(name: str, **more: Any) -> dict[str, Any]:
    return {"type": MSI, "apiVersion": "2024-11-30", "name": name, "location": "eastus", **more}


def body(*resources: Any, mode: str = "Incremental", **template: Any) -> dict[str, Any]:
    return {"properties": {"mode": mode, "template": {"resources": list(resources), **template}}}


@pytest.fixture
def path(desk: Desk) -> str:
    return f"{desk.group}/providers/Microsoft.Resources/deployments/d1"


def ask(desk: Desk, method: str, path: str, content: Any = None, **options: Any) -> Answer:
    return desk.ask(method, path, content, **{"version": VERSION, **options})


def made(desk: Desk, name: str) -> bool:
    return desk.cloud.store.get(f"{desk.group}/providers/{MSI}/{name}") is not None


def test_a_deployment_makes_its_resources_and_tells_what_it_made(desk: Desk, path: str) -> None:
    client = f"[reference(resourceId('{MSI}', 'one')).clientId]"
    content = body(
        identity("two", tags={"of": client}, dependsOn=[f"{MSI}/one"]),
        identity("one"),
        outputs={"client": {"type": "string", "value": client}},
    )
    answer = ask(desk, "PUT", path, content)
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Accepted")
    assert not {"outputs", "outputResources"} & set(answer.body["properties"])
    assert "/resourcegroups/" in answer.headers["Azure-AsyncOperation"]
    status = ask(desk, "GET", answer.headers["Azure-AsyncOperation"])
    assert (status.status, status.body) == (200, {"status": "Succeeded"})
    shown = ask(desk, "GET", path).body
    first, second = (f"{desk.group}/providers/{MSI}/{name}" for name in ("one", "two"))
    assert shown["properties"]["outputResources"] == [{"id": first}, {"id": second}]
    assert shown["properties"]["providers"] == [
        {
            "namespace": "Microsoft.ManagedIdentity",
            "resourceTypes": [{"resourceType": "userAssignedIdentities", "locations": ["eastus"]}],
        }
    ]
    [dependency] = shown["properties"]["dependencies"]
    assert dependency["id"] == second and [each["id"] for each in dependency["dependsOn"]] == [first]
    one, two = (ask(desk, "GET", each, version="2024-11-30").body for each in (first, second))
    assert two["tags"] == {"of": one["properties"]["clientId"]}
    assert shown["properties"]["outputs"] == {"client": {"type": "String", "value": one["properties"]["clientId"]}}
    assert [each["id"] for each in ask(desk, "GET", path.rpartition("/")[0]).body["value"]] == [shown["id"]]
    operations = ask(desk, "GET", f"{desk.group}/deployments/d1/operations").body["value"]
    assert [each["properties"]["targetResource"]["resourceName"] for each in operations] == ["one", "two"]


def test_it_can_be_repeated_and_forgotten(desk: Desk, path: str) -> None:
    assert ask(desk, "HEAD", path).status == 404
    assert ask(desk, "PUT", path, body(identity("a-id"))).status == 201
    assert ask(desk, "PUT", path, body(identity("a-id"))).status == 200
    assert ask(desk, "HEAD", path).status == 204
    assert ask(desk, "DELETE", path).status == 204
    assert (code(ask(desk, "GET", path)), made(desk, "a-id")) == ("DeploymentNotFound", True)


def test_a_refused_resource_undoes_the_rest(desk: Desk, path: str) -> None:
    answer = ask(desk, "PUT", path, body(identity("a-id"), identity("x!", dependsOn=["a-id"])))
    assert (answer.status, code(answer)) == (400, "InvalidTemplateDeployment")
    assert message(answer).startswith(
        "The template deployment 'd1' is not valid according to the validation procedure."
    )
    [detail] = answer.body["error"]["details"]
    assert detail["code"] == "InvalidResourceName" and "The name 'x!' is not valid" in detail["message"]
    assert not made(desk, "a-id") and ask(desk, "GET", path).status == 404


def test_validation_makes_nothing(desk: Desk, path: str) -> None:
    role = {
        "type": "Microsoft.Authorization/roleDefinitions",
        "apiVersion": "2022-04-01",
        "name": "00000000-0000-4000-8000-000000000000",
        "properties": {
            "roleName": "Tried",
            "assignableScopes": ["[subscription().id]"],
            "permissions": [{"actions": ["*/read"]}],
        },
    }
    answer = ask(desk, "POST", f"{path}/validate", body(identity("a-id"), role))
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (200, "Succeeded")
    assert len(answer.body["properties"]["validatedResources"]) == 2
    assert "outputs" not in answer.body["properties"]
    assert not made(desk, "a-id")
    assert "Tried" not in {known.name for known in desk.cloud.roles.by_id.values()}
    assert code(ask(desk, "POST", f"{path}/validate", body(identity("x!")))) == "InvalidTemplateDeployment"


def test_a_deployment_is_done_when_its_resources_are(slow_desk: Desk) -> None:
    network = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": "2024-05-01",
        "name": "net",
        "location": "eastus",
        "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}},
    }
    path = f"{slow_desk.group}/providers/Microsoft.Resources/deployments/d1"
    status = ask(slow_desk, "PUT", path, body(network)).headers["Azure-AsyncOperation"]
    assert ask(slow_desk, "GET", status).body == {"status": "Running"}
    assert ask(slow_desk, "GET", path).body["properties"]["provisioningState"] == "Running"
    slow_desk.clock.advance(10)
    assert ask(slow_desk, "GET", status).body == {"status": "Succeeded"}
    assert ask(slow_desk, "GET", path).body["properties"]["provisioningState"] == "Succeeded"


def test_who_may_deploy_may_not_therefore_make_everything(desk: Desk, path: str) -> None:
    learner = desk.caller("learner")
    assert code(ask(desk, "PUT", path, body(identity("a-id")), caller=learner)) == "AuthorizationFailed"
    desk.grant(learner, CONTRIBUTOR, desk.group)
    role = {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": "00000000-0000-4000-8000-000000000000",
        "properties": {"roleDefinitionId": READER, "principalId": learner.object_id},
    }
    answer = ask(desk, "PUT", path, body(identity("a-id"), role), caller=learner)
    assert (answer.status, code(answer)) == (400, "InvalidTemplateDeployment")
    assert message(answer) == (
        "The template deployment failed with error: 'Authorization failed for template resource "
        f"'{role['name']}' of type '{role['type']}'. The client '{learner.client_id}' with object id "
        f"'{learner.object_id}' does not have permission to perform action '{role['type']}/write' at scope "
        f"'{desk.group}/providers/{role['type']}/{role['name']}'.'"
    )
    assert not made(desk, "a-id")
    assert ask(desk, "PUT", path, body(identity("a-id")), caller=learner).status == 201


def test_a_reference_shows_no_more_than_the_caller_may_read(desk: Desk, path: str) -> None:
    assert ask(desk, "PUT", path, body(identity("a-id"))).status == 201
    elsewhere = f"{desk.subscription}/resourceGroups/contosoPayroll"
    learner = desk.caller("learner")
    desk.grant(learner, CONTRIBUTOR, elsewhere)
    peek = f"[reference('{desk.group}/providers/{MSI}/a-id', '2024-11-30').clientId]"
    content = body(outputs={"client": {"type": "string", "value": peek}})
    answer = ask(desk, "PUT", f"{elsewhere}/providers/Microsoft.Resources/deployments/d2", content, caller=learner)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "InvalidRequestContent"),
        ({"properties": {"mode": "Incremental"}}, "InvalidRequestContent"),
        (body(mode="Complete"), "InvalidRequestContent"),
        (
            {"properties": {**body()["properties"], "onErrorDeployment": {"type": "LastSuccessful"}}},
            "InvalidRequestContent",
        ),
        ({"properties": {"mode": "Incremental", "templateLink": {"uri": "https://x"}}}, "InvalidRequestContent"),
        (body(identity("[nope()]")), "InvalidTemplate"),
        (body(identity("a-id", dependsOn=["nope"])), "InvalidTemplate"),
        (body(identity("a-id", tags={"a": "[reference('nope').x]"})), "InvalidTemplate"),
    ],
)
def test_templates_that_cannot_be_deployed(desk: Desk, path: str, content: Any, error: str) -> None:
    answer = ask(desk, "PUT", path, content)
    assert (answer.status, code(answer)) == (400, error)


def test_resources_come_to_four_megabytes_and_no_more(desk: Desk, path: str) -> None:
    copies = {"name": "copies", "count": 33}
    large = identity("[concat('id', copyIndex())]", copy=copies, managedBy="[variables('long')]")
    answer = ask(desk, "PUT", path, body(large, variables={"long": "a" * 131_072}))
    assert (code(answer), made(desk, "id0")) == ("InvalidTemplate", False)
    assert "more than 4194304 bytes" in message(answer)
    assert answer.headers["x-ms-failure-cause"] == "gateway"


def test_references_are_limited(desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.arm.resources.deploying._MOST_REFERENCES", 3)
    refer = f"[reference(resourceId('{MSI}', 'a-id')).clientId]"
    assert (
        ask(desk, "PUT", path, body(identity("a-id"), identity("b-id", tags=dict.fromkeys("abc", refer)))).status == 201
    )
    answer = ask(desk, "PUT", path, body(identity("a-id"), identity("b-id", tags=dict.fromkeys("abcd", refer))))
    assert (code(answer), "more than 3 times" in message(answer)) == ("InvalidTemplate", True)


def test_names_and_groups_that_are_not_valid(desk: Desk, path: str) -> None:
    assert code(ask(desk, "PUT", f"{path}%", body())) == "InvalidDeploymentName"
    assert code(ask(desk, "PUT", path + "x" * 64, body())) == "InvalidDeploymentName"
    nowhere = path.replace("myResourceGroupVM", "nope")
    assert code(ask(desk, "PUT", nowhere, body())) == "ResourceGroupNotFound"
    assert code(ask(desk, "GET", f"{path}/operationStatuses/1")) == "OperationNotFound"
    assert code(ask(desk, "GET", f"{desk.group}/deployments/nope/operations")) == "DeploymentNotFound"
