"""Which size of machine is chosen: offered, not barred, and with enough cores left."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute.models import ResourceSku, Usage

from tests.support.sandbox import RunningSandbox
from workshop.classroom.checks import Verdict
from workshop.classroom.clients import Clients
from workshop.classroom.sizes import choose, choose_size

BARRED = [{"type": "Location", "values": ["eastus"], "reasonCode": "NotAvailableForSubscription"}]
ZONE = [{"type": "Zone", "values": ["eastus"], "reasonCode": "NotAvailableForSubscription"}]


def sku(name: str, family: str = "standardBSFamily", cores: int = 2, restrictions: Any = ()) -> ResourceSku:
    """A size, in the form in which Azure lists it."""
    return ResourceSku(
        {
            "resourceType": "virtualMachines",
            "name": name,
            "family": family,
            "locations": ["eastus"],
            "capabilities": [{"name": "MemoryGB", "value": "4"}, {"name": "vCPUs", "value": str(cores)}],
            "restrictions": list(restrictions),
        }
    )


def usage(name: str, used: int, limit: int) -> Usage:
    return Usage(
        {"unit": "Count", "currentValue": used, "limit": limit, "name": {"value": name, "localizedValue": name}}
    )


ROOMY = [usage("cores", 10, 1000), usage("standardBSFamily", 0, 100), usage("virtualMachines", 0, 25000)]
BOTH = [sku("Standard_B2s"), sku("Standard_D2s_v3", "standardDSv3Family")]
WANTED = ["Standard_B2s", "Standard_D2s_v3"]


def test_the_first_that_can_be_had_is_chosen() -> None:
    size, (finding,) = choose("eastus", WANTED, 30, BOTH, ROOMY)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.FINE)
    assert "30 of them need 60 cores" in finding.text


@pytest.mark.parametrize(
    ("first", "usages", "reason"),
    [
        (sku("Standard_B2s", restrictions=BARRED), ROOMY, "cannot be had in eastus (NotAvailableForSubscription)"),
        (sku("Standard_B4s"), ROOMY, "Standard_B2s is not offered in eastus"),
        (sku("Standard_B2s", cores=4), ROOMY, "need 120 of the quota 'standardBSFamily', and 100 are left"),
    ],
)
def test_it_falls_back_and_says_why(first: ResourceSku, usages: list[Usage], reason: str) -> None:
    size, (finding,) = choose("eastus", WANTED, 30, [first, BOTH[1]], usages)
    assert (size, finding.verdict) == ("Standard_D2s_v3", Verdict.FINE)
    assert reason in finding.text


@pytest.mark.parametrize(
    ("usages", "quota"),
    [
        ([usage("cores", 950, 1000)], "'cores', and 50"),
        ([usage("virtualMachines", 24999, 25000)], "'virtualMachines', and 1"),
    ],
)
def test_a_quota_that_is_too_small_for_any_is_a_problem(usages: list[Usage], quota: str) -> None:
    size, (finding,) = choose("eastus", WANTED, 30, BOTH, usages)
    assert (size, finding.verdict) == ("", Verdict.PROBLEM)
    assert quota in finding.text


def test_a_quota_that_is_just_enough_will_do() -> None:
    assert choose("eastus", WANTED, 30, BOTH, [usage("cores", 940, 1000)])[0] == "Standard_B2s"


def test_a_restriction_to_a_zone_does_not_matter() -> None:
    assert choose("eastus", WANTED, 1, [sku("Standard_B2s", restrictions=ZONE)], ROOMY)[0] == "Standard_B2s"


def test_disks_of_that_name_are_no_machines() -> None:
    disk = ResourceSku({"resourceType": "disks", "name": "Standard_B2s", "locations": ["eastus"]})
    assert choose("eastus", ["Standard_B2s"], 1, [disk], ROOMY)[0] == ""


def test_names_compare_without_regard_to_case() -> None:
    assert choose("eastus", ["standard_b2s"], 1, BOTH, ROOMY)[0] == "Standard_B2s"


def test_the_sandbox_is_asked_as_azure_is(clients: Clients) -> None:
    size, (finding,) = choose_size(clients, "eastus", WANTED, 30)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.FINE)


def test_what_azure_does_not_say_is_unknown(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, clients: Clients
) -> None:
    from tests.workshop.classroom.lesson import hold
    from workshop.classroom.clients import sign_in

    principal, secret = sandbox.add_principal("blind")
    role = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    reader_of_one_group = {
        "roleDefinitionId": f"{role}/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": principal.object_id,
    }
    scope = sandbox.seed_data.group("myResourceGroupVM")
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{principal.object_id}"
    assert sandbox.arm("PUT", path, {"properties": reader_of_one_group}).status_code == 201
    monkeypatch.setenv("AZURE_CLIENT_ID", principal.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", secret)
    size, (finding,) = choose_size(sign_in(hold([])), "eastus", WANTED, 30)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.UNKNOWN)
    assert "does not have authorization" in finding.text
