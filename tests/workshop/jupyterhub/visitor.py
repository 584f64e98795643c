"""Somebody with a browser: signs in to the hub, starts their server and runs notebooks, by HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

_PATIENCE = 300  # seconds for a server to start, or for a cell, while a whole class is at it
_PAUSE = 0.3
_XSRF_FIELD = re.compile(r'name="_xsrf"[^>]*value="([^"]+)"')


class VisitError(AssertionError):
    """The hub or a server did not do as it should."""


@dataclass
class Visitor:
    """One browser with its cookies.

    Attributes:
        hub: the hub's address.
        name: with which they sign in.
        password: likewise.
        authority: the PEM file of the only authority that their browser trusts; None for http.
        seconds: how long each thing took.
    """

    hub: str
    name: str
    password: str
    authority: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    async def __aenter__(self) -> Visitor:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address that is no name
        self._http = aiohttp.ClientSession(
            cookie_jar=jar,
            timeout=aiohttp.ClientTimeout(total=_PATIENCE),
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=self.authority)),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sign_in(self) -> str:
        """Fill in the form; the address where that leads."""
        page = await self._text("GET", "/hub/login")
        found = _XSRF_FIELD.search(page)
        form = {"username": self.name, "password": self.password, "_xsrf": found[1] if found else ""}
        async with self._http.post(f"{self.hub}/hub/login", data=form, allow_redirects=False) as answer:
            if answer.status != 302:
                raise VisitError(f"{self.name} could not sign in: {answer.status}")
            return urlsplit(answer.headers["Location"]).path

    async def start_server(self) -> str:
        """Have the server started, and follow to where the browser ends up: its address."""
        began = time.monotonic()
        await self._text("GET", "/hub/spawn")
        while time.monotonic() < began + _PATIENCE:
            async with self._http.get(f"{self.hub}/user/{self.name}/") as answer:
                if answer.status == 200 and answer.url.path.startswith(f"/user/{self.name}/lab"):
                    self.seconds["start"] = time.monotonic() - began
                    return str(answer.url)
            await asyncio.sleep(_PAUSE)
        raise VisitError(f"{self.name}'s server did not start")

    async def ask(self, method: str, path: str, body: Any = None, *, whose: str = "") -> tuple[int, Any]:
        """Ask a server's API; status and answer."""
        base = f"{self.hub}/user/{whose or self.name}/"
        headers = {"X-XSRFToken": self._xsrf(base)}
        async with self._http.request(method, f"{base}{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" and text else text

    async def notebook(self, path: str) -> list[dict[str, Any]]:
        """The cells of a notebook in the server's folder."""
        status, found = await self.ask("GET", f"api/contents/{path}?type=notebook&content=1")
        assert status == 200, found
        cells: list[dict[str, Any]] = found["content"]["cells"]
        return cells

    async def run(self, path: str) -> list[list[dict[str, Any]]]:
        """Run all cells of a notebook in a kernel of its own; the outputs of each cell of code."""
        began = time.monotonic()
        cells = [cell["source"] for cell in await self.notebook(path) if cell["cell_type"] == "code"]
        status, session = await self.ask(
            "POST", "api/sessions", {"path": path, "type": "notebook", "name": path, "kernel": {"name": "python3"}}
        )
        assert status == 201, session
        try:
            async with self._channels(session["kernel"]["id"]) as channels:
                outputs = [await _execute(channels, path, source) for source in cells]
        finally:
            await self.ask("DELETE", f"api/sessions/{session['id']}")
        self.seconds[path] = time.monotonic() - began
        return outputs

    async def evaluate(self, code: str) -> str:
        """What a kernel prints for some lines of code."""
        status, kernel = await self.ask("POST", "api/kernels", {"name": "python3"})
        assert status == 201, kernel
        try:
            async with self._channels(kernel["id"]) as channels:
                outputs = await _execute(channels, "(code)", code)
        finally:
            await self.ask("DELETE", f"api/kernels/{kernel['id']}")
        return "".join(output.get("text", "") for output in outputs)

    def _channels(self, kernel_id: str) -> Any:
        base = f"{self.hub}/user/{self.name}/"
        url = URL(f"{base}api/kernels/{kernel_id}/channels").with_query(_xsrf=self._xsrf(base))
        return self._http.ws_connect(url, max_msg_size=0, origin=self.hub)

    def _xsrf(self, base: str) -> str:
        cookie = self._http.cookie_jar.filter_cookies(URL(base)).get("_xsrf")
        return cookie.value if cookie else ""

    async def _text(self, method: str, path: str) -> str:
        async with self._http.request(method, f"{self.hub}{path}") as answer:
            return await answer.text()


async def _execute(channels: aiohttp.ClientWebSocketResponse, path: str, source: str) -> list[dict[str, Any]]:
    """Run one cell; its outputs. Raises if it fails."""
    message_id = uuid.uuid4().hex
    await channels.send_json(_request(message_id, source))
    outputs: list[dict[str, Any]] = []
    replied = idle = False
    while not (replied and idle):
        message = json.loads((await channels.receive(_PATIENCE)).data)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "execute_reply":
            replied = True
            if content["status"] != "ok":
                raise VisitError(f"{path}: {content.get('ename')}: {content.get('evalue')}\n{source}")
        elif kind == "status":
            idle = content["execution_state"] == "idle"
        elif kind in ("stream", "execute_result", "display_data"):
            outputs.append(content)
    return outputs


def _request(message_id: str, source: str) -> dict[str, Any]:
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": "", "version": "5.3"}
    content = {
        "code": source,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }
