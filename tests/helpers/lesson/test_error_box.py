"""Errors in a notebook: one short box as the cell's error output, and the frames folded below."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nbclient
import nbformat
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransportResponse
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi.models import Identity
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

from helpers import connect, ensure_granted
from helpers.lesson.error_box import _rows
from sandbox.state.state_directory import Settings
from tests.helpers.pointing import environment_of, point_to
from tests.notebooks.course import FOLDER, book, run
from tests.support.sandbox import RunningSandbox, running_sandbox

EXTENSION = "workshop.kernels.error_box"
AS_IDENTITY = "as_identity.resource_groups.get(resource_group)"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """IPython as a kernel has it, with an empty namespace."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # IPython takes its place, and keeps it
    found: Any = InteractiveShell.instance()
    found.user_ns.clear()  # reset() collects garbage, which takes seconds here
    found.init_user_ns()
    found.extension_manager.load_extension(EXTENSION)
    yield found
    found.extension_manager.loaded.discard(EXTENSION)
    found.set_custom_exc((), None)
    found.user_ns.clear()


def shown(shell: Any, source: str, **variables: Any) -> CapturedIO:
    shell.push(variables)
    with capture_output() as said:
        shell.run_cell(source, store_history=True)
    return said


def words(text: str) -> str:
    """The text of a box, without its lines."""
    return " ".join(text.replace("│", " ").split())


def test_a_refusal_says_what_why_and_what_to_do(shell: InteractiveShell, at_sandbox: RunningSandbox) -> None:
    variables = run("05_read_properties", stop_after="take-away-delete")
    said = shown(shell, AS_IDENTITY, **variables)
    text = words(said.stdout)
    assert said.stdout.startswith("┌ HttpResponseError: 403 AuthorizationFailed\n│")
    assert "What it means Azure knows who asks, and they may not do this." in text
    assert "Likely cause No role that reaches this far" in text
    assert "What to do Whoever asks needs a role" in text
    assert "Word for word The client '" in text
    assert "Correlation id" in text
    action, group = "Microsoft.Resources/subscriptions/resourceGroups/read", variables["group"].id
    decided = f"Reason {variables['identity'].principal_id} may not perform the action {action} at {group}."
    assert decided.casefold() in text.casefold()
    assert "No role assignment was found for it here." in text


@pytest.mark.parametrize(
    ("role", "scope", "reason"),
    [
        ("AcrPull", "{group}", "AcrPull at {group} does not cover the action."),
        ("Reader", "{vm}", "Reader at {vm} covers the action with '*/read', but its scope does not reach this far."),
    ],
)
def test_the_sandbox_says_what_it_looked_at(
    shell: InteractiveShell, at_sandbox: RunningSandbox, role: str, scope: str, reason: str
) -> None:
    variables = run("05_read_properties", stop_after="take-away-delete")
    places = {"group": variables["group"].id, "vm": variables["vm"].id}
    variables["ensure_granted"](variables["connection"], variables["identity"], scope.format(**places), role)
    text = words(shown(shell, AS_IDENTITY, **variables).stdout)
    assert reason.format(**places).casefold() in text.casefold()


def test_what_a_role_takes_off_again_is_named(shell: InteractiveShell, at_sandbox: RunningSandbox) -> None:
    variables = run("05_read_properties", stop_after="take-away-delete")
    variables["ensure_granted"](variables["connection"], variables["identity"], variables["group"].id, "Contributor")
    delete = "AuthorizationManagementClient(credential, connection.subscription_id, transport=transport)"
    text = words(shown(shell, f"{delete}.role_assignments.delete(group.id, grant.name)", **variables).stdout)
    assert "covers the action with '*', but leaves it out with 'Microsoft.Authorization/*/Delete'." in text


