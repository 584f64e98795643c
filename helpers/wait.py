"""Waiting for Azure: by asking again, never by sleeping for a guessed time."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from azure.core.exceptions import AzureError, HttpResponseError
from azure.identity import CredentialUnavailableError

from helpers.errors import DROPPED, BusyError, TutorialError, explain, header_of, own_error
from helpers.transport import METADATA_SERVICE

Answer = TypeVar("Answer")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds
_FIRST_CHECK, _NEXT_CHECK = 10.0, 60.0  # seconds


class ProgressLine:
    """A line on which each text is written over the one before."""

    def __init__(self) -> None:
        self._began, self._shown = time.monotonic(), ""

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def show(self, text: str) -> None:
        """Write a text over the last one."""
        print(f"\r{text.ljust(len(self._shown))}", end="", flush=True)
        self._shown = text

    def clear(self) -> bool:
        """Remove what is shown; return whether there was something."""
        if self._shown:
            print(f"\r{' ' * len(self._shown)}\r", end="", flush=True)
        return bool(self._shown)


class NotInTimeError(TimeoutError, TutorialError):
    """What was waited for has not come; the message says what to do."""


def wait_until(
    ask: Callable[[], Answer],
    satisfied: Callable[[Answer], object] = bool,
    *,
    what: str,
    timeout: float = 900,
    check: Callable[[], object] | None = None,
) -> Answer:
    """Ask until the answer satisfies, with growing pauses, and return that answer.

    Nothing is printed if the first answer satisfies; else one line with what is being waited for, for how long, and
    the last answer. Connections that drop are made again, and the header Retry-After is honoured. That an identity
    or its principal is not known yet is no answer either.

    Args:
        ask: The real question, such as the GET that is to work in the end.
        satisfied: Whether an answer will do.
        what: What is being waited for, to be read after "Waiting for".
        timeout: The longest wait in seconds. Azure says of a grant that it can take 10 minutes.
        check: Looks at the state that the answer depends on, and raises if waiting is no use. It is called after ten
            seconds and then once a minute, and at once if an answer is a success that does not satisfy.

    Raises:
        TutorialError: The answer is final: a 400, 401 or 404 for what was asked, or what ``check`` found.
        TimeoutError: It took too long; the message says what to do.
    """
    line, pause, next_check = ProgressLine(), _FIRST_PAUSE, _FIRST_CHECK
    while True:
        said: Any
        try:
            said = answer = ask()
        except (*DROPPED, HttpResponseError) as error:
            said = _not_yet(error)
        else:
            if satisfied(answer):
                if line.clear():
                    print(f"Waited for {what}: {line.elapsed:.0f} s")
                return answer
            _stop_if_final(answer, what)
        elapsed = line.elapsed
        if elapsed >= timeout:
            raise NotInTimeError(
                f"Waited {elapsed:.0f} seconds for {what}, and asked again all the while; {_described(said)}. Azure is "
                "sometimes slow: run this cell again. If that does not help, go back to the step that should bring "
                "it about, and look at its result."
            )
        if check is not None and (elapsed >= next_check or getattr(said, "ok", False)):
            try:
                check()
            except AzureError as error:
                raise _no_use(what, error) from error
            next_check = elapsed + _NEXT_CHECK
        line.show(f"Waiting for {what}: {elapsed:.0f} s of at most {timeout:.0f} s; {_described(said)}")
        time.sleep(min(max(pause, _retry_after(said)), timeout - elapsed))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _not_yet(error: Exception) -> Exception:
    """Return the exception if it means "not yet", and raise it, or what is behind it, if it does not."""
    own = own_error(error)
    if own is not None and not isinstance(own, BusyError):
        raise own
    if isinstance(error, (*DROPPED, CredentialUnavailableError)) or explain(error).code == "PrincipalNotFound":
        return error
    raise error


def _stop_if_final(answer: object, what: str) -> None:
    if not isinstance(answer, requests.Response) or answer.status_code not in (400, 401, 404):
        return
    explained = explain(answer)
    of_machine = str(answer.url).startswith(f"{METADATA_SERVICE}/")
    if of_machine and (answer.status_code == 404 or explained.message == "Identity not found"):
        return  # the service is being updated, or has not heard of the identity yet
    raise _no_use(what, answer)


def _no_use(what: str, refusal: requests.Response | AzureError) -> TutorialError:
    found = explain(refusal)
    return TutorialError(f"Waiting for {what} is no use: {found.what}. {found.message} {found.advice}")


def _described(said: object) -> str:
    """Return an answer or an exception in a few words; what an answer holds may be secret."""
    if isinstance(said, BusyError):
        return str(said).partition(". ")[0]  # what comes then is what to do if one does not wait
    if isinstance(said, Exception):
        return str(said).strip().partition("\n")[0] or type(said).__name__
    if not isinstance(said, requests.Response):
        return "the last answer would not do"
    code = "" if said.ok else explain(said).code
    return f"the last answer had the status {said.status_code}" + (f" ({code})" if code else "")


def _retry_after(said: object) -> float:
    """Return for how many seconds the service asks to be left alone: Azure gives a number, never a date."""
    named = header_of(said, "Retry-After")
    return float(named) if named.isdecimal() else 0
