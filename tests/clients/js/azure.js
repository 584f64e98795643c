// Azure's clients, pointed where the environment variables say.
"use strict";

const { AuthorizationManagementClient } = require("@azure/arm-authorization");
const { ComputeManagementClient } = require("@azure/arm-compute");
const { ManagedServiceIdentityClient } = require("@azure/arm-msi");
const { ResourceManagementClient } = require("@azure/arm-resources");

const scope = "https://management.azure.com/.default";
const subscription = process.env.AZURE_SUBSCRIPTION_ID;
const options = {
  endpoint: process.env.AZURE_RESOURCE_MANAGER_ENDPOINT,
  credentialScopes: [scope], // of the older kind of clients
  credentials: { scopes: [scope] }, // of the newer kind
  retryOptions: { maxRetries: 0 },
};

exports.options = options;
exports.scope = scope;
exports.subscription = subscription;
exports.group = "myResourceGroupVM";
exports.machine = "myVM";

/** All clients, for one credential. */
exports.clients = (credential) => ({
  authorization: new AuthorizationManagementClient(credential, subscription, options),
  compute: new ComputeManagementClient(credential, subscription, options),
  identities: new ManagedServiceIdentityClient(credential, subscription, options).userAssignedIdentities,
  resources: new ResourceManagementClient(credential, subscription, options),
});

/** What a call that is refused was refused with. */
exports.refusal = async (call) => {
  try {
    await call();
  } catch (error) {
    return { status: error.statusCode, code: error.code, name: error.name, message: error.message };
  }
  return { status: 0, code: "NotRefused" };
};
