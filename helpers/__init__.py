"""What the notebooks import; what catches up with earlier notebooks is in `helpers.catch_up`."""

from helpers.catch_up import find
from helpers.cleanup import Leftovers, leftovers
from helpers.connection import Azure, connect
from helpers.errors import Explanation, TutorialError, explain
from helpers.machine import without_identity
from helpers.marks import MADE_BY, grant_note
from helpers.names import check_names, rules
from helpers.rights import allows
from helpers.tables import Table, show
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
    "explain",
    "find",
    "grant_note",
    "leftovers",
    "rules",
    "show",
    "wait_until",
    "without_identity",
]
