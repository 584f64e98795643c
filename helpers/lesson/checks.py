"""The check of each exercise: looks at Azure, and at the answers that the exercise names.

Each is called with the notebook's ``globals()``; see `helpers.lesson.answers.exercise`.
"""

from __future__ import annotations

import re

import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.errors import Explanation, explain
from helpers.lesson.answers import Answers, HintError, exercise
from helpers.lesson.predictions import compare
from helpers.names import MADE_BY
from rbac.actions import matches
from rbac.roles import role_guid


@exercise
def check_lacking(answers: Answers) -> str:
    """Check 00: which of the needed actions does a Contributor lack?"""
    needed, scope = answers.earlier("needed"), answers.earlier("group").id
    lacking = answers.answer("lacking", (list, tuple, set), "a list of actions")
    definitions = answers.client(AuthorizationManagementClient).role_definitions
    [permission] = next(iter(definitions.list(scope, filter="roleName eq 'Contributor'"))).permissions
    removed = {each: [p for p in permission.not_actions if matches(p, each)] for each in needed}
    for each in lacking:
        if each not in removed:
            raise HintError(f"{each!r} is none of the actions in needed. Copy them from there.")
        if not removed[each]:
            raise HintError(
                f"a Contributor may do {each}: '*' among its actions covers it, and none of its not_actions takes it "
                "off. Apply allows to the definition's permissions."
            )
    if not lacking:
        raise HintError(
            "'*' among a Contributor's actions covers all four, but a role has not_actions too. allows applies both."
        )
    [pattern] = removed[lacking[0] if isinstance(lacking, (list, tuple)) else next(iter(lacking))]
    return (
        f"a Contributor may do all but grant roles, which '{pattern}' among its not_actions takes off again. With that "
        "role, the course would stop in notebook 03."
    )


@exercise
def check_spare(answers: Answers) -> str:
    """Check 01: is an identity that is made again the same?"""
    identities = answers.client(ManagedServiceIdentityClient).user_assigned_identities
    group, course = answers.earlier("resource_group"), answers.earlier("identity")
    listed = {each.id.casefold(): each for each in identities.list_by_resource_group(group)}
    found = listed.get(course.id.casefold())
    if found is None or found.principal_id != course.principal_id:
        raise HintError(
            f"{course.name} itself was deleted. Run the notebook again from Create identity, and do the exercise with "
            "an identity of another name."
        )
    first = answers.answer("first", Identity, "what create_or_update returned the first time")
    second = answers.answer("second", Identity, "what create_or_update returned the second time")
    if first.id.casefold() != second.id.casefold():
        raise HintError(f"{first.name} and {second.name} are two identities. Give the second the name of the first.")
    if first.principal_id == second.principal_id:
        raise HintError(
            "both have the same principal: what create_or_update finds there, it keeps. Delete the first before you "
            "make the second."
        )
    if first.id.casefold() in listed:
        raise HintError(f"{first.name} is still in {group}. Delete it.")
    if answers.answer("keeps_role", bool, "True or False"):
        raise HintError(
            "compare first.principal_id with second.principal_id. A role is granted to a principal, not to a name."
        )
    return (
        "it has the same name and the same resource id, and is another principal. Roles of the first one stay with a "
        "principal that is gone; the new one has none."
    )


@exercise
def check_both(answers: Answers) -> str:
    """Check 02: a system-assigned identity beside the other, and back."""
    machines = answers.client(ComputeManagementClient).virtual_machines
    identity, after = answers.earlier("identity"), answers.earlier("after")
    now = machines.get(answers.earlier("resource_group"), answers.earlier("vm_name"))
    if not _has(now, identity):
        raise HintError(
            f"the VM has lost {identity.name}: a type without UserAssigned drops the list. Run the cells of Assign "
            "identity again, then say both kinds."
        )
    what = "the VM that result() returned when it had both"
    with_both = answers.answer("with_both", VirtualMachine, what)
    if not _has(with_both, identity):
        raise HintError(
            f"in with_both the VM had lost {identity.name}: SystemAssigned alone drops the list. Say both kinds."
        )
    if not _own(with_both):
        raise HintError("in with_both the VM has no system-assigned identity. Its type has to name both kinds.")
    if _own(now) and not _own(after):
        raise HintError(f"the VM still has its system-assigned identity. Put it back to {after.identity.type}.")
    if _own(now) != _own(after):
        raise HintError("the VM had a system-assigned identity before, and that is another now, without its roles.")
    return (
        "the type is replaced each time, so it has to name all kinds that shall be there; the list is merged, so "
        f"{identity.name} stays without being named."
    )


