"""A class planned from a roster and the options of the command line, and what would go wrong on the day.

Checked are rights, providers, names that are taken, limits, and which size of machine can be had: offered in the
region, not barred, and with enough cores left.
"""

import argparse
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from helpers import explain
from rbac.actions import allows
from rbac.roles import Permission
from workshop.classroom.classroom import Classroom
from workshop.classroom.clients import AUTHORIZATION_VERSION, Clients, RefusedError
from workshop.classroom.inventory import Inventory, made_for
from workshop.classroom.roster import PATTERNS, Entry, class_name, make_learners
from workshop.errors import UsageError
from workshop.words import quantity

_PROVIDERS = ("Microsoft.Authorization", "Microsoft.Compute", "Microsoft.ManagedIdentity", "Microsoft.Network")
_PROVIDERS_VERSION = "2024-11-01"
_SKUS_VERSION = "2021-07-01"
_USAGES_VERSION = "2024-11-01"
_NEEDED = {
    "Microsoft.Resources/subscriptions/resourceGroups/write": "make groups",
    "Microsoft.Resources/subscriptions/resourceGroups/delete": "delete groups",
    "Microsoft.Authorization/roleAssignments/write": "grant roles",
    "Microsoft.Authorization/roleAssignments/read": "see who has which role",
    "Microsoft.Compute/virtualMachines/write": "make machines",
    "Microsoft.Network/networkInterfaces/write": "connect machines",
}
_GROUP_LIMIT = 980
_ASSIGNMENT_LIMIT = 4000
_ASSIGNMENTS_EACH = 2  # the learner's own, and the one they are going to make
_LIMITS_SOURCE = "https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits"
_SIZE = "machine size"
NAMES = "names"
_MACHINES = "virtualMachines"
_CORES = "cores"
_Json: TypeAlias = Mapping[str, Any]  # as Azure writes it


class Verdict(StrEnum):
    """Of a check."""

    FINE = "fine"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    about: str  # what was checked, in a word or two
    verdict: Verdict
    text: str  # what there is to say, in a sentence


def planned(options: argparse.Namespace, entries: Sequence[Entry], before: Classroom | None) -> Classroom:
    """Return the class that the options of ``plan`` describe.

    Whoever was in the class ``before``, as the folder has it, keeps their number.
    """
    name = class_name(options.name, options.roster.stem)
    if before is not None and (before.name, before.target) != (name, options.target):
        raise UsageError(
            f"{options.folder} has the class {before.name} ({before.target}). "
            "Name another folder with --folder, or clean that class up and delete its folder."
        )
    given = {what: getattr(options, what) for what in PATTERNS}
    patterns = PATTERNS | {what: pattern for what, pattern in given.items() if pattern is not None}
    earlier = (*before.learners, *before.left) if before else ()
    learners = make_learners(name, entries, patterns, options.target, earlier)
    still = {learner.handle for learner in learners}
    left = tuple(learner for learner in earlier if learner.handle not in still)
    identity = before.id if before else secrets.token_hex(6)
    where = (name, identity, options.target, options.subscription, options.location)
    return Classroom(*where, learners=tuple(learners), left=left)


def check_all(clients: Clients, classroom: Classroom, inventory: Inventory, sizes: str) -> tuple[str, list[Finding]]:
    """Return which of ``sizes``, with commas between them, machines can have, and what all checks found."""
    wanted = [size.strip() for size in sizes.split(",") if size.strip()]
    if not wanted:
        raise UsageError("--vm-size names no size.")
    new = [each for each in classroom.learners if not inventory.machines_of(each)]
    size, sized = choose_size(clients, classroom.location, wanted, len(new))
    return size, [*check(clients, classroom, inventory), *sized]


def check(clients: Clients, classroom: Classroom, inventory: Inventory) -> list[Finding]:
    """Check everything but machines: rights, providers, names, limits."""
    return [
        Finding("your rights", *_rights(clients)),
        Finding("resource providers", *_providers(clients)),
        Finding(NAMES, *_names(classroom, inventory)),
        *_limits(classroom, inventory),
    ]


def choose_size(clients: Clients, location: str, sizes: Sequence[str], machines: int) -> tuple[str, list[Finding]]:
    """Ask Azure for the first of ``sizes`` that so many new machines can have; return it with what was found.

    It is empty if none can be had, and the first if Azure does not say.
    """
    try:
        skus = clients.listed(f"providers/Microsoft.Compute/skus?$filter=location eq '{location}'", _SKUS_VERSION)
    except RefusedError as error:
        text = f"Whether {sizes[0]} can be had in {location} is unknown: {error}"
        return sizes[0], [Finding(_SIZE, Verdict.UNKNOWN, text)]
    try:
        usages = clients.listed(f"providers/Microsoft.Compute/locations/{location}/usages", _USAGES_VERSION)
    except RefusedError as error:
        size, findings = choose(location, sizes, machines, skus, None)
        return size, [*findings, Finding("quota", Verdict.UNKNOWN, f"How many cores are left is unknown: {error}")]
    return choose(location, sizes, machines, skus, usages)


