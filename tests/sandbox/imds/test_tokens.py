"""Tokens from the metadata service: for whom, how long, and for whom not."""

from __future__ import annotations

import itertools

import jwt
import msal
import pytest
import requests
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.imds.tokens import NEARLY_EXPIRED
from sandbox.state.directory import Principal
from tests.sandbox.imds.machine import ARM, TOKEN, Machine

DAY = 86400
SELECTORS = ["client_id", "object_id", "msi_res_id", "mi_res_id"]
NOT_FOUND = "Identity not found"
SEVERAL = (
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the "
    "token request"
)


def by(name: str, identity: Principal) -> dict[str, str]:
    """The query that names ``identity``."""
    values = {"client_id": identity.client_id, "object_id": identity.object_id}
    return {name: values.get(name, identity.resource_id or "")}


def check_refused(answer: requests.Response, error: str, description: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()) == (status, {"error": error, "error_description": description})
    assert answer.headers["Server"].startswith("IMDS/")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


# --- for whom ----------------------------------------------------------------------------------------------------


def test_the_answer_is_all_strings(machine: Machine) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    answer = machine.token(client_id=identity.client_id)
    body = answer.json()
    now = int(machine.clock.now().timestamp())
    token = body.pop("access_token")
    assert body == {
        "client_id": identity.client_id,
        "refresh_token": "",
        "expires_in": str(DAY - 1),
        "expires_on": str(now + DAY),
        "not_before": str(now - 300),
        "resource": ARM,
        "token_type": "Bearer",
    }
    assert answer.headers["Server"].startswith("IMDS/")
    claims = machine.cloud.validator.validate(token)
    assert (claims.object_id, claims.client_id) == (identity.object_id, identity.client_id)
    assert (claims.audience, claims.not_before, claims.expires_on) == (ARM, now - 300, now + DAY)
    assert claims.raw["xms_mirid"] == identity.resource_id
    assert claims.raw["xms_az_rid"] == machine.id
    assert (claims.raw["appidacr"], claims.raw["idtyp"], claims.raw["ver"]) == ("2", "app", "1.0")


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("write", [str, str.upper, str.lower])
def test_an_identity_is_named_in_any_way_and_case(machine: Machine, name: str, write: type[str]) -> None:
    first, second = machine.identity("ID1"), machine.identity("ID2")
    machine.assign(first, second, system=True)
    for identity in (first, second, machine.system):
        query = {key: write(value) for key, value in by(name, identity).items()}
        assert machine.object_id(**query) == identity.object_id


def test_the_machines_own_identity_is_named_by_the_machine(machine: Machine) -> None:
    machine.assign(system=True)
    assert machine.object_id(msi_res_id=machine.id) == machine.system.object_id
    claims = machine.cloud.validator.validate(machine.token().json()["access_token"])
    assert claims.raw["xms_mirid"] == claims.raw["xms_az_rid"] == machine.id


def test_without_a_name_the_machines_own_identity_is_meant(machine: Machine) -> None:
    machine.assign(machine.identity("ID1"), machine.identity("ID2"), system=True)
    assert machine.object_id() == machine.system.object_id


def test_without_a_name_the_only_identity_is_meant(machine: Machine) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    assert machine.object_id() == identity.object_id


def test_without_a_name_two_are_too_many(machine: Machine) -> None:
    machine.assign(machine.identity("ID1"), machine.identity("ID2"))
    check_refused(machine.token(), "invalid_request", SEVERAL)


def test_a_machine_without_identities_gets_no_token(machine: Machine) -> None:
    check_refused(machine.token(), "invalid_request", NOT_FOUND)


# --- for whom not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SELECTORS)
def test_an_identity_that_is_not_assigned(machine: Machine, name: str) -> None:
    assigned, other = machine.identity("ID1"), machine.identity("ID2")
    machine.assign(assigned, system=True)
    check_refused(machine.token(**by(name, other)), "invalid_request", NOT_FOUND)


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("value", ["", " ", "/", "*", "%", "00000000-0000-4000-8000-000000000000", "é", "\x00"])
def test_an_identity_that_is_none(machine: Machine, name: str, value: str) -> None:
    machine.assign(machine.identity("ID1"), system=True)
    check_refused(machine.token(**{name: value}), "invalid_request", NOT_FOUND)


def test_an_id_of_another_kind_names_nobody(machine: Machine) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    check_refused(machine.token(client_id=identity.object_id), "invalid_request", NOT_FOUND)
    check_refused(machine.token(object_id=identity.client_id), "invalid_request", NOT_FOUND)


