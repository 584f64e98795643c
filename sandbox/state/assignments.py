"""Role assignments as the sandbox keeps them, with the times between which each is in force: seconds since 1970.

In Azure a grant takes a while to work, and so does taking it away. An assignment is listed from when it is made to
when it is deleted; it counts from ``effective_from`` to ``effective_until``.
"""

import json
import math
from collections.abc import Sequence

from rbac.decisions import Assignment
from rbac.scopes import canonical
from sandbox.state.store import Resource, Store, keys_below

_BELOW = "scope > ? AND scope < ?"  # with ``keys_below``
_UNDER = f"(scope = ? OR ({_BELOW}))"


class RoleAssignments:
    """The table of role assignments."""

    def __init__(self, store: Store) -> None:
        self._connection = store.connection
        self.version = 0
        """Grows with each write."""

    def next_change(self, now: float) -> float:
        """Return the time at which an assignment next begins or ceases to count."""
        row = self._connection.execute(
            "SELECT min(at) FROM (SELECT effective_from AS at FROM role_assignments UNION ALL"
            " SELECT effective_until FROM role_assignments) WHERE at > ?",
            (now,),
        ).fetchone()
        return math.inf if row[0] is None else float(row[0])

    def get(self, assignment_id: str) -> Resource | None:
        """Return the assignment with this id, or None."""
        return next(iter(self._listed("key = ?", canonical(assignment_id))), None)

    def put(self, assignment: Resource, effective_from: float) -> None:
        """Keep ``assignment`` under its id; it counts from ``effective_from``."""
        properties = assignment.properties
        self.version += 1
        self._connection.execute(
            "INSERT OR REPLACE INTO role_assignments VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (
                canonical(assignment.id),
                canonical(properties["scope"]),
                properties["principalId"].lower(),
                properties["roleDefinitionId"].rpartition("/")[2].lower(),
                json.dumps(assignment.body),
                effective_from,
            ),
        )

    def update(self, assignment: Resource) -> None:
        """Keep a changed description of an assignment that is in force already."""
        self._connection.execute(
            "UPDATE role_assignments SET body = ? WHERE key = ?",
            (json.dumps(assignment.body), canonical(assignment.id)),
        )

    def delete(self, assignment_id: str, now: float, effective_until: float) -> None:
        """Stop listing the assignment, which counts until ``effective_until``; forget those that count no more."""
        self.version += 1
        self._connection.execute(
            "UPDATE role_assignments SET effective_until = ? WHERE key = ?",
            (effective_until, canonical(assignment_id)),
        )
        self._connection.execute("DELETE FROM role_assignments WHERE effective_until <= ?", (now,))

    def follow_clock(self, before: float, now: float, longest: float) -> None:
        """Have the same count ``now`` that did ``before`` the clock was set back, and the rest take as long as then.

        What would take more than ``longest`` seconds is from a clock that was wrong, and counts now.
        """
        self.version += 1
        back = max(before - now, 0)
        for column in ("effective_from", "effective_until"):
            self._connection.execute(
                f"UPDATE role_assignments SET {column} ="
                f" CASE WHEN {column} - ?2 BETWEEN ?1 AND ?1 + ?3 THEN {column} - ?2 ELSE ?1 END WHERE {column} > ?1",
                (now, back, longest),
            )

    def delete_under(self, scope: str) -> None:
        """Drop what was assigned at ``scope`` and below it: the scope itself is gone."""
        self.version += 1
        key = canonical(scope)
        self._connection.execute(f"DELETE FROM role_assignments WHERE {_UNDER}", (key, *keys_below(key)))

    def find_same(self, scope: str, principal_id: str, role_id: str) -> Resource | None:
        """Return the assignment of this role to this principal at just this scope, or None."""
        values = canonical(scope), principal_id.lower(), role_id.lower()
        return next(iter(self._listed("scope = ? AND principal_id = ? AND role_id = ?", *values)), None)

    def count_under(self, scope: str) -> int:
        """Return how many assignments there are at ``scope`` and below it."""
        key = canonical(scope)
        row = self._connection.execute(
            f"SELECT count(*) FROM role_assignments WHERE {_UNDER} AND effective_until IS NULL", (key, *keys_below(key))
        ).fetchone()
        return int(row[0])

    def uses_role(self, role_id: str) -> bool:
        """Return whether any assignment is of this role."""
        return bool(self._listed("role_id = ?", role_id.lower()))

    def at(self, scopes: Sequence[str]) -> list[Resource]:
        """Return what is assigned at just these scopes, highest scope first."""
        return self._listed(_one_of(scopes), *map(canonical, scopes))

    def below(self, scope: str) -> list[Resource]:
        """Return what is assigned at scopes below this one."""
        return self._listed(_BELOW, *keys_below(canonical(scope)))

    def in_force(self, principal_id: str, scopes: Sequence[str], now: float) -> list[Assignment]:
        """Return what counts now for this principal at just these (canonical) scopes."""
        return self._counting(principal_id, now, _one_of(scopes), *scopes)

    def in_force_below(self, principal_id: str, scope: str, now: float) -> list[Assignment]:
        """Return what counts now for this principal below ``scope``."""
        return self._counting(principal_id, now, _BELOW, *keys_below(canonical(scope)))

    def _listed(self, condition: str, *values: str) -> list[Resource]:
        rows = self._connection.execute(
            f"SELECT body FROM role_assignments WHERE {condition} AND effective_until IS NULL ORDER BY scope, key",
            values,
        )
        return [Resource(json.loads(row[0])) for row in rows]

    def _counting(self, principal_id: str, now: float, condition: str, *values: str) -> list[Assignment]:
        rows = self._connection.execute(
            "SELECT key, scope, principal_id, role_id FROM role_assignments WHERE principal_id = ?"
            f" AND effective_from <= ? AND (effective_until IS NULL OR effective_until > ?) AND {condition}",
            (principal_id.lower(), now, now, *values),
        )
        return [Assignment(*row) for row in rows]


def _one_of(scopes: Sequence[str]) -> str:
    return f"scope IN ({','.join('?' * len(scopes))})"
