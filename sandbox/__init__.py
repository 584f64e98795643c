"""The embedded Azure: Resource Manager, Entra and a metadata service for each virtual machine, on loopback."""
