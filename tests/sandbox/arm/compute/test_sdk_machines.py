"""Azure's own clients for identities and virtual machines, over TLS, against a running sandbox."""

from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import (
    HardwareProfile,
    ImageReference,
    NetworkInterfaceReference,
    NetworkProfile,
    OSDisk,
    OSProfile,
    StorageProfile,
    UserAssignedIdentitiesValue,
    VirtualMachine,
    VirtualMachineIdentity,
    VirtualMachineProperties,
    VirtualMachineUpdate,
)
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity, IdentityUpdate

from sandbox.core.seed_data import RESOURCE_GROUP as GROUP
from sandbox.core.seed_data import VM_NAME
from tests.support.machines import NETWORK, PASSWORD, WINDOWS
from tests.support.sandbox import RunningSandbox


@pytest.fixture
def msi(sandbox: RunningSandbox) -> ManagedServiceIdentityClient:
    return sandbox.client(ManagedServiceIdentityClient)


@pytest.fixture
def compute(sandbox: RunningSandbox) -> ComputeManagementClient:
    return sandbox.client(ComputeManagementClient)


def make_identity(msi: ManagedServiceIdentityClient, name: str = "ID1") -> Any:
    return msi.user_assigned_identities.create_or_update(GROUP, name, Identity(location="eastus"))


def test_identities(msi: ManagedServiceIdentityClient, sandbox: RunningSandbox) -> None:
    made = make_identity(msi)
    assert made.tenant_id == sandbox.seed_data.tenant_id
    read = msi.user_assigned_identities.get(GROUP, "ID1")
    assert (read.principal_id, read.client_id) == (made.principal_id, made.client_id)
    updated = msi.user_assigned_identities.update(GROUP, "ID1", IdentityUpdate(tags={"a": "b"}))
    assert updated.tags == {"a": "b"}
    assert [found.name for found in msi.user_assigned_identities.list_by_resource_group(GROUP)] == ["ID1"]
    assert [found.name for found in msi.user_assigned_identities.list_by_subscription()] == ["ID1"]
    msi.user_assigned_identities.delete(GROUP, "ID1")
    msi.user_assigned_identities.delete(GROUP, "ID1")
    with pytest.raises(ResourceNotFoundError) as missing:
        msi.user_assigned_identities.get(GROUP, "ID1")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"


def test_federated_credentials(msi: ManagedServiceIdentityClient) -> None:
    make_identity(msi)
    given = FederatedIdentityCredential(issuer="https://contoso.com", subject="s", audiences=["a"])
    msi.federated_identity_credentials.create_or_update(GROUP, "ID1", "fic", given)
    assert msi.federated_identity_credentials.get(GROUP, "ID1", "fic").subject == "s"
    assert [found.name for found in msi.federated_identity_credentials.list(GROUP, "ID1")] == ["fic"]
    msi.federated_identity_credentials.delete(GROUP, "ID1", "fic")
    assert list(msi.federated_identity_credentials.list(GROUP, "ID1")) == []


def test_an_identity_is_assigned_and_taken_away(
    msi: ManagedServiceIdentityClient, compute: ComputeManagementClient
) -> None:
    identity = make_identity(msi)
    wanted = VirtualMachineIdentity(
        type="SystemAssigned, UserAssigned", user_assigned_identities={identity.id: UserAssignedIdentitiesValue()}
    )
    machine = compute.virtual_machines.begin_update(GROUP, VM_NAME, VirtualMachineUpdate(identity=wanted)).result(300)
    assert machine.provisioning_state == "Succeeded"
    assert machine.identity is not None
    assert machine.identity.user_assigned_identities is not None
    entry = machine.identity.user_assigned_identities[identity.id]
    assert (entry.principal_id, entry.client_id) == (identity.principal_id, identity.client_id)
    own = msi.system_assigned_identities.get_by_scope(str(machine.id).lstrip("/"))
    assert own.principal_id == machine.identity.principal_id
    nothing = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="None"))
    assert compute.virtual_machines.begin_update(GROUP, VM_NAME, nothing).result(300).identity is None


