"""The check of each exercise: looks at Azure, and at the answers that the exercise names."""

from __future__ import annotations

import re

import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine, VirtualMachineIdentity
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.course.notes import assigned_entry, has_own_identity
from helpers.errors import Explanation, explain
from helpers.lesson.answers import HintError, Notebook, compare, exercise
from helpers.names import MADE_BY
from rbac.actions import allows
from rbac.folding import fold
from rbac.roles import role_guid


@exercise
def check_lacking(nb: Notebook) -> str:
    """Check 00: which of the needed actions does a Contributor lack?"""
    lacking = list(nb.answer("lacking", (list, tuple, set), "a list of actions"))
    roles = nb.connection.client(AuthorizationManagementClient).role_definitions
    contributor = next(iter(roles.list(str(nb.group.id), filter="roleName eq 'Contributor'")))
    for each in lacking:
        if each not in nb.needed:
            raise HintError(f"{each!r} is none of the actions in needed. Copy them from there.")
        if allows(contributor.permissions or (), each):
            raise HintError(f"a Contributor may do {each}: '*' covers it, and none of the not_actions takes it off.")
    if not lacking:
        raise HintError("'*' among a Contributor's actions covers all, but a role has not_actions too. Use allows.")
    return "a Contributor may do all but grant roles, which the role's not_actions take off. 03 would stop there."


@exercise
def check_spare(nb: Notebook) -> str:
    """Check 01: is an identity that is made again the same?"""
    identities = nb.connection.client(ManagedServiceIdentityClient).user_assigned_identities
    listed = {fold(each.id): each.principal_id for each in identities.list_by_resource_group(nb.resource_group)}
    if listed.get(fold(nb.identity.id)) != nb.identity.principal_id:
        raise HintError(f"{nb.identity.name} was deleted. Begin at Create identity again, and use another name here.")
    first = nb.answer("first", Identity, "what create_or_update returned the first time")
    second = nb.answer("second", Identity, "what create_or_update returned the second time")
    if fold(first.id) != fold(second.id):
        raise HintError(f"{first.name} and {second.name} are two identities. Give the second the name of the first.")
    if first.principal_id == second.principal_id:
        raise HintError("both have the same principal: what is there, is kept. Delete the first before the second.")
    if fold(first.id) in listed:
        raise HintError(f"{first.name} is still in {nb.resource_group}. Delete it.")
    if nb.answer("keeps_role", bool, "True or False"):
        raise HintError("their principal_id is not the same. A role is granted to a principal, not to a name.")
    return "it has the same name and id, and is another principal: the roles of the first one are not the second's."


@exercise
def check_both(nb: Notebook) -> str:
    """Check 02: a system-assigned identity beside the other, and back."""
    now = nb.connection.client(ComputeManagementClient).virtual_machines.get(nb.resource_group, nb.vm_name)
    if assigned_entry(now, nb.identity) is None:
        raise HintError(f"the VM has lost {nb.identity.name}. Run Assign identity again, then say both kinds.")
    with_both = nb.answer("with_both", VirtualMachine, "the VM that result() returned when it had both")
    if assigned_entry(with_both, nb.identity) is None:
        raise HintError(f"{nb.identity.name} is not in with_both: SystemAssigned alone drops the list. Say both kinds.")
    had, has = nb.after.identity or VirtualMachineIdentity(), now.identity or VirtualMachineIdentity()
    if not has_own_identity(with_both):
        raise HintError("in with_both the VM has no system-assigned identity. Its type has to name both kinds.")
    if has.principal_id and not had.principal_id:
        raise HintError(f"the VM still has its system-assigned identity. Put it back to {had.type}.")
    if has.principal_id != had.principal_id:
        raise HintError("the VM had a system-assigned identity before, and that is another now, without its roles.")
    return "the type is replaced, so it has to name all kinds; the list is merged, so none in it has to be named again."


@exercise
def check_second_grant(nb: Notebook) -> str:
    """Check 03: the same grant once more, under another name."""
    if (came := (nb.before.status_code, nb.after.status_code)) != (403, 200):
        raise HintError(f"wait until Azure answers before with 403 and after with 200. They have {came} now.")
    grants = nb.connection.client(AuthorizationManagementClient).role_assignments.list_for_scope(str(nb.group.id))
    here = [each for each in grants if fold(each.scope) == fold(nb.group.id)]
    held = {(each.principal_id, role_guid(str(each.role_definition_id))) for each in here}
    if nb.identity.client_id in [principal for principal, _ in held]:
        raise HintError("there is a grant to the client id now, which is nobody's. Delete it, and use principal_id.")
    if (nb.identity.principal_id, fold(nb.definition.name)) not in held:
        raise HintError(f"{nb.identity.name} has lost the role {nb.definition.role_name}. Run Grant the role again.")
    refusal = nb.answer("answer", Explanation, "what explain returns for Azure's refusal")
    if refusal.code == "InvalidRoleAssignmentId":
        raise HintError("the name is not a GUID. A fresh one is str(uuid.uuid4()).")
    if refusal.code == "RoleAssignmentUpdateNotPermitted":
        raise HintError("another assignment has that name. Take a fresh name: uuid.uuid4().")
    if refusal.code != "RoleAssignmentExists":
        raise HintError(f"that was refused for another reason: {refusal.code}. Send the same request as before.")
    return "409 RoleAssignmentExists says that what you want is there. A program may take it as success."


