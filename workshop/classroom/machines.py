"""A learner's virtual machine, with the network it needs."""

from __future__ import annotations

from collections.abc import Mapping

from azure.mgmt.resource.resources.models import GenericResource

from helpers.machine import parts_of
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients

DEFAULT_SIZES = ("Standard_B2s", "Standard_B2ms", "Standard_D2s_v3")  # in the order in which they are tried
_HARDWARE = "hardwareProfile"


def make_machine(clients: Clients, classroom: Classroom, learner: Learner, tags: Mapping[str, str]) -> None:
    """Make network, interface and machine; wait until they are there. Parts that are there stay as they are.

    The machine is the course's, a Windows server without a public address. Its password is drawn at random and kept
    nowhere. The tags are the class's and not the course's, so that 06_clean_up leaves it alone.

    Raises:
        azure.core.exceptions.AzureError: Azure refused.
    """
    for resource_id, version, properties in parts_of(clients.azure, learner.resource_group, learner.vm_name):
        if _HARDWARE in properties:
            properties = {**properties, _HARDWARE: {"vmSize": classroom.vm_size or DEFAULT_SIZES[0]}}
        wanted = GenericResource(location=classroom.location, tags=dict(tags), properties=properties)
        clients.resources.resources.begin_create_or_update_by_id(resource_id, wanted, api_version=version).result()
