"""A learner at a browser, with their copy of the course open in JupyterLab as ``make lab`` opens it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, sync_playwright

from workshop.sandbox import sandbox_command

PATIENCE = 600  # seconds for anything, on a busy machine
THEMES = ("JupyterLab Light", "JupyterLab Dark")
FROM_TOP_TO_BOTTOM = 14_000  # pixels: no notebook is longer
OURS = {  # the rest of the page is JupyterLab's, and so is the ¶ where the mouse happens to be
    "include": [[".jp-MarkdownOutput"], [".jp-OutputArea-output"]],
    "exclude": [[".jp-InternalAnchorLink"]],
}


@dataclass
class Learner:
    """What they do with keyboard and menus, what they see, and what the browser complains of."""

    page: Page
    address: str
    copy: Path
    errors: list[str] = field(default_factory=list)  # of cells
    complaints: list[str] = field(default_factory=list)
    requests_elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.context.on("request", lambda request: self._see(request.url))
        self.page.on("websocket", lambda socket: self._see(socket.url))

    def command(self, name: str, **arguments: str) -> None:
        """Do what a menu does, and wait until it is done."""
        script = "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }"
        self.page.evaluate(script, [name, arguments])

    def go_on_to(self, name: str) -> None:
        """Follow the link at a notebook's end."""
        self.cell("next").get_by_role("link").first.click()
        self.arrive_at(name)

    def arrive_at(self, name: str) -> None:
        """Wait until a notebook is shown with all its cells, and its kernel is ready."""
        self.page.wait_for_function(
            """name => {
                const panel = window.jupyterapp?.shell.currentWidget;
                return panel?.context?.path === name && panel.context.isReady
                    && panel.sessionContext.session?.kernel?.status === 'idle'
                    && panel.node.querySelectorAll('.jp-Cell').length === panel.content.widgets.length;
            }""",
            arg=f"{name}.ipynb",
        )

    def cell(self, cell_id: str) -> Locator:
        """A cell of the notebook that is shown."""
        ids = self.page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.map(each => each.model.id)")
        return self.shown().locator(".jp-Cell").nth(ids.index(cell_id))

    def run(self, cell_id: str, source: str | None = None) -> str:
        """Run a cell with Shift+Enter, first typing another source if one is given; return what is then below it."""
        cell = self.cell(cell_id)
        cell.locator(".cm-content").first.click(position={"x": 5, "y": 5})
        if source is not None:
            self.page.keyboard.press("ControlOrMeta+A")
            self.page.keyboard.insert_text(source)
        count = "window.jupyterapp.shell.currentWidget.content.activeCell.model.executionCount"
        model = self.page.evaluate_handle("window.jupyterapp.shell.currentWidget.content.activeCell.model")
        before = self.page.evaluate(count)
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(
            "([cell, before]) => ![null, before].includes(cell.executionCount) && cell.executionState === 'idle'",
            arg=[model, before],
        )
        outputs = model.evaluate("cell => cell.outputs.toJSON()")
        self.errors += [f"{cell_id}: {each['ename']}" for each in outputs if each["output_type"] == "error"]
        return "\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts())

    def save(self) -> None:
        self.command("docmanager:save")

    def shown(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def choose(self, theme: str) -> None:
        self.command("apputils:change-theme", theme=theme)
        self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # which covers all until it has faded

    def hard_to_use(self, picture: Path | None = None) -> list[str]:
        """What axe finds in our own text and outputs that is serious for those who cannot see well, or use a mouse.

        ``picture`` is where to save one of the whole notebook.
        """
        with self.whole_notebook_in_sight():
            found: Any = Axe().run(self.page, context=OURS, options={}).response
            if picture:
                self.shown().screenshot(path=picture)
        texts = self.shown().locator(".jp-MarkdownOutput, .jp-RenderedHTML").count()
        assert texts <= sum(len(each["nodes"]) for each in found["passes"] if each["id"] == "color-contrast")
        return [
            f"{each['id']}: {node['html']}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    @contextmanager
    def whole_notebook_in_sight(self) -> Iterator[None]:
        """Have a screen on which nothing has to be scrolled: what is out of sight, JupyterLab and axe leave out."""
        usual = self.page.viewport_size
        assert usual
        self.page.set_viewport_size({"width": usual["width"], "height": FROM_TOP_TO_BOTTOM})
        self.page.evaluate("document.body.style.height = '100vh'")  # JupyterLab's has none: axe takes it for hidden
        self.page.wait_for_function(
            """panel => {
                panel.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
                const cells = [...panel.querySelectorAll('.jp-Cell')];
                return cells.at(-1).getBoundingClientRect().bottom < innerHeight
                    && cells.every(cell => cell.checkVisibility({contentVisibilityAuto: true}));
            }""",
            arg=self.shown().element_handle(),
        )
        yield
        self.page.set_viewport_size(usual)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location}")

    def _see(self, url: str) -> None:
        if urlsplit(url).hostname not in {urlsplit(self.address).hostname, None}:
            self.requests_elsewhere.append(url)


@contextmanager
def learner_at(browser_path: str, folder: Path) -> Iterator[Learner]:
    """Let a learner open the course for the first time; all that is theirs is in ``folder``."""
    copy = folder / "my-course"
    with jupyterlab(copy, folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        found = Learner(page, address, copy)
        found.watch()
        page.goto(address)
        found.arrive_at("index")
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
        yield f"{_address(lab, log, token)}?token={token}"
    finally:
        os.killpg(lab.pid, signal.SIGINT)
        try:
            lab.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(lab.pid, signal.SIGKILL)
        sandbox_command("stop", directory=str(state))


def _address(lab: subprocess.Popen[bytes], log: Path, token: str) -> str:
    """Wait until JupyterLab has said where it listens, and listens there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and lab.poll() is None:
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+/", log.read_text("utf-8", "replace")):
            headers = {"Authorization": f"token {token}"}
            with suppress(requests.ConnectionError):  # it says so a moment before
                if requests.get(f"{found[0]}api/status", headers=headers, timeout=PATIENCE).ok:
                    return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8", "replace"))
