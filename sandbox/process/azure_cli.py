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
from sandbox.arm.cloud_metadata import cloud_metadata
from sandbox.core.data_files import filled, read_data
from sandbox.core.files import write_private
from sandbox.state.state_directory import StateDirectory

_FILES: dict[str, Any] = read_data(__file__, "azure_cli.yaml")


def azure_cli_settings(state: StateDirectory, endpoint: str, machine_id: str | None) -> dict[str, str]:
    """Write the CLI's settings for the sandbox at ``endpoint``; return the variable that points the CLI to them.

    What else the folder holds stays: the sign-in, and settings of the user's. ``machine_id`` names the machine whose
    CLI it is, if it is not the operator's: the CLI on a machine has another sign-in.
    """
    folder = state.azure_cli / _owner(machine_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, sections in filled(_FILES, **cloud_metadata(endpoint)).items():
        _update(folder / name, sections)
    return {"AZURE_CONFIG_DIR": str(folder)}


def _owner(machine_id: str | None) -> str:
    if machine_id is None:
        return "operator"
    digest = hashlib.sha256(canonical(machine_id).encode()).hexdigest()[:12]
    return f"{machine_id.rpartition('/')[2]}-{digest}"


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
