"""The environment variables inside a machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OF_THE_HOST = (
    "AZURE_",
    "ARM_",  # Terraform's
    "MSI_",
    "IDENTITY_",
    "IMDS_",
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def inside(host: Mapping[str, str], folder: Path, name: str) -> dict[str, str]:
    """Return what a program inside the machine ``name`` gets of the ``host`` environment; ``folder`` is its own.

    What points Azure's clients or a proxy elsewhere is left out. The rest is as it was, with the sandbox's authority
    for the programs that bring a list of authorities of their own, and a folder of the machine's for the Azure CLI, so
    that the user's own sign-in is neither seen nor touched.
    """
    kept = {key: value for key, value in host.items() if not _belongs_to_host(key)}
    bundle = str(folder / "ca-bundle.pem")
    return {
        **kept,
        "HOSTNAME": name,
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
    }


def _belongs_to_host(name: str) -> bool:
    return name.startswith(_OF_THE_HOST) or name.upper() in _PROXIES
