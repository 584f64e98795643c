"""Which members the objects in a virtual machine's ``properties`` have, as of api-version 2026-04-01.

Compute refuses a member that it does not know, unlike most providers, which disregard it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.arm.fields import Fields
from sandbox.core import errors

_LARGEST = 2**63 - 1

# By type: the names of its members, each with a mark for what it holds. Without a mark that is a text; "?" marks a
# flag, "#" a whole number, ":Type" an object, "*" a list of them, and "!" what is looked at elsewhere or disregarded.
_NOTATION = {
    "Properties": "hardwareProfile:HardwareProfile storageProfile:StorageProfile osProfile:OSProfile"
    " networkProfile:NetworkProfile securityProfile:SecurityProfile diagnosticsProfile:DiagnosticsProfile"
    " additionalCapabilities:AdditionalCapabilities applicationProfile:ApplicationProfile billingProfile:BillingProfile"
    " resiliencyProfile:ResiliencyProfile scheduledEventsPolicy:ScheduledEventsPolicy"
    " scheduledEventsProfile:ScheduledEventsProfile priority evictionPolicy licenseType extensionsTimeBudget userData"
    " platformFaultDomain# availabilitySet:SubResource virtualMachineScaleSet:SubResource host:SubResource"
    " hostGroup:SubResource proximityPlacementGroup:SubResource capacityReservation! interconnectBlockProfile!"
    " instanceView! provisioningState vmId timeCreated",
    "SubResource": "id",
    "HardwareProfile": "vmSize vmSizeProperties:VMSizeProperties processorMode",
    "VMSizeProperties": "vCPUsAvailable# vCPUsPerCore#",
    "StorageProfile": "imageReference:ImageReference osDisk:OSDisk dataDisks:DataDisk* diskControllerType"
    " alignRegionalDisksToVMZone? diskApiVersion",
    "ImageReference": "id publisher offer sku version exactVersion sharedGalleryImageId communityGalleryImageId",
    "OSDisk": "osType encryptionSettings:DiskEncryptionSettings name vhd:VirtualHardDisk image:VirtualHardDisk caching"
    " writeAcceleratorEnabled? diffDiskSettings:DiffDiskSettings createOption diskSizeGB# storageFaultDomainAlignment"
    " managedDisk:ManagedDiskParameters deleteOption",
    "DataDisk": "lun# name vhd:VirtualHardDisk image:VirtualHardDisk caching writeAcceleratorEnabled? createOption"
    " diskSizeGB# storageFaultDomainAlignment managedDisk:ManagedDiskParameters sourceResource:SubResource"
    " toBeDetached? diskIOPSReadWrite# diskMBpsReadWrite# detachOption deleteOption",
    "VirtualHardDisk": "uri",
    "DiskEncryptionSettings": "diskEncryptionKey:KeyVaultSecretReference keyEncryptionKey:KeyVaultKeyReference"
    " enabled?",
    "KeyVaultSecretReference": "secretUrl sourceVault:SubResource",
    "KeyVaultKeyReference": "keyUrl sourceVault:SubResource",
    "DiffDiskSettings": "option placement enableFullCaching?",
    "ManagedDiskParameters": "id storageAccountType diskEncryptionSet:SubResource securityProfile:VMDiskSecurityProfile"
    " additionalDiskProperties:AdditionalDiskProperties",
    "VMDiskSecurityProfile": "securityEncryptionType diskEncryptionSet:SubResource",
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
    "AdditionalUnattendContent": "passName componentName settingName content",
    "PatchSettings": "patchMode enableHotpatching? assessmentMode"
    " automaticByPlatformSettings:AutomaticByPlatformSettings",
    "LinuxPatchSettings": "patchMode assessmentMode automaticByPlatformSettings:AutomaticByPlatformSettings",
    "AutomaticByPlatformSettings": "rebootSetting bypassPlatformSafetyChecksOnUserSchedule?",
    "WinRMConfiguration": "listeners:WinRMListener*",
    "WinRMListener": "protocol certificateUrl",
    "LinuxConfiguration": "disablePasswordAuthentication? ssh:SshConfiguration provisionVMAgent?"
    " patchSettings:LinuxPatchSettings enableVMAgentPlatformUpdates?",
    "SshConfiguration": "publicKeys:SshPublicKey*",
    "SshPublicKey": "path keyData",
    "VaultSecretGroup": "sourceVault:SubResource vaultCertificates:VaultCertificate*",
    "VaultCertificate": "certificateUrl certificateStore",
    "NetworkProfile": "networkInterfaces:NetworkInterfaceReference* networkApiVersion networkInterfaceConfigurations!"
    " interconnectGroupProfile:InterconnectGroupProfile",
    "NetworkInterfaceReference": "id properties:NetworkInterfaceReferenceProperties",
    "NetworkInterfaceReferenceProperties": "primary? deleteOption",
    "InterconnectGroupProfile": "interconnectGroup:SubResource subgroups:SubResource*",
    "SecurityProfile": "uefiSettings:UefiSettings encryptionAtHost? securityType encryptionIdentity:EncryptionIdentity"
    " proxyAgentSettings:ProxyAgentSettings",
    "UefiSettings": "secureBootEnabled? vTpmEnabled?",
    "EncryptionIdentity": "userAssignedIdentityResourceId",
    "ProxyAgentSettings": "enabled? mode keyIncarnationId# wireServer:HostEndpointSettings imds:HostEndpointSettings"
    " addProxyAgentExtension?",
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


def _member(noted: str) -> tuple[str, str]:
    name, colon, kind = noted.partition(":")
    return (name, kind) if colon else (name.rstrip("?#!"), name[-1] if name[-1] in "?#!" else "")


_TYPES: Mapping[str, Mapping[str, str]] = {
    type_: dict(map(_member, members.split())) for type_, members in _NOTATION.items()
}


def check_members(given: Fields, type_: str = "Properties") -> None:
    """Refuse an object that has, at any depth, a member that its type does not, or one of the wrong JSON type."""
    members = _TYPES[type_]
    for name in given.names():
        kind = members.get(name)
        if kind is None:
            raise errors.AzureError(
                400,
                "BadRequest",
                f"Could not find member '{name}' on object of type '{type_}'. Path '{given.path}.{name}'.",
            )
        _check_member(given, name, kind)


def _check_member(given: Fields, name: str, kind: str) -> None:
    if kind == "":
        given.text(name)
    elif kind == "?":
        given.flag(name)
    elif kind == "#":
        given.number(name, -_LARGEST, _LARGEST)
    elif kind.endswith("*"):
        for item in given.objects(name):
            check_members(item, kind[:-1])
    elif kind != "!":
        check_members(given.object(name), kind)
