"""What libraries work out when they are first used: done before kernels are forked, which need not do it again.

Azure looks up the types of a model's fields when one is first made, and Python compiles its grammar of tokens when
IPython first reads a cell. That is some 10 ms in each kernel.
"""

from io import StringIO
from tokenize import generate_tokens

from azure.mgmt.compute import models

MACHINE = (
    *("VirtualMachine", "VirtualMachineProperties", "VirtualMachineIdentity", "UserAssignedIdentitiesValue"),
    *("HardwareProfile", "StorageProfile", "ImageReference", "OSDisk", "ManagedDiskParameters"),
    *("OSProfile", "WindowsConfiguration", "PatchSettings"),
    *("NetworkProfile", "NetworkInterfaceReference", "NetworkInterfaceReferenceProperties"),
)
"""The models that a machine is described by."""

for name in MACHINE:
    getattr(models, name)()
list(generate_tokens(StringIO().readline))
