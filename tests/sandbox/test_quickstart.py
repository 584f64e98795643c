"""The whole quickstart by a script that knows only Azure's own clients and what ``env`` prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, uuid
import requests
from azure.identity import EnvironmentCredential, ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import RoleAssignmentCreateParameters
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

arm, subscription = os.environ["AZURE_RESOURCE_MANAGER_ENDPOINT"], os.environ["AZURE_SUBSCRIPTION_ID"]
options = {"base_url": arm, "credential_scopes": ["https://management.azure.com/.default"]}
me = EnvironmentCredential(disable_instance_discovery=True)
group = f"/subscriptions/{subscription}/resourceGroups/myResourceGroupVM"

identities = ManagedServiceIdentityClient(me, subscription, **options).user_assigned_identities
identity = identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))

machines = ComputeManagementClient(me, subscription, **options).virtual_machines
update = VirtualMachineUpdate(identity=VirtualMachineIdentity(
    type="UserAssigned", user_assigned_identities={identity.id: UserAssignedIdentitiesValue()}))
machines.begin_update("myResourceGroupVM", "myVM", update).result()
assert list(machines.get("myResourceGroupVM", "myVM").identity.user_assigned_identities)

on_the_machine = ManagedIdentityCredential(client_id=identity.client_id)
def read(name):
    token = on_the_machine.get_token("https://management.azure.com/.default").token
    url = f"{arm}/subscriptions/{subscription}/resourceGroups/{name}?api-version=2016-06-01"
    return requests.get(url, headers={"Authorization": f"Bearer {token}"})

before = read("myResourceGroupVM").status_code
authorization = AuthorizationManagementClient(me, subscription, **options)
[reader] = authorization.role_definitions.list(group, filter="roleName eq 'Reader'")
authorization.role_assignments.create(group, str(uuid.uuid4()), RoleAssignmentCreateParameters(
    role_definition_id=reader.id, principal_id=identity.principal_id, principal_type="ServicePrincipal"))
after = read("myResourceGroupVM")
print(before, after.status_code, read("contosoPayroll").status_code, after.json()["name"])
"""


def test_a_script_of_azures_own_clients_does_the_quickstart(tmp_path: Path) -> None:
    sandbox = [sys.executable, "-m", "sandbox", "--data", str(tmp_path / "state")]
    subprocess.run([*sandbox, "start"], check=True, capture_output=True)
    try:
        printed = subprocess.run([*sandbox, "env", "--format", "json"], check=True, capture_output=True, text=True)
        (tmp_path / "outside").mkdir()
        script = tmp_path / "outside" / "script.py"
        script.write_text(SCRIPT)
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=script.parent,
            env={**os.environ, **json.loads(printed.stdout)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        subprocess.run([*sandbox, "stop"], check=True, capture_output=True)
    assert done.stdout == "403 200 403 myResourceGroupVM\n", done.stderr
