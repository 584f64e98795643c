from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ODataV4Format, ServiceRequestError
from azure.identity import CredentialUnavailableError

from helpers import wait, wait_until
from helpers.errors import StoppedError, TutorialError
from tests.support.clocks import PassingTime

RESOURCE_MANAGER = "https://management.azure.com/subscriptions/x/resourceGroups/y"
METADATA = "http://169.254.169.254/metadata/identity/oauth2/token"


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> PassingTime:
    made = PassingTime()
    monkeypatch.setattr(wait, "time", made)
    return made


def answers(*values: object) -> Callable[[], object]:
    given: Iterator[object] = iter(values)

    def ask() -> object:
        value = next(given)
        if isinstance(value, Exception):
            raise value
        return value

    return ask


def test_says_nothing_if_it_need_not_wait(time: PassingTime, capsys: pytest.CaptureFixture[str]) -> None:
    assert wait_until(answers("yes"), what="it") == "yes"
    assert not time.pauses
    assert capsys.readouterr().out == ""


def test_returns_the_answer_that_satisfies_and_says_how_long_it_took(
    time: PassingTime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wait_until(answers(1, 2, 3, 4), lambda answer: answer == 3, what="the third") == 3
    assert time.pauses == [0.5, 1.0]
    shown = capsys.readouterr().out
    assert "Waiting for the third: 0 s" in shown
    assert shown.endswith("Waited for the third: 2 s\n")


def test_pauses_grow_up_to_a_limit(time: PassingTime) -> None:
    wait_until(answers(*[None] * 8, "yes"), what="it")
    assert time.pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]


@pytest.mark.parametrize("error", [ValueError("boom"), HttpResponseError("boom")])
def test_other_exceptions_end_it(time: PassingTime, error: Exception) -> None:
    with pytest.raises(type(error), match="boom"):
        wait_until(answers(error), what="it")
    assert not time.pauses


def test_a_principal_that_the_directory_does_not_know_yet_is_waited_for(time: PassingTime) -> None:
    """Azure's replication: the identity was made seconds ago."""
    unknown = HttpResponseError("Principal 1234 does not exist in the directory.")
    unknown.error = ODataV4Format({"code": "PrincipalNotFound", "message": unknown.message})
    assert wait_until(answers(*[unknown] * 5, "made"), what="it") == "made"
    assert time.pauses == [0.5, 1, 2, 4, 8]


def test_gives_up_in_time_and_says_what_to_do(time: PassingTime) -> None:
    with pytest.raises(TimeoutError) as refusal:
        wait_until(lambda: response(403), what="the grant to take effect", timeout=30)
    said = str(refusal.value)
    assert time.now == 30
    assert said.startswith("Waited 30 seconds for the grant to take effect")
    assert "the last answer had the status 403" in said
    assert "run this cell again" in said


def test_giving_up_names_the_exception_that_was_in_the_way(time: PassingTime) -> None:
    with pytest.raises(TimeoutError, match="Identity not found"):
        wait_until(answers(*[CredentialUnavailableError("Identity not found")] * 9), what="it", timeout=9)


def test_an_answer_that_would_not_do_is_not_in_the_message(time: PassingTime) -> None:
    with pytest.raises(TimeoutError) as refusal:
        wait_until(lambda: "a secret", lambda answer: False, what="it", timeout=1)
    assert "a secret" not in str(refusal.value)


def response(
    status: int, code: str = "", *, url: str = RESOURCE_MANAGER, headers: Mapping[str, str] = {}, words: str = ""
) -> requests.Response:
    """An answer of Resource Manager or, with ``words``, of the metadata service."""
    made = requests.Response()
    made.status_code, made.url = status, url
    made.headers.update(headers)
    error: object = {"code": code, "message": f"{code} it is."}
    body = {"error": code, "error_description": words} if words else {"error": error}
    made._content = json.dumps(body if status >= 400 else {}).encode()
    return made


def is_200(answer: object) -> bool:
    return isinstance(answer, requests.Response) and answer.status_code == 200


