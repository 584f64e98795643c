"""Which members the objects of Microsoft.Network have, as of api-version 2025-05-01, in a schema's notation.

A reference to what the sandbox has none of, a gateway for instance, is one to what is not there. Location and tags are
read for themselves.
"""

from __future__ import annotations

from typing import Any

from sandbox.arm.fields import Fields
from sandbox.arm.schema import Refer, Schema
from sandbox.core import errors

_NOTATION = {
    "VirtualNetwork": "id! name! type! etag! location! tags! properties:VirtualNetworkPropertiesFormat"
    " extendedLocation-",
    "VirtualNetworkPropertiesFormat": "addressSpace:AddressSpace dhcpOptions:DhcpOptions flowTimeoutInMinutes#4-30"
    " subnets:Subnet* virtualNetworkPeerings- resourceGuid! provisioningState! enableDdosProtection?"
    " enableVmProtection? ddosProtectionPlan@ddosProtectionPlans bgpCommunities:VirtualNetworkBgpCommunities"
    " encryption:VirtualNetworkEncryption ipAllocations@ipAllocations* flowLogs!"
    " privateEndpointVNetPolicies=Disabled|Basic defaultPublicNatGateway! summarizedGatewayPrefixes:AddressSpace",
    "AddressSpace": "addressPrefixes* ipamPoolPrefixAllocations-",
    "DhcpOptions": "dnsServers*",
    "VirtualNetworkEncryption": "enabled? enforcement=DropUnencrypted|AllowUnencrypted",
    "VirtualNetworkBgpCommunities": "virtualNetworkCommunity regionalCommunity!",
    "Subnet": "id! name type! etag! properties:SubnetPropertiesFormat",
    "SubnetPropertiesFormat": "addressPrefix addressPrefixes* networkSecurityGroup@networkSecurityGroups"
    " routeTable@routeTables natGateway@natGateways serviceEndpoints:ServiceEndpointPropertiesFormat*"
    " serviceEndpointPolicies@serviceEndpointPolicies* privateEndpoints! ipConfigurations! ipConfigurationProfiles!"
    " ipAllocations@ipAllocations* resourceNavigationLinks! serviceAssociationLinks! delegations:Delegation* purpose!"
    " provisioningState! privateEndpointNetworkPolicies=Enabled|Disabled|NetworkSecurityGroupEnabled|RouteTableEnabled"
    " privateLinkServiceNetworkPolicies=Enabled|Disabled applicationGatewayIPConfigurations-"
    " sharingScope=Tenant|DelegatedServices defaultOutboundAccess? ipamPoolPrefixAllocations-"
    " serviceGateway@serviceGateways",
    "Delegation": "id! name type! etag! properties:ServiceDelegationPropertiesFormat",
    "ServiceDelegationPropertiesFormat": "serviceName actions! provisioningState!",
    "ServiceEndpointPropertiesFormat": "service networkIdentifier@publicIPAddresses locations* provisioningState!",
    "NetworkSecurityGroup": "id! name! type! etag! location! tags! properties:NetworkSecurityGroupPropertiesFormat",
    "NetworkSecurityGroupPropertiesFormat": "flushConnection? securityRules:SecurityRule* defaultSecurityRules!"
    " networkInterfaces! subnets! flowLogs! resourceGuid! provisioningState!",
    "SecurityRule": "id! name type! etag! properties:SecurityRulePropertiesFormat",
    "SecurityRulePropertiesFormat": "description protocol=Tcp|Udp|Icmp|Esp|*|Ah sourcePortRange destinationPortRange"
    " sourceAddressPrefix sourceAddressPrefixes* sourceApplicationSecurityGroups@applicationSecurityGroups*"
    " destinationAddressPrefix destinationAddressPrefixes*"
    " destinationApplicationSecurityGroups@applicationSecurityGroups* sourcePortRanges* destinationPortRanges*"
    " access=Allow|Deny priority#100-4096 direction=Inbound|Outbound provisioningState!",
    "NetworkInterface": "id! name! type! etag! location! tags! properties:NetworkInterfacePropertiesFormat"
    " extendedLocation-",
    "NetworkInterfacePropertiesFormat": "virtualMachine! networkSecurityGroup@networkSecurityGroups privateEndpoint!"
    " ipConfigurations:NetworkInterfaceIPConfiguration* tapConfigurations! dnsSettings:NetworkInterfaceDnsSettings"
    " macAddress! primary! vnetEncryptionSupported! defaultOutboundConnectivityEnabled! enableAcceleratedNetworking?"
    " disableTcpStateTracking? enableIPForwarding? hostedWorkloads! dscpConfiguration! resourceGuid! provisioningState!"
    " workloadType nicType=Standard|Elastic privateLinkService@privateLinkServices"
    " migrationPhase=None|Prepare|Commit|Abort|Committed"
    " auxiliaryMode=None|MaxConnections|Floating|AcceleratedConnections auxiliarySku=None|A1|A2|A4|A8",
    "NetworkInterfaceIPConfiguration": "id! name type! etag!"
    " properties:NetworkInterfaceIPConfigurationPropertiesFormat",
    "NetworkInterfaceIPConfigurationPropertiesFormat": "gatewayLoadBalancer@loadBalancers"
    " virtualNetworkTaps@virtualNetworkTaps*"
    " applicationGatewayBackendAddressPools@applicationGateways/backendAddressPools*"
    " loadBalancerBackendAddressPools@loadBalancers/backendAddressPools*"
    " loadBalancerInboundNatRules@loadBalancers/inboundNatRules* privateIPAddress privateIPAddressPrefixLength#"
    " privateIPAllocationMethod=Static|Dynamic privateIPAddressVersion=IPv4|IPv6 subnet@virtualNetworks/subnets"
    " primary? publicIPAddress@publicIPAddresses applicationSecurityGroups@applicationSecurityGroups*"
    " provisioningState! privateLinkConnectionProperties!",
    "NetworkInterfaceDnsSettings": "dnsServers* appliedDnsServers! internalDnsNameLabel internalFqdn!"
    " internalDomainNameSuffix!",
    "PublicIPAddress": "id! name! type! etag! location! tags! zones* sku:PublicIPAddressSku"
    " properties:PublicIPAddressPropertiesFormat extendedLocation-",
    "PublicIPAddressSku": "name=Basic|Standard|StandardV2 tier=Regional|Global",
    "PublicIPAddressPropertiesFormat": "publicIPAllocationMethod=Static|Dynamic publicIPAddressVersion=IPv4|IPv6"
    " ipConfiguration! dnsSettings:PublicIPAddressDnsSettings ddosSettings:DdosSettings ipTags:IpTag* ipAddress!"
    " publicIPPrefix@publicIPPrefixes idleTimeoutInMinutes#4-30 resourceGuid! provisioningState!"
    " servicePublicIPAddress! natGateway! migrationPhase=None|Prepare|Commit|Abort|Committed"
    " linkedPublicIPAddress@publicIPAddresses deleteOption=Delete|Detach upgradedToV2!",
    "PublicIPAddressDnsSettings": "domainNameLabel"
    " domainNameLabelScope=TenantReuse|SubscriptionReuse|ResourceGroupReuse|NoReuse fqdn! reverseFqdn",
    "DdosSettings": "protectionMode=VirtualNetworkInherited|Enabled|Disabled ddosCustomPolicy@ddosCustomPolicies"
    " ddosProtectionPlan@ddosProtectionPlans",
    "IpTag": "ipTagType tag firstPartyServiceTagId",
}


def _unknown(member: str, type_: str, path: str) -> errors.AzureError:
    return errors.refusal("InvalidRequestFormat.member", member, type_, path)


_SCHEMA = Schema(_NOTATION, _unknown)


def read(body: Fields, type_: str, refer: Refer) -> dict[str, Any]:
    """Return the body of a resource with names and values as Azure writes them, and without what is null.

    ``refer`` reads a reference to a resource of another type.

    Raises:
        AzureError: 400 for a member that there is not, at any depth, or one with a wrong value.
    """
    return _SCHEMA.read(body, type_, refer)
