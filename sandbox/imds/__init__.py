"""The metadata service of a virtual machine: tokens for the identities it has, and what it is told about itself.

https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""
