"""Which size of machine a class can have: offered in the region, not barred, and with enough cores left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from azure.core.exceptions import AzureError
from azure.mgmt.compute.models import ResourceSku, Usage

from helpers import explain
from workshop.classroom.checks import Finding, Verdict
from workshop.classroom.clients import Clients

Item = TypeVar("Item")
_ABOUT = "machine size"
_MACHINES = "virtualMachines"
_CORES = "cores"


class _SilentError(Exception):
    """Azure does not say."""


def choose_size(clients: Clients, location: str, sizes: Sequence[str], machines: int) -> tuple[str, list[Finding]]:
    """Ask Azure which size can be had.

    Args:
        clients: the trainer's.
        location: the region.
        sizes: in the order in which they are wanted.
        machines: how many are still to be made.

    Returns:
        The first that can be had and what was found; an empty text if none can be. If Azure does not say, the first.
    """
    try:
        skus = _listed(lambda: clients.compute.resource_skus.list(filter=f"location eq '{location}'"))
    except _SilentError as error:
        text = f"Whether {sizes[0]} can be had in {location} is unknown: {error}"
        return sizes[0], [Finding(_ABOUT, Verdict.UNKNOWN, text)]
    try:
        usages = _listed(lambda: clients.compute.usage.list(location))
    except _SilentError as error:
        size, findings = choose(location, sizes, machines, skus, None)
        return size, [*findings, Finding("quota", Verdict.UNKNOWN, f"How many cores are left is unknown: {error}")]
    return choose(location, sizes, machines, skus, usages)


def choose(
    location: str, sizes: Sequence[str], machines: int, skus: Iterable[ResourceSku], usages: Iterable[Usage] | None
) -> tuple[str, list[Finding]]:
    """Choose by what Azure said; None for ``usages`` if it did not say. Otherwise as `choose_size`."""
    offered = {str(sku.name).casefold(): sku for sku in skus if sku.resource_type == _MACHINES}
    left = None if usages is None else {_name(usage): _left(usage) for usage in usages}
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
            return str(sku.name), [_chosen(sku, location, machines, refusals, left)]
    text = f"No size can be had. {' '.join(refusals)} Name others with --vm-size, or another --location."
    return "", [Finding(_ABOUT, Verdict.PROBLEM, text)]


def _listed(ask: Callable[[], Iterable[Item]]) -> list[Item]:
    try:
        return list(ask())
    except AzureError as error:
        raise _SilentError(explain(error).message) from error


def _barred(sku: ResourceSku, location: str) -> str:
    """Say why a size cannot be had in a region as a whole; restrictions to zones do not matter here."""
    for restriction in sku.restrictions or ():
        if str(restriction.type) in ("Location", "ResourceSkuRestrictionsType.LOCATION"):
            reason = str(getattr(restriction.reason_code, "value", restriction.reason_code))
            return f"{sku.name} cannot be had in {location} ({reason})."
    return ""


def _shortage(sku: ResourceSku, machines: int, left: Mapping[str, int]) -> str:
    """Say which quota would not do; one that Azure does not list sets no limit."""
    cores = machines * _cores_of(sku)
    for name, wanted in ((_CORES, cores), (str(sku.family), cores), (_MACHINES, machines)):
        remaining = left.get(name.casefold())
        if remaining is not None and remaining < wanted:
            return f"{machines} machines of {sku.name} need {wanted} of the quota '{name}', and {remaining} are left."
    return ""


def _chosen(
    sku: ResourceSku, location: str, machines: int, refusals: Sequence[str], left: Mapping[str, int] | None
) -> Finding:
    quota = "" if left is None else f" {machines} of them need {machines * _cores_of(sku)} cores, which are left."
    return Finding(_ABOUT, Verdict.FINE, " ".join([*refusals, f"{sku.name} can be had in {location}.{quota}"]))


def _cores_of(sku: ResourceSku) -> int:
    return next((int(str(each.value)) for each in sku.capabilities or () if each.name == "vCPUs"), 1)


def _name(usage: Usage) -> str:
    return str(usage.name.value if usage.name else "").casefold()


def _left(usage: Usage) -> int:
    return int(usage.limit) - int(usage.current_value)
