"""How far each learner is, as Azure has it, never as somebody says; and the live page that shows it.

Azure keeps what was made, assigned and granted. It keeps no record of a token that was handed out or of a group that
was read, so whether a learner has done that is not known, and is said not to be.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiohttp import web
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi.models import Identity

from workshop.classroom.clients import Clients
from workshop.classroom.inventory import Inventory, held_by, made_for, take_inventory
from workshop.classroom.roster import Classroom, Learner
from workshop.errors import WorkshopError

HOST = "127.0.0.1"
_PAGE = Path(__file__).with_name("page.html")
_NONCE = "{{nonce}}"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Status(StrEnum):
    """Of one milestone."""

    DONE = "done"
    OPEN = "open"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclass(frozen=True)
class Milestone:
    """Something that has to be there in the end.

    Attributes:
        title: short, for the head of a column.
        notebook: the number of the notebook that brings it about; empty for what the trainer provides.
        what: in a sentence's words.
    """

    title: str
    notebook: str
    what: str


@dataclass(frozen=True)
class Reading:
    """What was found out about one milestone.

    Attributes:
        status: of the milestone.
        note: what is peculiar about it; often empty.
    """

    status: Status
    note: str = ""


@dataclass(frozen=True)
class LearnerProgress:
    """How far one learner is: a reading for each of `MILESTONES`."""

    learner: Learner
    readings: Sequence[Reading]

    @property
    def notes(self) -> list[str]:
        """What is peculiar, in order."""
        return [reading.note for reading in self.readings if reading.note]

    @property
    def next_milestone(self) -> Milestone | None:
        """The first milestone that is open or wrong; None if there is none to be seen."""
        unfinished = (Status.OPEN, Status.WRONG)
        pairs = zip(MILESTONES, self.readings, strict=True)
        return next((milestone for milestone, reading in pairs if reading.status in unfinished), None)


MILESTONES = (
    Milestone("Group", "", "their resource group is there"),
    Milestone("Rights", "", "they are its Owner"),
    Milestone("VM", "", "their virtual machine is there"),
    Milestone("Identity", "01", "they have made their identity"),
    Milestone("Assigned", "02", "the virtual machine has the identity"),
    Milestone("Granted", "03", "the identity has a role at the group"),
    Milestone("Token", "04", "a program on the machine has got a token"),
    Milestone("Read", "05", "it has read the group with the token"),
)
_DONE, _OPEN, _UNKNOWN = Reading(Status.DONE), Reading(Status.OPEN), Reading(Status.UNKNOWN)
_NOT_OURS = Reading(Status.WRONG, "the group is not marked as made for this learner")

_OUTDATED = Reading(Status.WRONG, "the identity was deleted and made again since it was assigned: assign it again")


def progress_of(classroom: Classroom, learner: Learner, inventory: Inventory, subscription: str) -> LearnerProgress:
    """Return how far a learner is, by what Azure has; ``subscription`` is its whole id."""
    group = inventory.group_of(learner)
    if group is None:
        return LearnerProgress(learner, [*[_OPEN] * (len(MILESTONES) - 2), _UNKNOWN, _UNKNOWN])
    scope = f"{subscription}/resourceGroups/{learner.resource_group}"
    machine, identity = inventory.machine_of(learner), inventory.identity_of(learner)
    principal_id = inventory.principal_of(classroom, learner)
    readings = [
        _DONE if made_for(group, classroom.name, learner.handle) else _NOT_OURS,
        _DONE if principal_id and inventory.is_owner(principal_id, scope) else _OPEN,
        _machine(machine, learner),
        _identity(identity, learner, inventory),
        _assigned(machine, identity),
        _granted(identity, scope, inventory),
        _UNKNOWN,
        _UNKNOWN,
    ]
    return LearnerProgress(learner, readings)


def _machine(machine: VirtualMachine | None, learner: Learner) -> Reading:
    if machine is None:
        return _OPEN
    state = str(machine.provisioning_state)
    if state == "Failed":
        return Reading(Status.WRONG, f"{learner.vm_name} could not be made or changed: its state is Failed")
    return Reading(Status.OPEN, f"{learner.vm_name} is in the state {state}") if state == "Creating" else _DONE


def _identity(identity: Identity | None, learner: Learner, inventory: Inventory) -> Reading:
    if identity is not None:
        return _DONE
    others = sorted(str(each.name) for each in inventory.identities_of(learner))
    return Reading(Status.OPEN, f"there is {', '.join(others)}, but no {learner.identity_name}") if others else _OPEN


def _assigned(machine: VirtualMachine | None, identity: Identity | None) -> Reading:
    if machine is None or machine.identity is None:
        return _OPEN
    assigned = machine.identity.user_assigned_identities or {}
    if identity is None:
        gone = Reading(Status.WRONG, f"{machine.name} refers to an identity that is not theirs or is gone")
        return gone if assigned else _OPEN
    for resource_id, entry in assigned.items():
        if resource_id.casefold() == str(identity.id).casefold():
            return _DONE if entry.principal_id in (None, identity.principal_id) else _OUTDATED
    return _OPEN


def _granted(identity: Identity | None, scope: str, inventory: Inventory) -> Reading:
    if identity is None:
        return _OPEN
    within = inventory.assignments_within(scope)
    held = held_by(str(identity.principal_id), within)
    if any(str(each.scope).casefold() == scope.casefold() for each in held):
        return _DONE
    if held:
        return Reading(Status.WRONG, f"the role was granted at {held[0].scope}, which is not the group")
    if held_by(str(identity.client_id), within):
        return Reading(Status.WRONG, "the role was granted to the client id; it has to be the principal id")
    return _OPEN


@dataclass(frozen=True)
class Snapshot:
    """The class at one moment.

    Attributes:
        classroom: the class.
        learners: how far they are, in the class's order.
        taken_at: when, as text.
        seconds: how long it took to find out.
    """

    classroom: Classroom
    learners: Sequence[LearnerProgress]
    taken_at: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows; it holds no secret."""
        return {
            "class": self.classroom.name,
            "target": self.classroom.target,
            "milestones": [asdict(milestone) for milestone in MILESTONES],
            "learners": [
                {
                    "name": each.learner.name,
                    "group": each.learner.resource_group,
                    "states": [reading.status.value for reading in each.readings],
                    "notes": each.notes,
                }
                for each in self.learners
            ],
            "takenAt": self.taken_at,
            "seconds": round(self.seconds, 2),
        }


