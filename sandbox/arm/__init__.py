"""Azure Resource Manager: one module for each resource provider, and the envelope around them."""
