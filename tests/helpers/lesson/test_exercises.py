"""Each exercise, as a learner does it: not at all, then wrong in several ways, then right.

The wrong answers follow each other on one sandbox, so each has to be mended before, or by, what comes next.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from helpers.data_files import read_data
from helpers.errors import TutorialError
from helpers.lesson import checks
from helpers.lesson.answers import Reply
from tests.notebooks.course import NAMES, book, run
from tests.support.sandbox import RunningSandbox

CREATE = "roles.role_assignments.create(scope={scope}, role_assignment_name={name}, parameters={parameters})"
REFUSED = """
from azure.core.exceptions import HttpResponseError
try:
    made = {request}
except HttpResponseError as refusal:
    answer = explain(refusal)
"""
ASK_VAULT = 'on_vm.get(url, params=params | {"resource": "https://vault.azure.net"}, headers={"Metadata": "true"})'
GROUP = "'https://management.azure.com' + vm.id[:vm.id.index('/providers')]"


def grant_again(scope: str = "group.id", name: str = "str(uuid.uuid4())", parameters: str = "wanted") -> str:
    return REFUSED.format(request=CREATE.format(scope=scope, name=name, parameters=parameters))


def update_vm(identity: str, keep: str = "with_both") -> str:
    change = f"VirtualMachineUpdate(identity=VirtualMachineIdentity({identity}))"
    return f"{keep} = compute.virtual_machines.begin_update(resource_group, vm_name, {change}).result()\n"


def read_group(headers: str) -> str:
    return f'wrong_door = on_vm.get({GROUP}, params={{"api-version": "2016-06-01"}}, headers={headers})'


ASSIGN_AGAIN = update_vm(
    'type="UserAssigned", user_assigned_identities={identity.id: UserAssignedIdentitiesValue()}', "_"
)

# What a learner tries, and what the hint says to it.
WRONG: dict[str, list[tuple[str, str]]] = {
    "00_prerequisites": [
        ("", "answer is missing.*lacking"),
        ("lacking = ...", "answer is missing"),
        ("lacking = []", "has not_actions too"),
        ("lacking = 'Microsoft.Authorization/roleAssignments/write'", "should be a list of actions, but .* str"),
        ("lacking = list(needed)", "may do Microsoft.ManagedIdentity/userAssignedIdentities/write"),
        ("lacking = ['roleAssignments/write']", "none of the actions in needed"),
        ("lacking = [roles]", "none of the actions in needed"),
    ],
    "01_create_identity": [
        ("", "answer is missing.*first"),
        ("first = identity_name", "should be what create_or_update returned"),
        ("first = identities.create_or_update(resource_group, 'ID1-spare', wanted)", "answer is missing.*second"),
        ("second = identities.create_or_update(resource_group, 'ID1-spare', wanted)", "same principal"),
        ("second = identity", "two identities"),
        (
            "identities.delete(resource_group, 'ID1-spare')\n"
            "second = identities.create_or_update(resource_group, 'ID1-spare', wanted)",
            "ID1-spare is still in",
        ),
        ("identities.delete(resource_group, 'ID1-spare')", "answer is missing.*keeps_role"),
        ("keeps_role = 'no'", "should be True or False"),
        ("keeps_role = True", "granted to a principal, not to a name"),
        ("identities.delete(resource_group, identity_name)", "ID1 was deleted"),
        ("identities.create_or_update(resource_group, identity_name, wanted)", "ID1 was deleted"),
        ("identity = identities.get(resource_group, identity_name)\nkeeps_role = None", "answer is missing"),
    ],
    "02_assign_identity": [
        ("", "answer is missing.*with_both"),
        ("with_both = change", "should be the VM that result"),
        (update_vm('type="SystemAssigned"'), "has lost ID1"),
        (ASSIGN_AGAIN, "SystemAssigned alone drops the list"),
        (update_vm('type="UserAssigned"'), "no system-assigned identity"),
        (
            update_vm('type="SystemAssigned, UserAssigned"'),
            r"still has its system-assigned identity\. Put its type back to UserAssigned\.",
        ),
        (update_vm('type="None"', "_"), "has lost ID1"),
        (ASSIGN_AGAIN + "with_both = None", "answer is missing"),
    ],
    "03_grant_access": [
        ("", "answer is missing.*answer"),
        ("before, after = after, before", r"in before is 403, and the one in after is 200.*\(200, 403\)"),
        ("before, after = after, before\nanswer = 409", "should be what explain returns"),
        (grant_again(name="'again'"), "not a GUID"),
        (grant_again(name="name") + "answer = made", "should be what explain returns"),
        (
            "import copy\nto_nobody = copy.copy(wanted)\nto_nobody.principal_id = identity.client_id\n"
            + grant_again(parameters="to_nobody"),
            "grant to the client id",
        ),
        (
            "roles.role_assignments.delete_by_id(made.id)\n"
            + grant_again(scope="f'/subscriptions/{connection.subscription_id}/resourceGroups/nowhere'"),
            "refused for another reason: ResourceGroupNotFound",
        ),
        (
            "other = next(iter(roles.role_definitions.list(group.id, filter=\"roleName eq 'AcrPull'\")))\n"
            "another = copy.copy(wanted)\nanother.role_definition_id = other.id\n"
            + grant_again(name="name", parameters="another"),
            "Take a fresh name",
        ),
        ("roles.role_assignments.delete_by_id(grant.id)", "has lost the role Reader"),
        ("roles.role_assignments.create_by_id(grant.id, wanted)\nanswer = None", "answer is missing"),
    ],
    "04_get_token": [
        ("", "answer is missing.*wrong_door"),
        (f"wrong_door = {ASK_VAULT}", "metadata service's answer"),
        ("wrong_door = wrong_door.json()", "should be the answer of Resource Manager"),
        (read_group("{}"), "401 AuthenticationFailed.*Send the header 'Authorization: Bearer"),
        (read_group('{"Authorization": "Bearer " + token}'), "Ask for one for Key Vault"),
        (
            f"vault_token = {ASK_VAULT.replace('vault.azure.net', 'storage.azure.com')}.json()['access_token']\n"
            + read_group('{"Authorization": "Bearer " + vault_token}'),
            "another service than Key Vault",
        ),
        (
            f"vault_token = {ASK_VAULT}.json()['access_token']\n"
            + read_group('{"Authorization": "Bearer " + vault_token}'),
            "answer is missing.*claim",
        ),
        ("claim = 'oid'", "the same identity in both"),
        ("claim = 'exp'", "for which service"),
        ("claim = None", "answer is missing"),
    ],
    "05_read_properties": [
        ("", "answer is missing.*inside"),
        ("inside = as_identity.resources.list_by_resource_group(resource_group)", "should be the list"),
        ("inside = [each.name for each in inside]", "not their names"),
        ("inside = []", "things are in the group, and 0 in inside"),
        ("inside = list(as_you.resource_groups.list())", "things of other groups"),
        ("inside = list(as_identity.resources.list())", "answer is missing.*grants_needed"),
        ("grants_needed = len(inside)", "Azure has 1 on record"),
        ("grants_needed = 0", "it was refused"),
        ("inside = grants_needed = None", "answer is missing"),
    ],
    "06_clean_up": [
        ("", "answer is missing.*by_tag"),
        ("by_tag = {'made-by': MADE_BY}", "should be the filter, a text"),
        ("by_tag = f\"tagName == 'made-by'\"", "Azure does not accept this filter"),
        ("by_tag = \"resourceType eq 'Microsoft.Compute/virtualMachines'\"", "does not say that tagName"),
        ("by_tag = \"tagName eq 'made-by'\"", "does not say that tagValue"),
        ("by_tag = \"tagName eq 'made-by' and tagValue eq '{MADE_BY}'\"", "has the letters MADE_BY"),
        ("by_tag = f\"tagName eq 'made-by' and tagValue eq '{MADE_BY}'\"", "answer is missing.*marked"),
        ("marked = list(everything.resources.list())", "things without the tag"),
        ("msi.user_assigned_identities.create_or_update(resource_group, 'x-1', spare)\nmarked = []", "lacks things"),
        (
            "msi.user_assigned_identities.create_or_update(resource_group, identity_name, spare)\n"
            "marked = list(everything.resources.list(filter=by_tag))",
            "of this run is still there",
        ),
        (
            "for each in ('x-1', identity_name):\n    msi.user_assigned_identities.delete(resource_group, each)\n"
            "by_tag = None",
            "answer is missing",
        ),
    ],
}
# What a case needs that the notebook does not have.
BEFORE = {
    "05_read_properties": "as_you = ResourceManagementClient("
    "connection.credential, connection.subscription_id, **connection.client_options)",
    "06_clean_up": "from azure.mgmt.msi.models import Identity\n"
    "spare = Identity(location='eastus', tags=connection.tags(resource_group, identity_name))",
}


def up_to_exercise(name: str) -> dict[str, Any]:
    code = [cell.id for cell in book(name).code]
    return run(name, stop_after=code[code.index("exercise-solution") - 1])


def check(name: str, variables: dict[str, Any]) -> Reply:
    """Run the notebook's own cell with the check; the last line is the check."""
    [cell] = [cell for cell in book(name).code if cell.id.startswith("exercise-check")]
    exec(cell.source, variables)
    return eval(cell.source.splitlines()[-1], variables)


