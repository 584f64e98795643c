"""What Azure has no word for: the sandbox's own provider, ``Sandbox.Local``, behind the same gate as all others.

It tells where a virtual machine's metadata service listens, why a request is or is not allowed, and adds and removes
principals, for which Azure has Microsoft Graph.
"""

from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
from sandbox.arm.tracked import existing
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.resource_ids import ROLE_ASSIGNMENT, RUN_COMMAND, VIRTUAL_MACHINE
from sandbox.state.directory import Principal, new_secret, problem_with_name

_MACHINE = f"{GROUP}/providers/{VIRTUAL_MACHINE}/{{name}}"
_APPLICATION = "Application"
_PRINCIPALS = "Sandbox.Local/principals"
_PRINCIPAL = SUBSCRIPTION + "/providers/" + _PRINCIPALS + "/{name}"
_GRANT = f"{ROLE_ASSIGNMENT}/write"  # whoever signs in as others has their roles: so it takes who may give them

operations = Operations("Sandbox.Local/services")


@operations.operation("GET", _MACHINE + "/providers/Sandbox.Local/metadataService", action=RUN_COMMAND)
def _get_metadata_service(call: Call) -> Answer:
    """Answer the address at which this machine's metadata service can be reached from the host.

    From now on it serves the user of this computer who asked. Whoever may run commands on the machine may act as it
    already, and nobody else is told.
    """
    machine = existing(call, VIRTUAL_MACHINE)
    endpoint = call.cloud.metadata_endpoints.get(canonical(machine.id))
    if endpoint is None:
        raise errors.refusal("VirtualMachineNotRunning", machine.body["name"])
    address = endpoint.disclose(call.request.find_user(), call.caller.object_id)
    return Answer(200, _metadata_service(machine.id, address))


@operations.operation(
    "GET", f"{SUBSCRIPTION}/providers/Sandbox.Local/metadataServices", action=RUN_COMMAND, filtered=True
)
def _list_metadata_services(call: Call) -> Answer:
    """Answer the metadata services of the running machines that the caller may enter, and have them serve the user."""
    machines = call.cloud.store.list(call.scope, VIRTUAL_MACHINE)
    entered = call.cloud.gate.visible(call.caller, RUN_COMMAND, call.scope, machines)
    endpoints, user_id = call.cloud.metadata_endpoints, call.request.find_user()
    value = [
        _metadata_service(machine.id, endpoints[canonical(machine.id)].disclose(user_id, call.caller.object_id))
        for machine in entered
        if canonical(machine.id) in endpoints
    ]
    return Answer(200, {"value": value})


@operations.operation("POST", "{scope}/providers/Sandbox.Local/explain", action=None)
def _explain(call: Call) -> Answer:
    """Answer why a principal may or may not do something at the scope: ``{"principalId", "action", "isDataAction"}``.

    Whoever asks about others needs the right to read role assignments there, and is told of those elsewhere that they
    may read too.
    """
    body = call.body()
    principal_id, action = body.text("principalId") or call.caller.object_id, body.required_text("action")
    if fold(principal_id) != fold(call.caller.object_id):
        call.require(f"{ROLE_ASSIGNMENT}/read", call["scope"])
    decision = call.cloud.gate.decide(
        principal_id, action, call["scope"], reader=call.caller, data=body.flag("isDataAction") is True
    )
    considered = [
        {
            "roleAssignmentId": entry.assignment_id,
            "roleName": entry.role_name,
            "scope": entry.scope,
            "scopeApplies": entry.scope_applies,
            "allowedBy": entry.allowed_by,
            "removedBy": entry.removed_by,
        }
        for entry in decision.considered
    ]
    asked = {"principalId": decision.principal_id, "action": decision.action, "scope": decision.scope}
    return Answer(200, {"allowed": decision.allowed, **asked, "why": decision.why(), "considered": considered})


@operations.operation("PUT", _PRINCIPAL, action=_GRANT)
def _put_principal(call: Call) -> Answer:
    """Add a service principal; the answer is the only place where its secret is ever shown."""
    name, directory = call["name"], call.cloud.directory
    if problem := problem_with_name(name):
        raise errors.refusal("InvalidParameter.principal", problem)
    if any(each.kind == _APPLICATION for each in directory.by_name(name)):  # identities may be named like learners
        raise errors.refusal("PrincipalExists", name)
    ids, secret = call.cloud.ids, new_secret()
    generation = call.cloud.store.next_number(f"generation of principal {fold(name)}")  # ids disregard case too
    principal = Principal(
        object_id=ids.guid("principal", name, "object", generation),
        client_id=ids.guid("principal", name, "client", generation),
        name=name,
        kind=_APPLICATION,
        resource_id=None,
    )
    directory.add(principal, secret)
    return Answer(201, {**_principal(principal), "clientSecret": secret})


@operations.operation("GET", SUBSCRIPTION + "/providers/" + _PRINCIPALS, action=_PRINCIPALS + "/read")
def _list_principals(call: Call) -> Answer:
    return Answer(200, {"value": [_principal(principal) for principal in call.cloud.directory.all()]})


@operations.operation("POST", _PRINCIPAL + "/resetSecret", action=_GRANT)
def _reset_secret(call: Call) -> Answer:
    """Give a service principal a new secret in place of the old one; the answer is the only place that shows it."""
    principal, secret = _application(call), new_secret()
    if principal is None:
        raise errors.refusal("PrincipalNotFound.local", call["name"])
    call.cloud.directory.set_secret(principal.client_id, secret)
    return Answer(200, {**_principal(principal), "clientSecret": secret})


@operations.operation("DELETE", _PRINCIPAL, action=_GRANT)
def _delete_principal(call: Call) -> Answer:
    """Take a service principal out. Roles it was given stay assigned to nobody, as in Azure."""
    principal = _application(call)
    if principal is None:
        return Answer(204)
    call.cloud.directory.remove(principal.object_id)
    return Answer(200)


def _application(call: Call) -> Principal | None:
    """Return the service principal that the path names.

    Managed identities go with what they belong to; and without its operator a sandbox would be nobody's.
    """
    found = [each for each in call.cloud.directory.by_name(call["name"]) if each.kind == _APPLICATION]
    if found and found[0].object_id == call.cloud.seed_data.operator_object_id:
        raise errors.refusal("OperatorRequired")
    return found[0] if found else None


def _metadata_service(machine_id: str, endpoint: str) -> dict[str, Any]:
    return {"id": f"{machine_id}/providers/Sandbox.Local/metadataService", "properties": {"endpoint": endpoint}}


def _principal(principal: Principal) -> dict[str, Any]:
    return {
        "name": principal.name,
        "clientId": principal.client_id,
        "objectId": principal.object_id,
        "kind": principal.kind,
        "resourceId": principal.resource_id,
    }
