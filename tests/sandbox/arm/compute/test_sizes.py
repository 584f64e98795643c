"""Sizes of machines and quotas, asked for with Azure's own client."""

from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute import ComputeManagementClient
from pytest import raises

from sandbox.core.seed_data import RESOURCE_GROUP, VM_NAME
from tests.support.sandbox import RunningSandbox


def test_sizes_are_listed_for_a_region(sandbox: RunningSandbox) -> None:
    found = list(sandbox.client(ComputeManagementClient).resource_skus.list(filter="location eq 'westeurope'"))
    by_name = {sku.name: sku for sku in found if sku.resource_type == "virtualMachines"}
    assert len(by_name) == len(found)
    size = by_name["Standard_D2s_v3"]
    assert size.family == "standardDSv3Family" and size.locations == ["westeurope"] and not size.restrictions
    assert size.capabilities is not None
    assert {each.name: each.value for each in size.capabilities}["vCPUs"] == "2"


def test_without_a_filter_every_region_is_listed_and_no_other_filter_is_understood(sandbox: RunningSandbox) -> None:
    skus = sandbox.client(ComputeManagementClient).resource_skus
    assert {"eastus", "westeurope"} <= {place for sku in skus.list() for place in sku.locations or []}
    assert list(skus.list(filter="location eq 'nowhere'")) == []
    with raises(HttpResponseError) as refused:
        list(skus.list(filter="name eq 'Standard_B2s'"))
    assert refused.value.error is not None and refused.value.error.code == "InvalidFilterInQueryString"


def test_usage_is_counted_from_the_machines_of_the_region(sandbox: RunningSandbox) -> None:
    usage = sandbox.client(ComputeManagementClient).usage
    here = {each.name.value: each for each in usage.list("eastus")}
    assert (here["virtualMachines"].current_value, here["cores"].current_value) == (1, 2)
    assert here["standardBSFamily"].current_value == 2 and here["standardBSFamily"].limit > 2
    assert here["standardDSv3Family"].current_value == 0
    assert not any(each.current_value for each in usage.list("westeurope"))


def test_whoever_has_no_role_is_told_nothing(sandbox: RunningSandbox) -> None:
    principal, secret = sandbox.add_principal("stranger")
    client = sandbox.client(ComputeManagementClient, sandbox.credential(principal.client_id, secret))
    for ask in (client.resource_skus.list, lambda: client.usage.list("eastus")):
        with raises(HttpResponseError) as refused:
            list(ask())
        assert refused.value.error is not None and refused.value.error.code == "AuthorizationFailed"


def test_the_sizes_of_a_region_and_of_a_machine(sandbox: RunningSandbox) -> None:
    client = sandbox.client(ComputeManagementClient)
    here = {size.name: size for size in client.virtual_machine_sizes.list("eastus")}
    assert (here["Standard_B2s"].number_of_cores, here["Standard_B2s"].memory_in_mb) == (2, 4096)
    mine = client.virtual_machines.list_available_sizes(RESOURCE_GROUP, VM_NAME)
    assert {size.name for size in mine} == set(here)