def test_one_line_says_the_last_answer_and_how_long_it_may_take(
    time: PassingTime, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [response(403, "AuthorizationFailed") for _ in range(3)]
    wait_until(answers(*refused, response(200)), is_200, what="the grant", timeout=600)
    lines = capsys.readouterr().out.split("\r")
    assert lines[-2].isspace() and lines[-1] == "Waited for the grant: 4 s\n"
    assert len(lines[1:-2]) == 3
    for line in lines[1:-2]:
        assert line.rstrip().endswith("s of at most 600 s; the last answer had the status 403 (AuthorizationFailed)")
        assert "\n" not in line


@pytest.mark.parametrize("asked", ["20", "not a number"])
def test_it_waits_as_long_as_the_service_asks_it_to(time: PassingTime, asked: str) -> None:
    throttled = response(429, "TooManyRequests", headers={"Retry-After": asked})
    wait_until(answers(throttled, response(200)), is_200, what="it")
    assert time.pauses == [20 if asked == "20" else 0.5]


def test_a_request_to_wait_longer_than_there_is_time_is_cut(time: PassingTime) -> None:
    throttled = response(429, "TooManyRequests", headers={"Retry-After": "3600"})
    with pytest.raises(TimeoutError):
        wait_until(lambda: throttled, is_200, what="it", timeout=30)
    assert time.now == 30


@pytest.mark.parametrize(
    "dropped",
    [
        requests.ConnectionError("reset"),
        requests.ReadTimeout("late"),
        requests.exceptions.ChunkedEncodingError("cut off"),
        ServiceRequestError("gone"),
    ],
)
def test_it_goes_on_over_a_dropped_connection(time: PassingTime, dropped: Exception) -> None:
    assert wait_until(answers(dropped, dropped, "yes"), what="it") == "yes"


def test_an_identity_that_is_not_there_yet_needs_no_word(time: PassingTime) -> None:
    assert wait_until(answers(CredentialUnavailableError("Identity not found"), "yes"), what="it") == "yes"


def test_a_sandbox_that_has_stopped_is_not_waited_for(time: PassingTime) -> None:
    with pytest.raises(StoppedError, match="has stopped"):
        wait_until(answers(StoppedError("The sandbox has stopped.")), what="it")


@pytest.mark.parametrize(("status", "code"), [(400, "InvalidX"), (401, "ExpiredAuthenticationToken"), (404, "Gone")])
def test_what_is_final_ends_it_at_once(time: PassingTime, status: int, code: str) -> None:
    with pytest.raises(TutorialError, match=f"Waiting for the grant is no use: {status} {code}"):
        wait_until(answers(response(status, code)), is_200, what="the grant")
    assert time.now == 0


def test_an_answer_that_is_waited_for_is_never_final(time: PassingTime) -> None:
    gone = response(404, "Gone")
    assert wait_until(answers(gone), lambda answer: answer is gone, what="it") is gone


@pytest.mark.parametrize(
    ("status", "words"), [(400, "Identity not found"), (404, "updating"), (410, "gone"), (500, "oops")]
)
def test_what_the_metadata_service_says_for_a_while_is_not_final(time: PassingTime, status: int, words: str) -> None:
    not_yet = response(status, "invalid_request", url=METADATA, words=words)
    assert is_200(wait_until(answers(not_yet, response(200)), is_200, what="it"))


def test_another_refusal_of_the_metadata_service_is_final(time: PassingTime) -> None:
    refused = response(400, "invalid_request", url=METADATA, words="Required metadata header not specified")
    with pytest.raises(TutorialError, match="Metadata: true"):
        wait_until(answers(refused), is_200, what="it")


def test_the_state_is_looked_at_after_ten_seconds_and_then_once_a_minute(time: PassingTime) -> None:
    looks: list[float] = []
    with pytest.raises(TimeoutError):
        wait_until(lambda: None, what="it", timeout=200, check=lambda: looks.append(time.now))
    assert 10 <= looks[0] <= 20
    assert all(60 <= later - before <= 70 for before, later in itertools.pairwise(looks))


def test_a_state_in_which_waiting_is_no_use_ends_it(time: PassingTime) -> None:
    def look() -> None:
        raise HttpResponseError("The role assignment is not found.")

    with pytest.raises(
        TutorialError, match=r"Waiting for the grant is no use: HttpResponseError\. The role assignment is not found\."
    ):
        wait_until(lambda: response(403, "AuthorizationFailed"), is_200, what="the grant", check=look)
    assert time.now < 20


def test_a_success_that_was_to_be_a_refusal_is_looked_into_at_once(time: PassingTime) -> None:
    def look() -> None:
        raise TutorialError("somebody gave it a role")

    with pytest.raises(TutorialError, match="somebody gave it a role"):
        wait_until(lambda: response(200), lambda answer: answer.status_code == 403, what="a refusal", check=look)
    assert time.now == 0
