"""Microsoft.ManagedIdentity: identities and their federated credentials."""
