// The quickstart: an identity for a machine, a token for the identity, and what it may read before and after the grant.
"use strict";

const { randomUUID } = require("node:crypto");
const { DefaultAzureCredential, EnvironmentCredential, ManagedIdentityCredential } = require("@azure/identity");
const { clients, group, machine, refusal, scope, subscription } = require("./azure.js");

async function listed(pages) {
  const found = [];
  for await (const each of pages) found.push(each.name);
  return found;
}

async function main() {
  const { authorization, compute, identities, resources } = clients(
    new EnvironmentCredential({ disableInstanceDiscovery: true }),
  );
  const { id: at } = await resources.resourceGroups.get(group);

  const identity = await identities.createOrUpdate(group, "ID1", { location: "eastus" });
  const wanted = { type: "UserAssigned", userAssignedIdentities: { [identity.id]: {} } };
  await compute.virtualMachines.update(group, machine, { identity: wanted });
  const attached = (await compute.virtualMachines.get(group, machine)).identity.userAssignedIdentities;

  const onMachine = new ManagedIdentityCredential({ clientId: identity.clientId });
  const asIdentity = clients(onMachine).resources.resourceGroups;
  const before = await refusal(() => asIdentity.get(group));

  const roles = await authorization.roleDefinitions.list(at, { filter: "roleName eq 'Reader'" }).next();
  const assignment = await authorization.roleAssignments.create(at, randomUUID(), {
    roleDefinitionId: roles.value.id,
    principalId: identity.principalId,
    principalType: "ServicePrincipal",
  });
  const after = await asIdentity.get(group);
  const byDefault = new DefaultAzureCredential({ disableInstanceDiscovery: true });

  const report = {
    identity: { id: identity.id, clientId: identity.clientId, principalId: identity.principalId },
    attached: Object.entries(attached).map(([id, entry]) => ({ id, ...entry })),
    before,
    after: after.id,
    identities: await listed(identities.listByResourceGroup(group)),
    machines: await listed(compute.virtualMachines.list(group)),
    groups: await listed(clients(byDefault).resources.resourceGroups.list()),
    subscription,
    lifetime: Math.round(((await onMachine.getToken(scope)).expiresOnTimestamp - Date.now()) / 3_600_000),
  };

  await authorization.roleAssignments.delete(at, assignment.name);
  report.revoked = await refusal(() => asIdentity.get(group));
  await compute.virtualMachines.update(group, machine, { identity: { type: "None" } });
  report.detached = (await compute.virtualMachines.get(group, machine)).identity === undefined;
  await identities.delete(group, "ID1");
  report.left = await listed(identities.listByResourceGroup(group));
  console.log(JSON.stringify(report));
}

main();
