"""Everything the sandbox remembers, in one SQLite file.

What was answered is kept: a request's changes are committed before its answer leaves, and the write-ahead log carries
them over a ``kill -9``. The other modules keep their own tables here; this one owns the connection, transactions,
settings and counters, and the resources.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.core.clock import SystemClock

_CACHED = 4096  # rows
_SCHEMA = Path(__file__).with_name("schema.sql").read_text("utf-8")
_CLOCK = SystemClock()
_LOCK_LIMIT = 1.0  # seconds that the file of a process that was killed may take to be free

_RESOURCE = "'[' || body || ',' || internal || ']'"  # one text, so that one reading will do
_decode = json.JSONDecoder().raw_decode  # json.loads without its look at what it is given, and at what surrounds it


@dataclass(slots=True)
class Resource:
    """One resource: ``body`` is what ARM shows of it; ``internal`` is what only the sandbox knows (JSON objects)."""

    body: dict[str, Any]
    internal: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The resource id, in the case it is shown in."""
        return str(self.body["id"])

    @property
    def type(self) -> str:
        """The full resource type."""
        return str(self.body["type"])

    @property
    def properties(self) -> dict[str, Any]:
        """The body's ``properties``."""
        properties: dict[str, Any] = self.body["properties"]
        return properties


class Store:
    """The SQLite file at ``path`` (``":memory:"`` for none); used from one thread, and by nobody else meanwhile.

    ``now`` tells the time, in seconds since 1970, at which a resource is made or changed. Raises sqlite3.Error at a
    file that cannot be opened, is damaged, or is not the sandbox's.
    """

    def __init__(self, path: Path | str, now: Callable[[], float] = _CLOCK.seconds) -> None:
        self._now = now
        self.connection = sqlite3.connect(path, _LOCK_LIMIT, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except sqlite3.Error:
            self.connection.close()
            raise
        self._text = lru_cache(_CACHED)(self._read_text)  # cleared by every change
        self._forget: list[Callable[[], None]] = [self._text.cache_clear]
        self._after_commit: list[Callable[[], None]] = []

    def _open(self) -> None:
        self.connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # else each read locks and unlocks the file
        tables = {row[0] for row in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables >= {"settings", "resources", "role_assignments"}:
            raise sqlite3.DatabaseError("it is another program's database")
        [damage] = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if damage != "ok":
            raise sqlite3.DatabaseError(f"it is damaged ({' '.join(damage.split())})")
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")  # all of it or nothing

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        self.connection.close()

    def on_rollback(self, forget: Callable[[], None]) -> None:
        """Declare what makes somebody forget what they know of the store: called whenever changes are undone.

        ``forget`` must neither read the store, which may be what failed, nor raise.
        """
        self._forget.append(forget)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Have ``act`` called once the transaction at hand is kept, or never if it is undone."""
        self._after_commit.append(act)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written within, or nothing of it if it raises."""
        self._after_commit.clear()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self._forget_all()
            if self.connection.in_transaction:  # SQLite itself takes some back, on a full disk say
                self.connection.execute("ROLLBACK")
            raise
        for act in self._after_commit:
            act()

    @contextmanager
    def attempt(self, *, keep: bool = True) -> Iterator[None]:
        """Undo what is written within if it raises, or is not to be kept; for a part of a transaction."""
        self.connection.execute("SAVEPOINT attempt")
        waiting, kept = len(self._after_commit), False
        try:
            yield
            kept = keep
        finally:
            if not kept:
                self._forget_all()
                del self._after_commit[waiting:]
            if self.connection.in_transaction:
                if not kept:
                    self.connection.execute("ROLLBACK TO attempt")
                self.connection.execute("RELEASE attempt")

    def _forget_all(self) -> None:
        for forget in self._forget:
            forget()

    def setting(self, name: str) -> str | None:
        """Return the setting ``name``, or None."""
        row = self.connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Remember ``value`` under ``name``."""
        self.connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def next_number(self, name: str) -> int:
        """Return 1, 2, 3 … on successive calls for the same ``name``."""
        row = self.connection.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value", (name,)
        ).fetchone()
        return int(row[0])

    # --- resources ---------------------------------------------------------------------------------------------

    def get(self, resource_id: str) -> Resource | None:
        """Return the resource with this id, in whatever case, or None."""
        text = self._text(canonical(resource_id))
        return None if text is None else _resource(text)

    def put(self, resource: Resource) -> None:
        """Keep ``resource`` under its id, in the place of what was there."""
        self._text.cache_clear()
        resource.internal["changed"] = self._now()
        resource.internal.setdefault("created", resource.internal["changed"])
        self.connection.execute(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?)",
            (
                canonical(resource.id),
                fold(resource.type),
                json.dumps(resource.body),
                json.dumps(resource.internal),
            ),
        )

    def delete(self, resource_id: str) -> None:
        """Forget the resource with this id and everything below it."""
        self._text.cache_clear()
        key = canonical(resource_id)
        self.connection.execute("DELETE FROM resources WHERE key = ? OR (key > ? AND key < ?)", (key, *keys_below(key)))

    def list(
        self, under: str, type_: str | None = None, *, after: str = "", limit: int | None = None
    ) -> list[Resource]:
        """Return the resources below the id ``under``, ordered by id.

        ``type_`` keeps one type only; ``after`` is the id of the last resource of the page before.
        """
        low, high = keys_below(canonical(under))
        low = max(low, canonical(after)) if after else low
        kind = " AND type = ?" if type_ else ""
        rows = self.connection.execute(
            f"SELECT {_RESOURCE} FROM resources WHERE key > ? AND key < ?{kind} ORDER BY key LIMIT ?",
            (low, high, *([fold(type_)] if type_ else []), -1 if limit is None else limit),
        )
        return [_resource(text) for (text,) in rows]

    def _read_text(self, key: str) -> str | None:
        row = self.connection.execute(f"SELECT {_RESOURCE} FROM resources WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])


def _resource(text: str) -> Resource:
    (body, internal), _ = _decode(text)
    return Resource(body, internal)


def keys_below(key: str) -> tuple[str, str]:
    """Return the bounds of the keys below ``key``: ``0`` is the character after ``/``."""
    return ("/", "0") if key == "/" else (f"{key}/", f"{key}0")
