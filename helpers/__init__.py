"""What the notebooks import, besides Azure's SDK."""

from helpers.catch_up import (
    allows,
    ensure_granted,
    ensure_group,
    ensure_identity,
    ensure_not_granted,
    ensure_vm,
)
from helpers.connection import connect
from helpers.errors import explain
from helpers.names import MADE_BY, check_names
from helpers.tables import show
from helpers.wait import wait_until

__all__ = [
    "MADE_BY",
    "allows",
    "check_names",
    "connect",
    "ensure_granted",
    "ensure_group",
    "ensure_identity",
    "ensure_not_granted",
    "ensure_vm",
    "explain",
    "show",
    "wait_until",
]
