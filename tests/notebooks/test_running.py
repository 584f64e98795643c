"""The notebooks run: in order, alone, again, after a crash, with other names, as somebody with fewer rights."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from helpers.errors import TutorialError
from sandbox.state.state_directory import Settings
from tests.helpers.pointing import point_to, unchanged_environment
from tests.notebooks.course import FOLDER, NAMES, book, run, run_all_cells, run_cells
from tests.support.clocks import PassingTime
from tests.support.sandbox import RunningSandbox, running_sandbox

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
GROUP = "myResourceGroupVM"
MACHINE = "/providers/Microsoft.Compute/virtualMachines/myVM"
# Of what all has to be made, down to the group.
OWN = {"resource_group": "contosoCourse", "vm_name": "courseVM", "identity_name": "ID7"}
IDENTITY = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"


def run_all(**parameters: str) -> None:
    for name in NAMES:
        run(name, **parameters)


def get(sandbox: RunningSandbox, path: str, version: str) -> Any:
    answer = sandbox.arm("GET", path, version=version)
    return answer.json() if answer.ok else answer.json()["error"]["code"]


def identity_block(sandbox: RunningSandbox) -> Any:
    return get(sandbox, sandbox.seed_data.group(GROUP) + MACHINE, "2024-11-01").get("identity")


def snapshot(sandbox: RunningSandbox) -> list[Any]:
    """Everything in the subscription that a course might leave behind, without what each write counts up."""
    subscription = sandbox.seed_data.subscription
    grants = get(sandbox, f"{subscription}/providers/Microsoft.Authorization/roleAssignments", "2022-04-01")["value"]
    groups = get(sandbox, f"{subscription}/resourceGroups", "2021-04-01")["value"]
    resources = get(sandbox, f"{subscription}/resources", "2021-04-01")["value"]
    # Whose tags were all taken away has none, as whose never had any.
    return [
        sorted(str({name: value for name, value in each.items() if (name, value) != ("tags", {})}) for each in listed)
        for listed in (grants, groups, resources)
    ]


def test_in_order_and_nothing_is_left(at_sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(at_sandbox)
    run_all()
    assert snapshot(at_sandbox) == before
    assert capsys.readouterr().out == ""  # nothing had to be caught up with, nothing was waited for


@pytest.mark.parametrize("name", NAMES)
def test_alone_and_again(at_sandbox: RunningSandbox, name: str) -> None:
    run(name)
    once = snapshot(at_sandbox)
    run(name)
    assert snapshot(at_sandbox)[1:] == once[1:]  # a grant that is made again has another date


@pytest.mark.parametrize("name", NAMES)
def test_catching_up_is_said(at_sandbox: RunningSandbox, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made_before = {"00": 0, "01": 0, "02": 1, "03": 2, "04": 2, "05": 3, "06": 0}[name[:2]]
    run(name)
    said = [line for line in capsys.readouterr().out.splitlines() if " yet: " in line]
    assert len(said) == made_before


def test_no_cell_asks_the_same_twice(at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless something was changed in between, and so may be another answer."""
    send, asked = HTTPAdapter.send, set[str]()
    twice: list[str] = []

    def sending(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if request.method != "GET":
            asked.clear()
        elif request.url in asked:
            twice.append(str(request.url))
        else:
            asked.add(str(request.url))
        return send(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", sending)
    for name in NAMES:
        for cell in run_cells(name, {"__name__": "__main__"}):
            assert not twice, (name, cell.id)
            asked.clear()


@pytest.mark.parametrize("name", NAMES)
def test_after_a_crash_at_any_cell(at_sandbox: RunningSandbox, name: str) -> None:
    """A notebook knows nothing but what is in Azure: only where a cell changes that, it begins differently again."""
    names = OWN if name == NAMES[0] else {}  # which makes the group and the machine; else these are there and stay
    before = snapshot(at_sandbox)
    for cell_id in cells_that_write(at_sandbox, name, names):
        have_something_to_clean_up(name)
        run(name, stop_after=cell_id, **names)
        run(name, **names)
        run(NAMES[-1], **names)
        assert snapshot(at_sandbox) == before, f"{name} crashed after {cell_id}"


def cells_that_write(sandbox: RunningSandbox, name: str, names: dict[str, str]) -> list[str]:
    """Run a notebook and clean up; return the cells after which the sandbox held something else than before them."""
    have_something_to_clean_up(name)
    store = sandbox.cloud.store.connection
    found, before = [], store.total_changes
    for cell in run_cells(name, {"__name__": "__main__"}, **names):
        if store.total_changes > before:
            found.append(cell.id)
        before = store.total_changes
    run(NAMES[-1], **names)
    assert found
    return found


def have_something_to_clean_up(name: str, **names: str) -> None:
    """Before the last notebook have everything there that it takes away."""
    if name == NAMES[-1]:
        run(NAMES[-2], **names)


@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The longest; Hypothesis itself begins with the shortest.
@example(resource_group=f"(._{'z' * 87}", vm_name=f"9{'-' * 62}Z", identity_name=f"A{'_-9' * 42}x")
@given(
    resource_group=st.from_regex(r"[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]", fullmatch=True),
    vm_name=st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?", fullmatch=True),
    identity_name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", fullmatch=True),
)
def test_with_any_names_that_azure_allows(
    at_sandbox: RunningSandbox, resource_group: str, vm_name: str, identity_name: str
) -> None:
    before = snapshot(at_sandbox)
    run_all(resource_group=resource_group, vm_name=vm_name, identity_name=identity_name)
    assert snapshot(at_sandbox) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [("identity_name", "x", "3 to 128"), ("resource_group", "ends.", "does not end with a period")],
)
def test_a_bad_name_is_refused_with_what_is_allowed(
    at_sandbox: RunningSandbox, name: str, parameter: str, value: str, sentence: str
) -> None:
    before = snapshot(at_sandbox)
    with pytest.raises(ValueError, match=sentence):
        run(name, **{parameter: value})
    assert snapshot(at_sandbox) == before


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[("vm_name", "-"), ("location", "East US"), ("role", ""), ("subscription_id", "x"), ("target", "aws")],
        *[("sign_in", "password"), ("reach_vm", "rdp")],
    ],
)
def test_the_first_notebook_refuses_every_bad_parameter(at_sandbox: RunningSandbox, parameter: str, value: str) -> None:
    with pytest.raises(ValueError, match=parameter):
        run("00_prerequisites", **{parameter: value})


