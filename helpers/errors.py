"""Azure's refusals in words: what it said, and what to do about it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError

from helpers.tables import Shown, Table, show

# A notebook shows a refusal where it is explained; the same as a warning beside it would only be noise.
logging.getLogger("azure").addHandler(logging.NullHandler())

_AADSTS = re.compile(r"AADSTS\d+")

# What a service's own code, or the beginning of its own sentence, asks the reader to do.
_ADVICE: Mapping[str, str] = {
    "AuthorizationFailed": "Grant whoever asks a role that has this action, at this scope or above it. "
    "A new grant can take up to 10 minutes; the token need not be renewed for it.",
    "LinkedAuthorizationFailed": "The sign-in may change the machine but not use the identity: "
    "it needs the role Managed Identity Operator on the identity as well.",
    "AuthenticationFailed": "Send the header 'Authorization: Bearer …' with an access token.",
    "InvalidAuthenticationToken": "Get a new token; this one was changed, cut short or issued by somebody else.",
    "InvalidAuthenticationTokenAudience": "A token is good for one service only. "
    "Ask for one whose resource is https://management.azure.com/.",
    "ExpiredAuthenticationToken": "The token's time is over. Get a new one.",
    "ResourceGroupNotFound": "Check the group's name and the subscription; 00_prerequisites makes a missing group.",
    "ResourceNotFound": "Check its name; run the notebook that makes it.",
    "SubscriptionNotFound": "Check subscription_id in the parameters, and who is signed in.",
    "FailedIdentityOperation": "The identity is not there (any more). Run 01_create_identity, then try again.",
    "PrincipalNotFound": "The directory does not know the principal yet. "
    "Send principalType 'ServicePrincipal' with the assignment, and pass the principal id, not the client id.",
    "InvalidRoleAssignmentId": "The name of a role assignment is a GUID. Derive it with uuid5 as 03_grant_access does.",
    "RoleAssignmentExists": "Nothing: this principal holds this role here already, under another name.",
    "RoleAssignmentUpdateNotPermitted": "An assignment of this name belongs to another principal, role or scope. "
    "Keep the principal id in the name, or delete the old assignment.",
    "MissingSubscriptionRegistration": "Register the resource provider that the message names: az provider register.",
    "ScopeLocked": "Somebody has locked this scope. Whoever owns it can remove the lock: az lock list, az lock delete.",
    "RequestDisallowedByPolicy": "A policy of your organization forbids this. The message names it: ask whoever "
    "looks after it.",
    "ReadOnlyDisabledSubscription": "The subscription is disabled. Have it enabled again, or work in another one.",
    "AADSTS7000215": "The client secret is wrong. Mind that it is the secret's value, not its id.",
    "AADSTS700016": "The tenant does not know this client id. Check both.",
}
# What the metadata service says: its codes say little, so its sentences are known, also inside what the SDK reports.
_IMDS_ADVICE: Mapping[str, str] = {
    "Identity not found": "The machine does not have this identity. Check the client id, and that 02_assign_identity "
    "has run; an assignment can take a minute to reach the machine.",
    "Multiple user assigned identities exist": "Say which identity is meant: add client_id to the request.",
    "Required metadata header not specified": "Send the header 'Metadata: true'.",
}
_BY_STATUS: Mapping[int, str] = {
    401: "Get a new token for https://management.azure.com/ and send it as 'Authorization: Bearer …'.",
    403: "Ask for a role that allows this, at this scope or above it.",
    404: "Check the names, and that the notebook that makes it has run.",
    409: "What is there already differs from what was asked for, or is being changed. Look at it first.",
    429: "Too many requests. Wait as long as the header Retry-After says.",
    **dict.fromkeys(range(500, 505), "Something is wrong at the service itself. Run this cell again in a minute."),
}
_NO_IMDS = (
    "Only a virtual machine has a metadata service. On one, ask it directly, as the first half of 04_get_token does: "
    "it says in its own words what is wrong."
)
_NO_ANSWER = (
    "Check the network and the proxy (HTTPS_PROXY, or the system's settings), then run this cell again. The sandbox "
    "needs neither."
)
# What is raised where nothing answers.
DROPPED = (requests.ConnectionError, requests.Timeout, ServiceRequestError, ServiceResponseError)
_UNKNOWN = "Read the service's message; its documentation explains the code."


class TutorialError(RuntimeError):
    """Something the learner can put right; the message says how, and is all that a notebook shows."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class StoppedError(CredentialUnavailableError, TutorialError):
    """Nothing listens where the sandbox was. Clients of the SDK neither retry this nor hide it behind another."""