def test_names_are_told_apart_to_the_end(machine: Machine) -> None:
    one, ten = machine.identity("ID1"), machine.identity("ID10")
    machine.assign(ten)
    check_refused(machine.token(**by("msi_res_id", one)), "invalid_request", NOT_FOUND)


def test_unassigning_counts_at_once(machine: Machine) -> None:
    identity, other = machine.identity("ID1"), machine.identity("ID2")
    machine.assign(identity, other)
    token = machine.token(client_id=identity.client_id).json()["access_token"]
    machine.patch({"identity": {"type": "UserAssigned", "userAssignedIdentities": {identity.resource_id: None}}})
    check_refused(machine.token(client_id=identity.client_id), "invalid_request", NOT_FOUND)
    assert machine.object_id() == other.object_id
    assert machine.cloud.validator.validate(token).object_id == identity.object_id  # until it expires


def test_a_deleted_identity_gets_no_more_tokens(machine: Machine) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    token = machine.token().json()["access_token"]
    machine.delete(identity)
    check_refused(machine.token(), "invalid_request", NOT_FOUND)
    check_refused(machine.token(client_id=identity.client_id), "invalid_request", NOT_FOUND)
    assert machine.cloud.validator.validate(token).object_id == identity.object_id


def test_an_identity_made_again_is_another(machine: Machine) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    machine.token()
    machine.delete(identity)
    again = machine.identity("ID1")
    check_refused(machine.token(**by("msi_res_id", again)), "invalid_request", NOT_FOUND)
    machine.patch({"identity": {"type": "UserAssigned", "userAssignedIdentities": {again.resource_id: {}}}})
    assert machine.object_id(**by("msi_res_id", again)) == again.object_id != identity.object_id


def test_the_machines_own_identity_comes_and_goes(machine: Machine) -> None:
    machine.assign(system=True)
    first = machine.object_id()
    machine.assign()
    check_refused(machine.token(), "invalid_request", NOT_FOUND)
    machine.assign(system=True)
    assert machine.object_id() != first


def test_a_new_assignment_takes_its_time_as_in_azure(slow_machine: Machine) -> None:
    identity = slow_machine.identity("ID1")
    slow_machine.patch({"identity": {"type": "UserAssigned", "userAssignedIdentities": {identity.resource_id: {}}}})
    check_refused(slow_machine.token(), "invalid_request", NOT_FOUND)
    slow_machine.clock.advance(slow_machine.cloud.timing.seconds("identity.reaches.vm"))
    assert slow_machine.object_id() == identity.object_id


# --- how long ----------------------------------------------------------------------------------------------------


def test_the_same_token_is_handed_out_while_it_lasts(machine: Machine) -> None:
    machine.assign(machine.identity("ID1"))
    first = machine.token().json()
    for passed in (1, 3600, DAY - NEARLY_EXPIRED):
        machine.clock.advance(passed - (DAY - 1 - int(machine.token().json()["expires_in"])))
        again = machine.token().json()
        assert again["expires_in"] == str(DAY - 1 - passed)
        assert {**again, "expires_in": ""} == {**first, "expires_in": ""}
    machine.clock.advance(1)
    last = machine.token().json()
    assert last["access_token"] != first["access_token"]
    assert last["expires_in"] == str(DAY - 1)


def test_the_cache_can_be_passed_by(machine: Machine) -> None:
    machine.assign(machine.identity("ID1"))
    first = machine.token().json()["access_token"]
    fresh = machine.token(bypass_cache="true").json()["access_token"]
    assert fresh != first
    assert machine.token().json()["access_token"] == fresh
    assert machine.token(bypass_cache="yes").status_code == 400


def test_each_identity_and_resource_has_a_token_of_its_own(machine: Machine) -> None:
    first, second = machine.identity("ID1"), machine.identity("ID2")
    machine.assign(first, second)
    resources = [ARM, ARM.removesuffix("/"), "https://vault.azure.net"]
    tokens = {}
    for identity, resource in itertools.product((first, second), resources):
        answer = machine.token(client_id=identity.client_id, resource=resource).json()
        assert answer["resource"] == resource
        claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
        assert (claims["aud"], claims["oid"]) == (resource, identity.object_id)
        tokens[answer["access_token"]] = claims
    assert len(tokens) == 6


# --- the real clients --------------------------------------------------------------------------------------------