@pytest.mark.parametrize("name", NAMES)
def test_unsolved_then_wrong_then_right(at_sandbox: RunningSandbox, name: str) -> None:
    variables = up_to_exercise(name)
    exec(BEFORE.get(name, ""), variables)
    for answer, hint in WRONG[name]:
        exec(answer, variables)
        variables["learner"] = True
        verdict = check(name, variables)
        assert verdict.verdict == "Not yet", answer
        assert re.search(hint, verdict.reason), (answer, verdict)
        del variables["learner"]
        with pytest.raises(TutorialError, match="not solved") as failure:
            check(name, variables)
        assert verdict.reason in str(failure.value)
    exec(book(name).cell("exercise-solution").source, variables)
    assert check(name, variables).verdict == "Right"
    variables["learner"] = True
    assert check(name, variables).verdict == "Right"


def test_each_exercise_has_three_wrong_answers_with_hints_of_their_own() -> None:
    assert list(WRONG) == list(NAMES)
    for cases in WRONG.values():
        assert len({hint for _, hint in cases if "missing" not in hint}) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_check_that_is_run_first_says_what_to_run(name: str) -> None:
    verdict = check(name, {"learner": True})
    assert verdict.verdict == "Not yet"
    assert re.search("run the cells above first|answer is missing", verdict.reason)


