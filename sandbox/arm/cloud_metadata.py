"""What a client asks about a cloud before it has signed in: the addresses that belong together.

Answered as the public ``/metadata/endpoints`` is; the Azure CLI registers a cloud from it.
"""

from __future__ import annotations

from sandbox.http import Answer, Request

_PATH = "/metadata/endpoints"


def answer_cloud_metadata(request: Request) -> Answer | None:
    """Answer the cloud's addresses, or return None if that is not what is asked."""
    if request.method != "GET" or request.path.casefold().rstrip("/") != _PATH:
        return None
    base = request.base_url
    return Answer(
        200,
        {
            "name": "Sandbox",
            "portal": base,
            "authentication": {
                "loginEndpoint": f"{base}/",
                "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "media": "https://rest.media.azure.net",
            "graphAudience": "https://graph.windows.net/",
            "graph": "https://graph.windows.net/",
            "microsoftGraphResourceId": f"{base}/",
            "resourceManager": f"{base}/",
            "suffixes": {
                "storage": "core.windows.net",
                "keyVaultDns": "vault.azure.net",
                "sqlServerHostname": "database.windows.net",
                "acrLoginServer": "azurecr.io",
            },
        },
    )