def test_an_identity_that_is_not_there(compute: ComputeManagementClient, sandbox: RunningSandbox) -> None:
    missing = f"{sandbox.seed_data.group(GROUP)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID404"
    wanted = VirtualMachineIdentity(
        type="UserAssigned", user_assigned_identities={missing: UserAssignedIdentitiesValue()}
    )
    with pytest.raises(HttpResponseError) as refused:
        compute.virtual_machines.begin_update(GROUP, VM_NAME, VirtualMachineUpdate(identity=wanted))
    assert refused.value.status_code == 400
    assert refused.value.error is not None
    assert refused.value.error.code == "FailedIdentityOperation"


def test_power(compute: ComputeManagementClient, sandbox: RunningSandbox) -> None:
    endpoint = sandbox.metadata_endpoint()
    instance = f"{endpoint}/metadata/instance?api-version=2021-02-01"
    assert requests.get(instance, headers={"Metadata": "true"}, timeout=300).status_code == 200
    compute.virtual_machines.begin_deallocate(GROUP, VM_NAME).result(300)
    view = compute.virtual_machines.instance_view(GROUP, VM_NAME)
    assert [status.code for status in view.statuses or ()] == ["ProvisioningState/succeeded", "PowerState/deallocated"]
    with pytest.raises(requests.ConnectionError):
        requests.get(instance, headers={"Metadata": "true"}, timeout=300)
    compute.virtual_machines.begin_start(GROUP, VM_NAME).result(300)
    compute.virtual_machines.begin_restart(GROUP, VM_NAME).result(300)
    again = f"{sandbox.metadata_endpoint()}/metadata/instance?api-version=2021-02-01"
    assert requests.get(again, headers={"Metadata": "true"}, timeout=300).status_code == 200
    compute.virtual_machines.begin_power_off(GROUP, VM_NAME).result(300)


def test_a_machine_is_made_and_deleted(compute: ComputeManagementClient, sandbox: RunningSandbox) -> None:
    network = f"{sandbox.seed_data.group(GROUP)}/providers/Microsoft.Network"
    subnet = f"{network}/virtualNetworks/{VM_NAME}VNET/subnets/{VM_NAME}Subnet"
    configuration = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
    body = {"location": "eastus", "properties": {"ipConfigurations": [configuration]}}
    interface = sandbox.arm("PUT", f"{network}/networkInterfaces/nic2", body, version=NETWORK)
    assert interface.status_code == 201
    properties = VirtualMachineProperties(
        hardware_profile=HardwareProfile(vm_size="Standard_B2s"),
        storage_profile=StorageProfile(
            image_reference=ImageReference(**WINDOWS), os_disk=OSDisk(create_option="FromImage")
        ),
        os_profile=OSProfile(computer_name="vm2", admin_username="azureuser", admin_password=PASSWORD),
        network_profile=NetworkProfile(network_interfaces=[NetworkInterfaceReference(id=interface.json()["id"])]),
    )
    wanted = VirtualMachine(location="eastus", properties=properties)
    machine = compute.virtual_machines.begin_create_or_update(GROUP, "vm2", wanted).result(300)
    assert machine.provisioning_state == "Succeeded"
    assert machine.os_profile is not None
    assert machine.os_profile.admin_password is None
    assert {found.name for found in compute.virtual_machines.list(GROUP)} == {VM_NAME, "vm2"}
    assert {found.name for found in compute.virtual_machines.list_all()} == {VM_NAME, "vm2"}
    assert sandbox.metadata_endpoint("vm2") != sandbox.metadata_endpoint()
    expanded = compute.virtual_machines.get(GROUP, "vm2", expand="instanceView")
    assert expanded.instance_view is not None
    compute.virtual_machines.begin_delete(GROUP, "vm2").result(300)
    with pytest.raises(ResourceNotFoundError):
        compute.virtual_machines.get(GROUP, "vm2")
