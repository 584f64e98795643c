"""Which service a request is for, and what becomes of its changes: kept before the answer leaves, or not at all."""

import logging
import re
import sqlite3
from contextlib import nullcontext
from enum import StrEnum
from functools import lru_cache

from sandbox.arm import ROUTER, declare_effects
from sandbox.arm.cloud_metadata import answer_cloud_metadata
from sandbox.arm.envelope import ResourceManager, add_response_headers
from sandbox.cloud import Cloud
from sandbox.core import errors, seed_data
from sandbox.core.errors import AzureError
from sandbox.core.http import Answer, Request, hostname_of
from sandbox.entra.endpoints import Entra
from sandbox.entra.validation import InvalidToken
from sandbox.faults.rules import Faults, Handle
from sandbox.graph.service import Graph
from sandbox.web.listeners import MAXIMUM_BODY, SMALL_BODY

_log = logging.getLogger(__name__)

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ARM = frozenset({"management.azure.com"})
_GRAPH = frozenset({"graph.microsoft.com"})
_ENTRA = frozenset({"login.microsoftonline.com", "login.windows.net", "sts.windows.net"})
_ENTRA_PATH = re.compile(r"/[^/]+/(oauth2|discovery|v2\.0|\.well-known)(/|$)", re.IGNORECASE)
_ARM_ROOTS = frozenset({"subscriptions", "providers", "tenants"})
_GRAPH_PATH = re.compile(r"/(v1\.0|beta)(/|$)", re.IGNORECASE)
_REGION = seed_data.LOCATION.upper()
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REMEMBERED = 1024  # hosts with paths


class Service(StrEnum):
    """What answers a request."""

    ENTRA = "entra"
    GRAPH = "graph"
    RESOURCE_MANAGER = "arm"


class App:
    """Resource Manager, Entra and Graph behind one TLS listener, known by host name or, on loopback, by path."""

    def __init__(self, cloud: Cloud, faults: Faults | None = None) -> None:
        self._cloud = cloud
        self._resource_manager = ResourceManager(cloud, ROUTER)
        self._handlers: dict[Service, Handle] = {
            Service.ENTRA: Entra(cloud.tenant).handle,
            Service.GRAPH: Graph(cloud).handle,
            Service.RESOURCE_MANAGER: self._manage,
        }
        if faults is not None:
            self._handlers = {service: faults.before(service, handle) for service, handle in self._handlers.items()}
        self._validators = {Service.RESOURCE_MANAGER: cloud.validator, Service.GRAPH: cloud.graph_validator}
        declare_effects(cloud)

    def handle(self, request: Request) -> Answer:
        """Answer ``request``; whatever it changes is committed on return. Never raises."""
        try:
            service = _service_of(request.host, request.path)
        except AzureError as error:
            return error.answer()
        try:
            answer = self._answer(service, request)
        except AzureError as error:
            answer = error.answer()
        except sqlite3.Error as error:
            _log.error("The state could not be read or written: %s", error)
            answer = errors.refusal("ServiceUnavailable", error).answer()
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            answer = errors.refusal("InternalServerError").answer()
        if service is Service.RESOURCE_MANAGER:
            add_response_headers(answer, request, _REGION, self._cloud.clock.seconds())
        return answer

    def body_limit(self, request: Request) -> int:
        """Return how many bytes of a large body to read, by the head of ``request``.

        It is none of anybody who has not signed in; who does so now needs few.
        """
        try:
            service = _service_of(request.host, request.path)
        except AzureError:
            return 0
        validator = self._validators.get(service)
        if validator is None:
            return SMALL_BODY
        try:
            validator.validate(request.headers.get("Authorization", "").partition(" ")[2].strip())
        except InvalidToken:
            return 0
        return MAXIMUM_BODY

    def complete_due_operations(self) -> None:
        """Complete the long-running operations that have come due."""
        if self._cloud.long_operations.is_due():
            with self._cloud.store.transaction():
                self._cloud.long_operations.complete_due()

    def _answer(self, service: Service, request: Request) -> Answer:
        self.complete_due_operations()
        writes = service is Service.RESOURCE_MANAGER and request.method not in _READS  # the others only read
        with self._cloud.store.transaction() if writes else nullcontext():
            return self._handlers[service](request)

    def _manage(self, request: Request) -> Answer:
        return answer_cloud_metadata(request) or self._resource_manager.handle(request)


@lru_cache(maxsize=_REMEMBERED)
def _service_of(host: str, path: str) -> Service:
    name = hostname_of(host)
    if name in _ENTRA or (name in _LOOPBACK and _is_entra_path(path)):
        return Service.ENTRA
    if name in _GRAPH or (name in _LOOPBACK and _GRAPH_PATH.match(path)):
        return Service.GRAPH
    if name in _ARM or name in _LOOPBACK:
        return Service.RESOURCE_MANAGER
    raise errors.refusal("MisdirectedRequest", name)


def _is_entra_path(path: str) -> bool:
    return bool(_ENTRA_PATH.match(path)) and path.split("/")[1].casefold() not in _ARM_ROOTS
