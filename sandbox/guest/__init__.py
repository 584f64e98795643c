"""The inside of a virtual machine: Linux namespaces in which Azure's own addresses lead to the sandbox."""