@exercise
def check_wrong_door(nb: Notebook) -> str:
    """Check 04: a token for Key Vault, taken to Resource Manager."""
    came = nb.answer("wrong_door", requests.Response, "the answer of Resource Manager, not what is in it")
    if "/metadata/" in str(came.url):
        raise HintError("that is the metadata service's answer, with the token. Now take the token to the group.")
    if came.ok:
        raise HintError("you were served, so that was the token for Resource Manager. Ask for one for Key Vault.")
    refusal = explain(came)
    if refusal.code == "AuthorizationFailed":
        raise HintError("the token was accepted, so it was Resource Manager's. Ask for one for Key Vault.")
    if refusal.code != "InvalidAuthenticationTokenAudience":
        raise HintError(f"that was refused for another reason, {refusal.status} {refusal.code}. {refusal.advice}")
    if "vault.azure.net" not in refusal.message:
        raise HintError("that token is for another service than Key Vault, which is https://vault.azure.net.")
    claim = nb.answer("claim", str, "the name of the claim that is different")
    if claim in ("oid", "sub", "appid", "xms_mirid"):
        raise HintError(f"{claim} says who asks, and that is the same identity in both. Compare the claims again.")
    if claim != "aud":
        raise HintError(f"{claim!r} is not what counts. Which claim says for which service the token is good?")
    return f"aud, the audience, is Key Vault's: a token opens one door. {compare(nb.variables.get('guess'), came)}"


@exercise
def check_inside(nb: Notebook) -> str:
    """Check 05: what the identity sees in the group, and by how many grants."""
    inside = nb.answer("inside", (list, tuple), "the list of the resources: list(…)")
    if not all(hasattr(each, "id") for each in inside):
        raise HintError("inside should hold the resources themselves, not their names: list(…) and no more.")
    seen = {fold(each.id) for each in inside}
    listed = nb.connection.client(ResourceManagementClient).resources.list_by_resource_group(nb.resource_group)
    there = {fold(each.id) for each in listed}
    if seen - there:
        raise HintError(f"there are things of other groups in it. List those in {nb.resource_group}, as the identity.")
    if there - seen:
        raise HintError(f"{len(there)} things are in the group, and {len(seen)} in inside. Was the role put back?")
    grants_needed = nb.answer("grants_needed", int, "the number of role assignments that it took")
    grants = nb.connection.client(AuthorizationManagementClient).role_assignments
    granted = list(grants.list_for_scope(str(nb.group.id), filter=f"assignedTo('{nb.identity.principal_id}')"))
    if grants_needed == 0:
        raise HintError("without any it was refused, as you saw when you took the grant away.")
    if grants_needed != len(granted):
        raise HintError(
            f"Azure has {len(granted)} on record for {nb.identity.name}, which sees all {len(seen)} things."
        )
    return "one role at the group holds for everything in it, and for whatever is put there later."


@exercise
def check_marked(nb: Notebook) -> str:
    """Check 06: find what the course made by its tag alone."""
    by_tag = nb.answer("by_tag", str, "the filter, a text")
    try:
        found = list(nb.connection.client(ResourceManagementClient).resources.list(filter=by_tag))
    except HttpResponseError as refusal:
        raise HintError(f"Azure does not accept this filter, as in name eq 'a': {explain(refusal).message}") from None
    compared = {name.casefold(): value for name, value in re.findall(r"(\w+)\s+eq\s+'([^']*)'", by_tag)}
    if "MADE_BY" in by_tag:
        raise HintError("the filter has the letters MADE_BY in it. To have its value there, write f'…{MADE_BY}…'.")
    if compared.get("tagname") != "made-by":
        raise HintError("the filter does not say that tagName is 'made-by'. It would find other things.")
    if compared.get("tagvalue") != MADE_BY:
        raise HintError(f"the filter does not say that tagValue is '{MADE_BY}'. Others may use this tag, too.")
    marked = nb.answer("marked", (list, tuple), "the list of what Azure finds: list(…)")
    if any((getattr(each, "tags", None) or {}).get("made-by") != MADE_BY for each in marked):
        raise HintError("there are things without the tag in marked. Pass the filter: …list(filter=by_tag).")
    here = [each for each in found if f"/resourcegroups/{nb.resource_group}/".casefold() in fold(each.id)]
    if {fold(each.id) for each in here} - {fold(each.id) for each in marked}:
        raise HintError("marked lacks things that Azure finds by this filter now. Ask again.")
    mark = nb.connection.mark(nb.resource_group, nb.identity_name)
    own = [each for each in here if fold(each.name) == fold(nb.identity_name)]
    if nb.really and any((each.tags or {}).get("made-for") == mark for each in own):
        raise HintError("the identity of this run is still there. Run the cells that delete it, then ask again.")
    return "a tag finds what was made, wherever it is. Grants have no tags: those were found by their description."
