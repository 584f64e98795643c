"""Where requests leave from: a session in which Azure's literal addresses work, also for the clients of the SDK."""

import contextlib
import os
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError
from urllib3.util import Retry

from helpers.errors import DROPPED, StoppedError, TutorialError, explain
from helpers.names import group_and_name

METADATA_SERVICE = "http://169.254.169.254"
RESOURCE_MANAGER = "https://management.azure.com"
ENTRA = "https://login.microsoftonline.com"

CONNECT_LIMIT = 5  # seconds, for reaching a server or a proxy
ANSWER_LIMIT = 100  # seconds, for its answer; the SDK's own are 300, in which a cell would say nothing
_METADATA_LIMIT = 2  # seconds; on a machine the service answers within milliseconds


class _Retry(Retry):
    def increment(self, *args: Any, **options: Any) -> Self:
        """Let what broke the connection be seen as it is, and a time limit be the caller's to set."""
        error = options.get("error")
        if isinstance(error, ReadTimeoutError) or (isinstance(error, ProtocolError) and not self.read):
            raise error
        return super().increment(*args, **options)


# What only reads is asked again, and once where the connection broke. So is a PATCH: to Resource Manager it says how a
# thing is to be in the end. Clients of the SDK have a policy of their own besides, in which a PATCH is not sent again.
RETRIES = _Retry(
    status=3,
    connect=0,
    read=1,
    other=0,
    allowed_methods=("GET", "HEAD", "PATCH"),
    status_forcelist=(429, 500, 502, 503, 504),
    backoff_factor=0.5,
    retry_after_max=60,  # seconds
    raise_on_status=False,
)


# With one of these, azure-identity asks something else than the metadata service for a managed identity's token.
_OTHER_SOURCES = (
    *("AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"),
    *("IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"),
)


issued: list[str] = []  # tokens that came by any session: whoever saves what this process shows takes them out


class FixedAddressAdapter(HTTPAdapter):
    """Sends requests to one address, such as one on this computer, whichever they are for. Proxies are never asked.

    Only the socket goes elsewhere: the Host header stays the literal name, and TLS verifies that very name, against
    the authority in ``ca_file``. ``stopped`` is what StoppedError says where nothing listens at the address.
    """

    def __init__(self, address: str, ca_file: str = "", *, stopped: str = "") -> None:
        super().__init__(max_retries=RETRIES)
        parts = urlsplit(address)
        self._host, self._port = parts.hostname, parts.port
        self._ca_file, self._stopped = ca_file, stopped

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send one request; what the session says of proxies and authorities does not count here."""
        request.headers.setdefault("Host", urlsplit(str(request.url)).netloc)
        try:
            return super().send(request, *args, **{**options, "proxies": None, "verify": self._ca_file})
        except requests.ConnectionError as error:
            refused = error.args and isinstance(getattr(error.args[0], "reason", None), NewConnectionError)
            if not refused or not self._stopped:
                raise
            raise StoppedError(self._stopped) from error

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:  # requests keeps the names of these two types to itself
        """Name the socket's own address, and the name that TLS has to verify."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        named: dict[str, Any] = dict(pool)
        if host["scheme"] == "https":
            named |= {"server_hostname": host["host"], "assert_hostname": host["host"]}
        return {**host, "host": self._host, "port": self._port}, named


def session_with(adapters: Mapping[str, HTTPAdapter], *, trust_env: bool) -> requests.Session:
    """Return a session that sends what is for an address in ``adapters`` by its adapter.

    Sessions that share an adapter share its connections too. With ``trust_env``, what goes by no adapter of these
    heeds the proxies that the environment names.
    """
    session = requests.Session()
    session.trust_env = trust_env
    session.hooks["response"].append(_note_token)
    for address, adapter in adapters.items():
        session.mount(f"{address}/", adapter)
    return session


def _note_token(answer: requests.Response, **_: Any) -> None:
    if urlsplit(str(answer.url)).path.endswith("/token"):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a refusal, or another kind of answer
            issued.append(str(answer.json()["access_token"]))


def sdk_transport(session: requests.Session) -> RequestsTransport:
    """Return what clients of the Azure SDK send their requests by, so that they leave as those of ``session`` do.

    Clients that have it share connections: most of the time that a short request to Azure takes is TLS. Closing a
    client leaves the connections open for the others.
    """
    limits = {"connection_timeout": CONNECT_LIMIT, "read_timeout": ANSWER_LIMIT}
    return RequestsTransport(session=session, session_owner=False, **limits)


def ask(session: requests.Session, method: str, path: str, **options: Any) -> requests.Response:
    """Send a request to Resource Manager; TutorialError if no answer comes, with the proxy that may be the reason."""
    try:
        return session.request(method, f"{RESOURCE_MANAGER}{path}", **options)
    except DROPPED as error:
        proxy = requests.utils.get_environ_proxies(RESOURCE_MANAGER).get("https") if session.trust_env else None
        through = f" through the proxy {urlsplit(proxy).hostname}" if proxy else ""
        raise TutorialError(f"No answer came from {RESOURCE_MANAGER}{through}. {explain(error).advice}") from error


def at_metadata_service(adapter: HTTPAdapter) -> dict[str, HTTPAdapter]:
    """Return the adapter by each address where clients look for the metadata service: also the environment's.

    With all that led to the machine, the environment need not be changed.
    """
    named = os.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", "").rstrip("/")
    return dict.fromkeys((METADATA_SERVICE, named or METADATA_SERVICE), adapter)


def check_machine(session: requests.Session, vm_id: str) -> None:
    """Check that this kernel runs on the machine ``vm_id`` of Azure; TutorialError names both ways to it if not."""
    _, name = group_and_name(vm_id)
    try:
        answer = session.get(
            f"{METADATA_SERVICE}/metadata/instance/compute",
            params={"api-version": "2021-02-01"},
            headers={"Metadata": "true"},
            timeout=_METADATA_LIMIT,
        )
        here = str(answer.json()["resourceId"])
    except (requests.RequestException, KeyError, TypeError) as error:
        raise TutorialError(
            f"This cell asks the metadata service of {name}, which answers on that machine only: open this notebook on "
            f"{name} (JupyterLab installed there will do), or set reach_vm = 'run-command', which has Azure run a "
            "script there for each request, as root or SYSTEM (04_get_token shows it)."
        ) from error
    if here.casefold() != vm_id.casefold():
        raise TutorialError(f"This kernel runs on another machine, {here}. Run this notebook on {name}.")


def remove_other_sources() -> None:
    """Remove from this process's environment what leads azure-identity past the metadata service, and say so."""
    found = [name for name in _OTHER_SOURCES if os.environ.pop(name, None) is not None]
    if found:
        print(
            f"Set aside in this kernel: {', '.join(found)}. With that, ManagedIdentityCredential would ask another "
            "source of identities than the metadata service of the virtual machine."
        )
