"""The requests to ``https://graph.microsoft.com``: who asks, what for, and whether they may."""

import re
import uuid
from typing import Any

from rbac.folding import fold
from sandbox.cloud import Cloud
from sandbox.core.http import Answer, Request, read_json
from sandbox.core.ids import new_request_id
from sandbox.entra.tenant import READ_DIRECTORY
from sandbox.entra.validation import Claims, ExpiredToken, InvalidToken, WrongAudience
from sandbox.graph import errors
from sandbox.graph.errors import GraphError
from sandbox.graph.objects import APPLICATION, KINDS, SERVICE_PRINCIPAL, Kind, objects_of, service_principal
from sandbox.graph.query import answer_collection, selected

VERSIONS = ("v1.0", "beta")
_MAXIMUM_IDS = 1000
_BY_APP_ID = re.compile(r"(\w+)\(appId='([^']*)'\)", re.IGNORECASE)
_HEADERS = {
    "Content-Type": "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
    "OData-Version": "4.0",
    "Cache-Control": "no-cache",
    "Strict-Transport-Security": "max-age=31536000",
}


class Graph:
    """Answers what the Azure CLI and SDKs ask Microsoft Graph about principals."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def handle(self, request: Request) -> Answer:
        """Return the answer; a refusal is one, in Graph's own shape."""
        request_id = new_request_id()
        ids = {"request-id": request_id, "client-request-id": request.headers.get("client-request-id", request_id)}
        try:
            answer = self._answer(request)
        except GraphError as error:
            answer = error.answer(self._cloud.clock.now(), ids)
        answer.headers |= _HEADERS | ids
        return answer

    def _answer(self, request: Request) -> Answer:
        claims = self._authenticate(request)
        version, *segments = request.path.strip("/").split("/")
        if fold(version) not in VERSIONS:
            raise errors.refusal("invalid_version", version)
        first = fold(segments[0]) if segments else ""
        if first == "me":
            raise errors.refusal("only_for_users")
        roles = claims.raw.get("roles")
        if not isinstance(roles, list) or READ_DIRECTORY not in roles:
            raise errors.refusal("denied")
        if first == "directoryobjects":
            return self._directory_objects(request, segments[1:])
        return self._collection(request, segments)

    def _authenticate(self, request: Request) -> Claims:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if fold(kind) != "bearer" or not token.strip():
            raise errors.refusal("empty_token")
        try:
            return self._cloud.graph_validator.validate(token.strip())
        except ExpiredToken as error:
            raise errors.refusal("expired_token") from error
        except WrongAudience as error:
            raise errors.refusal("wrong_audience") from error
        except InvalidToken as error:
            raise errors.refusal("invalid_token") from error

    def _directory_objects(self, request: Request, segments: list[str]) -> Answer:
        if len(segments) != 1:
            raise errors.refusal("unknown_segment", segments[1] if segments else "directoryObjects")
        if fold(segments[0]) == "getbyids":
            _check_method(request, "POST")
            return self._by_ids(request)
        _check_method(request, "GET")
        found = service_principal(segments[0], self._cloud) or self._find(APPLICATION, "id", segments[0])
        kind = SERVICE_PRINCIPAL if "servicePrincipalType" in found else APPLICATION
        return Answer(200, {**_context("directoryObjects/$entity"), "@odata.type": kind.odata_type, **found})

    def _by_ids(self, request: Request) -> Answer:
        body = _read_object(request)
        ids, types = _texts(body, "ids"), _texts({"types": ["directoryObject"], **body}, "types")
        if len(ids) > _MAXIMUM_IDS:
            raise errors.refusal("too_many_ids", _MAXIMUM_IDS)
        for object_id in ids:
            _check_guid(object_id)
        wanted = {fold(name) for name in types}
        value: list[dict[str, Any]] = []
        if wanted & {"directoryobject", "serviceprincipal"}:
            found = (service_principal(object_id, self._cloud) for object_id in dict.fromkeys(ids))
            value = [{"@odata.type": SERVICE_PRINCIPAL.odata_type, **shown} for shown in found if shown is not None]
        return Answer(200, {**_context("directoryObjects"), "value": value})

    def _collection(self, request: Request, segments: list[str]) -> Answer:
        first = segments[0] if segments else ""
        keyed = _BY_APP_ID.fullmatch(first)
        kind = _kind(keyed[1] if keyed else first)
        if len(segments) > (1 if keyed else 2):
            raise errors.refusal("unknown_segment", segments[-1])
        _check_method(request, "GET")
        if keyed is None and len(segments) == 1:
            return answer_collection(request, kind, objects_of(kind, self._cloud), _context(kind.collection))
        found = self._find(kind, "appId", keyed[2]) if keyed else self._find(kind, "id", segments[1])
        return Answer(200, {**_context(f"{kind.collection}/$entity"), **selected(request, kind, found)})

    def _find(self, kind: Kind, name: str, value: str) -> dict[str, Any]:
        for found in objects_of(kind, self._cloud):
            if fold(found.get(name, "")) == fold(value):
                return found
        raise errors.refusal("not_found", value)


def _kind(segment: str) -> Kind:
    for kind in KINDS:
        if fold(kind.collection) == fold(segment):
            return kind
    raise errors.refusal("unknown_segment", segment)


def _context(name: str) -> dict[str, Any]:
    return {"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{name}"}


def _check_method(request: Request, method: str) -> None:
    if request.method != method:
        raise errors.refusal("method_not_allowed")


def _check_guid(text: str) -> None:
    try:
        uuid.UUID(text)
    except ValueError as error:
        raise errors.refusal("invalid_guid", text) from error


def _read_object(request: Request) -> dict[str, Any]:
    try:
        value = read_json(request.body)
    except ValueError as error:
        raise errors.refusal("unreadable") from error
    if not isinstance(value, dict):
        raise errors.refusal("no_object")
    return value


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise errors.refusal("no_texts", name)
    return value
