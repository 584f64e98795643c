"""Tokens at the door of Resource Manager, over the whole of a running sandbox."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.entra.keys import SigningKey
from sandbox.entra.tokens import TokenIssuer
from tests.support.sandbox import RunningSandbox

ARM = "https://management.azure.com"


def status_and_code(sandbox: RunningSandbox, token: str) -> tuple[int, str | None]:
    answer = sandbox.arm("GET", sandbox.seed_data.subscription, token=token, version="2022-12-01")
    return answer.status_code, answer.json().get("error", {}).get("code")


@pytest.mark.parametrize("resource", [ARM, f"{ARM}/", "https://management.core.windows.net/"])
def test_a_token_for_resource_manager_opens(sandbox: RunningSandbox, resource: str) -> None:
    assert status_and_code(sandbox, sandbox.credential().get_token(f"{resource}/.default").token) == (200, None)


def test_a_token_for_the_sandboxs_address_opens(sandbox: RunningSandbox) -> None:
    token = sandbox.credential().get_token(f"{sandbox.endpoint}/.default").token
    assert status_and_code(sandbox, token) == (200, None)


def test_each_service_has_an_address_that_a_token_is_good_for(sandbox: RunningSandbox) -> None:
    cloud = sandbox.session.get(f"{sandbox.endpoint}/metadata/endpoints?api-version=2022-09-01").json()
    addresses = {"arm": cloud["resourceManager"], "graph": cloud["microsoftGraphResourceId"]}
    tokens = {name: sandbox.credential().get_token(f"{url}/.default").token for name, url in addresses.items()}
    paths = {"arm": f"{sandbox.seed_data.subscription}?api-version=2022-12-01", "graph": "v1.0/servicePrincipals"}
    statuses = {
        (service, token): sandbox.session.get(
            f"{addresses[service].rstrip('/')}/{paths[service].lstrip('/')}",
            headers={"Authorization": f"Bearer {tokens[token]}"},
        ).status_code
        for service in addresses
        for token in tokens
    }
    assert statuses == {(service, token): 200 if service == token else 401 for service, token in statuses}


@pytest.mark.parametrize("resource", ["https://vault.azure.net", "https://graph.microsoft.com"])
def test_a_token_for_another_resource_does_not(sandbox: RunningSandbox, resource: str) -> None:
    token = sandbox.credential().get_token(f"{resource}/.default").token
    assert status_and_code(sandbox, token) == (401, "InvalidAuthenticationTokenAudience")


def test_a_token_of_another_key_does_not(sandbox: RunningSandbox, other_key: SigningKey) -> None:
    forger = TokenIssuer(other_key, sandbox.seed_data.tenant_id, sandbox.clock)
    forged = forger.for_application(
        audience=ARM,
        client_id=sandbox.seed_data.operator_client_id,
        object_id=sandbox.seed_data.operator_object_id,
        lifetime=timedelta(hours=1),
    )
    assert status_and_code(sandbox, forged.token) == (401, "InvalidAuthenticationToken")


def test_a_token_opens_for_an_hour(sandbox: RunningSandbox) -> None:
    token = sandbox.token()
    sandbox.clock.advance(3590)
    assert status_and_code(sandbox, token) == (200, None)
    sandbox.clock.advance(11)
    assert status_and_code(sandbox, token) == (401, "ExpiredAuthenticationToken")