def test_what_is_missing_on_something_else_that_the_request_points_to(
    shell: InteractiveShell, at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada may change the machine, and not use the identity."""
    identity = run("02_assign_identity", stop_after="catch-up")["identity"]
    ada, secret = at_sandbox.add_principal("ada")
    as_ada = SimpleNamespace(id=identity.id, principal_id=ada.object_id, name="ada")
    group = at_sandbox.seed_data.group("myResourceGroupVM")
    ensure_granted(connect("sandbox"), cast(Identity, as_ada), group, "Virtual Machine Contributor")
    point_to(at_sandbox, monkeypatch, client_id=ada.client_id, secret=secret)
    machines = connect("sandbox").client(ComputeManagementClient).virtual_machines
    block = VirtualMachineIdentity(
        type="UserAssigned", user_assigned_identities={identity.id: UserAssignedIdentitiesValue()}
    )
    variables = {"machines": machines, "connection": connect("sandbox"), "change": VirtualMachineUpdate(identity=block)}
    text = words(shown(shell, "machines.begin_update('myResourceGroupVM', 'myVM', change)", **variables).stdout)
    assert "403 LinkedAuthorizationFailed" in text
    missing = (
        f"may not perform the action Microsoft.ManagedIdentity/userAssignedIdentities/assign/action at {identity.id}"
    )
    assert f"Reason {ada.object_id} {missing}.".casefold() in text.casefold()


def test_on_azure_and_for_those_who_may_not_ask_the_box_has_no_reasons(
    shell: InteractiveShell, at_sandbox: RunningSandbox
) -> None:
    variables = run("05_read_properties", stop_after="take-away-delete")
    del variables["connection"]
    text = words(shown(shell, AS_IDENTITY, **variables).stdout)
    assert "AuthorizationFailed" in text and "Reason" not in text


def test_frames_are_folded_below(shell: InteractiveShell, at_sandbox: RunningSandbox) -> None:
    variables = run("02_assign_identity", stop_after="assign-identity-client")
    said = shown(shell, "compute.virtual_machines.get('<nowhere>', vm_name)", **variables)
    assert "_operations.py" not in said.stdout
    below: Any = said.outputs[0]
    assert len(said.outputs) == 1
    assert below._repr_html_().startswith("<details><summary>Where it happened</summary><pre>")
    assert "_operations.py" in below._repr_html_() and "\x1b" not in below._repr_html_()
    assert "&lt;nowhere&gt;" in below._repr_html_() and "<nowhere>" not in below._repr_html_()
    assert "_operations.py" in shown(shell, "%tb").stdout


def test_no_answer(shell: InteractiveShell) -> None:
    said = shown(shell, "import helpers, requests\nrequests.get('https://127.0.0.1:1', timeout=2)")
    assert said.stdout.startswith("┌ ConnectionError: no answer")
    assert "What it means Nothing answered in time." in words(said.stdout)
    assert "Check the network and the proxy" in words(said.stdout)


def test_no_token_for_an_identity_that_the_machine_does_not_have(
    shell: InteractiveShell, at_sandbox: RunningSandbox
) -> None:
    variables = run("04_get_token", stop_after="with-sdk-credential")
    ask = "ManagedIdentityCredential(client_id=stranger['client_id'], transport=transport)"
    said = shown(shell, f"{ask}.get_token('https://management.azure.com/.default')", **variables)
    assert said.stdout.startswith("┌ CredentialUnavailableError: no token")
    assert "What it means There is no token to be had in this way" in words(said.stdout)
    assert "never assigned to this machine" in words(said.stdout)


def test_a_sign_in_that_is_not_enough_is_not_taken_for_none(
    shell: InteractiveShell, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faults.yaml").write_text("- fault: ClaimsChallenge")
    with running_sandbox(tmp_path, settings=Settings(faults=str(tmp_path / "faults.yaml")), keys_from=keys) as sandbox:
        point_to(sandbox, monkeypatch)
        variables = run("01_create_identity", stop_after="create-identity-find")
        said = shown(shell, book("01_create_identity").cell("create-identity").source, **variables)
    text = words(said.stdout)
    assert said.stdout.startswith("┌ ClientAuthenticationError: 401")
    assert "What to do Azure asks for a stronger sign-in than this one" in text and "az login" in text
    assert "What it means" not in text and "Likely cause" not in text


def test_an_answer_that_was_raised_by_hand(shell: InteractiveShell, at_sandbox: RunningSandbox) -> None:
    variables = run("04_get_token", stop_after="refusals-no-header")
    said = shown(shell, "no_header.raise_for_status()", **variables)
    assert said.stdout.startswith("┌ HTTPError: 400 invalid_request")
    assert "Send the header 'Metadata: true'." in words(said.stdout)


def test_what_the_course_says_itself_has_no_frames(shell: InteractiveShell) -> None:
    said = shown(shell, "from helpers.errors import TutorialError\nraise TutorialError('It is shut. Open\\n  it.')")
    assert said.stdout == "┌ It is shut.\n│   What to do     Open\n│                    it.\n└\n"
    assert said.outputs == []


COMMAND = "az vm create --resource-group myResourceGroupVM --name myVM --image Win2022Datacenter --size Standard_B2s"
CHALLENGE = f'az login --claims-challenge "{"x" * 200}"'
LONG = "from helpers import " + ", ".join(f"something_{number}" for number in range(6))  # as long as a line of a cell


@pytest.mark.parametrize(
    ("said", "copied"),
    [
        (f"There is none. In a terminal: {COMMAND}. It costs money until it is deleted.", COMMAND),
        (f"It wants more. In a terminal: {CHALLENGE}; then run the cell again.", CHALLENGE),
        (f"It is another one. Run\n  {LONG}\nin the cell above, or all cells above it.", LONG),
    ],
)
def test_what_is_to_be_copied_is_on_one_line(shell: InteractiveShell, said: str, copied: str) -> None:
    text = shown(shell, "from helpers.errors import TutorialError\nraise TutorialError(said)", said=said).stdout
    [line] = [line for line in text.splitlines() if copied.split()[0] in line and copied.split()[-1] in line]
    assert copied in line
    assert words(text) == "┌ " + words(said.replace(". ", ". What to do ", 1)) + " └"


def test_a_long_line_of_a_cell_is_named_as_it_is(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (LONG, "something_5")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path := tmp_path / "x.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert LONG in shown(shell, "something_5").stdout


@pytest.mark.parametrize("source", ["from helpers.lesson import check_spare", "import helpers.exercises"])
def test_a_cell_of_an_earlier_course_says_how_to_get_todays(shell: InteractiveShell, source: str) -> None:
    text = words(shown(shell, source).stdout)
    assert text.startswith("┌ This notebook was made from an earlier version of the course")
    assert "Begin again, with your copy kept beside the new one: python -m workshop lab --fresh" in text
    assert "In a class, ask for it" in text


@pytest.mark.parametrize(
    ("status", "means"),
    [
        *((500, "Azure had trouble of its own."), (507, "Azure had trouble of its own.")),
        *((405, ""), (412, ""), (415, "")),
        (200, ""),  # the last answer about an operation that has failed
    ],
)
def test_trouble_is_azures_own_only_if_azure_says_so(status: int, means: str) -> None:
    answer = requests.Response()
    answer.status_code = status
    error = HttpResponseError("no", response=cast(Any, RequestsTransportResponse(None, answer)))
    assert _rows(error, {}).get("What it means", "") == means


@pytest.mark.parametrize(
    "source",
    [
        *("import nowhere", "from json import nothing", "import helpers\nfrom json import nothing"),
        *("1 / 0", "import helpers\n1 / 0", "nowhere", "[][1]", "raise OSError('x')"),
        "import helpers, requests\nrequests.get('management.azure.com')",  # MissingSchema
        "import helpers, requests\nanswer = requests.Response()\nanswer._content = b'<'\nanswer.json()",
        "from azure.core.exceptions import HttpResponseError\nraise HttpResponseError('x')",
    ],
)
def test_other_errors_look_as_always(shell: InteractiveShell, source: str) -> None:
    said = shown(shell, source)
    assert "Traceback (most recent call last)" in said.stdout and "┌" not in said.stdout
    assert said.outputs == []


def test_a_fault_in_the_box_does_not_hide_the_error(
    shell: InteractiveShell, at_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = run("02_assign_identity", stop_after="assign-identity-client")
    monkeypatch.setattr("helpers.lesson.error_box.explain", None)
    for _ in range(2):  # the second time shows that it still listens
        said = shown(shell, "compute.virtual_machines.get('nowhere', vm_name)", **variables)
        assert "ResourceGroupNotFound" in said.stdout


@pytest.mark.parametrize(
    ("failed", "name", "begins"),
    [
        ("create-grant", "roles", "from azure.mgmt.authorization import AuthorizationManagementClient"),
        ("grant-access-url", "group", "from helpers import ensure_group, ensure_identity"),
        ("grant-works-after", "read_group", "def read_group():"),
    ],
)
def test_a_name_of_an_earlier_cell_says_which_to_run(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: str, name: str, begins: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(shutil.copy(FOLDER / "03_grant_access.ipynb", tmp_path)))
    text = words(shown(shell, book("03_grant_access").cell(failed).source).stdout)
    assert re.match(r"┌ NameError: \w+ is not there yet ", text)
    text = words(shown(shell, name).stdout)
    assert f"begins with {begins}" in text and "since this kernel started" in text


def test_a_cell_that_comes_later_is_not_to_be_run_first(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in ("late", "late = 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path := tmp_path / "x.ipynb")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert "┌" not in shown(shell, "late").stdout
    assert "begins with late = 1" in words(shown(shell, "late + 1").stdout)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"cells": 1}', '{"cells": [{"cell_type": "code", "source": "(" }]}']
)
def test_a_notebook_that_cannot_be_read_is_no_help_and_no_trouble(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content, "utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert "name 'nowhere' is not defined" in shown(shell, "nowhere").stdout


@pytest.mark.parametrize("kernel", ["python3", "python3-warm"])
def test_every_kernel_has_it_from_its_start(at_sandbox: RunningSandbox, kernel: str, tmp_path: Path) -> None:
    """Before any cell has run, the box is the error output, which is what runners of notebooks see."""
    copy = shutil.copy(FOLDER / "03_grant_access.ipynb", tmp_path)
    cells = [book("03_grant_access").cell("grant-access-url").source, "1 / 0"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    environment = {**os.environ, **environment_of(at_sandbox), "JPY_SESSION_NAME": str(copy)}
    client = nbclient.NotebookClient(notebook, kernel_name=kernel, allow_errors=True, timeout=300)
    client.execute(cwd=str(tmp_path), env=environment)
    error, folded = notebook.cells[0].outputs
    assert (error.output_type, error.ename) == ("error", "NameError")
    assert error.traceback[0].startswith("┌ NameError: group is not there yet")
    assert "<details>" in folded.data["text/html"] and "NameError" in folded.data["text/plain"]
    assert [output.ename for output in notebook.cells[1].outputs] == ["ZeroDivisionError"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("check_names(identity_name='ID 1', vm_name=7)", "'ID 1' is not allowed. The name of an identity has 3 to 128"),
        ("check_names(identity_name='ID 1', vm_name=7)", "vm_name must be text, but is 7."),
        ("connect('sandbox', reach_vm='there')", "reach_vm = 'there' is not known. It is 'here' or 'run-command'."),
    ],
)
def test_a_parameter_that_cannot_be_used_is_said_without_our_code(
    shell: InteractiveShell, cell: str, said: str
) -> None:
    text = shown(shell, f"from helpers import check_names, connect\n{cell}").stdout
    assert text.startswith("┌ A parameter cannot be used.\n│")
    assert said in words(text)
    assert "What to do Change it in the cell that sets it, run that cell, then this one again." in words(text)
    assert "Traceback" not in text and "names.py" not in text
