"""Whether the cost of a GET and of a page grows with what is there."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.load import apply_load
from benchmarks.report import Table
from benchmarks.servers import RunningSandbox, sandbox

ASSIGNMENTS = (10, 1_000, 3_999)  # and the operator's own: as many as there may be
IDENTITIES = (10, 10_000)
SECONDS = 2.0
REPEATS = 5
_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def measure() -> list[Table]:
    """Fill a sandbox step by step; the ratio is to the first step of its kind."""
    table = Table("Growth", ("what", "how many", "ms", "ratio"))
    memory = Table("Memory", ("a sandbox", "resident MB"))
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "sandbox") as running:
        session = running.session()
        empty = running.memory()
        _steps(table, "GET of a group, role assignments", ASSIGNMENTS, _assign, _time_get, running, session)
        _steps(table, "first page of a list, identities", IDENTITIES, _add_identity, _time_page, running, session)
        memory.add("as it is seeded", f"{empty:.0f}")
        memory.add(f"with {IDENTITIES[-1]:,} identities and {ASSIGNMENTS[-1]:,} assignments", f"{running.memory():.0f}")
    return [table, memory]


def _steps(
    table: Table,
    what: str,
    sizes: tuple[int, ...],
    make: Callable[[RunningSandbox, requests.Session, int], None],
    time_one: Callable[[RunningSandbox, requests.Session], float],
    running: RunningSandbox,
    session: requests.Session,
) -> None:
    made, first = 0, 0.0
    for size in sizes:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: make(running, session, number), range(made, size)))
        made = size
        milliseconds = min(time_one(running, session) for _ in range(REPEATS))
        first = first or milliseconds
        table.add(what, f"{size:,}", f"{milliseconds:.2f}", f"{milliseconds / first:.2f}")


def _assign(running: RunningSandbox, session: requests.Session, number: int) -> None:
    scope = f"{running.subscription}/resourceGroups/myResourceGroupVM"
    url = f"{running.endpoint}{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=number + 1)}"
    role = f"{running.subscription}/providers/Microsoft.Authorization/roleDefinitions/{_READER}"
    properties = {
        "roleDefinitionId": role,
        "principalId": str(uuid.UUID(int=10**6 + number)),
        "principalType": "ServicePrincipal",
    }
    session.put(f"{url}?api-version=2022-04-01", json={"properties": properties}).raise_for_status()


def _add_identity(running: RunningSandbox, session: requests.Session, number: int) -> None:
    kind = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    url = f"{running.endpoint}{running.subscription}/resourceGroups/myResourceGroupVM/{kind}/ID{number:05}"
    session.put(f"{url}?api-version=2024-11-30", json={"location": "eastus"}).raise_for_status()


def _time_get(running: RunningSandbox, session: requests.Session) -> float:
    url = f"{running.endpoint}{running.subscription}/resourceGroups/myResourceGroupVM?api-version=2024-07-01"
    return _median(running, session, url)


def _time_page(running: RunningSandbox, session: requests.Session) -> float:
    kind = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    return _median(running, session, f"{running.endpoint}{running.subscription}/{kind}?api-version=2024-11-30&$top=10")


def _median(running: RunningSandbox, session: requests.Session, url: str) -> float:
    headers = {"Authorization": str(session.headers["Authorization"])}
    return apply_load(url, headers, 1, SECONDS / REPEATS, ca=running.ca).median


if __name__ == "__main__":
    print(*measure(), sep="\n")
