"""What the notebooks import: connecting, showing, waiting, explaining and catching up."""

from helpers.cleanup import Leftovers, leftovers
from helpers.connect import Azure, connect
from helpers.errors import Explanation, TutorialError, explain
from helpers.grants import ensure_granted, ensure_not_granted
from helpers.machine import without_identity
from helpers.marks import MADE_BY, grant_note
from helpers.names import check_names, rules
from helpers.rights import allows
from helpers.show import Table, show
from helpers.steps import ensure_assigned, ensure_group, ensure_identity, ensure_vm, find
from helpers.wait import wait_until

__all__ = [
    "MADE_BY",
    "Azure",
    "Explanation",
    "Leftovers",
    "Table",
    "TutorialError",
    "allows",
    "check_names",
    "connect",
    "ensure_assigned",
    "ensure_granted",
    "ensure_group",
    "ensure_identity",
    "ensure_not_granted",
    "ensure_vm",
    "explain",
    "find",
    "grant_note",
    "leftovers",
    "rules",
    "show",
    "wait_until",
    "without_identity",
]