def test_with_a_role_that_may_write(at_sandbox: RunningSandbox) -> None:
    before = snapshot(at_sandbox)
    run_all(role="Contributor")
    assert snapshot(at_sandbox) == before


@pytest.mark.parametrize(
    ("role", "sentence"), [("Raeder", "There is no role named 'Raeder'"), ("AcrPull", "AcrPull does not allow")]
)
def test_with_a_role_that_will_not_do(at_sandbox: RunningSandbox, role: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        run("03_grant_access", role=role)


@pytest.mark.parametrize("name", ["03_grant_access", "04_get_token", "05_read_properties"])
@pytest.mark.parametrize("role", ["Key Vault Secrets User", "AcrPull"])
def test_with_a_role_that_will_not_do_nothing_is_waited_for_long(
    at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    """Also by what goes on after a cell that failed, as nbval does."""
    passing = PassingTime()
    monkeypatch.setattr("helpers.wait.time", passing)
    failed = run_all_cells(name, role=role)
    assert passing.now < 60
    waited_for = {"03_grant_access": 1, "04_get_token": 0, "05_read_properties": 2}[name]
    no_use = [each for each in failed if isinstance(each, TutorialError) and "is no use: ID1 has no role" in str(each)]
    assert len(no_use) == waited_for


@pytest.mark.long
def test_nbval_ends_soon_with_a_role_that_will_not_do(at_sandbox: RunningSandbox, tmp_path: Path) -> None:
    text = book("03_grant_access").path.read_text("utf-8")
    copy = tmp_path / "03_grant_access.ipynb"
    copy.write_text(text.replace('role: str = \\"Reader\\"', 'role: str = \\"AcrPull\\"'), "utf-8")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", str(copy)]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, timeout=600, check=False)
    assert "Waiting for the grant to take effect is no use" in done.stdout


def test_a_machine_keeps_the_identities_that_it_had(at_sandbox: RunningSandbox) -> None:
    group = at_sandbox.seed_data.group(GROUP)
    other = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/contosoPayrollReader"
    at_sandbox.arm("PUT", other, {"location": "eastus"}, version="2024-11-30").raise_for_status()
    block = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {other: {}}}
    at_sandbox.arm("PATCH", group + MACHINE, {"identity": block}, version="2024-11-01").raise_for_status()
    before = identity_block(at_sandbox)
    run_all()
    assert identity_block(at_sandbox) == before


def test_an_identity_of_that_name_that_was_there_is_used_and_left(at_sandbox: RunningSandbox) -> None:
    path = at_sandbox.seed_data.group(GROUP) + IDENTITY
    mine = {"location": "westus", "tags": {"owner": "contoso"}}
    at_sandbox.arm("PUT", path, mine, version="2024-11-30").raise_for_status()
    before = get(at_sandbox, path, "2024-11-30")
    run_all()
    assert get(at_sandbox, path, "2024-11-30") == before


@pytest.mark.parametrize("name", ["02_assign_identity", "03_grant_access", "04_get_token", "05_read_properties"])
def test_an_identity_that_was_deleted_while_the_machine_has_it(at_sandbox: RunningSandbox, name: str) -> None:
    run("05_read_properties")
    identity = at_sandbox.seed_data.group(GROUP) + IDENTITY
    at_sandbox.arm("DELETE", identity, version="2024-11-30").raise_for_status()
    run(name)
    principal = get(at_sandbox, identity, "2024-11-30")["properties"]["principalId"]
    [entry] = identity_block(at_sandbox)["userAssignedIdentities"].values()
    assert entry["principalId"] == principal
    run("06_clean_up")
    assert identity_block(at_sandbox) is None


def test_somebody_elses_grant_is_named_where_the_identity_should_be_refused(at_sandbox: RunningSandbox) -> None:
    """Taking the course's own grant away does not help."""
    run("02_assign_identity")
    principal = get(at_sandbox, at_sandbox.seed_data.group(GROUP) + IDENTITY, "2024-11-30")["properties"]["principalId"]
    providers = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.Authorization"
    path = f"{providers}/roleAssignments/00000000-0000-4000-8000-000000000001"
    body = {
        "roleDefinitionId": f"{providers}/roleDefinitions/{CONTRIBUTOR}",
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    at_sandbox.arm("PUT", path, {"properties": body}).raise_for_status()
    with pytest.raises(TutorialError, match="somebody gave it a role at /subscriptions/"):
        run("03_grant_access")


def test_a_grant_that_disappears_while_it_is_waited_for_is_named(
    at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.wait.time", PassingTime())
    variables = run("03_grant_access", stop_after="create-grant")
    at_sandbox.arm("DELETE", variables["grant"].id).raise_for_status()
    cell = book("03_grant_access").cell("grant-works-after")
    with pytest.raises(TutorialError, match="Waiting for the grant to take effect is no use"):
        exec(cell.source, variables)


@pytest.mark.parametrize("name", ["03_grant_access", "04_get_token", "05_read_properties"])
def test_an_identity_that_is_deleted_while_it_is_waited_for_is_named(
    at_sandbox: RunningSandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.wait.time", PassingTime())
    cells = book(name).code
    [waiting] = [
        at for at, cell in enumerate(cells) if "wait_until(" in cell.source and "check_assigned(" in cell.source
    ]
    variables = run(name, stop_after=cells[waiting - 1].id)
    at_sandbox.arm("DELETE", variables["identity"].id, version="2024-11-30").raise_for_status()
    with pytest.raises(TutorialError, match="ID1 was deleted"):
        exec(cells[waiting].source, variables)


def test_somebody_who_owns_one_group_only(at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A learner in a class: has a group with a machine, and sees nothing else of the subscription."""
    names = {"resource_group": "class-ada", "vm_name": "vm-ada", "identity_name": "id-ada"}
    scope = at_sandbox.seed_data.group(names["resource_group"])
    at_sandbox.arm("PUT", scope, {"location": "eastus"}, version="2021-04-01").raise_for_status()
    run("00_prerequisites", **names)
    learner, secret = at_sandbox.add_principal("ada")
    body = {
        "properties": {
            "roleDefinitionId": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}",
            "principalId": learner.object_id,
            "principalType": "ServicePrincipal",
        }
    }
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001"
    at_sandbox.arm("PUT", path, body).raise_for_status()
    point_to(at_sandbox, monkeypatch, client_id=learner.client_id, secret=secret)
    run_all(**names)
    assert get(at_sandbox, scope, "2021-04-01")["name"] == "class-ada"
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        run("01_create_identity", resource_group=GROUP)


def test_where_things_take_their_time(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Azure: a grant takes a while to count, an identity to reach its machine. Sleeping moves the clock."""
    with (
        running_sandbox(tmp_path, settings=Settings(timing="realistic"), keys_from=keys) as sandbox,
        unchanged_environment(),
    ):
        point_to(sandbox, monkeypatch)
        monkeypatch.setattr(time, "sleep", sandbox.clock.advance)
        before = snapshot(sandbox)
        run_all()
        assert snapshot(sandbox) == before
    said = capsys.readouterr().out
    assert "Waiting for the grant to take effect" in said
    assert "Waiting for Azure to refuse" in said


def test_a_machine_that_is_stopped_is_noticed_at_the_start(at_sandbox: RunningSandbox) -> None:
    machine = at_sandbox.seed_data.group(GROUP) + MACHINE
    at_sandbox.arm("POST", f"{machine}/deallocate", version="2024-11-01").raise_for_status()
    with pytest.raises(AssertionError, match="az vm start --resource-group myResourceGroupVM --name myVM"):
        run("00_prerequisites")
    with pytest.raises(TutorialError, match="not running"):
        run("04_get_token")


def test_stock_papermill_runs_one_alone_from_any_folder(
    at_sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = str(FOLDER / "03_grant_access.ipynb")
    command = [sys.executable, "-m", "papermill", source, "out.ipynb", "-p", "identity_name", "ID7", "-k", "python3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "The identity ID7 was not there yet" in (tmp_path / "out.ipynb").read_text("utf-8")
    path = at_sandbox.seed_data.group(GROUP) + IDENTITY.replace("ID1", "ID7")
    assert get(at_sandbox, path, "2024-11-30")["name"] == "ID7"


def test_a_role_is_known_by_its_guid_wherever_it_was_looked_up(at_sandbox: RunningSandbox) -> None:
    """The id of one role begins with the scope at which somebody asked for it, in the case that they wrote it in."""
    variables = run("03_grant_access", stop_after="grant-works-after")
    definition = variables["definition"]
    definition.id = f"/providers/Microsoft.Authorization/roleDefinitions/{definition.name.upper()}"
    for cell in book("03_grant_access").code:
        if cell.id.startswith(("check-", "exercise-")):
            exec(cell.source, variables)
