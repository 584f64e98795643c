"""Azure's refusals in words: what it said, and what to do about it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

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

# What a service's own code asks the reader to do.
_ADVICE: Mapping[str, str] = {
    "AuthorizationFailed": "Whoever asks needs a role that has this action, at this scope or above it. "
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
    "RequestDisallowedByPolicy": "A policy of your organization forbids this. Ask whoever looks after it.",
    "ReadOnlyDisabledSubscription": "The subscription is disabled. Have it enabled again, or work in another one.",
    "AADSTS7000215": "The client secret is wrong. Mind that it is the secret's value, not its id.",
    "AADSTS700016": "The tenant does not know this client id. Check both.",
}
# The metadata service's codes say little, so its sentences are known, also inside what the SDK makes of them.
_BY_SENTENCE: Mapping[str, str] = {
    "Identity not found": "The machine does not have this identity. Check the client id, and that 02_assign_identity "
    "has run; an assignment can take a minute to reach the machine.",
    "Multiple user assigned identities exist": "Say which identity is meant: add client_id to the request.",
    "Required metadata header not specified": "Send the header 'Metadata: true'.",
    "IMDS": "Only a virtual machine has a metadata service. On one, ask it directly, as the first half of 04_get_token "
    "does: it says in its own words what is wrong.",
}
_BY_STATUS: Mapping[int | None, str] = {
    401: "Get a new token for https://management.azure.com/ and send it as 'Authorization: Bearer …'.",
    403: "Ask for a role that allows this, at this scope or above it.",
    404: "Check the names, and that the notebook that makes it has run.",
    409: "What is there already differs from what was asked for, or is being changed. Look at it first.",
    429: "Too many requests. Wait as long as the header Retry-After says.",
    **dict.fromkeys(range(500, 505), "Something is wrong at the service itself. Run this cell again in a minute."),
}
STRONGER_SIGN_IN = (
    "Azure asks for a stronger sign-in than this one, such as a person's with a second factor: az login, then run the "
    "cell with connect again, with sign_in = 'cli'."
)
_NO_ANSWER = (
    "Check the network and the proxy (HTTPS_PROXY, or the system's settings), then run this cell again. The sandbox "
    "needs neither."
)
# What is raised where nothing answers, or not to the end.
_CUT_OFF = requests.exceptions.ChunkedEncodingError
DROPPED = (requests.ConnectionError, requests.Timeout, _CUT_OFF, ServiceRequestError, ServiceResponseError)


class TutorialError(RuntimeError):
    """Something the learner can put right; the message says how, and is all that a notebook shows."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class FinalError(CredentialUnavailableError, TutorialError):
    """One that clients of the SDK neither retry nor hide behind another."""


class BusyError(CredentialUnavailableError, TutorialError):
    """Nothing is to be had now, and perhaps soon: clients of the SDK do not ask again, and wait_until does."""


class StoppedError(FinalError):
    """Nothing listens where the sandbox was."""


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

    @property
    def what(self) -> str:
        """Status, if there is one, and code."""
        return f"{self.status or ''} {self.code}".strip()

    def _table(self) -> Table:
        return show({"Answer": self.what, "In the service's words": self.message, "What to do": self.advice})


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
    if isinstance(error, requests.HTTPError) and error.response is not None:
        error = error.response
    status, code, message = _read_answer(error) if isinstance(error, requests.Response) else _read_exception(error)
    if isinstance(error, DROPPED):
        advice = _NO_ANSWER
    elif expected:
        advice = "Nothing: this was to be refused."
    else:
        advice = STRONGER_SIGN_IN if _wants_claims(error) else _advice(status, code, message)
    return Explanation(status, code, message.strip(), advice)


def _wants_claims(error: requests.Response | Exception) -> bool:
    answer = error if isinstance(error, requests.Response) else getattr(error, "response", None)
    return "insufficient_claims" in (getattr(answer, "headers", None) or {}).get("WWW-Authenticate", "")


def _read_answer(answer: requests.Response) -> tuple[int, str, str]:
    """Return code and message: of Resource Manager's shape, or of the one that Entra and the metadata service share."""
    if answer.ok:
        raise ValueError(f"The answer has status {answer.status_code}: that is no error.")
    code, message = answer.reason or "", answer.text
    with suppress(requests.JSONDecodeError, KeyError, TypeError, AttributeError):
        body = answer.json()
        error = body["error"]
        if isinstance(error, str):
            code, message = error, body.get("error_description", error)
        else:
            code, message = error.get("code", ""), error.get("message", "")
    return answer.status_code, str(code), str(message)


def _read_exception(error: Exception) -> tuple[int | None, str, str]:
    name = type(error).__name__
    if isinstance(error, ClientAuthenticationError):  # whose name says little: Entra's number says more
        found = _AADSTS.search(error.message)
        return error.status_code, found[0] if found else name, error.message
    if isinstance(error, HttpResponseError):
        said = error.error
        return error.status_code, (said and said.code) or name, (said and said.message) or error.message
    return None, name, error.message if isinstance(error, AzureError) else str(error)


def _advice(status: int | None, code: str, message: str) -> str:
    sentences = (advice for sentence, advice in _BY_SENTENCE.items() if sentence in message)
    known = _ADVICE.get(code) or next(sentences, None) or _BY_STATUS.get(status)
    return known or "Read the service's message; its documentation explains the code."
