"""What goes on after a request was answered: each has an id to poll, a time it is due, and an effect.

Nothing runs in the background. Effects that are due are carried out before the next request is looked at (and on the
server's tick), so state depends on the clock alone, and a restart in the middle loses nothing.
"""

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.core.clock import Clock
from sandbox.state.store import Store

Effect = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LongOperation:
    """One long-running operation: ``ended`` is None while it is in progress.

    ``outcome`` is what it came to, where there is more to tell than that it succeeded: ``{"output": …}`` or
    ``{"error": {"code", "message"}}``. ``begun_by`` is the object id of who may follow it, besides whoever may do
    ``action`` on the target.
    """

    id: str
    started: datetime
    ended: datetime | None
    target: str
    outcome: dict[str, Any]
    begun_by: str
    action: str


class LongOperations:
    """Begins, completes and reports long-running operations."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._effects: dict[str, Effect] = {}
        self._next_due = self._earliest()
        store.on_rollback(self._look_again)

    def on(self, name: str, effect: Effect) -> None:
        """Declare what completes the operations that are begun with ``name``."""
        self._effects[name] = effect

    def begin(self, effect: str, target: str, seconds: float, *, begun_by: str = "", action: str = "") -> str:
        """Begin an operation on the resource id ``target``; return the operation's id, which cannot be guessed.

        One that takes no time is complete on return. Only ``begun_by``, and whoever may do ``action`` on the target,
        may follow it.
        """
        now = self._clock.seconds()
        operation_id = str(uuid.uuid4())
        self._store.connection.execute(
            "INSERT INTO long_operations VALUES (?, ?, ?, ?, ?, 0)",
            (operation_id, now, now + seconds, effect, target),
        )
        self._store.connection.execute(
            "INSERT INTO long_operation_followers VALUES (?, ?, ?)", (operation_id, begun_by, action)
        )
        if seconds <= 0:
            self._complete(operation_id, effect, target)
        else:
            self._next_due = min(self._next_due or now + seconds, now + seconds)
        return operation_id

    def finish(self, operation_id: str, outcome: dict[str, Any]) -> None:
        """End an operation now, before it is due, with its outcome; its effect does not take place.

        One that has ended already stays as it is.
        """
        ended = self._store.connection.execute(
            "UPDATE long_operations SET done = 1, due = ? WHERE id = ? AND done = 0",
            (self._clock.seconds(), operation_id),
        )
        if ended.rowcount:
            self._store.connection.execute(
                "INSERT INTO long_operation_outcomes VALUES (?, ?)", (operation_id, json.dumps(outcome))
            )
            self._next_due = self._earliest()

    def is_due(self) -> bool:
        """Return whether ``complete_due`` has anything to do."""
        return self._next_due is not None and self._next_due <= self._clock.seconds()

    def complete_due(self) -> None:
        """Carry out what is due, in the order it was due; to be called in a transaction."""
        now = self._clock.seconds()
        due = self._store.connection.execute(
            "SELECT id, effect, target FROM long_operations WHERE done = 0 AND due <= ? ORDER BY due", (now,)
        ).fetchall()
        for row in due:
            self._complete(*row)
        self._next_due = self._earliest()

    def restart_begun_after(self, now: float) -> None:
        """Have everything that was begun after ``now``, before the clock was set back, begin now."""
        self._store.connection.execute(
            "UPDATE long_operations SET started = ?1, due = ?1 + due - started WHERE done = 0 AND started > ?1",
            (now,),
        )
        self._next_due = self._earliest()

    def get(self, operation_id: str) -> LongOperation | None:
        """Return the operation with this id, or None."""
        row = self._store.connection.execute(
            "SELECT id, started, due, done, target, outcome, begun_by, action FROM long_operations"
            " LEFT JOIN long_operation_outcomes USING (id) LEFT JOIN long_operation_followers USING (id) WHERE id = ?",
            (operation_id.lower(),),
        ).fetchone()
        if row is None:
            return None
        return LongOperation(
            id=row[0],
            started=datetime.fromtimestamp(row[1], UTC),
            ended=datetime.fromtimestamp(row[2], UTC) if row[3] else None,
            target=row[4],
            outcome=json.loads(row[5] or "{}"),
            begun_by=row[6] or "",
            action=row[7] or "",
        )

    def _complete(self, operation_id: str, effect: str, target: str) -> None:
        self._effects[effect](target)
        self._store.connection.execute("UPDATE long_operations SET done = 1 WHERE id = ?", (operation_id,))

    def _look_again(self) -> None:
        """Take something for due, so that the next request finds out what is."""
        self._next_due = -math.inf

    def _earliest(self) -> float | None:
        row = self._store.connection.execute("SELECT min(due) FROM long_operations WHERE done = 0").fetchone()
        return None if row[0] is None else float(row[0])
