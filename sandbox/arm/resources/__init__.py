"""Microsoft.Resources: subscriptions, groups, providers, and deployments of templates."""
