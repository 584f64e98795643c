"""What the notebooks import, besides Azure's SDK."""

from helpers.connection import connect
from helpers.course.catch_up import ensure_group, ensure_identity, ensure_vm
from helpers.course.grants import ensure_granted, ensure_not_granted
from helpers.course.preflight import preflight
from helpers.errors import explain
from helpers.names import check_names
from helpers.tables import show
from helpers.wait import wait_until
from rbac.actions import allows

__all__ = [
    "allows",
    "check_names",
    "connect",
    "ensure_granted",
    "ensure_group",
    "ensure_identity",
    "ensure_not_granted",
    "ensure_vm",
    "explain",
    "preflight",
    "show",
    "wait_until",
]
