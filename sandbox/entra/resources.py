"""The resources that tokens can be had for: service principals of Microsoft that are in every tenant.

A token is good for the one resource that it names. That there are others is what makes a token "for the wrong
audience" possible.
"""

from __future__ import annotations

from sandbox.entra.validation import GRAPH_AUDIENCES, MANAGEMENT_AUDIENCES, TokenValidator

_IN_EVERY_TENANT = frozenset(
    {
        *(audience.removesuffix("/") for audience in MANAGEMENT_AUDIENCES),
        *GRAPH_AUDIENCES,
        "https://graph.windows.net",
        "https://vault.azure.net",
        "https://storage.azure.com",
        "https://database.windows.net",
        "https://servicebus.azure.net",
        "https://eventhubs.azure.net",
        "https://cognitiveservices.azure.com",
        "https://containerregistry.azure.net",
        "https://monitor.azure.com",
    }
)


def is_resource(name: str, validator: TokenValidator) -> bool:
    """Tell whether a token can be had for the resource ``name``; a final slash does not matter.

    Besides Microsoft's there is the sandbox's own address, as far as ``validator`` accepts it.
    """
    return name.removesuffix("/") in _IN_EVERY_TENANT or validator.accepts(name)