def test_a_machine_that_had_an_identity_of_its_own_gets_it_back(at_sandbox: RunningSandbox) -> None:
    machine = at_sandbox.seed_data.group("myResourceGroupVM") + "/providers/Microsoft.Compute/virtualMachines/myVM"
    own = {"identity": {"type": "SystemAssigned"}}
    at_sandbox.arm("PATCH", machine, own, version="2024-11-01").raise_for_status()
    variables = up_to_exercise("02_assign_identity") | {"learner": True}
    exec(update_vm('type="UserAssigned"', "_") + update_vm('type="SystemAssigned, UserAssigned"'), variables)
    assert "is another now" in check("02_assign_identity", variables).reason


def test_a_verdict_reads_well_as_text_and_as_html() -> None:
    verdict = Reply("Not yet", "ID1 is <not> there.")
    assert repr(verdict) == "Not yet: ID1 is <not> there."
    assert "&lt;not&gt;" in verdict._repr_html_()


def test_each_hint_has_its_words_and_all_words_are_of_a_hint() -> None:
    given: dict[str, set[str]] = {}
    for check in ast.parse(Path(checks.__file__).read_text("utf-8")).body:
        if isinstance(check, ast.FunctionDef):
            calls = [each for each in ast.walk(check) if isinstance(each, ast.Call)]
            hints = [
                each.args[1] for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr == "hint_if"
            ]
            given[check.name] = {"right", *(ast.literal_eval(each) for each in hints)}
    assert given == {name: set(hints) for name, hints in read_data("helpers.lesson", "hints.yaml").items()}
