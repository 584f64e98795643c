"""The course on Azure from afar, as far as there is an Azure here: Azure's own names and the real Azure CLI's sign-in.

The kernel is on one machine of the sandbox, which stands for somebody's desk, and the identity on another.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.guest.lab import Lab, running_lab
from tests.support.machines import IDENTITY

DESK = "myVM"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("from-afar") / "state", "--allow-run-command") as lab:
        lab.add_linux_machine("web")
        yield lab


@pytest.mark.long
def test_the_course_from_afar_signed_in_with_the_azure_cli(lab: Lab, installed_az: Path) -> None:
    who = lab.seed_data
    secret = json.loads((lab.data / "operator.json").read_text())["clientSecret"]
    sign_in = (
        f"az login --service-principal --username {who.operator_client_id} --password {secret} "
        f"--tenant {who.tenant_id} --output none"
    )
    course = f"{shlex.quote(sys.executable)} -m tests.clients.course_from_afar web from-afar"
    path = f'PATH="{installed_az.parent}:$PATH"'
    done = lab.inside(DESK, "sh", "-ec", f"{path}\nexport PATH\n{sign_in}\nexec {course}")
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout.splitlines()[-1])["answers"]
    assert answers and set(answers) == {401}
    gone = f"{lab.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/from-afar"
    assert lab.ask("GET", gone, version=IDENTITY).status_code == 404
    assert "signature-kept-on-vm" not in done.stdout + done.stderr
