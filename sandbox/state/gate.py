"""The one authorization gate: every request passes it, and it can say why it opened or stayed shut."""

from rbac import decisions, scopes
from rbac.folding import fold
from sandbox.core import errors
from sandbox.core.clock import Clock
from sandbox.core.resource_ids import ROLE_ASSIGNMENT
from sandbox.state.assignments import RoleAssignments
from sandbox.state.directory import Caller
from sandbox.state.roles import Roles
from sandbox.state.store import Resource

_REMEMBERED = 10_000  # decisions


class Gate:
    """Decides by the role assignments in force.

    What was decided is remembered until an assignment or a role changes, or one begins or ceases to count.
    """

    def __init__(self, assignments: RoleAssignments, roles: Roles, clock: Clock) -> None:
        self._assignments = assignments
        self._roles = roles
        self._clock = clock
        # No LRU cache: every request looks in here, and all of it goes at each change.
        self._decided: dict[tuple[str, str, str], bool] = {}
        self._basis: tuple[int, object] = (-1, None)
        self._since = self._until = 0.0

    def allows(self, principal_id: str, action: str, scope: str) -> bool:
        """Return whether ``principal_id`` may do ``action`` on ``scope``."""
        now = self._clock.seconds()
        self._forget_what_changed(now)
        key = (principal_id, action, scope)
        allowed = self._decided.get(key)
        if allowed is None:
            allowed = self._decided[key] = decisions.is_allowed(
                principal_id=principal_id,
                action=action,
                scope=scope,
                assignments=self._assignments.in_force(principal_id, scopes.ancestors(scope), now),
                roles=self._roles.by_id,
            )
        return allowed

    def _forget_what_changed(self, now: float) -> None:
        # Of a change that is undone nothing is left either: the roles are read anew after a rollback.
        basis = self._assignments.version, self._roles.by_id
        if basis[0] == self._basis[0] and basis[1] is self._basis[1] and self._since <= now < self._until:
            if len(self._decided) >= _REMEMBERED:
                self._decided.clear()
            return
        self._decided.clear()
        self._basis, self._since, self._until = basis, now, self._assignments.next_change(now)

    def decide(
        self, principal_id: str, action: str, scope: str, *, reader: Caller, data: bool = False
    ) -> decisions.Decision:
        """Return the decision with everything that was weighed.

        The principal's assignments elsewhere are included as far as ``reader`` may see them, who may always see their
        own. They decide nothing.
        """
        now = self._clock.seconds()
        at_or_above = self._assignments.in_force(principal_id, scopes.ancestors(scope), now)
        elsewhere = [
            assignment
            for assignment in self._assignments.in_force_below(principal_id, "/", now)
            if assignment not in at_or_above and self._may_see(reader, assignment)
        ]
        return decisions.decide(
            principal_id=principal_id,
            action=action,
            scope=scope,
            assignments=[*at_or_above, *elsewhere],
            roles=self._roles.by_id,
            data=data,
        )

    def _may_see(self, reader: Caller, assignment: decisions.Assignment) -> bool:
        own = fold(assignment.principal_id) == fold(reader.object_id)
        return own or self.allows(reader.object_id, f"{ROLE_ASSIGNMENT}/read", assignment.scope)

    def require(self, caller: Caller, action: str, scope: str) -> None:
        """Raise ARM's 403 unless ``caller`` may do ``action`` on ``scope``."""
        if not self.allows(caller.object_id, action, scope):
            raise errors.refusal("AuthorizationFailed", caller.client_id, caller.object_id, action, scope)

    def require_linked(self, caller: Caller, action: str, scope: str, linked_action: str, linked_scope: str) -> None:
        """Raise ARM's 403 for what a permitted request points to, unless ``caller`` may use that as well."""
        if not self.allows(caller.object_id, linked_action, linked_scope):
            who = caller.client_id, caller.object_id
            raise errors.refusal("LinkedAuthorizationFailed", *who, action, scope, linked_action, linked_scope)

    def visible(self, caller: Caller, action: str, scope: str, found: list[Resource]) -> list[Resource]:
        """Return those of ``found``, all below ``scope``, on which ``caller`` may do ``action``.

        A right at ``scope`` reaches everything below, since a role can only add; so most lists need one decision.
        """
        if self.allows(caller.object_id, action, scope):
            return found
        return [resource for resource in found if self.allows(caller.object_id, action, resource.id)]

    def reaches_into(self, caller: Caller, scope: str) -> bool:
        """Return whether ``caller`` has any role at, above or below ``scope``: enough to see that it exists."""
        now = self._clock.seconds()
        return bool(
            self._assignments.in_force(caller.object_id, scopes.ancestors(scope), now)
            or self._assignments.in_force_below(caller.object_id, scope, now)
        )
