"""Signing in to Azure: as whoever this computer has signed in already, or in a way that is named."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from azure import identity
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError

from helpers.errors import TutorialError
from helpers.transport import CONNECT_LIMIT

SCOPE = "https://management.azure.com/.default"  # Resource Manager

Way = str | Callable[[], TokenCredential]

_SLOW_CLI = 60  # seconds; the default of 10 is too short for a cold Azure CLI
_NETWORK: Mapping[str, Any] = {"connection_timeout": CONNECT_LIMIT, "retry_total": 0}
# Never the identity of the machine that the kernel may run on: the sign-in stands for a person or a pipeline.
_DEFAULT = {"exclude_managed_identity_credential": True, "process_timeout": _SLOW_CLI, **_NETWORK}
_RENEWAL = 300  # seconds before its end, in which a token is not used any more
_HELP = "In a terminal, 'az login' signs in (--use-device-code where no browser opens); then run this cell again."

# By the way to sign in: what kernels before this one of the same run have got, and what this one has.
_handed_over: dict[str, AccessTokenInfo] = {}
_obtained: dict[str, AccessTokenInfo] = {}


class SignInError(identity.CredentialUnavailableError, TutorialError):
    """Nobody is signed in, or not well enough. Clients of the SDK neither retry this nor hide it behind another."""


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in."""

    name: str  # of a person, or the client id of an application
    kind: str
    object_id: str
    tenant_id: str