def _has(vm: VirtualMachine, identity: Identity) -> bool:
    assigned = (vm.identity and vm.identity.user_assigned_identities) or {}
    return str(identity.id).casefold() in [each.casefold() for each in assigned]


def _own(vm: VirtualMachine) -> str | None:
    """Return the principal of the VM's system-assigned identity."""
    return vm.identity.principal_id if vm.identity else None


@exercise
def check_second_grant(answers: Answers) -> str:
    """Check 03: the same grant once more, under another name."""
    identity, definition = answers.earlier("identity"), answers.earlier("definition")
    scope, role = answers.earlier("group").id, definition.role_name
    assignments = answers.client(AuthorizationManagementClient).role_assignments
    at_group = [each for each in assignments.list_for_scope(scope) if str(each.scope).casefold() == scope.casefold()]
    if any(each.principal_id == identity.client_id for each in at_group):
        raise HintError("there is a grant to the client id now, which is nobody's. Delete it, and use principal_id.")
    held = [each for each in at_group if each.principal_id == identity.principal_id]
    others = [each for each in held if role_guid(str(each.role_definition_id)) != definition.name.casefold()]
    if len(held) == len(others):
        raise HintError(f"{identity.name} has lost the role {role}. Run the cells of Grant it again.")
    answer = answers.answer("answer", Explanation, "what explain returns for Azure's refusal")
    if answer.code in ("InvalidRoleAssignmentId", "BadRequestFormat"):
        raise HintError("the name is not a GUID. A fresh one is str(uuid.uuid4()).")
    if answer.code == "RoleAssignmentUpdateNotPermitted":
        raise HintError("an assignment of that name is there, for something else. Take a fresh name: uuid.uuid4().")
    if answer.code != "RoleAssignmentExists":
        raise HintError(f"that was refused for another reason: {answer.code}. Send the same request as before.")
    return (
        f"409 RoleAssignmentExists says that {identity.name} is {role} here already, which is what you wanted. A "
        "program may take it as success, and nothing was made twice."
    )


@exercise
def check_wrong_door(answers: Answers) -> str:
    """Check 04: a token for Key Vault, taken to Resource Manager."""
    answer = answers.answer("wrong_door", requests.Response, "the answer of Resource Manager, not what is in it")
    if "/metadata/" in str(answer.url):
        raise HintError("that is the metadata service's answer, with the token. Now take the token to the group.")
    if answer.ok:
        raise HintError("you were served, so that was the token for Resource Manager. Ask for one for Key Vault.")
    refusal = explain(answer)
    if refusal.code == "AuthorizationFailed":
        raise HintError(
            "403 AuthorizationFailed: the token was accepted, so it was the one for Resource Manager. Ask for one for "
            "Key Vault."
        )
    if refusal.code in ("AuthenticationFailed", "InvalidAuthenticationToken"):
        raise HintError("Resource Manager found no token. The header is 'Authorization: Bearer ' and the token.")
    if refusal.code != "InvalidAuthenticationTokenAudience":
        raise HintError(f"that was refused for another reason: {refusal.status} {refusal.code}. Look at the address.")
    if "vault.azure.net" not in refusal.message:
        raise HintError("that token is for another service than Key Vault, which is https://vault.azure.net.")
    claim = answers.answer("claim", str, "the name of the claim that is different")
    if claim in ("oid", "sub", "appid", "xms_mirid"):
        raise HintError(f"{claim} says who asks, and that is the same identity in both. Compare the claims again.")
    if claim != "aud":
        raise HintError(f"{claim!r} is not what counts. Which claim says for which service the token is good?")
    return (
        "aud, the audience, is Key Vault's, so a token opens one door. "
        f"{compare(answers.variables.get('guess'), answer)}"
    )


