"""The course on Azure, on the machine itself, as far as there is an Azure here: nothing is configured."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.guest.lab import Lab, running_lab

MACHINE = "myVM"
COURSE = f"exec {shlex.quote(sys.executable)} -m tests.clients.course_on_machine"


@pytest.fixture(scope="module", params=["instant", "realistic"])
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("on-machine") / "state", "--timing", request.param) as lab:
        yield lab


def secret_of(lab: Lab) -> str:
    return str(json.loads((lab.data / "operator.json").read_text())["clientSecret"])


@pytest.mark.long
def test_with_a_credential_in_the_environment(lab: Lab) -> None:
    who = lab.seed_data
    variables = {
        "AZURE_TENANT_ID": who.tenant_id,
        "AZURE_CLIENT_ID": who.operator_client_id,
        "AZURE_CLIENT_SECRET": secret_of(lab),
    }
    given = " ".join(f"{name}={value}" for name, value in variables.items())
    done = lab.inside(MACHINE, "sh", "-ec", f"export {given}\n{COURSE} by-environment auto")
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.long
def test_with_the_azure_cli(lab: Lab, installed_az: Path, tmp_path: Path) -> None:
    """It is started once for each notebook: the time that a series takes is not the CLI's."""
    started, program = tmp_path / "started", tmp_path / "bin" / "az"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" >> {started}\nexec {installed_az} "$@"\n')
    program.chmod(0o755)
    who = lab.seed_data
    sign_in = (
        f"{installed_az} login --service-principal --username {who.operator_client_id} --password {secret_of(lab)} "
        f"--tenant {who.tenant_id} --output none"
    )
    script = f'{sign_in}\nexport PATH="{program.parent}:$PATH"\n{COURSE} by-az auto'
    done = lab.inside(MACHINE, "sh", "-ec", script)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(started.read_text().splitlines()) == 7