class RememberingCredential:
    """A credential that asks another one, and remembers its tokens until shortly before they expire.

    ``AzureCliCredential`` starts ``az`` for each token, and each client of the SDK asks for one of its own.
    """

    def __init__(self, way: str, credential: TokenCredential) -> None:
        self._way, self._credential = way, credential
        self._known: dict[tuple[str, ...], AccessTokenInfo] = {}
        if way in _handed_over:
            self._known[SCOPE,] = _obtained[way] = _handed_over[way]

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """Return a token, as older clients ask for one."""
        info = self.get_token_info(*scopes, options={"claims": claims} if claims else {})
        return AccessToken(info.token, info.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return a token; a new one if claims are asked for, which the last one may not have.

        Raises:
            SignInError: There is none.
        """
        claims, known = (options or {}).get("claims"), self._known.get(scopes)
        if known is None or claims or known.expires_on - time.time() < _RENEWAL:
            try:
                token = self._credential.get_token(*scopes, claims=claims)
            except TutorialError:  # which says already what to do
                raise
            except ClientAuthenticationError as error:
                raise SignInError(_why_not(self._way, claims, error)) from error
            known = self._known[scopes] = AccessTokenInfo(token.token, token.expires_on)
            if scopes == (SCOPE,):
                _obtained[self._way] = known
        return known


def for_other_kernels() -> str:
    """Return the tokens of this kernel's sign-ins, for `accept`."""
    return json.dumps({way: (info.token, info.expires_on) for way, info in _obtained.items()})


def accept(tokens: str) -> None:
    """Sign in from now on with what another kernel has got, as long as it is good."""
    _handed_over.update({way: AccessTokenInfo(*info) for way, info in json.loads(tokens).items()})


def _why_not(way: str, claims: str | None, error: ClientAuthenticationError) -> str:
    if claims:
        wanted = base64.b64encode(claims.encode()).decode()
        return (
            "Azure asks for a stronger sign-in, such as one with a second factor. In a terminal: "
            f'az login --claims-challenge "{wanted}"; then run the cell with connect again.'
        )
    if "HTTP Error: " in error.message or "Unexpected response from Microsoft Entra" in error.message:
        return "Microsoft Entra has trouble of its own. Run this cell again in a minute."
    last = error.message.strip().splitlines()[0] if way != "auto" else "No sign-in was found"
    return f"Signing in to Azure did not work (sign_in = '{way}'). {_HELP} {last.rstrip('.')}."


def check_sign_in(sign_in: Way) -> None:
    """Raise ``ValueError`` unless there is such a way to sign in."""
    if not callable(sign_in) and sign_in not in _WAYS:
        raise ValueError(f"sign_in = {sign_in!r} is not known. It is one of: {', '.join(_WAYS)}.")


def azure_credential(sign_in: Way) -> RememberingCredential:
    """Return the credential that ``sign_in`` names, or that it makes, with a memory.

    Raises:
        SignInError: It would be the managed identity of the machine, or what it needs is not there.
    """
    if os.environ.get("AZURE_TOKEN_CREDENTIALS", "").strip().casefold() == "managedidentitycredential":
        raise SignInError(
            "AZURE_TOKEN_CREDENTIALS asks for the managed identity of this machine. The course needs you, or a "
            "pipeline's own sign-in: a managed identity is what it makes. Unset it and restart the kernel."
        )
    try:
        if callable(sign_in):
            return RememberingCredential("auto", _federated() or sign_in())
        return RememberingCredential(sign_in, _WAYS[sign_in]())
    except (ValueError, KeyError) as error:
        raise SignInError(f"sign_in = '{sign_in}' cannot be used here: {error}") from error


def _federated() -> TokenCredential | None:
    """Return a pipeline's sign-in by workload identity federation, as its service has it; None elsewhere."""
    given = os.environ
    if given.keys() >= {"ACTIONS_ID_TOKEN_REQUEST_URL", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"}:
        who = given["AZURE_TENANT_ID"], given["AZURE_CLIENT_ID"]
        return identity.ClientAssertionCredential(*who, func=_github_assertion, **_NETWORK)
    if "SYSTEM_OIDCREQUESTURI" in given and "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID" in given:
        return identity.AzurePipelinesCredential(
            tenant_id=given["AZURESUBSCRIPTION_TENANT_ID"],
            client_id=given["AZURESUBSCRIPTION_CLIENT_ID"],
            service_connection_id=given["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
            system_access_token=given["SYSTEM_ACCESSTOKEN"],
            **_NETWORK,
        )
    return None


def _github_assertion() -> str:
    answer = requests.get(
        os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"],
        params={"audience": "api://AzureADTokenExchange"},
        headers={"Authorization": f"Bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        timeout=(CONNECT_LIMIT, 30),
    )
    answer.raise_for_status()
    return str(answer.json()["value"])


_WAYS: Mapping[str, Callable[[], TokenCredential]] = {
    "auto": lambda: _federated() or identity.DefaultAzureCredential(**_DEFAULT),
    "environment": lambda: identity.EnvironmentCredential(**_NETWORK),
    "workload-identity": lambda: _federated() or identity.WorkloadIdentityCredential(**_NETWORK),
    "cli": lambda: identity.AzureCliCredential(process_timeout=_SLOW_CLI),
    "powershell": lambda: identity.AzurePowerShellCredential(process_timeout=_SLOW_CLI),
    "vscode": identity.VisualStudioCodeCredential,
    "browser": lambda: identity.InteractiveBrowserCredential(**_NETWORK),
    "device-code": lambda: identity.DeviceCodeCredential(**_NETWORK),
}


def who_has(token: str) -> SignedIn:
    """Return whom an access token is for.

    Raises:
        SignInError: It is for the identity of a machine.
    """
    claims = _claims_of(token)
    name = str(next(filter(None, map(claims.get, ("unique_name", "upn", "preferred_username", "appid"))), "?"))
    if "xms_az_rid" in claims:
        raise SignInError(
            f"Signed in is the managed identity of a machine ({claims.get('xms_mirid', name)}), as 'az login "
            f"--identity' does it. The course needs you: {_HELP[0].lower()}{_HELP[1:]}"
        )
    kind = "a person" if "scp" in claims or claims.get("idtyp") == "user" else "an application"
    return SignedIn(name, kind, str(claims.get("oid", "")), str(claims.get("tid", "")))


def _claims_of(token: str) -> Mapping[str, Any]:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if isinstance(claims, dict) else {}
    except (ValueError, IndexError):
        return {}
