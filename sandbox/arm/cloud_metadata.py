"""What a client asks about a cloud before it has signed in: the addresses that belong together.

Answered as the public ``/metadata/endpoints`` is; the Azure CLI registers a cloud from it.
"""

from typing import Any

from rbac.folding import fold
from sandbox.core.data_files import filled, read_data
from sandbox.core.http import Answer, Request

_NAME = "Sandbox"
_PATH = "/metadata/endpoints"
_LONGEST = len(_PATH) + 1  # with a slash at its end
_PUBLIC = "management.azure.com"
_DATA = read_data(__file__, "cloud_metadata.yaml")


def answer_cloud_metadata(request: Request) -> Answer | None:
    """Answer the cloud's addresses, or return None if that is not what is asked."""
    if len(request.path) > _LONGEST or request.method != "GET" or fold(request.path).rstrip("/") != _PATH:
        return None
    return Answer(200, cloud_metadata(None if request.hostname == _PUBLIC else request.base_url))


def cloud_metadata(base: str | None) -> Any:
    """Return the addresses of the cloud that is reached at ``base``, or (None) at Azure's own addresses.

    Clients use Graph's address as the resource of its tokens, so that it is not the address of Resource Manager.
    """
    if base is None:
        return filled(_DATA["cloud"], **_DATA["public"])
    graph = base.replace("//localhost", "//127.0.0.1", 1)
    return filled(_DATA["cloud"], name=_NAME, portal=base, login=base, graph=graph, manager=base)
