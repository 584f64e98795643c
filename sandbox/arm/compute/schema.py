"""Which members the objects in a virtual machine's ``properties`` have, as of api-version 2026-04-01.

Compute refuses a member that it does not know, unlike most providers, which disregard it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rbac.folding import fold
from sandbox.arm.fields import Fields, without_nulls
from sandbox.core import errors

_LARGEST = 2**63 - 1

# By type: the names of its members, each with a mark for what it holds. Without a mark that is a text; "=A|B" marks a
# choice of texts, "?" a flag, "#" a whole number ("#0-63" one of these), ":Type" an object, "*" a list of
# them, and "!" what is looked at elsewhere or disregarded.
_NOTATION = {
    "Properties": "hardwareProfile:HardwareProfile storageProfile:StorageProfile osProfile:OSProfile"
    " networkProfile:NetworkProfile securityProfile:SecurityProfile diagnosticsProfile:DiagnosticsProfile"
    " additionalCapabilities:AdditionalCapabilities applicationProfile:ApplicationProfile"
    " billingProfile:BillingProfile resiliencyProfile:ResiliencyProfile scheduledEventsPolicy:ScheduledEventsPolicy"
    " scheduledEventsProfile:ScheduledEventsProfile priority=Regular|Low|Spot evictionPolicy=Deallocate|Delete"
    " licenseType extensionsTimeBudget userData platformFaultDomain# availabilitySet:SubResource"
    " virtualMachineScaleSet:SubResource host:SubResource hostGroup:SubResource proximityPlacementGroup:SubResource"
    " capacityReservation! interconnectBlockProfile! instanceView! provisioningState vmId timeCreated",
    "SubResource": "id",
    "HardwareProfile": "vmSize vmSizeProperties:VMSizeProperties processorMode",
    "VMSizeProperties": "vCPUsAvailable# vCPUsPerCore#",
    "StorageProfile": "imageReference:ImageReference osDisk:OSDisk dataDisks:DataDisk* diskControllerType=SCSI|NVMe"
    " alignRegionalDisksToVMZone? diskApiVersion",
    "ImageReference": "id publisher offer sku version exactVersion sharedGalleryImageId communityGalleryImageId",
    "OSDisk": "osType=Windows|Linux encryptionSettings:DiskEncryptionSettings name vhd:VirtualHardDisk"
    " image:VirtualHardDisk caching=None|ReadOnly|ReadWrite writeAcceleratorEnabled? diffDiskSettings:DiffDiskSettings"
    " createOption=FromImage|Empty|Attach|Copy|Restore diskSizeGB#1-65536 storageFaultDomainAlignment"
    " managedDisk:ManagedDiskParameters deleteOption=Delete|Detach",
    "DataDisk": "lun#0-63 name vhd:VirtualHardDisk image:VirtualHardDisk caching=None|ReadOnly|ReadWrite"
    " writeAcceleratorEnabled? createOption=FromImage|Empty|Attach|Copy|Restore diskSizeGB#1-65536"
    " storageFaultDomainAlignment managedDisk:ManagedDiskParameters sourceResource:SubResource toBeDetached?"
    " diskIOPSReadWrite# diskMBpsReadWrite# detachOption=ForceDetach deleteOption=Delete|Detach",
    "VirtualHardDisk": "uri",
    "DiskEncryptionSettings": "diskEncryptionKey:KeyVaultSecretReference keyEncryptionKey:KeyVaultKeyReference"
    " enabled?",
    "KeyVaultSecretReference": "secretUrl sourceVault:SubResource",
    "KeyVaultKeyReference": "keyUrl sourceVault:SubResource",
    "DiffDiskSettings": "option=Local placement=CacheDisk|ResourceDisk|NvmeDisk enableFullCaching?",
    "ManagedDiskParameters": "id storageAccountType=Standard_LRS|Premium_LRS|StandardSSD_LRS|UltraSSD_LRS|Premium_ZRS"
    "|StandardSSD_ZRS|PremiumV2_LRS diskEncryptionSet:SubResource securityProfile:VMDiskSecurityProfile"
    " additionalDiskProperties:AdditionalDiskProperties",
    "VMDiskSecurityProfile": "securityEncryptionType=VMGuestStateOnly|DiskWithVMGuestState|NonPersistedTPM"
    " diskEncryptionSet:SubResource",
    "AdditionalDiskProperties": "managedDiskProperties:ManagedDiskProperties",
    "ManagedDiskProperties": "tier burstingEnabled? performancePlus? optimizedForFrequentAttach?"
    " availabilityPolicy:DiskAvailabilityPolicy maxShares# networkAccessPolicy diskAccessId diskIOPSReadOnly#"
    " diskMBpsReadOnly# logicalSectorSize#",
    "DiskAvailabilityPolicy": "actionOnDiskDelay",
    "OSProfile": "computerName adminUsername adminPassword customData windowsConfiguration:WindowsConfiguration"
    " linuxConfiguration:LinuxConfiguration secrets:VaultSecretGroup* allowExtensionOperations?"
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
    "WinRMListener": "protocol=Http|Https certificateUrl",
    "LinuxConfiguration": "disablePasswordAuthentication? ssh:SshConfiguration provisionVMAgent?"
    " patchSettings:LinuxPatchSettings enableVMAgentPlatformUpdates?",
    "SshConfiguration": "publicKeys:SshPublicKey*",
    "SshPublicKey": "path keyData",
    "VaultSecretGroup": "sourceVault:SubResource vaultCertificates:VaultCertificate*",
    "VaultCertificate": "certificateUrl certificateStore",
    "NetworkProfile": "networkInterfaces:NetworkInterfaceReference* networkApiVersion networkInterfaceConfigurations!"
    " interconnectGroupProfile:InterconnectGroupProfile",
    "NetworkInterfaceReference": "id properties:NetworkInterfaceReferenceProperties",
    "NetworkInterfaceReferenceProperties": "primary? deleteOption=Delete|Detach",
    "InterconnectGroupProfile": "interconnectGroup:SubResource subgroups:SubResource*",
    "SecurityProfile": "uefiSettings:UefiSettings encryptionAtHost? securityType=TrustedLaunch|ConfidentialVM|Standard"
    " encryptionIdentity:EncryptionIdentity proxyAgentSettings:ProxyAgentSettings",
    "UefiSettings": "secureBootEnabled? vTpmEnabled?",
    "EncryptionIdentity": "userAssignedIdentityResourceId",
    "ProxyAgentSettings": "enabled? mode=Audit|Enforce keyIncarnationId# wireServer:HostEndpointSettings"
    " imds:HostEndpointSettings addProxyAgentExtension?",
    "HostEndpointSettings": "mode inVMAccessControlProfileReferenceId useLocalFileRules?",
    "DiagnosticsProfile": "bootDiagnostics:BootDiagnostics",
    "BootDiagnostics": "enabled? storageUri",
    "AdditionalCapabilities": "ultraSSDEnabled? hibernationEnabled? enableFips1403Encryption?",
    "ApplicationProfile": "galleryApplications:VMGalleryApplication*",
    "VMGalleryApplication": "tags order# packageReferenceId configurationReference treatFailureAsDeploymentFailure?"
    " enableAutomaticUpgrade?",
    "BillingProfile": "maxPrice!",
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


def _member(noted: str) -> tuple[str, tuple[str, str]]:
    found = re.fullmatch(r"(\w+)(.*)", noted)
    assert found is not None
    return fold(found[1]), (found[1], found[2])


_TYPES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    type_: dict(map(_member, members.split())) for type_, members in _NOTATION.items()
}


def read(given: Fields, type_: str = "Properties") -> dict[str, Any]:
    """Return an object with names, choices, flags and numbers as Compute writes them, and without what is null.

    Raises:
        AzureError: 400 for a member that its type does not have, or of the wrong JSON type, at any depth.
    """
    members, result = _TYPES[type_], {}
    for written in given.names():
        if fold(written) not in members:
            raise errors.AzureError(
                400,
                "BadRequest",
                f"Could not find member '{written}' on object of type '{type_}'. Path '{given.path}.{written}'.",
            )
        name, kind = members[fold(written)]
        result[name] = _read_member(given, written, kind)
    return result


def _read_member(given: Fields, name: str, kind: str) -> Any:
    if kind == "?":
        return given.flag(name)
    if kind.startswith("#"):
        low, _, high = kind.strip("#").partition("-")
        return given.number(name, int(low or -_LARGEST), int(high or _LARGEST))
    if kind == "!":
        return without_nulls(given.value(name))
    if kind.endswith("*"):
        return [read(item, kind.strip(":*")) for item in given.objects(name)]
    if kind.startswith(":"):
        return read(given.object(name), kind.strip(":"))
    return given.text(name, kind.strip("=").split("|") if kind else ())


def completed(given: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return ``values`` and after them the members of ``given`` that are not among them."""
    return {**values, **given, **values}
