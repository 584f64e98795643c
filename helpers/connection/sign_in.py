"""Signing in to Azure: as whoever this computer has signed in already, or in a way that is named."""

import base64
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jwt
import requests
from azure import identity
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from helpers.errors import FinalError, TutorialError, explain
from helpers.transport import ANSWER_LIMIT, CONNECT_LIMIT

SCOPE = "https://management.azure.com/.default"  # Resource Manager

Way = str | Callable[[], TokenCredential]

_SLOW_CLI = 60  # seconds; the default of 10 is too short for a cold Azure CLI
_NETWORK: Mapping[str, Any] = {"connection_timeout": CONNECT_LIMIT, "read_timeout": ANSWER_LIMIT, "retry_total": 0}
# Never the identity of the machine that the kernel may run on: the sign-in stands for a person or a pipeline.
_DEFAULT = {"exclude_managed_identity_credential": True, "process_timeout": _SLOW_CLI, **_NETWORK}
_RENEWAL = 300  # seconds before its end, in which a token is not used any more
_HELP = "In a terminal, 'az login' signs in (--use-device-code where no browser opens); then run this cell again."

# By the way to sign in: what a runner of notebooks brings from the kernel before, and what it takes to the next one.
handed_over: dict[str, AccessToken] = {}
obtained: dict[str, AccessToken] = {}


class SignInError(FinalError):
    """Nobody is signed in, or not well enough."""


class SignedIn(NamedTuple):
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
        self._known: dict[tuple[str, ...], AccessToken] = {}
        if way in handed_over:
            self._known[SCOPE,] = obtained[way] = AccessToken(*handed_over[way])

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """Return a token; a new one if claims are asked for, which the last one may not have."""
        known = self._known.get(scopes)
        if known is None or claims or known.expires_on - time.time() < _RENEWAL:
            try:
                known = self._known[scopes] = self._credential.get_token(*scopes, claims=claims)
            except ClientAuthenticationError as error:
                if isinstance(error, TutorialError):  # which says already what to do
                    raise
                raise SignInError(_why_not(self._way, claims, error)) from error
            if scopes == (SCOPE,):
                obtained[self._way] = known
        return known


def token_of(credential: TokenCredential) -> str:
    """Return a token for Resource Manager; TutorialError if none comes."""
    try:
        return credential.get_token(SCOPE).token
    except (AzureError, requests.RequestException) as error:
        explained = explain(error)  # raises what says already what to do
        raise TutorialError(f"The sign-in has no new token: {explained.what}. {explained.advice}") from error


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


def azure_credential(sign_in: Way) -> RememberingCredential:
    """Return the credential that ``sign_in`` names, or that it makes, with a memory."""
    if os.environ.get("AZURE_TOKEN_CREDENTIALS", "").strip().casefold() == "managedidentitycredential":
        raise SignInError(
            "AZURE_TOKEN_CREDENTIALS asks for the managed identity of this machine. The course needs you, or a "
            "pipeline's own sign-in: a managed identity is what it makes. Unset it and restart the kernel."
        )
    try:
        if callable(sign_in):
            return RememberingCredential("auto", _federated() or sign_in())
        return RememberingCredential(sign_in, WAYS[sign_in]())
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
    given = os.environ
    answer = requests.get(
        given["ACTIONS_ID_TOKEN_REQUEST_URL"],
        params={"audience": "api://AzureADTokenExchange"},
        headers={"Authorization": f"Bearer {given['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        timeout=(CONNECT_LIMIT, 30),
    )
    answer.raise_for_status()
    return str(answer.json()["value"])


WAYS: Mapping[str, Callable[[], TokenCredential]] = {
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
    """Return whom an access token is for; SignInError if it is for the identity of a machine."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        claims = {}
    names = (claims.get(each) for each in ("unique_name", "upn", "preferred_username", "appid"))
    name = str(next(filter(None, names), "?"))
    if "xms_az_rid" in claims:
        raise SignInError(
            f"You are signed in as the managed identity of a machine ({claims.get('xms_mirid', name)}), as 'az login "
            f"--identity' does it. The course needs you. {_HELP}"
        )
    kind = "a person" if "scp" in claims or claims.get("idtyp") == "user" else "an application"
    return SignedIn(name, kind, str(claims.get("oid", "")), str(claims.get("tid", "")))
