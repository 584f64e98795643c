"""Which members the objects of a virtual machine have, as of api-version 2026-04-01, in a schema's notation.

Location, tags and identity are read for themselves. What a machine refers to by an id, but for its interfaces, is of
kinds that the sandbox has none of, and so is not found.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sandbox.arm.fields import Fields
from sandbox.arm.schema import Schema
from sandbox.core import errors
from sandbox.core.resource_ids import parse_resource_id

_NOTATION = {
    "VirtualMachine": "id! name! type! etag! location! tags! identity! properties:Properties zones* plan:Plan"
    " extendedLocation- placement- managedBy! resources! systemData!",
    "Plan": "name publisher product promotionCode",
    "Properties": "hardwareProfile:HardwareProfile storageProfile:StorageProfile osProfile:OSProfile"
    " networkProfile:NetworkProfile securityProfile:SecurityProfile diagnosticsProfile:DiagnosticsProfile"
    " additionalCapabilities:AdditionalCapabilities applicationProfile:ApplicationProfile"
    " billingProfile:BillingProfile resiliencyProfile:ResiliencyProfile scheduledEventsPolicy:ScheduledEventsPolicy"
    " scheduledEventsProfile:ScheduledEventsProfile priority=Regular|Low|Spot evictionPolicy=Deallocate|Delete"
    " licenseType extensionsTimeBudget userData platformFaultDomain- availabilitySet-"
    " virtualMachineScaleSet- host- hostGroup- proximityPlacementGroup-"
    " capacityReservation- interconnectBlockProfile- instanceView! provisioningState! vmId! timeCreated!",
    "HardwareProfile": "vmSize vmSizeProperties:VMSizeProperties processorMode",
    "VMSizeProperties": "vCPUsAvailable# vCPUsPerCore#",
    "StorageProfile": "imageReference:ImageReference osDisk:OSDisk dataDisks:DataDisk* diskControllerType=SCSI|NVMe"
    " alignRegionalDisksToVMZone? diskApiVersion",
    "ImageReference": "id^ publisher offer sku version exactVersion sharedGalleryImageId- communityGalleryImageId-",
    "OSDisk": "osType=Windows|Linux encryptionSettings- name vhd- image- caching=None|ReadOnly|ReadWrite"
    " writeAcceleratorEnabled? diffDiskSettings:DiffDiskSettings createOption=FromImage|Empty|Attach|Copy|Restore"
    " diskSizeGB#1-65536 storageFaultDomainAlignment managedDisk:ManagedDiskParameters deleteOption=Delete|Detach",
    "DataDisk": "lun#0-63 name vhd- image- caching=None|ReadOnly|ReadWrite writeAcceleratorEnabled?"
    " createOption=FromImage|Empty|Attach|Copy|Restore diskSizeGB#1-65536 storageFaultDomainAlignment"
    " managedDisk:ManagedDiskParameters sourceResource@ toBeDetached? diskIOPSReadWrite# diskMBpsReadWrite#"
    " detachOption=ForceDetach deleteOption=Delete|Detach",
    "DiffDiskSettings": "option=Local placement=CacheDisk|ResourceDisk|NvmeDisk enableFullCaching?",
    "ManagedDiskParameters": "id storageAccountType=Standard_LRS|Premium_LRS|StandardSSD_LRS|UltraSSD_LRS|Premium_ZRS"
    "|StandardSSD_ZRS|PremiumV2_LRS diskEncryptionSet@ securityProfile:VMDiskSecurityProfile"
    " additionalDiskProperties:AdditionalDiskProperties",
    "VMDiskSecurityProfile": "securityEncryptionType=VMGuestStateOnly|DiskWithVMGuestState|NonPersistedTPM"
    " diskEncryptionSet@",
    "AdditionalDiskProperties": "managedDiskProperties:ManagedDiskProperties",
    "ManagedDiskProperties": "tier burstingEnabled? performancePlus? optimizedForFrequentAttach?"
    " availabilityPolicy:DiskAvailabilityPolicy maxShares# networkAccessPolicy diskAccessId^ diskIOPSReadOnly#"
    " diskMBpsReadOnly# logicalSectorSize#",
    "DiskAvailabilityPolicy": "actionOnDiskDelay",
    "OSProfile": "computerName adminUsername adminPassword customData windowsConfiguration:WindowsConfiguration"
    " linuxConfiguration:LinuxConfiguration secrets- allowExtensionOperations?"
    " requireGuestProvisionSignal?",
    "WindowsConfiguration": "provisionVMAgent? enableAutomaticUpdates? timeZone patchSettings:PatchSettings"
    " additionalUnattendContent:AdditionalUnattendContent* winRM:WinRMConfiguration enableVMAgentPlatformUpdates?",
    "AdditionalUnattendContent": "passName=OobeSystem componentName=Microsoft-Windows-Shell-Setup"
    " settingName=AutoLogon|FirstLogonCommands content",
    "PatchSettings": "patchMode=Manual|AutomaticByOS|AutomaticByPlatform enableHotpatching?"
    " assessmentMode=ImageDefault|AutomaticByPlatform automaticByPlatformSettings:AutomaticByPlatformSettings",
    "LinuxPatchSettings": "patchMode=ImageDefault|AutomaticByPlatform assessmentMode=ImageDefault|AutomaticByPlatform"
    " automaticByPlatformSettings:AutomaticByPlatformSettings",
    "AutomaticByPlatformSettings": "rebootSetting bypassPlatformSafetyChecksOnUserSchedule?",
    "WinRMConfiguration": "listeners:WinRMListener*",
    "WinRMListener": "protocol=Http|Https certificateUrl-",
    "LinuxConfiguration": "disablePasswordAuthentication? ssh:SshConfiguration provisionVMAgent?"
    " patchSettings:LinuxPatchSettings enableVMAgentPlatformUpdates?",
    "SshConfiguration": "publicKeys:SshPublicKey*",
    "SshPublicKey": "path keyData",
    "NetworkProfile": "networkInterfaces:NetworkInterfaceReference* networkApiVersion networkInterfaceConfigurations-"
    " interconnectGroupProfile-",
    "NetworkInterfaceReference": "id properties:NetworkInterfaceReferenceProperties",
    "NetworkInterfaceReferenceProperties": "primary? deleteOption=Delete|Detach",
    "SecurityProfile": "uefiSettings:UefiSettings encryptionAtHost? securityType=TrustedLaunch|ConfidentialVM|Standard"
    " encryptionIdentity:EncryptionIdentity proxyAgentSettings:ProxyAgentSettings",
    "UefiSettings": "secureBootEnabled? vTpmEnabled?",
    "EncryptionIdentity": "userAssignedIdentityResourceId",
    "ProxyAgentSettings": "enabled? mode=Audit|Enforce keyIncarnationId# wireServer:HostEndpointSettings"
    " imds:HostEndpointSettings addProxyAgentExtension?",
    "HostEndpointSettings": "mode inVMAccessControlProfileReferenceId- useLocalFileRules?",
    "DiagnosticsProfile": "bootDiagnostics:BootDiagnostics",
    "BootDiagnostics": "enabled? storageUri-",
    "AdditionalCapabilities": "ultraSSDEnabled? hibernationEnabled? enableFips1403Encryption?",
    "ApplicationProfile": "galleryApplications-",
    "BillingProfile": "maxPrice~",
    "ResiliencyProfile": "zoneMovement:ZoneMovement",
    "ZoneMovement": "isEnabled?",
    "ScheduledEventsPolicy": "userInitiatedRedeploy:Approval userInitiatedReboot:Approval allInstancesDown:Approval"
    " scheduledEventsAdditionalPublishingTargets:PublishingTargets",
    "Approval": "automaticallyApprove?",
    "PublishingTargets": "eventGridAndResourceGraph:EventGridAndResourceGraph",
    "EventGridAndResourceGraph": "enable? scheduledEventsApiVersion",
    "ScheduledEventsProfile": "terminateNotificationProfile:Notification osImageNotificationProfile:Notification",
    "Notification": "notBeforeTimeout enable?",
}


def _unknown(member: str, type_: str, path: str) -> errors.AzureError:
    return errors.refusal("BadRequest.member", member, type_, path)


_SCHEMA = Schema(_NOTATION, _unknown)


def refuse_reference(reference: str | None, _: str, path: str) -> NoReturn:
    """Refuse what is referred to at ``path`` as malformed, or as not there."""
    parts = parse_resource_id(reference or "")
    if not parts.names:
        raise errors.refusal("LinkedInvalidPropertyId", reference, path)
    raise errors.refusal("ResourceNotFound", parts.type, parts.name, parts.group)


def read(body: Fields) -> dict[str, Any]:
    """Return a machine's body with names and values as Compute writes them, and without what is null.

    Raises:
        AzureError: 400 for a member that there is not, at any depth, or one with a wrong value; 404 for a reference.
    """
    return _SCHEMA.read(body, "VirtualMachine", refuse_reference)


def merged(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what is given in its place, object by object and in its order; lists are replaced."""
    result = dict(base)
    for name, value in given.items():
        before = base.get(name)
        result[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
