"""A learner's copy of the course in JupyterLab, in a browser."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, sync_playwright

from tests.notebooks.course import NAMES, book
from tests.support.needs import in_need_of
from workshop.sandbox import sandbox_command

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="ends JupyterLab by a Unix signal to its group"),
]
PATIENCE = 300  # seconds, for one cell on a busy machine


@dataclass
class Desk:
    """JupyterLab as a learner has it, in a browser that takes note of what it should not do."""

    page: Page
    address: str
    copy: Path
    complaints: list[str] = field(default_factory=list)
    requests_elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)

    def command(self, name: str, **arguments: str) -> None:
        """Do what a menu does, and wait until it is done."""
        script = "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }"
        self.page.evaluate(script, [name, arguments])

    def open(self, name: str) -> None:
        self.command("docmanager:open", path=f"{name}.ipynb", factory="Notebook")
        self.page.wait_for_function(
            """name => {
                const widget = window.jupyterapp.shell.currentWidget;
                return widget?.context?.path === name && widget.context.isReady
                    && widget.sessionContext.session?.kernel?.status === 'idle';
            }""",
            arg=f"{name}.ipynb",
            timeout=PATIENCE * 1000,
        )

    def shown(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location}")

    def _see(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in {urlsplit(self.address).hostname, None}:
            self.requests_elsewhere.append(request.url)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    browser_path = in_need_of("chromium", "google-chrome")
    copy = tmp_path / "my-course"
    with jupyterlab(copy, tmp_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        found = Desk(page, address, copy)
        found.watch()
        page.goto(address)
        page.wait_for_selector(".jp-Notebook")
        yield found
        browser.close()


@contextmanager
def jupyterlab(copy: Path, folder: Path) -> Iterator[str]:
    """Run ``make lab`` on a copy, and yield where it is, with what it takes to get in."""
    token, state = secrets.token_hex(16), folder / "state"
    words = [f"--IdentityProvider.token={token}", "--no-browser", "--LabApp.expose_app_in_browser=True"]
    lab = subprocess.Popen(
        [sys.executable, "-m", "workshop", "lab", "--folder", str(copy), "--", *words],
        env={**os.environ, "AZURE_SANDBOX_DIR": str(state), "JUPYTER_CONFIG_DIR": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=(log := folder / "lab.log").open("wb"),
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield f"{_address(log, token)}?token={token}"
    finally:
        os.killpg(lab.pid, signal.SIGINT)
        try:
            lab.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(lab.pid, signal.SIGKILL)
        sandbox_command("stop", directory=str(state))


def _address(log: Path, token: str) -> str:
    """Wait until JupyterLab has said where it listens, and listens there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+/", log.read_text("utf-8", "replace")):
            headers = {"Authorization": f"token {token}"}
            if requests.get(f"{found[0]}api/status", headers=headers, timeout=PATIENCE).ok:
                return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8", "replace"))


def test_the_course_opens_at_its_home_and_answers_nothing_before_the_learner_does(desk: Desk) -> None:
    assert desk.page.evaluate("window.jupyterapp.shell.currentWidget.context.path") == "index.ipynb"
    desk.page.locator(".jp-TableOfContents").get_by_text("Glossary").wait_for()  # beside it
    for name in NAMES:
        desk.open(name)
        nothing_is_shown_before_it_is_done(desk, name)
    assert desk.complaints == []
    assert desk.requests_elsewhere == []


def nothing_is_shown_before_it_is_done(desk: Desk, name: str) -> None:
    assert desk.shown().locator(".jp-OutputArea-output").count() == 0
    solution = next(cell for cell in book(name).code if "solution" in cell.tags)
    assert not desk.shown().get_by_text(solution.source.splitlines()[-1]).first.is_visible()
    assert desk.page.locator(".jp-mod-dirty").count() == 0  # nor is it shown as changed


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_nothing_in_our_pages_and_outputs_is_hard_to_use(desk: Desk, theme: str) -> None:
    desk.command("apputils:change-theme", theme=theme)
    for name in ("index", "03_grant_access"):
        desk.open(name)
        desk.command("notebook:run-all-cells")
        found: Any = Axe().run(desk.page, context=".jp-RenderedHTMLCommon", options={"resultTypes": ["violations"]})
        serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
        assert serious == [], [(each["id"], [node["html"] for node in each["nodes"][:3]]) for each in serious]
    pictures = os.environ.get("COURSE_SCREENSHOTS")
    if pictures:
        desk.page.screenshot(path=Path(pictures) / f"{theme.replace(' ', '-')}.png")
