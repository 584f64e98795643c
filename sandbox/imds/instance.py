"""``/metadata/instance``: what a machine is told about itself, whole, in part, or a single value as text.

The document is the machine's resource and its network interfaces in the metadata service's own words. Which
api-version added what: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata
"""

import ipaddress
from typing import Any

from rbac.scopes import canonical
from sandbox.cloud import Cloud
from sandbox.core.data_files import read_data
from sandbox.core.http import Answer, Request
from sandbox.core.resource_ids import parse_resource_id
from sandbox.imds import errors
from sandbox.state.store import Resource

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_DATA = read_data(__file__, "instance.yaml")


def answer_instance(cloud: Cloud, machine: Resource, request: Request, path: str, version: str) -> Answer:
    """Answer what is at ``path`` below ``/metadata/instance``, in the ``format`` that the request names."""
    format_ = (request.parameter("format") or "json").casefold()
    if format_ not in {"json", "text"}:
        raise errors.refusal("unknown_format", format_)
    document = {"compute": describe_compute(machine, version), "network": _describe_network(cloud, machine)}
    found = _find(document, path)
    if format_ == "text":
        return Answer(200, found if isinstance(found, str) else _listing(found), dict(_TEXT))
    if isinstance(found, str):
        raise errors.refusal("needs_text", path.strip("/"))
    return Answer(200, found)


def _find(document: Any, path: str) -> Any:
    for segment in path.strip("/").split("/") if path.strip("/") else ():
        if isinstance(document, dict):
            document = next((value for name, value in document.items() if name.casefold() == segment), None)
        elif isinstance(document, list):
            document = next((value for number, value in enumerate(document) if str(number) == segment), None)
        else:
            document = None
        if document is None:
            raise errors.refusal("not_found")
    return document


def _listing(found: dict[str, Any] | list[Any]) -> str:
    """Return the names of what is inside, one in a line; a slash says that there is more below."""
    inside = found.items() if isinstance(found, dict) else enumerate(found)
    return "\n".join(str(name) if isinstance(value, str) else f"{name}/" for name, value in inside)


# --- compute -----------------------------------------------------------------------------------------------------


def describe_compute(machine: Resource, version: str) -> dict[str, Any]:
    """Return the document ``compute`` as it is in the api-version ``version``; every value is a string."""
    return _only_since(_filled(_DATA["compute"], _with_own(machine)), version, "")


def _only_since(document: dict[str, Any], version: str, path: str) -> dict[str, Any]:
    return {
        name: _only_since(value, version, f"{path}{name}.") if isinstance(value, dict) else value
        for name, value in document.items()
        if _DATA["since"].get(f"{path}{name}", "") <= version
    }


def _with_own(machine: Resource) -> dict[str, Any]:
    """Return a machine's body, and in ``own`` what the document has that is not in it as such."""
    parts, tags = parse_resource_id(machine.id), machine.body.get("tags", {})
    linux = machine.properties.get("osProfile", {}).get("linuxConfiguration")
    own = {
        "disablePasswordAuthentication": _flag(linux.get("disablePasswordAuthentication")) if linux else "",
        "group": parts.group,
        "subscription": parts.subscription,
        "tags": ";".join(f"{name}:{value}" for name, value in tags.items()),
        "tagsList": [{"name": name, "value": value} for name, value in tags.items()],
        "zone": next(iter(machine.body.get("zones", ())), ""),
    }
    return {**machine.body, "own": own}


def _filled(described: Any, source: dict[str, Any]) -> Any:
    """Return what the file of data describes, with values out of ``source``."""
    if isinstance(described, dict):
        return {name: _filled(each, source) for name, each in described.items()}
    if isinstance(described, list):
        path, element = described
        return [_filled(element, each) for each in _at(path, source) or ()]
    kind, _, rest = described.partition(" ")
    if kind == "is":
        return rest
    value = _at(rest, source)
    return _flag(value) if kind == "flag" else "" if value is None else str(value)


def _at(path: str, source: Any) -> Any:
    for name in path.split("."):
        source = (source or {}).get(name)
    return source


def _flag(value: object) -> str:
    return "true" if value is True else "false"


# --- network -----------------------------------------------------------------------------------------------------


def _describe_network(cloud: Cloud, machine: Resource) -> dict[str, Any]:
    """Return the document ``network``: one entry for each interface that there is."""
    references = machine.properties["networkProfile"]["networkInterfaces"]
    interfaces = (cloud.store.get(reference["id"]) for reference in references)
    return {"interface": [_interface(cloud, interface) for interface in interfaces if interface is not None]}


def _interface(cloud: Cloud, interface: Resource) -> dict[str, Any]:
    configurations = [entry["properties"] for entry in interface.properties["ipConfigurations"]]
    version_4 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv4"]
    version_6 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv6"]
    return {
        "ipv4": {
            "ipAddress": [
                {"privateIpAddress": entry["privateIPAddress"], "publicIpAddress": _public_address(cloud, entry)}
                for entry in version_4
            ],
            "subnet": _subnets(cloud, version_4),
        },
        "ipv6": {
            "ipAddress": [
                {"privateIpAddress": entry["privateIPAddress"]} for entry in version_6 if "privateIPAddress" in entry
            ]
        },
        "macAddress": str(interface.properties.get("macAddress", "")).replace("-", ""),
    }


def _public_address(cloud: Cloud, configuration: dict[str, Any]) -> str:
    reference = configuration.get("publicIPAddress")
    address = cloud.store.get(reference["id"]) if reference else None
    return "" if address is None else str(address.properties.get("ipAddress", ""))


def _subnets(cloud: Cloud, configurations: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = {canonical(entry["subnet"]["id"]): cloud.store.get(entry["subnet"]["id"]) for entry in configurations}
    prefixes = [prefix for subnet in found.values() if subnet for prefix in _prefixes(subnet.properties)]
    ranges = (range_ for range_ in map(ipaddress.ip_network, prefixes) if range_.version == 4)
    return [{"address": str(range_.network_address), "prefix": str(range_.prefixlen)} for range_ in ranges]


def _prefixes(subnet: dict[str, Any]) -> list[str]:
    found: list[str] = subnet.get("addressPrefixes") or [subnet["addressPrefix"]]
    return found
