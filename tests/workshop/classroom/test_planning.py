"""What would go wrong on the day: limits, providers, sizes of machines, and what Azure does not say."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import pytest
import requests

from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.inventory import Group, Inventory, RoleAssignment, take_inventory
from workshop.classroom.planning import Finding, Verdict, check, choose, choose_size
from workshop.errors import WorkshopError

CLASS = class_of([learner(number, f"learner-{number}") for number in range(300)])


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.about: finding for finding in findings}


def inventory(groups: int = 0, assignments: int = 0) -> Inventory:
    there = {f"group-{number}": Group(f"group-{number}", {}) for number in range(groups)}
    return Inventory(there, {}, {}, {"/x": [RoleAssignment("", "/x", "", "", "")] * assignments}, {})


def test_in_an_empty_subscription_all_is_fine(clients: Clients) -> None:
    findings = check(clients, CLASS, take_inventory(clients))
    assert {finding.verdict for finding in findings} == {Verdict.FINE}


@pytest.mark.parametrize(
    ("groups", "assignments", "problems"),
    [
        (680, 3400, set()),
        (681, 3400, {"resource groups"}),
        (680, 3401, {"role assignments"}),
        (900, 4000, {"resource groups", "role assignments"}),
    ],
)
def test_a_subscription_holds_so_much_and_no_more(
    clients: Clients, groups: int, assignments: int, problems: set[str]
) -> None:
    findings = check(clients, CLASS, inventory(groups, assignments))
    assert {each.about for each in findings if each.verdict is Verdict.PROBLEM} == problems


def test_what_is_provisioned_already_does_not_count_twice(clients: Clients) -> None:
    there = dataclasses.replace(
        inventory(),
        groups={each.resource_group: Group(each.resource_group, {}) for each in CLASS.learners},
    )
    assert "to come: 0;" in by_name(check(clients, CLASS, there))["resource groups"].text


def test_an_unregistered_provider_is_named_with_the_command(sandbox: RunningSandbox, clients: Clients) -> None:
    def unregister() -> None:
        with sandbox.cloud.store.transaction():
            sandbox.cloud.store.set_setting("registration of Microsoft.ManagedIdentity", "NotRegistered")

    sandbox.on_loop(unregister)
    finding = by_name(check(clients, CLASS, inventory()))["resource providers"]
    assert finding.verdict is Verdict.PROBLEM
    assert "az provider register --namespace Microsoft.ManagedIdentity" in finding.text


def test_a_sign_in_without_any_role_is_told_so(
    sandbox: RunningSandbox, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, secret = sandbox.add_principal("stranger")
    monkeypatch.setenv("AZURE_CLIENT_ID", principal.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", secret)
    with pytest.raises(WorkshopError, match="The sign-in sees no subscription"):
        sign_in(class_of([]))


def test_a_sandbox_that_has_gone_is_named(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_MANAGER_ENDPOINT", "https://localhost:1")
    with pytest.raises(WorkshopError, match="The sandbox that the environment points to has stopped"):
        sign_in(class_of([]))


BARRED = [{"type": "Location", "values": ["eastus"], "reasonCode": "NotAvailableForSubscription"}]
ZONE = [{"type": "Zone", "values": ["eastus"], "reasonCode": "NotAvailableForSubscription"}]


def sku(name: str, family: str = "standardBSFamily", cores: int = 2, restrictions: Any = ()) -> dict[str, Any]:
    """A size, in the form in which Azure lists it."""
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": family,
        "locations": ["eastus"],
        "capabilities": [{"name": "MemoryGB", "value": "4"}, {"name": "vCPUs", "value": str(cores)}],
        "restrictions": list(restrictions),
    }


def usage(name: str, used: int, limit: int) -> dict[str, Any]:
    return {"unit": "Count", "currentValue": used, "limit": limit, "name": {"value": name, "localizedValue": name}}


ROOMY = [usage("cores", 10, 1000), usage("standardBSFamily", 0, 100), usage("virtualMachines", 0, 25000)]
BOTH = [sku("Standard_B2s"), sku("Standard_D2s_v3", "standardDSv3Family")]
WANTED = ["Standard_B2s", "Standard_D2s_v3"]


def test_the_first_that_can_be_had_is_chosen() -> None:
    size, (finding,) = choose("eastus", WANTED, 30, BOTH, ROOMY)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.FINE)
    assert "30 machines would take 60 cores, and so many are left" in finding.text


@pytest.mark.parametrize(
    ("first", "usages", "reason"),
    [
        (sku("Standard_B2s", restrictions=BARRED), ROOMY, "cannot be had in eastus (NotAvailableForSubscription)"),
        (sku("Standard_B4s"), ROOMY, "Standard_B2s is not offered in eastus"),
        (sku("Standard_B2s", cores=4), ROOMY, "would take 120 of the quota 'standardBSFamily', which has 100 left"),
    ],
)
def test_it_falls_back_and_says_why(first: dict[str, Any], usages: list[dict[str, Any]], reason: str) -> None:
    size, (finding,) = choose("eastus", WANTED, 30, [first, BOTH[1]], usages)
    assert (size, finding.verdict) == ("Standard_D2s_v3", Verdict.FINE)
    assert reason in finding.text


@pytest.mark.parametrize(
    ("usages", "quota"),
    [
        ([usage("cores", 950, 1000)], "'cores', which has 50 left"),
        ([usage("virtualMachines", 24999, 25000)], "'virtualMachines', which has 1 left"),
    ],
)
def test_a_quota_that_is_too_small_for_any_is_a_problem(usages: list[dict[str, Any]], quota: str) -> None:
    size, (finding,) = choose("eastus", WANTED, 30, BOTH, usages)
    assert (size, finding.verdict) == ("", Verdict.PROBLEM)
    assert quota in finding.text


def test_a_quota_that_is_just_enough_will_do() -> None:
    assert choose("eastus", WANTED, 30, BOTH, [usage("cores", 940, 1000)])[0] == "Standard_B2s"


def test_a_restriction_to_a_zone_does_not_matter() -> None:
    assert choose("eastus", WANTED, 1, [sku("Standard_B2s", restrictions=ZONE)], ROOMY)[0] == "Standard_B2s"


def test_disks_of_that_name_are_no_machines() -> None:
    disk = {"resourceType": "disks", "name": "Standard_B2s", "locations": ["eastus"]}
    assert choose("eastus", ["Standard_B2s"], 1, [disk], ROOMY)[0] == ""


def test_names_compare_without_regard_to_case() -> None:
    assert choose("eastus", ["standard_b2s"], 1, BOTH, ROOMY)[0] == "Standard_B2s"


def test_the_sandbox_is_asked_as_azure_is(clients: Clients) -> None:
    size, (finding,) = choose_size(clients, "eastus", WANTED, 30)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.FINE)


def test_what_azure_does_not_say_is_unknown(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, clients: Clients
) -> None:
    from tests.workshop.classroom.lesson import class_of
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
    size, (finding,) = choose_size(sign_in(class_of([])), "eastus", WANTED, 30)
    assert (size, finding.verdict) == ("Standard_B2s", Verdict.UNKNOWN)
    assert "does not have authorization" in finding.text


class Permitted(Clients):
    """Azure's answers about permissions, on two pages."""

    def __init__(self, clients: Clients, first: dict[str, Any], second: dict[str, Any]) -> None:
        super().__init__(clients.connection)
        link = "https://management.azure.com/subscriptions/x/permissions?api-version=2022-04-01&$skiptoken=2"
        pages = {"2022-04-01": {"value": [first], "nextLink": link}, "2": {"value": [second]}}
        object.__setattr__(self, "_pages", pages)

    def arm(self, method: str, path: str, version: str) -> requests.Response:
        if "/permissions" not in path:
            return super().arm(method, path, version)
        answer = requests.Response()
        answer.status_code = 200
        answer.raw = io.BytesIO(json.dumps(vars(self)["_pages"][version or path.rpartition("=")[2]]).encode())
        return answer


@pytest.mark.parametrize(
    ("condition", "verdict"), [(None, Verdict.FINE), ("@Resource[x] StringEquals 'y'", Verdict.UNKNOWN)]
)
def test_rights_are_read_to_the_last_page_and_conditions_are_minded(
    clients: Clients, condition: str | None, verdict: Verdict
) -> None:
    grants = {"actions": ["Microsoft.Authorization/*"], "notActions": [], "condition": condition}
    others = {"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"], "condition": None}
    found = by_name(check(Permitted(clients, others, grants), CLASS, take_inventory(clients)))["your rights"]
    assert found.verdict is verdict
    assert ("Only under a condition" in found.text) is (condition is not None)
