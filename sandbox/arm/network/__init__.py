"""Microsoft.Network, as far as a virtual machine needs it."""
