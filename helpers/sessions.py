"""Sessions of requests in which Azure's literal addresses work, wherever Azure is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

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


def session_to(routes: Mapping[str, str], ca_file: str) -> requests.Session:
    """Return a session that sends each literal address in ``routes`` to the address on this computer it maps to."""
    session = requests.Session()
    session.trust_env = False
    for literal, address in routes.items():
        session.mount(f"{literal}/", LoopbackAdapter(address, ca_file))
    return session


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
