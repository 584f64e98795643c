"""Microsoft Graph as far as the Azure CLI and SDKs ask it about principals; it changes nothing."""
