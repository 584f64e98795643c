"""Azure's refusals in words: what it said, and what to do about it."""

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
from requests.exceptions import ChunkedEncodingError

from helpers.data_files import read_data
from helpers.tables import Shown, Table, show

# A notebook shows a refusal where it is explained; the same as a warning beside it would only be noise.
logging.getLogger("azure").addHandler(logging.NullHandler())

_AADSTS = re.compile(r"AADSTS\d+")
# What is raised where nothing answers, or not to the end.
DROPPED = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError, ServiceRequestError, ServiceResponseError)
_KNOWN = read_data(__package__, "explanations.yaml")
STRONGER_SIGN_IN = _KNOWN["statuses"]["stronger sign-in"]["advice"]


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
        error: An answer of ``requests`` with a status of 400 or more, or an exception of the Azure SDK. If the course
            has a sentence of its own for what is behind it, that is raised.
        expected: Whether it was refused on purpose, so that nothing is to be done about it.
    """
    if isinstance(error, Exception) and (own := own_error(error)):
        raise own
    if isinstance(error, requests.HTTPError) and error.response is not None:
        error = error.response
    status, code, message = _read_answer(error) if isinstance(error, requests.Response) else _read_exception(error)
    if isinstance(error, DROPPED):
        advice = about_status("no answer")["advice"]
    elif expected:
        advice = "Nothing: this was to be refused."
    else:
        weak = "insufficient_claims" in header_of(error, "WWW-Authenticate")
        advice = STRONGER_SIGN_IN if weak else _advice(status, code, message)
    return Explanation(status, code, message.strip(), advice)


def header_of(said: object, name: str) -> str:
    """Return a header of an answer, or of the one that an exception was made of; empty if there is none."""
    answer = said if isinstance(said, requests.Response) else getattr(said, "response", None)
    return str((getattr(answer, "headers", None) or {}).get(name, ""))


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
    sentences = (advice for sentence, advice in _KNOWN["sentences"].items() if sentence in message)
    known = _KNOWN["codes"].get(code) or next(sentences, None) or about_status(status).get("advice")
    return known or "Read the service's message; its documentation explains the code."


def about_status(status: object) -> Mapping[str, str]:
    """Return what a status means, its likely cause and what to do about it, by name, as far as that is known."""
    known: Mapping[str, Mapping[str, str]] = _KNOWN["statuses"]
    return known.get("5xx" if re.fullmatch(r"5\d\d", str(status)) else str(status), {})