def take_snapshot(clients: Clients, classroom: Classroom) -> Snapshot:
    """Look at the whole class.

    Raises:
        RefusedError: Azure refused, or cannot be reached.
    """
    began = time.perf_counter()
    inventory = take_inventory(clients)
    learners = [progress_of(classroom, each, inventory, clients.subscription) for each in classroom.learners]
    return Snapshot(classroom, learners, inventory.taken_at.isoformat(), time.perf_counter() - began)


@dataclass
class LatestSnapshot:
    """The last snapshot, renewed when it is asked for and too old; many browsers ask Azure no more often than one.

    Attributes:
        look: takes a snapshot; called in a thread.
        every: seconds for which a snapshot is new enough.
    """

    look: Callable[[], Snapshot]
    every: float
    _last: dict[str, Any] = field(default_factory=dict)
    _asked: float | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def current(self) -> dict[str, Any]:
        """Return the snapshot; where Azure cannot be asked the last one, with the reason under ``error``."""
        async with self._asking:
            if self._asked is None or time.monotonic() - self._asked >= self.every:
                try:
                    self._last = (await asyncio.to_thread(self.look)).to_json() | {"every": self.every, "error": ""}
                except WorkshopError as error:
                    self._last = {**self._last, "every": self.every, "error": str(error)}
                self._asked = time.monotonic()
            return self._last


_LATEST = web.AppKey("latest", LatestSnapshot)
_TOKEN = web.AppKey("token", str)


def make_app(look: Callable[[], Snapshot], every: float, token: str) -> web.Application:
    """Return the page as an application of aiohttp, for whoever knows the token."""
    app = web.Application(middlewares=[_only_from_here])
    app[_LATEST] = LatestSnapshot(look, every)
    app[_TOKEN] = token
    app.router.add_get("/", _page)
    app.router.add_get("/state", _state)
    return app


async def serve(look: Callable[[], Snapshot], every: float, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until cancelled.

    Args:
        look: takes a snapshot.
        every: seconds between two of them.
        port: where; 0 for a free one.
        ready: is called with the page's address; the token in it is what lets one see the page.

    Raises:
        WorkshopError: The port is taken.
    """
    token = secrets.token_urlsafe(32)
    runner = web.AppRunner(make_app(look, every, token), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        ready(f"http://{HOST}:{runner.addresses[0][1]}/?token={token}")
        await asyncio.Event().wait()
    except OSError as error:
        raise WorkshopError(f"The page cannot be served on port {port}: {error.strerror}.") from error
    finally:
        await runner.cleanup()


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer those who know the token, which other users of this computer do not, and by its own names only.

    A website could read the page, else, by a name of its own that leads here.
    """
    if request.url.host not in (HOST, "localhost"):
        raise web.HTTPForbidden(text="This page is for this computer only.")
    given = request.query.get("token", "").encode("utf-8", "surrogatepass")
    if not secrets.compare_digest(given, request.app[_TOKEN].encode()):
        raise web.HTTPForbidden(text="Open the whole address that the command has printed, with its token.")
    response = await handler(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def _page(request: web.Request) -> web.Response:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    text = _PAGE.read_text("utf-8").replace(_NONCE, nonce)
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


async def _state(request: web.Request) -> web.Response:
    return web.json_response(await request.app[_LATEST].current())
