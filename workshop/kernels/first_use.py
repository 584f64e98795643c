"""Has Python and Azure's clients work out, before kernels are forked, what they do when something is first used.

Whether a type is a mapping takes a look at each of the thousand that Azure's clients bring along, and how a machine is
read is found out field by field: a tenth of what the cells of a notebook take. Importing this module has it done.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Mapping

from azure.mgmt.compute.models import VirtualMachine

_TYPES: tuple[type, ...] = (str, bytes, int, float, bool, list, tuple, type(None), type(OrderedDict().values()))
for _type in _TYPES:
    issubclass(_type, Mapping)

ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # OpenSSL reads its configuration

VirtualMachine(
    {
        "identity": {"userAssignedIdentities": {"": {"clientId": "", "principalId": ""}}},
        "properties": {
            "hardwareProfile": {"vmSize": ""},
            "storageProfile": {"imageReference": {"offer": ""}, "osDisk": {"managedDisk": {"id": ""}}, "dataDisks": []},
            "osProfile": {"windowsConfiguration": {"provisionVMAgent": True}, "secrets": []},
            "networkProfile": {"networkInterfaces": [{"properties": {"primary": True}}]},
        },
    }
).as_dict()
