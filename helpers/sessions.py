"""Sessions of requests in which Azure's literal addresses work, wherever Azure is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from helpers.settings import SandboxSettings

METADATA_SERVICE = "http://169.254.169.254"
RESOURCE_MANAGER = "https://management.azure.com"
ENTRA = "https://login.microsoftonline.com"
_NO_PROXY = ("169.254.169.254", "127.0.0.1", "localhost")
_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")


class LoopbackAdapter(HTTPAdapter):
    """Sends requests for a literal address to an address on this computer.

    Only the socket goes elsewhere: the Host header stays the literal name, and TLS verifies that very name against
    the sandbox's certificate authority. Proxies are never asked.
    """

    def __init__(self, address: str, ca_file: str) -> None:
        super().__init__()
        parts = urlsplit(address)
        self._host = parts.hostname
        self._port = parts.port
        self._ca_file = ca_file

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request; what the session says of proxies and authorities does not count here."""
        request.headers.setdefault("Host", urlsplit(str(request.url)).netloc)
        kwargs |= {"proxies": None, "verify": self._ca_file}
        return super().send(request, *args, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:  # requests keeps the names of these two types to itself
        """Name the socket's own address, and the name that TLS has to verify."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        named: dict[str, Any] = dict(pool)
        if host["scheme"] == "https":
            named |= {"server_hostname": host["host"], "assert_hostname": host["host"]}
        return {**host, "host": self._host, "port": self._port}, named


def routes_to(sandbox: SandboxSettings) -> dict[str, LoopbackAdapter]:
    """Return the adapters that lead from Azure's literal addresses to a sandbox."""
    addresses = {RESOURCE_MANAGER: sandbox.endpoint, ENTRA: sandbox.authority}
    return {literal: LoopbackAdapter(address, sandbox.ca_file) for literal, address in addresses.items()}


def session_to(routes: Mapping[str, LoopbackAdapter]) -> requests.Session:
    """Return a session that sends what is for a literal address in ``routes`` by its adapter.

    Sessions that share an adapter share its connections too.
    """
    session = requests.Session()
    session.trust_env = False
    for literal, adapter in routes.items():
        session.mount(f"{literal}/", adapter)
    return session


def shared_transport(**options: Any) -> RequestsTransport:
    """Return what clients of the Azure SDK send their requests by, so that they share connections.

    Else each client opens its own, and most of the time that a short request to Azure takes is TLS. Closing a client
    leaves the connections open for the others.

    Args:
        options: of ``RequestsTransport``.
    """
    opened = RequestsTransport(**options)
    opened.open()
    return RequestsTransport(session=opened.session, session_owner=False, **options)


def direct_session() -> requests.Session:
    """Return a session that asks no proxy, for the metadata service: a proxy is not on the machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def keep_proxies_out() -> None:
    """Keep proxies from catching requests to the metadata service, in this process.

    The Azure SDK's managed identity client heeds HTTP_PROXY even for addresses that no proxy can reach.
    """
    for name in _PROXY_VARIABLES:
        named = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*named, *_NO_PROXY]))
