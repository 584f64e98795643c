"""What would go wrong on the day: limits, providers, and what Azure does not say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment
from azure.mgmt.resource.resources.models import ResourceGroup

from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.lesson import hold, learner
from workshop.classroom.checks import Finding, Verdict, check
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.survey import Survey, take_survey
from workshop.errors import WorkshopError

CLASS = hold([learner(number, f"learner-{number}") for number in range(300)])


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.about: finding for finding in findings}


def survey(groups: int = 0, assignments: int = 0) -> Survey:
    there = {f"group-{number}": ResourceGroup(location="eastus") for number in range(groups)}
    return Survey(there, {}, {}, {"/x": [RoleAssignment()] * assignments}, {}, datetime.now(UTC), 0)


def test_in_an_empty_subscription_all_is_fine(clients: Clients) -> None:
    findings = check(clients, CLASS, take_survey(clients))
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
    findings = check(clients, CLASS, survey(groups, assignments))
    assert {each.about for each in findings if each.verdict is Verdict.PROBLEM} == problems


def test_what_is_provisioned_already_does_not_count_twice(clients: Clients) -> None:
    there = dataclasses.replace(
        survey(),
        groups={each.resource_group: ResourceGroup(location="eastus") for each in CLASS.learners},
    )
    assert "0 more are to come" in by_name(check(clients, CLASS, there))["resource groups"].text


def test_an_unregistered_provider_is_named_with_the_command(sandbox: RunningSandbox, clients: Clients) -> None:
    def unregister() -> None:
        with sandbox.cloud.store.transaction():
            sandbox.cloud.store.set_setting("registration of Microsoft.ManagedIdentity", "NotRegistered")

    sandbox.on_loop(unregister)
    finding = by_name(check(clients, CLASS, survey()))["resource providers"]
    assert finding.verdict is Verdict.PROBLEM
    assert "az provider register --namespace Microsoft.ManagedIdentity" in finding.text


def test_a_sign_in_without_any_role_is_told_so(
    sandbox: RunningSandbox, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, secret = sandbox.add_principal("stranger")
    monkeypatch.setenv("AZURE_CLIENT_ID", principal.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", secret)
    with pytest.raises(WorkshopError, match="The sign-in sees no subscription"):
        sign_in(hold([]))


def test_a_sandbox_that_has_gone_is_named(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_MANAGER_ENDPOINT", "https://localhost:1")
    with pytest.raises(WorkshopError, match="The sandbox does not answer"):
        sign_in(hold([]))
