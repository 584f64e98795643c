"""What a client asks about a cloud before it has signed in: the addresses that belong together.

Answered as the public ``/metadata/endpoints`` is; the Azure CLI registers a cloud from it.
"""

from typing import Any

from rbac.folding import fold
from sandbox.core.http import Answer, Request

CLOUD_NAME = "Sandbox"
_PATH = "/metadata/endpoints"
_LONGEST = len(_PATH) + 1  # with a slash at its end
_PUBLIC = "management.azure.com"


def answer_cloud_metadata(request: Request) -> Answer | None:
    """Answer the cloud's addresses, or return None if that is not what is asked."""
    if len(request.path) > _LONGEST or request.method != "GET" or fold(request.path).rstrip("/") != _PATH:
        return None
    return Answer(200, cloud_metadata(None if request.hostname == _PUBLIC else request.base_url))


def cloud_metadata(base: str | None) -> dict[str, Any]:
    """Return the addresses of the cloud that is reached at ``base``, or (None) at Azure's own addresses.

    Clients use Graph's address as the resource of its tokens, so that it is not the address of Resource Manager.
    """
    graph = base.replace("//localhost", "//127.0.0.1", 1) if base else "https://graph.microsoft.com"
    return {
        "name": CLOUD_NAME if base else "AzureCloud",
        "portal": base or "https://portal.azure.com",
        "authentication": {
            "loginEndpoint": base or "https://login.microsoftonline.com",
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "media": "https://rest.media.azure.net",
        "graphAudience": "https://graph.windows.net/",
        "graph": "https://graph.windows.net/",
        "microsoftGraphResourceId": f"{graph}/",
        "resourceManager": f"{base or 'https://management.azure.com'}/",
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "sqlServerHostname": "database.windows.net",
            "acrLoginServer": "azurecr.io",
        },
    }
