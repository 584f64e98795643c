"""A machine's metadata service is for those who may run commands on the machine, whoever else is on this computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.cloud import MetadataEndpoint
from sandbox.core import seed_data
from tests.support.needs import in_need_of
from tests.support.sandbox import LOCAL_API_VERSION, RunningSandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
root_only = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can start processes of other users"
)


@dataclass(frozen=True)
class User:
    """Somebody on this computer, with a service principal of their own."""

    sandbox: RunningSandbox
    user_id: int
    token: str

    def curl(self, url: str, *headers: str) -> Any:
        """What a process of theirs is answered."""
        words = [in_need_of("curl"), "--silent", "--insecure", "--noproxy", "*", url]
        words += [word for header in headers for word in ("--header", header)]
        done = subprocess.run(
            words,
            user=self.user_id,
            group=self.user_id,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=300,
            check=True,
        )
        return json.loads(done.stdout)

    def look(self) -> Any:
        """Ask the seeded machine's metadata service."""
        return self.curl(f"{self.sandbox.metadata_endpoint()}/metadata/versions", "Metadata: true")

    def ask_where(self, path: str) -> Any:
        """Ask Resource Manager where metadata services listen."""
        url = f"{self.sandbox.endpoint}{path}?api-version={LOCAL_API_VERSION}"
        return self.curl(url, f"Authorization: Bearer {self.token}")


def user(sandbox: RunningSandbox, user_id: int) -> User:
    principal, secret = sandbox.add_principal(f"user {user_id}")
    return User(sandbox, user_id, sandbox.token(principal.client_id, secret))


def machine(sandbox: RunningSandbox) -> str:
    group = sandbox.seed_data.group(seed_data.RESOURCE_GROUP)
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{seed_data.VM_NAME}"


def let(sandbox: RunningSandbox, somebody: User, role: str) -> str:
    """Assign a role on the machine; return the assignment's path."""
    principal = sandbox.on_loop(lambda: sandbox.cloud.directory.by_name(f"user {somebody.user_id}"))[0]
    path = f"{machine(sandbox)}/providers/Microsoft.Authorization/roleAssignments/{sandbox.cloud.ids.guid(role)}"
    definition = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    body = {"properties": {"principalId": principal.object_id, "roleDefinitionId": definition}}
    assert sandbox.arm("PUT", path, body).status_code == 201
    return path


@root_only
@pytest.mark.parametrize("one", [True, False], ids=["one machine's", "all that they see"])
def test_whoever_may_run_commands_on_the_machine_is_let_in_and_nobody_else(sandbox: RunningSandbox, one: bool) -> None:
    ada, grace = user(sandbox, 80_001), user(sandbox, 80_002)
    let(sandbox, ada, VIRTUAL_MACHINE_CONTRIBUTOR)
    where = (
        f"{machine(sandbox)}/providers/Sandbox.Local/metadataService"
        if one
        else f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/metadataServices"
    )
    assert "another user's machine" in ada.look()["error"]  # before having asked
    assert "error" not in ada.ask_where(where)
    answer = grace.ask_where(where)
    assert answer["error"]["code"] == "AuthorizationFailed"
    assert "2018-02-01" in ada.look()["apiVersions"]
    assert "another user's machine" in grace.look()["error"]


@root_only
def test_a_reader_of_the_machine_is_not_let_in(sandbox: RunningSandbox) -> None:
    ada = user(sandbox, 80_001)
    let(sandbox, ada, READER)
    answer = ada.ask_where(f"{machine(sandbox)}/providers/Sandbox.Local/metadataService")
    assert answer["error"]["code"] == "AuthorizationFailed"
    assert "another user's machine" in ada.look()["error"]


@root_only
def test_without_the_role_the_door_closes_again(sandbox: RunningSandbox) -> None:
    ada = user(sandbox, 80_001)
    role = let(sandbox, ada, VIRTUAL_MACHINE_CONTRIBUTOR)
    let(sandbox, ada, READER)  # which she keeps
    ada.ask_where(f"{machine(sandbox)}/providers/Sandbox.Local/metadataService")
    assert "error" not in ada.look()
    assert sandbox.arm("DELETE", role).status_code == 200
    assert "another user's machine" in ada.look()["error"]


@root_only
def test_a_refused_user_gets_no_token(sandbox: RunningSandbox) -> None:
    query = "api-version=2018-02-01&resource=https://management.azure.com/"
    url = f"{sandbox.metadata_endpoint()}/metadata/identity/oauth2/token?{query}"
    answer = user(sandbox, 80_001).curl(url, "Metadata: true")
    assert answer["error"] == "forbidden"
    assert "another user's machine" in answer["error_description"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere users cannot be told apart")
def test_the_sandboxs_own_user_and_root_need_not_ask() -> None:
    endpoint = MetadataEndpoint("http://127.0.0.1:1")
    assert endpoint.admits(os.geteuid(), {"ada"}.__contains__)
    assert endpoint.admits(0, {"ada"}.__contains__)
    assert not endpoint.admits(80_001, {"ada"}.__contains__)
    assert endpoint.disclose(80_001, "ada") == endpoint.address
    assert endpoint.admits(80_001, {"ada"}.__contains__)
    assert not endpoint.admits(80_001, {"grace"}.__contains__)
    assert not endpoint.admits(80_002, {"ada"}.__contains__)


def test_where_users_cannot_be_told_apart_all_are_served() -> None:
    endpoint = MetadataEndpoint("http://127.0.0.1:1")
    assert endpoint.disclose(None, "ada") == endpoint.address
    assert endpoint.admits(None, {"grace"}.__contains__)
