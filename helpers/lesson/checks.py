"""The check of each exercise: looks at Azure, and at the answers that the exercise names."""

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
from helpers.lesson.answers import Notebook, compare, exercise
from helpers.names import MADE_BY
from rbac.actions import allows
from rbac.folding import fold
from rbac.roles import role_guid


@exercise
def check_lacking(nb: Notebook) -> None:
    """Check 00: which of the needed actions does a Contributor lack?"""
    lacking = list(nb.answer("lacking", (list, tuple, set), "a list of actions"))
    roles = nb.connection.client(AuthorizationManagementClient).role_definitions
    contributor = next(iter(roles.list(str(nb.group.id), filter="roleName eq 'Contributor'")))
    for each in lacking:
        nb.hint_if(each not in nb.needed, "strange", each)
        nb.hint_if(allows(contributor.permissions or (), each), "allowed", each)
    nb.hint_if(not lacking, "none")


@exercise
def check_spare(nb: Notebook) -> None:
    """Check 01: is an identity that is made again the same?"""
    identities = nb.connection.client(ManagedServiceIdentityClient).user_assigned_identities
    listed = {fold(each.id): each.principal_id for each in identities.list_by_resource_group(nb.resource_group)}
    nb.hint_if(listed.get(fold(nb.identity.id)) != nb.identity.principal_id, "identity gone", nb.identity)
    first = nb.answer("first", Identity, "what create_or_update returned the first time")
    second = nb.answer("second", Identity, "what create_or_update returned the second time")
    nb.hint_if(fold(first.id) != fold(second.id), "two names", first, second)
    nb.hint_if(first.principal_id == second.principal_id, "same principal")
    nb.hint_if(fold(first.id) in listed, "still there", first, nb.resource_group)
    nb.hint_if(nb.answer("keeps_role", bool, "True or False"), "keeps role")


@exercise
def check_both(nb: Notebook) -> None:
    """Check 02: a system-assigned identity beside the other, and back."""
    now = nb.connection.client(ComputeManagementClient).virtual_machines.get(nb.resource_group, nb.vm_name)
    nb.hint_if(assigned_entry(now, nb.identity) is None, "lost now", nb.identity)
    with_both = nb.answer("with_both", VirtualMachine, "the VM that result() returned when it had both")
    nb.hint_if(assigned_entry(with_both, nb.identity) is None, "lost then", nb.identity)
    had, has = nb.after.identity or VirtualMachineIdentity(), now.identity or VirtualMachineIdentity()
    nb.hint_if(not has_own_identity(with_both), "no own")
    nb.hint_if(has.principal_id and not had.principal_id, "own still there", getattr(had.type, "value", had.type))
    nb.hint_if(has.principal_id != had.principal_id, "another own")


@exercise
def check_second_grant(nb: Notebook) -> None:
    """Check 03: the same grant once more, under another name."""
    came = (nb.before.status_code, nb.after.status_code)
    nb.hint_if(came != (403, 200), "not waited", came)
    grants = nb.connection.client(AuthorizationManagementClient).role_assignments.list_for_scope(str(nb.group.id))
    here = [each for each in grants if fold(each.scope) == fold(nb.group.id)]
    held = {(each.principal_id, role_guid(str(each.role_definition_id))) for each in here}
    nb.hint_if(nb.identity.client_id in [principal for principal, _ in held], "to client id")
    granted = (nb.identity.principal_id, fold(nb.definition.name)) in held
    nb.hint_if(not granted, "lost role", nb.identity, nb.definition)
    refusal = nb.answer("answer", Explanation, "what explain returns for Azure's refusal")
    nb.hint_if(refusal.code == "InvalidRoleAssignmentId", "no guid")
    nb.hint_if(refusal.code == "RoleAssignmentUpdateNotPermitted", "same name")
    nb.hint_if(refusal.code != "RoleAssignmentExists", "other reason", refusal)


@exercise
def check_wrong_door(nb: Notebook) -> str:
    """Check 04: a token for Key Vault, taken to Resource Manager."""
    came = nb.answer("wrong_door", requests.Response, "the answer of Resource Manager, not what is in it")
    nb.hint_if("/metadata/" in str(came.url), "token answer")
    nb.hint_if(came.ok, "served")
    refusal = explain(came)
    nb.hint_if(refusal.code == "AuthorizationFailed", "accepted")
    nb.hint_if(refusal.code != "InvalidAuthenticationTokenAudience", "other reason", refusal)
    nb.hint_if("vault.azure.net" not in refusal.message, "other service")
    claim = nb.answer("claim", str, "the name of the claim that is different")
    nb.hint_if(claim in ("oid", "sub", "appid", "xms_mirid"), "who asks", claim)
    nb.hint_if(claim != "aud", "other claim", claim)
    return f" {compare(nb.variables.get('guess'), came)}"


@exercise
def check_inside(nb: Notebook) -> None:
    """Check 05: what the identity sees in the group, and by how many grants."""
    inside = nb.answer("inside", (list, tuple), "the list of the resources: list(…)")
    nb.hint_if(not all(hasattr(each, "id") for each in inside), "names")
    seen = {fold(each.id) for each in inside}
    listed = nb.connection.client(ResourceManagementClient).resources.list_by_resource_group(nb.resource_group)
    there = {fold(each.id) for each in listed}
    nb.hint_if(seen - there, "elsewhere", nb.resource_group)
    nb.hint_if(there - seen, "fewer", len(there), len(seen))
    grants_needed = nb.answer("grants_needed", int, "the number of role assignments that it took")
    grants = nb.connection.client(AuthorizationManagementClient).role_assignments
    granted = list(grants.list_for_scope(str(nb.group.id), filter=f"assignedTo('{nb.identity.principal_id}')"))
    nb.hint_if(grants_needed == 0, "without")
    nb.hint_if(grants_needed != len(granted), "more", len(granted), nb.identity.name, len(seen))


@exercise
def check_marked(nb: Notebook) -> None:
    """Check 06: find what the course made by its tag alone."""
    by_tag = nb.answer("by_tag", str, "the filter, a text")
    try:
        found = list(nb.connection.client(ResourceManagementClient).resources.list(filter=by_tag))
    except HttpResponseError as refusal:
        nb.hint_if(True, "bad filter", explain(refusal))
    compared = {name.casefold(): value for name, value in re.findall(r"(\w+)\s+eq\s+'([^']*)'", by_tag)}
    nb.hint_if("MADE_BY" in by_tag, "no value")
    nb.hint_if(compared.get("tagname") != "made-by", "no name")
    nb.hint_if(compared.get("tagvalue") != MADE_BY, "other value", MADE_BY)
    marked = nb.answer("marked", (list, tuple), "the list of what Azure finds: list(…)")
    nb.hint_if(any((getattr(each, "tags", None) or {}).get("made-by") != MADE_BY for each in marked), "unfiltered")
    here = [each for each in found if f"/resourcegroups/{nb.resource_group}/".casefold() in fold(each.id)]
    nb.hint_if({fold(each.id) for each in here} - {fold(each.id) for each in marked}, "fewer")
    own = [each for each in here if fold(each.name) == fold(nb.identity_name)]
    mark = nb.connection.mark(nb.resource_group, nb.identity_name)
    nb.hint_if(nb.really and any((each.tags or {}).get("made-for") == mark for each in own), "still there")
