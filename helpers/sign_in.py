"""Signing in to Azure: as whoever this computer has signed in already, or in a way that is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from azure.core.credentials import TokenCredential
from azure.identity import (
    AzureCliCredential,
    AzurePowerShellCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    EnvironmentCredential,
    InteractiveBrowserCredential,
    VisualStudioCodeCredential,
    WorkloadIdentityCredential,
)

_SLOW_CLI = 60  # seconds; the default of 10 is too short for a cold Azure CLI

# Never the identity of the machine that the kernel may run on: the sign-in stands for a person here.
_WAYS: Mapping[str, Callable[[], TokenCredential]] = {
    "auto": lambda: DefaultAzureCredential(exclude_managed_identity_credential=True, process_timeout=_SLOW_CLI),
    "environment": EnvironmentCredential,
    "workload-identity": WorkloadIdentityCredential,
    "cli": lambda: AzureCliCredential(process_timeout=_SLOW_CLI),
    "powershell": lambda: AzurePowerShellCredential(process_timeout=_SLOW_CLI),
    "vscode": VisualStudioCodeCredential,
    "browser": InteractiveBrowserCredential,
    "device-code": DeviceCodeCredential,
}


def check_sign_in(sign_in: str) -> None:
    """Raise ``ValueError`` unless there is such a way to sign in."""
    if sign_in not in _WAYS:
        raise ValueError(f"sign_in = {sign_in!r} is not known. It is one of: {', '.join(_WAYS)}.")


def azure_credential(sign_in: str) -> TokenCredential:
    """Return the credential that ``sign_in`` names."""
    return _WAYS[sign_in]()
