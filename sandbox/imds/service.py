"""What is asked of a machine's metadata service, and whether it may be."""

import logging
import sqlite3
from functools import partial

from rbac.scopes import canonical
from sandbox.cloud import Cloud
from sandbox.core.data_files import read_data
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.core.quota import Limit, TokenBuckets
from sandbox.core.resource_ids import RUN_COMMAND
from sandbox.imds import errors
from sandbox.imds.errors import MetadataError
from sandbox.imds.instance import answer_instance
from sandbox.imds.tokens import Tokens

SERVER = "IMDS/150.870.65.1854"  # the real service's; Azure's clients check that it begins with IMDS
REQUESTS_A_SECOND = 20
_LIMIT = Limit(REQUESTS_A_SECOND, REQUESTS_A_SECOND, seconds=1)

API_VERSIONS: tuple[str, ...] = tuple(read_data(__file__, "instance.yaml")["versions"].split())
FIRST_WITH_INSTANCE = "2017-03-01"
FIRST_WITH_IDENTITY = "2018-02-01"
NEWEST = list(reversed(API_VERSIONS[-3:]))  # what a request without one is told

_log = logging.getLogger(__name__)
_HOSTS = frozenset({"169.254.169.254", "127.0.0.1", "[::1]", "localhost"})
_IDENTITY = "/metadata/identity"
_INSTANCE = "/metadata/instance"


class MetadataService:
    """Answers the requests to ``http://169.254.169.254`` from inside one machine.

    Quotas are in force where the timing enforces them. The real service also limits how many requests it has at once,
    to 5; here each is answered before the next is read.
    """

    def __init__(self, cloud: Cloud, machine_id: str) -> None:
        self._cloud = cloud
        self._machine_id = machine_id
        self._tokens = Tokens(cloud)
        self._buckets = TokenBuckets()

    def handle(self, request: Request) -> Answer:
        """Return the answer; a refusal is one, in the shape of the endpoint that was asked."""
        path = request.path.casefold().rstrip("/")
        try:
            self._admit(request)
            answer = self._answer(request, path)
        except MetadataError as error:
            answer = error.answer(identity=f"{path}/".startswith(f"{_IDENTITY}/"))
        except sqlite3.Error:
            _log.exception("the state could not be read")
            answer = Answer(503, {"error": "Service unavailable"})
        answer.headers |= {"Server": SERVER, "x-ms-request-id": new_request_id()}
        return answer

    def _admit(self, request: Request) -> None:
        if request.hostname not in _HOSTS:
            raise errors.refusal("wrong_host", request.hostname)
        endpoint = self._cloud.metadata_endpoints.get(canonical(self._machine_id))
        may_run_commands = partial(self._cloud.gate.allows, action=RUN_COMMAND, scope=self._machine_id)
        if endpoint is not None and not endpoint.admits(request.find_user(), may_run_commands):
            raise errors.refusal("another_user")
        if "X-Forwarded-For" in request.headers:
            raise errors.refusal("forwarded")
        if request.headers.get("Metadata", "").casefold() != "true":
            raise errors.refusal("no_metadata_header")
        if self._cloud.timing.enforces_quotas:
            _, wait = self._buckets.take(self._machine_id, _LIMIT, self._cloud.clock.seconds())
            if wait:
                raise errors.refusal("too_many_requests")

    def _answer(self, request: Request, path: str) -> Answer:
        is_instance = f"{path}/".startswith(f"{_INSTANCE}/")
        if not is_instance and path not in {"/metadata/versions", f"{_IDENTITY}/oauth2/token", f"{_IDENTITY}/info"}:
            raise errors.refusal("not_found")
        if request.method != "GET":
            raise errors.refusal("wrong_method")
        _refuse_duplicates(request)
        if path == "/metadata/versions":
            return Answer(200, {"apiVersions": list(API_VERSIONS)})
        version = _read_version(request, FIRST_WITH_INSTANCE if is_instance else FIRST_WITH_IDENTITY)
        machine = self._cloud.store.get(self._machine_id)
        if machine is None:  # deleted a moment ago
            raise errors.refusal("not_found")
        if is_instance:
            return answer_instance(self._cloud, machine, request, path.removeprefix(_INSTANCE), version)
        if path == f"{_IDENTITY}/info":
            return Answer(200, {"tenantId": self._cloud.seed_data.tenant_id})
        return self._tokens.answer(machine, request)


def _refuse_duplicates(request: Request) -> None:
    seen: set[str] = set()
    for name, _ in request.query:
        if name.casefold() in seen:
            raise errors.refusal("duplicate_parameter", name)
        seen.add(name.casefold())


def _read_version(request: Request, first: str) -> str:
    version = request.parameter("api-version")
    if not version or version not in API_VERSIONS or version < first:
        raise errors.refusal("wrong_version" if version else "no_version", **{"newest-versions": NEWEST})
    return version
