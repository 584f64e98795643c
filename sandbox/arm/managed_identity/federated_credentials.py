"""Federated credentials: whose tokens, from elsewhere, stand for a user-assigned identity."""

import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.arm.fields import Fields
from sandbox.arm.listing import list_resources
from sandbox.arm.managed_identity import identities
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import existing_parent, location_of, remove
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.resource_ids import IDENTITY
from sandbox.state.store import Resource

TYPE = f"{IDENTITY}/federatedIdentityCredentials"
MAXIMUM = 20
_COLLECTION = identities.PATH + "/federatedIdentityCredentials"
_CREDENTIAL = _COLLECTION + "/{credential}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
_LONGEST = 600  # characters of an issuer, a subject or an audience, as Entra documents it

operations = Operations(TYPE)


@operations.operation("PUT", _CREDENTIAL, action=TYPE + "/write")
def _put_credential(call: Call) -> Answer:
    identity = existing_parent(call, IDENTITY, TYPE)
    properties = _read_properties(call.body())
    siblings = call.cloud.store.list(identity.id, TYPE)
    resource = call.cloud.store.get(call.scope)
    is_new = resource is None
    if resource is None:
        if not _NAME.fullmatch(call["credential"]):
            raise errors.refusal("BadRequest.credentialName", call["credential"])
        if len(siblings) >= MAXIMUM:
            raise errors.refusal("BadRequest.credentials", MAXIMUM)
        own = {"id": f"{identity.id}/federatedIdentityCredentials/{call['credential']}", "name": call["credential"]}
        resource = Resource({**own, "properties": {}, "type": TYPE})
    _check_unique(siblings, resource, properties)
    resource.body["properties"] = properties
    call.cloud.store.put(resource)
    headers = location_of(resource) if is_new else {}
    return Answer(201 if is_new else 200, resource.body, headers)


@operations.operation("GET", _CREDENTIAL, action=TYPE + "/read")
def _get_credential(call: Call) -> Answer:
    found = call.cloud.store.get(call.scope)
    if found is None:
        raise errors.refusal("ResourceNotFound", TYPE, f"{call['name']}/{call['credential']}", call["resource_group"])
    return Answer(200, found.body)


@operations.operation("DELETE", _CREDENTIAL, action=TYPE + "/delete")
def _delete_credential(call: Call) -> Answer:
    if call.cloud.store.get(call.scope) is None:
        return Answer(204)
    remove(call.cloud, call.scope)
    return Answer(200)


@operations.operation("GET", _COLLECTION, action=TYPE + "/read")
def _list_credentials(call: Call) -> Answer:
    return list_resources(call, existing_parent(call, IDENTITY, TYPE).id, TYPE)


def _check_unique(siblings: list[Resource], resource: Resource, properties: dict[str, Any]) -> None:
    wanted = (properties["issuer"], properties["subject"])
    others = (sibling.properties for sibling in siblings if sibling.id != resource.id)
    if any((other["issuer"], other["subject"]) == wanted for other in others):
        raise errors.refusal("Conflict.credential")


def _read_properties(body: Fields) -> dict[str, Any]:
    given = body.object("properties")
    issuer, subject, audiences = (given.value(name) for name in ("issuer", "subject", "audiences"))
    if not issuer or not subject or not audiences:
        raise errors.refusal("BadRequest.credential")
    if not isinstance(audiences, list) or len(audiences) != 1:
        raise errors.refusal("BadRequest.audiences")
    for text in (issuer, subject, *audiences):
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
            raise errors.refusal("BadRequest.length", _LONGEST)
    _check_issuer(issuer)
    return {"issuer": issuer, "subject": subject, "audiences": audiences}


def _check_issuer(issuer: str) -> None:
    try:
        parts = urlsplit(issuer)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname:
        raise errors.refusal("BadRequest.issuer", issuer)