@exercise
def check_inside(answers: Answers) -> str:
    """Check 05: what the identity sees in the group, and by how many grants."""
    group, identity = answers.earlier("resource_group"), answers.earlier("identity")
    inside = answers.answer("inside", (list, tuple), "the list of the resources: list(…)")
    try:
        seen = {each.id.casefold() for each in inside}
    except AttributeError:
        raise HintError("inside should hold the resources themselves, not their names: list(…) and no more.") from None
    listed = answers.client(ResourceManagementClient).resources.list_by_resource_group(group)
    there = {str(each.id).casefold() for each in listed}
    if seen - there:
        raise HintError(f"there are things of other groups in it. List those in {group}, as the identity.")
    if there - seen:
        raise HintError(
            f"{len(there)} things are in the group, and {len(seen)} in inside. If the identity sees fewer than you, it "
            "has lost its role: run Put it back again."
        )
    grants_needed = answers.answer("grants_needed", int, "the number of role assignments that it took")
    roles = answers.client(AuthorizationManagementClient).role_assignments
    filtered = roles.list_for_scope(answers.earlier("group").id, filter=f"assignedTo('{identity.principal_id}')")
    granted = len(list(filtered))
    if grants_needed == 0:
        raise HintError("without any it was refused, as you saw when you took the grant away.")
    if grants_needed != granted:
        raise HintError(f"Azure has {granted} on record for {identity.name}, and it sees all {len(seen)} things.")
    return "one role at the group holds for everything in it, and for whatever is put there later."


@exercise
def check_marked(answers: Answers) -> str:
    """Check 06: find what the course made by its tag alone."""
    by_tag = answers.answer("by_tag", str, "the filter, a text")
    resources = answers.client(ResourceManagementClient).resources
    try:
        found = {str(each.id).casefold(): each.tags or {} for each in resources.list(filter=by_tag)}
    except HttpResponseError as refusal:
        raise HintError(
            f"Azure does not accept this filter: {explain(refusal).message} It has the form name eq 'value', and "
            "between two of them stands and."
        ) from None
    compared = {name.casefold(): value for name, value in re.findall(r"(\w+)\s+eq\s+'([^']*)'", by_tag)}
    if "MADE_BY" in compared.values() or "{MADE_BY}" in by_tag:
        raise HintError("the filter has the letters MADE_BY in it. To have its value there, write f'…{MADE_BY}…'.")
    if compared.get("tagname") != "made-by":
        raise HintError("the filter does not say that tagName is 'made-by'. It would find other things.")
    if compared.get("tagvalue") != MADE_BY:
        raise HintError(f"the filter does not say that tagValue is '{MADE_BY}'. Others may use this tag, too.")
    marked = answers.answer("marked", (list, tuple), "the list of what Azure finds: list(…)")
    if any((getattr(each, "tags", None) or {}).get("made-by") != MADE_BY for each in marked):
        raise HintError("there are things without the tag in marked. Pass the filter: …list(filter=by_tag).")
    place = f"/resourcegroups/{answers.earlier('resource_group')}/".casefold()
    here = {each for each in found if place in each}
    if here - {each.id.casefold() for each in marked}:
        raise HintError("marked lacks things that Azure finds by this filter now. Ask again.")
    name = answers.earlier("identity_name")
    mark = answers.earlier("connection").mark(answers.earlier("resource_group"), name)
    left = [each for each in here if each.endswith(f"/{name.casefold()}") and found[each].get("made-for") == mark]
    if answers.earlier("really") and left:
        raise HintError("the identity of this run is still there. Run the cells that delete it, then ask again.")
    return "a tag finds what was made, wherever it is. Grants have no tags: those were found by their description."
