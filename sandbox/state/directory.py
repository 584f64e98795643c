"""The tenant's principals: applications with a secret, and managed identities."""

import hashlib
import hmac
import re
import secrets
from dataclasses import astuple, dataclass, fields

from sandbox.state.store import Store

_NAME = re.compile(r"(?!\.{1,2}$)[\w .@-]{1,120}")  # parts of paths, and printed


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the ids in the token."""

    object_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal of the tenant.

    ``kind`` is Graph's ``servicePrincipalType``: ``Application`` or ``ManagedIdentity``; ``resource_id`` is the ARM
    id of what a managed identity belongs to.
    """

    object_id: str
    client_id: str
    name: str
    kind: str
    resource_id: str | None


_COLUMNS = ", ".join(field.name for field in fields(Principal))


class Directory:
    """Looks principals up, adds them and takes them out."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, principal: Principal, secret: str | None = None) -> None:
        """Add ``principal``; an application signs in with ``secret``, of which a hash is kept."""
        self._store.connection.execute(
            f"INSERT INTO principals ({_COLUMNS}, secret_hash) VALUES (?, ?, ?, ?, ?, ?)",
            (*astuple(principal), _hashed(secret) if secret else None),
        )

    def remove(self, object_id: str) -> None:
        """Take a principal out; tokens it already has work until they expire, as in Azure."""
        self._store.connection.execute("DELETE FROM principals WHERE object_id = ?", (object_id.lower(),))

    def by_object_id(self, object_id: str) -> Principal | None:
        """Return the principal with this object id, or None."""
        return next(iter(self._found("object_id = ?", object_id.lower())), None)

    def by_client_id(self, client_id: str) -> Principal | None:
        """Return the principal with this client (application) id, or None."""
        return next(iter(self._found("client_id = ?", client_id.lower())), None)

    def by_name(self, name: str) -> list[Principal]:
        """Return the principals with this display name."""
        return self._found("name = ?", name)

    def all(self) -> list[Principal]:
        """Return every principal, ordered by name."""
        return self._found("true")

    def verify_secret(self, client_id: str, secret: str) -> bool:
        """Return whether ``secret`` is that of the application ``client_id``."""
        row = self._store.connection.execute(
            "SELECT secret_hash FROM principals WHERE client_id = ?", (client_id.lower(),)
        ).fetchone()
        return bool(row and row[0]) and hmac.compare_digest(row[0], _hashed(secret))

    def set_secret(self, client_id: str, secret: str) -> None:
        """Let the application ``client_id`` sign in with ``secret`` from now on."""
        self._store.connection.execute(
            "UPDATE principals SET secret_hash = ? WHERE client_id = ?", (_hashed(secret), client_id.lower())
        )

    def _found(self, condition: str, *values: str) -> list[Principal]:
        rows = self._store.connection.execute(
            f"SELECT {_COLUMNS} FROM principals WHERE {condition} ORDER BY name, object_id", values
        )
        return [Principal(*row) for row in rows]


def problem_with_name(name: str) -> str:
    """Return what a name that cannot be used should be; empty if it can be."""
    if _NAME.fullmatch(name):
        return ""
    shown = ascii(name) if not name.isprintable() else f"'{name}'"
    return (
        f"The principal name {shown} is not valid: it takes 1 to 120 letters, digits, spaces and the characters "
        "- . _ @, and is not just . or .."
    )


def new_secret() -> str:
    """Return a secret of 256 random bits, which is why an unsalted hash of it is safe to keep.

    It begins with a letter: ``az login --password -x…`` would take one with a hyphen for an option.
    """
    return f"s{secrets.token_urlsafe(32)}"


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
