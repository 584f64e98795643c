"""What learners sign in with in the sandbox: a service principal of their own. On Azure they are in Entra already."""

from __future__ import annotations

from pathlib import Path

from helpers.settings import SandboxSettings
from workshop.classroom.clients import Clients
from workshop.classroom.folder import LearnerFolder, make_private_folder, write_private

_UNPROXIED = "127.0.0.1,localhost,169.254.169.254,management.azure.com,login.microsoftonline.com"


def has_sign_in(folder: LearnerFolder, client_id: str) -> bool:
    """Tell whether the folder holds the credential of the principal with this client id."""
    kept = folder.read_environment()
    return bool(kept and kept.get("AZURE_CLIENT_ID") == client_id and kept.get("AZURE_CLIENT_SECRET"))


def make_principal(
    clients: Clients, settings: SandboxSettings, name: str, folder: LearnerFolder, *, renew: bool
) -> str:
    """Make a service principal and keep its secret in the folder.

    Args:
        clients: the trainer's.
        settings: where the sandbox is.
        name: of the principal.
        folder: the learner's.
        renew: whether it is there already, and gets a new secret.

    Returns:
        The principal's object id.

    Raises:
        RefusedError: The sandbox refused.
    """
    path = f"principals/{name}"
    principal = clients.local("POST", f"{path}/resetSecret") if renew else clients.local("PUT", path)
    folder.write_environment(
        {
            "AZURE_TENANT_ID": settings.tenant_id,
            "AZURE_CLIENT_ID": principal["clientId"],
            "AZURE_CLIENT_SECRET": principal["clientSecret"],
            "AZURE_SUBSCRIPTION_ID": clients.azure.subscription_id,
            **_addresses(settings, folder),
        }
    )
    return str(principal["objectId"])


def renew_addresses(settings: SandboxSettings, folder: LearnerFolder) -> None:
    """Write anew where the sandbox is: it may have been moved since. The credential stays."""
    kept = folder.read_environment()
    if kept is not None:
        folder.write_environment({**kept, **_addresses(settings, folder)})


def _addresses(settings: SandboxSettings, folder: LearnerFolder) -> dict[str, str]:
    make_private_folder(folder.path)
    write_private(folder.authority, Path(settings.ca_file).read_text("utf-8"))
    folder.authority.chmod(0o644)  # it is no secret, and at the hub the learner is another user than the trainer
    authority = str(folder.authority.absolute())
    return {
        "AZURE_AUTHORITY_HOST": settings.authority,
        "AZURE_RESOURCE_MANAGER_ENDPOINT": settings.endpoint,
        "REQUESTS_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        "NO_PROXY": _UNPROXIED,
        "no_proxy": _UNPROXIED,
    }