def choose(
    location: str, sizes: Sequence[str], machines: int, skus: Iterable[_Json], usages: Iterable[_Json] | None
) -> tuple[str, list[Finding]]:
    """Choose by what Azure said; None for ``usages`` if it did not say. Otherwise as `choose_size`."""
    offered = {sku["name"].casefold(): sku for sku in skus if sku["resourceType"] == _MACHINES}
    left = None
    if usages is not None:
        left = {each["name"]["value"].casefold(): each["limit"] - each["currentValue"] for each in usages}
    refusals: list[str] = []
    for size in sizes:
        sku = offered.get(size.casefold())
        if sku is None:
            refusals.append(f"{size} is not offered in {location}.")
        elif barred := _barred(sku, location):
            refusals.append(barred)
        elif left is not None and (shortage := _shortage(sku, machines, left)):
            refusals.append(shortage)
        else:
            return sku["name"], [_chosen(sku, location, machines, refusals, left)]
    text = f"No size can be had. {' '.join(refusals)} Name others with --vm-size, or another --location."
    return "", [Finding(_SIZE, Verdict.PROBLEM, text)]


def _barred(sku: _Json, location: str) -> str:
    """Say why a size cannot be had in a region as a whole; restrictions to zones do not matter here."""
    for restriction in sku.get("restrictions", ()):
        if restriction["type"] == "Location":
            return f"{sku['name']} cannot be had in {location} ({restriction.get('reasonCode')})."
    return ""


def _shortage(sku: _Json, machines: int, left: Mapping[str, int]) -> str:
    """Say which quota would not do; one that Azure does not list sets no limit."""
    cores = machines * _cores_of(sku)
    for name, wanted in ((_CORES, cores), (sku["family"], cores), (_MACHINES, machines)):
        remaining = left.get(name.casefold())
        if remaining is not None and remaining < wanted:
            return (
                f"{quantity(machines, 'machine')} of {sku['name']} would take {wanted} of the quota '{name}', "
                f"which has {remaining} left."
            )
    return ""


def _chosen(
    sku: _Json, location: str, machines: int, refusals: Sequence[str], left: Mapping[str, int] | None
) -> Finding:
    cores = quantity(machines * _cores_of(sku), "core")
    quota = "" if left is None else f" {quantity(machines, 'machine')} would take {cores}, and so many are left."
    return Finding(_SIZE, Verdict.FINE, " ".join([*refusals, f"{sku['name']} can be had in {location}.{quota}"]))


def _cores_of(sku: _Json) -> int:
    return next((int(each["value"]) for each in sku.get("capabilities", ()) if each["name"] == "vCPUs"), 1)


def _rights(clients: Clients) -> tuple[Verdict, str]:
    try:
        # Not by the SDK, which leaves the conditions out.
        listed = clients.listed("providers/Microsoft.Authorization/permissions", AUTHORIZATION_VERSION)
    except RefusedError as error:
        return Verdict.UNKNOWN, f"Azure does not say what you may do: {error}"
    if missing := _not_allowed(listed):
        return Verdict.PROBLEM, f"In the subscription you may not {'; '.join(missing)}. Ask for the role Owner there."
    if conditional := _not_allowed([each for each in listed if not each.get("condition")]):
        text = f"Only under a condition, which may not be met here, you may {'; '.join(conditional)}."
        return Verdict.UNKNOWN, text
    return Verdict.FINE, "You may do in the subscription whatever it takes."


def _not_allowed(listed: Iterable[_Json]) -> list[str]:
    permissions = [Permission(tuple(each.get("actions") or ()), tuple(each.get("notActions") or ())) for each in listed]
    return [f"{why} ({action})" for action, why in _NEEDED.items() if not allows(permissions, action)]


def _providers(clients: Clients) -> tuple[Verdict, str]:
    unregistered = []
    for namespace in _PROVIDERS:
        answer = clients.arm("GET", f"{clients.subscription}/providers/{namespace}", _PROVIDERS_VERSION)
        if not answer.ok:
            return Verdict.UNKNOWN, f"Azure does not say what is registered: {explain(answer).message}"
        if answer.json()["registrationState"] != "Registered":
            unregistered.append(namespace)
    if unregistered:
        commands = "; ".join(f"az provider register --namespace {namespace}" for namespace in unregistered)
        return Verdict.PROBLEM, f"Not registered yet: {', '.join(unregistered)}. {commands}"
    return Verdict.FINE, "All that the course uses are registered."


def _names(classroom: Classroom, inventory: Inventory) -> tuple[Verdict, str]:
    taken = []
    for learner in classroom.learners:
        group = inventory.group_of(learner)
        if group is not None and not made_for(group, classroom, learner):
            taken.append(str(group.name))
    if taken:
        shown = ", ".join(taken[:10]) + (" and others" if len(taken) > 10 else "")
        there = f"{quantity(len(taken), 'resource group')} {'is' if len(taken) == 1 else 'are'} there already"
        return Verdict.PROBLEM, f"{there}, and not this class's: {shown}. Choose another --name."
    return Verdict.FINE, "None is taken."


def _limits(classroom: Classroom, inventory: Inventory) -> Iterator[Finding]:
    new = [each for each in classroom.learners if inventory.group_of(each) is None]
    yield _limit("resource groups", len(inventory.groups), len(new), _GROUP_LIMIT)
    held = sum(map(len, inventory.assignments.values()))
    yield _limit("role assignments", held, _ASSIGNMENTS_EACH * len(new), _ASSIGNMENT_LIMIT)


def _limit(what: str, there: int, wanted: int, limit: int) -> Finding:
    text = f"There now: {there}; to come: {wanted}; a subscription can have {limit}."
    if there + wanted > limit:
        return Finding(what, Verdict.PROBLEM, f"{text} Use another subscription for a part. {_LIMITS_SOURCE}")
    return Finding(what, Verdict.FINE, text)