def test_azure_identity_gets_a_token(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.address)
    first, second = machine.identity("ID1"), machine.identity("ID2")
    machine.assign(first, second, system=True)
    for identity, options in (
        (machine.system, {}),
        (first, {"client_id": first.client_id}),
        (second, {"identity_config": {"object_id": second.object_id}}),
        (second, {"identity_config": {"resource_id": second.resource_id}}),
    ):
        with ManagedIdentityCredential(**options) as credential:
            token = credential.get_token("https://management.azure.com/.default")
        claims = machine.cloud.validator.validate(token.token)
        assert (claims.object_id, claims.audience) == (identity.object_id, ARM.removesuffix("/"))


def test_azure_identity_says_that_the_identity_is_not_there(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.address)
    stranger = machine.identity("ID1")
    credential = ManagedIdentityCredential(client_id=stranger.client_id)
    with credential, pytest.raises(CredentialUnavailableError, match="no response from the IMDS endpoint"):
        credential.get_token("https://management.azure.com/.default")


def test_msal_gets_a_token(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.address)
    identity = machine.identity("ID1")
    machine.assign(identity, system=True)
    with requests.Session() as session:
        wanted = msal.UserAssignedManagedIdentity(client_id=identity.client_id)
        client = msal.ManagedIdentityClient(wanted, http_client=session)
        result = client.acquire_token_for_client(resource=ARM)
    assert machine.cloud.validator.validate(result["access_token"]).object_id == identity.object_id


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [pair for size in (2, 3) for pair in itertools.combinations(SELECTORS, size)], ids="+".join
)
def test_an_identity_is_named_once(machine: Machine, names: tuple[str, ...]) -> None:
    identity = machine.identity("ID1")
    machine.assign(identity)
    query = {key: value for name in names for key, value in by(name, identity).items()}
    answer = machine.token(**query)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert all(name in answer.json()["error_description"] for name in names)


@pytest.mark.parametrize("resource", [None, ""])
def test_a_token_is_for_something(machine: Machine, resource: str | None) -> None:
    machine.assign(machine.identity("ID1"))
    query = {} if resource is None else {"resource": resource}
    answer = machine.get(TOKEN, **{"api-version": "2018-02-01"}, **query)
    check_refused(answer, "invalid_request", "Required audience parameter not specified")


@pytest.mark.parametrize("resource", ["https://api.contoso.com", "https://management.azure.com//", "management"])
def test_a_resource_that_is_not_there(machine: Machine, resource: str) -> None:
    machine.assign(machine.identity("ID1"))
    answer = machine.token(resource=resource)
    body = answer.json()
    assert (answer.status_code, body["error"], set(body)) == (400, "invalid_resource", {"error", "error_description"})
    assert body["error_description"].startswith(f"AADSTS500011: The resource principal named {resource} was not found")


def test_the_tenant_is_told(machine: Machine) -> None:
    answer = machine.get("/metadata/identity/info", **{"api-version": "2018-02-01"})
    assert (answer.status_code, answer.json()) == (200, {"tenantId": machine.cloud.seed_data.tenant_id})


def test_no_token_is_logged(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    machine.assign(machine.identity("ID1"))
    token = machine.token().json()["access_token"]
    assert caplog.records
    assert not any(part in caplog.text for part in token.split("."))


# --- law ---------------------------------------------------------------------------------------------------------

NAMES = ["ID1", "ID2", "ID3"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    assigned=st.sets(st.sampled_from(NAMES)),
    system=st.booleans(),
    wanted=st.none() | st.tuples(st.sampled_from(SELECTORS), st.sampled_from(NAMES)),
)
def test_a_token_is_had_for_what_is_assigned_and_for_nothing_else(
    machine: Machine, assigned: set[str], system: bool, wanted: tuple[str, str] | None
) -> None:
    identities = {name: machine.identity(name) for name in NAMES}
    machine.assign(*(identities[name] for name in sorted(assigned)), system=system)
    answer = machine.token(**(by(wanted[0], identities[wanted[1]]) if wanted else {}))
    if wanted:
        expected = identities[wanted[1]] if wanted[1] in assigned else NOT_FOUND
    elif system:
        expected = machine.system
    else:
        alone = [identities[name] for name in assigned]
        expected = alone[0] if len(alone) == 1 else SEVERAL if alone else NOT_FOUND
    if isinstance(expected, str):
        check_refused(answer, "invalid_request", expected)
    else:
        claims = machine.cloud.validator.validate(answer.json()["access_token"])
        assert claims.object_id == expected.object_id
