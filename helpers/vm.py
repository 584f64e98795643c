"""What being on a virtual machine means to a kernel: which metadata service its clients reach."""

from __future__ import annotations

import os

import requests

from helpers.errors import TutorialError
from helpers.sessions import METADATA_SERVICE, direct_session, keep_proxies_out

_AUTHORITY = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
# Where other hosts of Azure, such as Functions or Cloud Shell, tell the SDK to ask instead of the metadata service.
_OTHER_SOURCES = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET")
_REACH = 2.0  # seconds; on a machine the service answers within milliseconds


def stand_in(address: str) -> None:
    """Let this process stand in for the machine whose metadata service is at ``address`` on this computer."""
    keep_proxies_out()
    for name in _OTHER_SOURCES:
        os.environ.pop(name, None)
    os.environ[_AUTHORITY] = address


def be_on(vm_id: str) -> requests.Session:
    """Check that this process runs on the machine ``vm_id`` of Azure, and return a session that asks no proxy.

    Raises:
        TutorialError: There is no metadata service, or it is another machine's.
    """
    keep_proxies_out()
    os.environ.pop(_AUTHORITY, None)
    session = direct_session()
    name = vm_id.rpartition("/")[2]
    try:
        answer = session.get(
            f"{METADATA_SERVICE}/metadata/instance/compute?api-version=2021-02-01",
            headers={"Metadata": "true"},
            timeout=_REACH,
        )
        here = str(answer.json()["resourceId"])
    except (requests.RequestException, KeyError, TypeError) as error:
        raise TutorialError(
            f"This cell asks the metadata service of {name}, which answers on that machine only. "
            f"Open this notebook on {name} (JupyterLab installed there will do) and run it there."
        ) from error
    if here.casefold() != vm_id.casefold():
        raise TutorialError(f"This kernel runs on another machine, {here}. Run this notebook on {name}.")
    return session
