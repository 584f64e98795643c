"""Deployments of templates to a resource group.

A deployment is done when its resources are: it has no duration of its own.
"""

from typing import Any

from rbac.scopes import canonical
from sandbox.arm.listing import list_resources
from sandbox.arm.polling import operation_url, pace
from sandbox.arm.resources.deploying import Deployment, hashed, is_done
from sandbox.arm.routing import GROUP, Call, Operations
from sandbox.arm.tracked import existing_group, find, named_by, remove
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.core.resource_ids import parse_resource_id
from sandbox.core.seed_data import LOCATION
from sandbox.state.store import Resource

TYPE = "Microsoft.Resources/deployments"
_COLLECTION = f"{GROUP}/providers/{TYPE}"
_DEPLOYMENT = _COLLECTION + "/{name}"

operations = Operations(TYPE)


@operations.operation("PUT", _DEPLOYMENT, action=TYPE + "/write")
def _put_deployment(call: Call) -> Answer:
    before = find(call, TYPE)
    deployment = Deployment(call)
    outputs = deployment.carry_out(keep=True)
    resource = _new(call, deployment, outputs)
    call.cloud.store.put(resource)
    shown = _shown(call, resource)
    shown["properties"] |= {"provisioningState": "Accepted"}
    for later in ("outputs", "outputResources"):
        del shown["properties"][later]
    path = resource.id.removeprefix(f"{call.cloud.seed_data.subscription}/")
    path = path.replace("resourceGroups/", "resourcegroups/", 1)
    status = operation_url(call, f"{path}/operationStatuses/{resource.internal['operation']}")
    headers = {"Azure-AsyncOperation": status, **pace(call)}
    return Answer(201 if before is None else 200, shown, headers)


@operations.operation("POST", _DEPLOYMENT + "/validate", action=TYPE + "/validate/action")
def _validate_deployment(call: Call) -> Answer:
    """Answer whether a template could be deployed: by deploying it, and undoing that."""
    deployment = Deployment(call)
    deployment.carry_out(keep=False)
    body = _new(call, deployment, {}).body
    properties = body["properties"]
    properties |= {"provisioningState": "Succeeded", "validatedResources": properties.pop("outputResources")}
    del properties["outputs"]
    return Answer(200, body)


@operations.operation("GET", _DEPLOYMENT, action=TYPE + "/read")
def _get_deployment(call: Call) -> Answer:
    found = find(call, TYPE)
    if found is None:
        raise _not_found(call)
    return Answer(200, _shown(call, found))


@operations.operation("HEAD", _DEPLOYMENT, action=TYPE + "/read")
def _head_deployment(call: Call) -> Answer:
    return Answer(204 if find(call, TYPE) else 404)


@operations.operation("DELETE", _DEPLOYMENT, action=TYPE + "/delete")
def _delete_deployment(call: Call) -> Answer:
    """Forget a deployment; its resources stay."""
    if find(call, TYPE) is not None:
        remove(call.cloud, call.scope)
    return Answer(204)


@operations.operation("GET", _COLLECTION, action=TYPE + "/read", filtered=True)
def _list_deployments(call: Call) -> Answer:
    return list_resources(call, call.scope, TYPE, show=lambda resource: _shown(call, resource))


@operations.operation("GET", _DEPLOYMENT + "/operationStatuses/{operation}", action=TYPE + "/operationstatuses/read")
def _get_status(call: Call) -> Answer:
    found = call.cloud.store.get(call.scope.partition("/operationStatuses/")[0])
    if found is None or found.internal.get("operation") != call["operation"]:
        raise errors.refusal("OperationNotFound", call["operation"])
    state = _shown(call, found)["properties"]["provisioningState"]
    return Answer(200, {"status": state}, {} if state == "Succeeded" else pace(call))


@operations.operation("GET", GROUP + "/deployments/{name}/operations", action=TYPE + "/operations/read")
def _list_operations(call: Call) -> Answer:
    found = named_by(call, TYPE)
    if found is None:
        raise _not_found(call)
    made = [output["id"] for output in found.properties["outputResources"]]
    return Answer(200, {"value": [_operation(call, found, resource_id) for resource_id in made]})


def _not_found(call: Call) -> errors.AzureError:
    return errors.refusal("DeploymentNotFound", call["name"])


def _new(call: Call, deployment: Deployment, outputs: dict[str, Any]) -> Resource:
    cloud, made = call.cloud, deployment.template.resources
    deployment_id = f"{existing_group(call).id}/providers/{TYPE}/{deployment.name}"
    number = cloud.store.next_number(f"deployments {canonical(deployment_id)}")
    correlation_id = cloud.ids.guid("deployment", canonical(deployment_id), number)
    properties = {
        "templateHash": deployment.template_hash,
        "parameters": deployment.template.parameters,
        "mode": deployment.mode,
        "provisioningState": "Running",
        "timestamp": timestamp(cloud.clock.now()),
        "duration": "PT0S",
        "correlationId": correlation_id,
        "providers": _providers([resource.type for resource in made]),
        "dependencies": [
            {**_reference(each.id), "dependsOn": [_reference(name) for name in dict.fromkeys(o.id for o in each.after)]}
            for each in made
            if each.after
        ],
        "outputs": outputs,
        "outputResources": [{"id": resource.id} for resource in made],
    }
    body = {"id": deployment_id, "name": deployment.name, "type": TYPE, "properties": properties}
    return Resource(body, {"operation": hashed(correlation_id)})


def _providers(types: list[str]) -> list[dict[str, Any]]:
    kinds: dict[str, list[str]] = {}
    for type_ in dict.fromkeys(types):
        namespace, _, kind = type_.partition("/")
        kinds.setdefault(namespace, []).append(kind)
    return [
        {"namespace": namespace, "resourceTypes": [{"resourceType": kind, "locations": [LOCATION]} for kind in found]}
        for namespace, found in kinds.items()
    ]


def _reference(resource_id: str) -> dict[str, str]:
    parts = parse_resource_id(resource_id)
    return {"id": resource_id, "resourceType": parts.type, "resourceName": parts.name}


def _shown(call: Call, found: Resource) -> dict[str, Any]:
    properties = dict(found.properties)
    if is_done(call, [output["id"] for output in properties["outputResources"]]):
        properties["provisioningState"] = "Succeeded"
    return {**found.body, "properties": properties}


def _operation(call: Call, found: Resource, resource_id: str) -> dict[str, Any]:
    operation_id = call.cloud.ids.guid("operation", found.internal["operation"], canonical(resource_id))
    done = is_done(call, [resource_id])
    return {
        "id": f"{found.id}/operations/{operation_id}",
        "operationId": operation_id,
        "properties": {
            "provisioningOperation": "Create",
            "provisioningState": "Succeeded" if done else "Running",
            "timestamp": found.properties["timestamp"],
            "duration": "PT0S",
            "statusCode": "Created",
            "targetResource": _reference(resource_id),
        },
    }
