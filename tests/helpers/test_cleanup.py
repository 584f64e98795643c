from __future__ import annotations

import pytest
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers import Azure, leftovers
from helpers.catch_up import ensure_assigned, ensure_granted, ensure_group, ensure_identity, ensure_vm

NAMES = ("myResourceGroupVM", "myVM", "ID1")
OWN = ("contosoCourse", "courseVM", "ID7")


def make_all(azure: Azure, resource_group: str, vm_name: str, identity_name: str) -> None:
    group = ensure_group(azure, resource_group, "eastus")
    identity = ensure_identity(azure, resource_group, identity_name, "eastus")
    ensure_assigned(azure, ensure_vm(azure, resource_group, vm_name, "eastus"), identity)
    ensure_granted(azure, identity, str(group.id), "Reader")


def names(found: object) -> list[str]:
    """What is on the list to go and to stay, as it is shown."""
    return [" ".join(line.split()) for line in repr(found).splitlines()[2:]]


def test_nothing_was_made(azure: Azure) -> None:
    found = leftovers(azure, *NAMES)
    assert not found
    assert names(found) == [
        "virtual machine myVM stays: the tutorial did not make it",
        "resource group myResourceGroupVM stays: the tutorial did not make it",
    ]


def test_there_is_no_group(azure: Azure) -> None:
    found = leftovers(azure, *OWN)
    assert not found
    assert "is not there" in found._repr_html_()


def test_bad_names_are_refused(azure: Azure) -> None:
    with pytest.raises(ValueError, match="identity_name"):
        leftovers(azure, "myResourceGroupVM", "myVM", "x")


def test_what_the_tutorial_made_in_a_group_that_was_there(azure: Azure) -> None:
    make_all(azure, *NAMES)
    found = leftovers(azure, *NAMES)
    assert [len(each) for each in (found.grants, found.machines, found.identities)] == [1, 1, 1]
    assert not found.resources and not found.groups


def test_everything_if_the_tutorial_made_everything(azure: Azure) -> None:
    make_all(azure, *OWN)
    found = leftovers(azure, *OWN)
    assert [part.rpartition("/")[2] for part, _ in found.resources] == ["courseVM", "courseVMVMNic", "courseVMVNET"]
    assert [group.name for group in found.groups] == ["contosoCourse"]
    assert not found.kept


def test_a_group_of_the_tutorial_stays_if_something_else_is_in_it(azure: Azure) -> None:
    make_all(azure, *OWN)
    ensure_identity(azure, "contosoCourse", "somebody-elses", "eastus")
    found = leftovers(azure, *OWN)
    assert not found.groups
    assert found.kept == [("resource group contosoCourse", "stays: 1 other resources are in it")]


def test_an_identity_that_was_there_stays_and_keeps_its_machine(azure: Azure) -> None:
    identities = ManagedServiceIdentityClient(azure.credential, azure.subscription_id, **azure.client_options)
    identities.user_assigned_identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))
    make_all(azure, *NAMES)
    found = leftovers(azure, *NAMES)
    assert len(found.grants) == 1
    assert not found.identities and not found.machines
    assert ("identity ID1", "stays: the tutorial did not make it") in found.kept


def test_a_grant_that_outlived_its_identity_is_found(azure: Azure) -> None:
    make_all(azure, *NAMES)
    everything = ResourceManagementClient(azure.credential, azure.subscription_id, **azure.client_options)
    identity = leftovers(azure, *NAMES).identities[0]
    everything.resources.begin_delete_by_id(str(identity.id), api_version="2024-11-30").result()
    assert len(leftovers(azure, *NAMES).grants) == 1


def test_another_learners_things_in_the_same_group_are_not_found(azure: Azure) -> None:
    make_all(azure, *NAMES)
    make_all(azure, "myResourceGroupVM", "myVM", "ID2")
    found = leftovers(azure, *NAMES)
    assert [identity.name for identity in found.identities] == ["ID1"]
    assert [grant.description for grant in found.grants] == ["managed-identity-tutorial: ID1"]
