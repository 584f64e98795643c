"""The Azure CLI's twin of every step, as the notebooks show it folded away, does the step."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.core.seed_data import RESOURCE_GROUP, VM_NAME
from tests.clients.azure_cli import AzureCli, clients_environment
from tests.helpers.pointing import point_to, unchanged_environment
from tests.notebooks.course import book
from tests.notebooks.course import run as run_notebook
from tests.support.sandbox import RunningSandbox, running_sandbox

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
MACHINE = f"Microsoft.Compute/virtualMachines/{VM_NAME}"
# There is no browser here to sign in with.
IN_PLACE_OF = {
    "az login": 'az login --service-principal --username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET"'
    ' --tenant "$AZURE_TENANT_ID"'
}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@dataclass(frozen=True)
class Twin:
    """Commands for the Azure CLI, the cell whose step they are, and whether they are to be run on the machine."""

    notebook: str
    step: str
    commands: str
    on_machine: bool


def twins() -> Iterator[Twin]:
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        step = ""
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield from _twins_in(path.stem, step, "".join(cell["source"]))
            else:
                step = cell["id"]


def _twins_in(notebook: str, step: str, text: str) -> Iterator[Twin]:
    """Yield the blocks of one cell: the prose right before a block says where it is to be run."""
    after = 0
    for found in BLOCK.finditer(text):
        language, commands = found.groups()
        if language == "bash":
            yield Twin(notebook, step, commands, "on the vm" in text[after : found.start()].casefold())
        after = found.end()


def run(twin: Twin, variables: Mapping[str, str]) -> str:
    """Run one block, each command of which must work; return what it prints."""
    typed = "\n".join(IN_PLACE_OF.get(line, line) for line in twin.commands.splitlines())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", typed], env=dict(variables), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{twin.notebook}:\n{twin.commands}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def terminals(az: AzureCli, az_on: Callable[[str], AzureCli]) -> Callable[[bool], Mapping[str, str]]:
    """``terminals(on_machine)``: the variables of a terminal in which the user is signed in, here or on the machine."""
    machine = az_on(VM_NAME)
    machine.sign_in()
    path = f"{az.az.parent}{os.pathsep}{os.environ['PATH']}"
    return lambda on_machine: {**(machine if on_machine else az).variables, "PATH": path}


def test_every_step_of_the_quickstart_has_one() -> None:
    found = {twin.notebook for twin in twins()}
    assert {path.stem for path in NOTEBOOKS.glob("0[0-6]_*.ipynb")} <= found
    assert {twin.notebook for twin in twins() if twin.on_machine} >= {"04_get_token", "05_read_properties"}


@pytest.mark.long
def test_one_after_the_other_they_do_the_quickstart(
    terminals: Callable[[bool], Mapping[str, str]], sandbox: RunningSandbox
) -> None:
    printed: dict[str, str] = {}
    seen: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for twin in twins():
        printed[twin.notebook] = printed.get(twin.notebook, "") + run(twin, terminals(twin.on_machine))
        seen[twin.notebook] = state(sandbox)

    empty: tuple[list[str], list[str], list[str]] = ([], [], [])
    assert seen["00_prerequisites"] == empty
    assert seen["01_create_identity"] == (["ID1"], [], [])
    assert seen["02_assign_identity"] == (["ID1"], ["ID1"], [])
    assert seen["03_grant_access"] == (["ID1"], ["ID1"], ["ID1 may read"])
    assert "Enabled" in printed["04_get_token"] and "access_token" not in printed["04_get_token"]
    assert json.loads(printed["05_read_properties"])["id"].endswith(f"/resourceGroups/{RESOURCE_GROUP}")
    assert seen["06_clean_up"] == empty


NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])
ALL = (["ID1"], ["ID1"], ["ID1 may read"])
# What there is once a twin has done its step, in a course of which nothing was done but what the step needs.
AFTER_STEP = {
    "sign-in-connect": NOTHING,
    "group-ensure": NOTHING,
    "vm-ensure": NOTHING,
    "create-identity": (["ID1"], [], []),
    "assign-identity": (["ID1"], ["ID1"], []),
    "create-grant": ALL,
    "get-an-access-token-content": (["ID1"], ["ID1"], []),
    "read-properties": ALL,
    "take-away-delete": (["ID1"], ["ID1"], []),
    "take-off-send": (["ID1"], [], []),
    "delete-identity": NOTHING,
}


@pytest.mark.parametrize("twin", list(twins()), ids=lambda twin: twin.step)
def test_each_does_its_step_where_it_stands(
    twin: Twin, az_program: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of the cell before it, with the cells before that having run and no other notebook."""
    with running_sandbox(tmp_path / "state", keys_from=keys) as sandbox:
        with unchanged_environment(), monkeypatch.context() as pointed:
            point_to(sandbox, pointed)
            if twin.notebook == "06_clean_up":  # what there is to clean up
                run_notebook("05_read_properties")
            steps = [cell.id for cell in book(twin.notebook).code]
            run_notebook(twin.notebook, stop_after=steps[steps.index(twin.step) - 1])
        vm = VM_NAME if twin.on_machine else None
        az = AzureCli(az_program, clients_environment(sandbox, tmp_path, vm))
        az.sign_in()
        run(twin, {**az.variables, "PATH": f"{az_program.parent}{os.pathsep}{os.environ['PATH']}"})
        assert state(sandbox) == AFTER_STEP[twin.step]


def state(sandbox: RunningSandbox) -> tuple[list[str], list[str], list[str]]:
    """The identities in the group, those of them that the machine has, and what they may."""
    group = sandbox.seed_data.group(RESOURCE_GROUP)
    listed = sandbox.arm("GET", f"{group}/providers/{IDENTITIES}", version="2024-11-30").json()["value"]
    names = {found["properties"]["principalId"]: found["name"] for found in listed}
    machine = sandbox.arm("GET", f"{group}/providers/{MACHINE}", version="2026-04-01").json()
    attached = machine.get("identity", {}).get("userAssignedIdentities", {})
    path = f"{group}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()"
    roles = {found["properties"]["principalId"] for found in sandbox.arm("GET", path).json()["value"]}
    return (
        sorted(names.values()),
        sorted(identity.rpartition("/")[2] for identity in attached),
        sorted(f"{names[principal]} may read" for principal in roles & names.keys()),
    )
