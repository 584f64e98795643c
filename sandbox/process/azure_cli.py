"""The Azure CLI's settings for the sandbox: a folder of its own, in which the sandbox is a registered cloud.

The CLI keeps all it knows in one folder, named by the variable AZURE_CONFIG_DIR. With one inside the state directory
the user's own sign-in and settings are neither seen nor touched.
"""

import configparser
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rbac.scopes import canonical
from sandbox.arm.cloud_metadata import CLOUD_NAME, cloud_metadata
from sandbox.core.files import write_private
from sandbox.state.state_directory import StateDirectory

_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "cloud": {"name": CLOUD_NAME},
    "core": {
        "instance_discovery": "no",  # would ask the public Entra whether the sandbox's is one of its own
        "collect_telemetry": "no",
        "survey_message": "no",
    },
    "auto-upgrade": {"enable": "no"},
    "extension": {"use_dynamic_install": "no"},
}


def azure_cli_settings(state: StateDirectory, endpoint: str, machine_id: str | None) -> dict[str, str]:
    """Write the CLI's settings for the sandbox at ``endpoint``; return the variable that points the CLI to them.

    What else the folder holds stays: the sign-in, and settings of the user's. ``machine_id`` names the machine whose
    CLI it is, if it is not the operator's: the CLI on a machine has another sign-in.
    """
    folder = state.azure_cli / _owner(machine_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _update(folder / "clouds.config", {CLOUD_NAME: _cloud(cloud_metadata(endpoint))})
    _update(folder / "config", _SETTINGS)
    return {"AZURE_CONFIG_DIR": str(folder)}


def _owner(machine_id: str | None) -> str:
    if machine_id is None:
        return "operator"
    digest = hashlib.sha256(canonical(machine_id).encode()).hexdigest()[:12]
    return f"{machine_id.rpartition('/')[2]}-{digest}"


def _cloud(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the cloud as ``az cloud register`` writes it down, from what the cloud says of itself."""
    authentication, suffixes = metadata["authentication"], metadata["suffixes"]
    return {
        "endpoint_active_directory": authentication["loginEndpoint"],
        "endpoint_active_directory_graph_resource_id": metadata["graphAudience"],
        "endpoint_active_directory_resource_id": authentication["audiences"][0],
        "endpoint_management": authentication["audiences"][0],
        "endpoint_media_resource_id": metadata["media"],
        "endpoint_microsoft_graph_resource_id": metadata["microsoftGraphResourceId"],
        "endpoint_portal": metadata["portal"],
        "endpoint_resource_manager": metadata["resourceManager"],
        "suffix_acr_login_server_endpoint": f".{suffixes['acrLoginServer']}",
        "suffix_keyvault_dns": f".{suffixes['keyVaultDns']}",
        "suffix_sql_server_hostname": f".{suffixes['sqlServerHostname']}",
        "suffix_storage_endpoint": suffixes["storage"],
    }


def _update(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Set these options in a file of the CLI's and keep the others; one that cannot be read is written anew."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, "utf-8")
    except (configparser.Error, UnicodeDecodeError):
        parser = configparser.RawConfigParser()
    parser.read_dict(sections)
    content = io.StringIO()
    parser.write(content)
    write_private(file, content.getvalue().encode())
