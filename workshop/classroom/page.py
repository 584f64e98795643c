"""The live page: served on this computer only, and brought up to date as long as somebody looks at it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from workshop.classroom.classroom import Classroom
from workshop.classroom.steps import STEPS, Position
from workshop.errors import WorkshopError

HOST = "127.0.0.1"
_PAGE = Path(__file__).with_name("page.html")
_NONCE = "{{nonce}}"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Snapshot:
    """The class at one moment.

    Attributes:
        classroom: the class.
        positions: of its learners, in order.
        taken_at: when, as text.
        seconds: how long it took to find out.
    """

    classroom: Classroom
    positions: list[Position]
    taken_at: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows; it holds no secret."""
        return {
            "class": self.classroom.name,
            "target": self.classroom.target,
            "steps": [{"title": step.title, "notebook": step.notebook, "what": step.what} for step in STEPS],
            "learners": [
                {
                    "name": position.learner.name,
                    "group": position.learner.resource_group,
                    "states": [standing.state.value for standing in position.standings],
                    "notes": position.notes,
                }
                for position in self.positions
            ],
            "takenAt": self.taken_at,
            "seconds": round(self.seconds, 2),
        }


@dataclass
class LiveState:
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


_STATE = web.AppKey("state", LiveState)


def make_app(look: Callable[[], Snapshot], every: float) -> web.Application:
    """Return the page as an application of aiohttp."""
    app = web.Application(middlewares=[_only_from_here])
    app[_STATE] = LiveState(look, every)
    app.router.add_get("/", _page)
    app.router.add_get("/state", _state)
    return app


async def serve(look: Callable[[], Snapshot], every: float, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until cancelled.

    Args:
        look: takes a snapshot.
        every: seconds between two of them.
        port: where; 0 for a free one.
        ready: is told the page's address.

    Raises:
        WorkshopError: The port is taken.
    """
    runner = web.AppRunner(make_app(look, every), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        ready(f"http://{HOST}:{runner.addresses[0][1]}/")
        await asyncio.Event().wait()
    except OSError as error:
        raise WorkshopError(f"The page cannot be served on port {port}: {error.strerror}.") from error
    finally:
        await runner.cleanup()


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer to this computer's own names only, so that no website can read the page by a name that leads here."""
    if request.url.host not in (HOST, "localhost"):
        raise web.HTTPForbidden(text="This page is for this computer only.")
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
    return web.json_response(await request.app[_STATE].current())
