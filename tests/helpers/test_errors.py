from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from helpers import connect, explain
from helpers.connection import Connection
from helpers.data_files import read_data
from helpers.errors import TutorialError
from tests.helpers.pointing import point_to
from tests.support.sandbox import RunningSandbox

FAULT_HAS = ("vm", "id", "host", "said")
STRANGER = "00000000-0000-0000-0000-000000000000"


def response(status: int, body: object, reason: str = "") -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.reason = reason
    made._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return made


def test_resource_managers_refusal() -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": "The client 'x' may not."}}
    explained = explain(response(403, body))
    assert (explained.status, explained.code) == (403, "AuthorizationFailed")
    assert explained.message == "The client 'x' may not."
    assert "10 minutes" in explained.advice


@pytest.mark.parametrize(
    ("description", "advice"),
    [
        ("Identity not found", "does not have this identity"),
        (
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in "
            "the token request",
            "add client_id",
        ),
        ("Required metadata header not specified", "Metadata: true"),
    ],
)
def test_the_metadata_services_refusals(description: str, advice: str) -> None:
    explained = explain(response(400, {"error": "invalid_request", "error_description": description}))
    assert explained.message == description
    assert advice in explained.advice


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "<html>oops</html>", "<html>oops</html>"),
        (502, "", ""),
        (400, [1, 2], "[1, 2]"),
        (400, {"message": "no error in it"}, '{"message": "no error in it"}'),
        (404, {"error": "alone"}, "alone"),
    ],
)
def test_answers_of_another_shape_are_explained_as_far_as_can_be(status: int, body: object, message: str) -> None:
    explained = explain(response(status, body, "Reason"))
    assert explained.status == status
    assert explained.message == message
    assert explained.advice


def test_what_is_no_error_cannot_be_explained() -> None:
    with pytest.raises(ValueError, match="200"):
        explain(response(200, {}))


def test_what_was_refused_on_purpose_needs_no_advice() -> None:
    refusal = response(403, {"error": {"code": "AuthorizationFailed", "message": "The client 'x' may not."}})
    explained = explain(refusal, expected=True)
    assert (explained.status, explained.code, explained.message) == (
        403,
        "AuthorizationFailed",
        "The client 'x' may not.",
    )
    assert explained.advice == "Nothing: this was to be refused."


def test_reads_well_as_text_and_as_html() -> None:
    explained = explain(response(409, {"error": {"code": "RoleAssignmentExists", "message": "It <exists>."}}))
    assert repr(explained).splitlines()[0] == "Answer                 : 409 RoleAssignmentExists"
    assert "It &lt;exists&gt;." in explained._repr_html_()


def test_a_token_in_a_message_is_not_shown() -> None:
    body = {"error": {"code": "X", "message": "the token eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRw.c2ln is bad"}}
    assert "eyJ" not in repr(explain(response(400, body)))


def test_an_exception_of_a_management_client(connection: Connection) -> None:
    identities = ManagedServiceIdentityClient(
        connection.credential, connection.subscription_id, **connection.client_options
    )
    with pytest.raises(HttpResponseError) as refusal:
        identities.user_assigned_identities.create_or_update("no-such-group", "ID1", Identity(location="eastus"))
    explained = explain(refusal.value)
    assert (explained.status, explained.code) == (404, "ResourceGroupNotFound")
    assert explained.message == "Resource group 'no-such-group' could not be found."
    assert "00_prerequisites" in explained.advice


def test_the_sdks_word_for_an_identity_the_machine_does_not_have(
    connection: Connection, sandbox: RunningSandbox
) -> None:
    machine = f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Compute/virtualMachines/myVM"
    transport = RequestsTransport(session=connection.on_vm(machine))
    with pytest.raises(CredentialUnavailableError) as refusal:
        ManagedIdentityCredential(client_id=STRANGER, transport=transport).get_token(
            "https://management.azure.com/.default"
        )
    explained = explain(refusal.value)
    assert (explained.status, explained.code) == (None, "CredentialUnavailableError")
    assert "Identity not found" in explained.message
    assert "does not have this identity" in explained.advice


def test_the_sdks_word_where_there_is_no_metadata_service() -> None:
    silent = CredentialUnavailableError("ManagedIdentityCredential authentication unavailable, no IMDS endpoint found.")
    assert "Only a virtual machine" in explain(silent).advice


def test_a_wrong_secret(sandbox: RunningSandbox) -> None:
    with pytest.raises(ClientAuthenticationError) as refusal:
        sandbox.credential(secret="wrong").get_token("https://management.azure.com/.default")
    explained = explain(refusal.value)
    assert explained.code == "AADSTS7000215"
    assert "secret is wrong" in explained.advice


def test_an_exception_without_an_answer() -> None:
    explained = explain(ServiceRequestError("cannot connect"))
    assert (explained.status, explained.code, explained.message) == (None, "ServiceRequestError", "cannot connect")


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (409, "ScopeLocked", "remove the lock"),
        (403, "RequestDisallowedByPolicy", "policy of your organization"),
        (409, "ReadOnlyDisabledSubscription", "subscription is disabled"),
    ],
)
def test_what_others_have_forbidden_says_whom_to_ask(status: int, code: str, advice: str) -> None:
    assert advice in explain(response(status, {"error": {"code": code, "message": "?"}})).advice


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 502, 503, 504])
def test_unknown_codes_get_the_advice_of_their_status(status: int) -> None:
    advice = explain(response(status, {"error": {"code": "SomethingNew", "message": "?"}})).advice
    assert advice != explain(response(418, {"error": {"code": "SomethingNew", "message": "?"}})).advice


def test_signing_in_with_a_wrong_secret_says_what_to_do(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(sandbox, monkeypatch, secret="wrong")
    with pytest.raises(TutorialError, match=r"(?s)az login.*AADSTS7000215"):
        connect("sandbox")


@pytest.mark.parametrize(
    ("package", "name", "about"),
    [("helpers", "explanations.yaml", {}), ("helpers.run_command", "faults.yaml", dict.fromkeys(FAULT_HAS, "…"))],
)
def test_files_of_words_hold_whole_sentences(package: str, name: str, about: dict[str, str]) -> None:
    def leaves(value: Any) -> Iterator[Any]:
        yield from chain(*map(leaves, value.values())) if isinstance(value, dict) else [value]

    for sentence in leaves(read_data(package, name)):
        assert re.fullmatch(r"\S.*[.)…]", sentence.format(**about)), sentence
