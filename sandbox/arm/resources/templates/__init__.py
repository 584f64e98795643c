"""Resource Manager's templates: their expressions, parameters and resources, as pure functions.

Language: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
"""
