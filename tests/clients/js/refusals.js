// What is wrong, and what it is refused with. Tokens that are no good come in as JSON: {name: token}.
"use strict";

const { readFileSync } = require("node:fs");
const { ClientSecretCredential, EnvironmentCredential, ManagedIdentityCredential } = require("@azure/identity");
const { clients, group, machine, refusal, scope, subscription } = require("./azure.js");

const nobody = "00000000-0000-4000-8000-000000000000";

async function main() {
  const { authorization, compute, identities, resources } = clients(
    new EnvironmentCredential({ disableInstanceDiscovery: true }),
  );
  const at = (await resources.resourceGroups.get(group)).id;
  const missing = `${at}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID404`;
  const reader = `${at}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7`;
  const grant = (name, roleDefinitionId, principalId, principalType) =>
    refusal(() => authorization.roleAssignments.create(at, name, { roleDefinitionId, principalId, principalType }));
  const attach = (type, ...ids) =>
    refusal(() =>
      compute.virtualMachines.update(group, machine, {
        identity: { type, userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) },
      }),
    );
  const withSecret = (tenant, client, secret) =>
    refusal(() =>
      new ClientSecretCredential(tenant, client, secret, {
        authorityHost: process.env.AZURE_AUTHORITY_HOST,
        disableInstanceDiscovery: true,
      }).getToken(scope),
    );

  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: secret } = process.env;
  const report = {
    "unknown group": await refusal(() => resources.resourceGroups.get("nope")),
    "group elsewhere": await refusal(() => resources.resourceGroups.createOrUpdate(group, { location: "westus" })),
    "identity in an unknown group": await refusal(() =>
      identities.createOrUpdate("nope", "ID1", { location: "eastus" }),
    ),
    "bad name": await refusal(() => identities.createOrUpdate(group, "x!", { location: "eastus" })),
    "unknown identity": await attach("UserAssigned", missing),
    "malformed id": await attach("UserAssigned", "/subscriptions/nope"),
    "unknown machine": await refusal(() => compute.virtualMachines.get(group, "nope")),
    "unknown role": await grant(nobody, reader.replace(/[^/]+$/, nobody), nobody, "ServicePrincipal"),
    "unknown principal": await grant(nobody, reader, nobody),
    "malformed assignment": await grant("nope", reader, nobody, "ServicePrincipal"),
    "wrong secret": await withSecret(tenant, client, "guessed"),
    "unknown application": await withSecret(tenant, nobody, secret),
    "unknown tenant": await withSecret(nobody, client, secret),
  };
  for (const [name, token] of Object.entries(JSON.parse(readFileSync(0, "utf-8")))) {
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
    report[name] = await refusal(() => clients(credential).resources.resourceGroups.get(group));
  }

  const identity = await identities.createOrUpdate(group, "ID1", { location: "eastus" });
  await compute.virtualMachines.update(group, machine, {
    identity: { type: "UserAssigned", userAssignedIdentities: { [identity.id]: {} } },
  });
  await compute.virtualMachines.update(group, machine, { identity: { type: "None" } });
  const onMachine = new ManagedIdentityCredential({ clientId: identity.clientId });
  report.unassigned = await refusal(() => onMachine.getToken(scope));
  await identities.delete(group, "ID1");
  console.log(JSON.stringify({ subscription, report }));
}

main();