def own_error(error: BaseException | None) -> TutorialError | None:
    """Return the first TutorialError among ``error`` and its causes: clients of the SDK hide it behind theirs."""
    while error is not None and not isinstance(error, TutorialError):
        error = error.__cause__
    return error


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """A refusal in words."""

    status: int | None  # None if nothing answered
    code: str  # the service's name for the error
    message: str  # what the service said, word for word
    advice: str  # what to do about it

    def _table(self) -> Table:
        said = " ".join(filter(None, (str(self.status or ""), self.code)))
        return show({"Answer": said, "In the service's words": self.message, "What to do": self.advice})


def explain(error: requests.Response | Exception, *, expected: bool = False) -> Explanation:
    """Return what ``error`` means.

    Args:
        error: An answer of ``requests`` with a status of 400 or more, or an exception of the Azure SDK.
        expected: Whether it was refused on purpose, so that nothing is to be done about it.

    Raises:
        ValueError: The answer is no refusal, so there is nothing to explain.
        TutorialError: Nothing was answered for a reason that is known, which a client of the SDK may have hidden.
    """
    if isinstance(error, Exception) and (own := own_error(error)):
        raise own
    if expected:
        return replace(explain(error), advice="Nothing: this was to be refused.")
    if isinstance(error, requests.HTTPError) and error.response is not None:
        error = error.response
    if isinstance(error, requests.Response):
        if error.ok:
            raise ValueError(f"The answer has status {error.status_code}: that is no error.")
        return _explanation(error.status_code, *_read_body(error))
    if isinstance(error, ClientAuthenticationError):
        return _explain_sign_in(error)
    if isinstance(error, HttpResponseError):
        code = error.error.code if error.error else None
        message = error.error.message if error.error else None
        return _explanation(error.status_code, code or type(error).__name__, message or error.message)
    message = error.message if isinstance(error, AzureError) else str(error)
    explained = _explanation(None, type(error).__name__, message)
    return replace(explained, advice=_NO_ANSWER) if isinstance(error, DROPPED) else explained


def _explain_sign_in(error: ClientAuthenticationError) -> Explanation:
    """Explain what azure-identity raises: its name says little, so Entra's number is the code if there is one."""
    found = _AADSTS.search(error.message)
    return _explanation(error.status_code, found[0] if found else type(error).__name__, error.message)


def _explanation(status: int | None, code: str, message: str) -> Explanation:
    return Explanation(status, code, message.strip(), _advice(status, code, message))


def _advice(status: int | None, code: str, message: str) -> str:
    if code in _ADVICE:
        return _ADVICE[code]
    for sentence, advice in _IMDS_ADVICE.items():
        if sentence in message:
            return advice
    if "IMDS" in message:
        return _NO_IMDS
    return _BY_STATUS.get(status or 0, _UNKNOWN)


def _read_body(response: requests.Response) -> tuple[str, str]:
    """Return code and message: of Resource Manager's shape, or of the one that Entra and the metadata service share."""
    try:
        body: Any = response.json()
    except requests.JSONDecodeError:
        return response.reason or "", response.text
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return str(error.get("code", "")), str(error.get("message", ""))
    if isinstance(error, str):
        return error, str(body.get("error_description", error))
    return response.reason or "", response.text
