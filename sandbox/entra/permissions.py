"""What applications may do beyond Azure's roles: permissions of Microsoft Graph, which stand in their tokens for it.

Without one Graph refuses, as it does for a managed identity that nobody has granted any.
"""

from __future__ import annotations

from sandbox.cloud import Cloud

READ_DIRECTORY = "Directory.Read.All"


def app_roles(cloud: Cloud, object_id: str) -> tuple[str, ...]:
    """Return the permissions in this principal's tokens for Graph: the operator may read the directory."""
    return (READ_DIRECTORY,) if object_id == cloud.seed_data.operator_object_id else ()
