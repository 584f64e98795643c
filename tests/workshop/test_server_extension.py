"""A Jupyter server, as JupyterLab runs on, whose Python kernels are warm."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import nbformat
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from tornado.web import HTTPError

from tests.support.ports import port_for_a_server
from tests.workshop.kernels.kernels import DEADLINE, eventually, running
from tests.workshop.small_notebooks import notebook
from workshop.server_extension import _load_jupyter_server_extension

PASSWORD = "correct-horse-battery"
EXTENSION = "{'workshop.server_extension': True}"


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    token: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def ask(self, method: str, path: str, content: object = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return json.loads(answer.read() or "null")

    def answers(self) -> bool:
        try:
            return bool(self.ask("GET", "/api"))
        except URLError:
            return False


PATIENT = """
from jupyter_server.serverapp import main
from workshop.kernels import pool
pool.START_TIMEOUT = pool.FORK_TIMEOUT = 300
main()
"""


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """A server with a password in its environment, and all its files in this folder."""
    port = port_for_a_server()
    own = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTEST_"))}
    environment |= {name: str(folder / name) for name in own}
    environment |= {"JUPYTER_DEFAULT_PROVISIONER_NAME": "warm-provisioner", "MY_DATABASE_PASSWORD": PASSWORD}
    options = {
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ContentsManager.allow_hidden": True,
        "ServerApp.jpserver_extensions": EXTENSION,
        "IdentityProvider.token": uuid.uuid4().hex,
    }
    command = [sys.executable, "-c", PATIENT, "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log, env=environment) as process:
        found = Server(process, f"http://127.0.0.1:{port}", str(options["IdentityProvider.token"]), folder)
        try:
            assert eventually(lambda: found.answers() or process.poll() is not None)
            assert process.poll() is None, found.log
            yield found
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One in which each test saves files of its own."""
    with started(tmp_path_factory.mktemp("server")) as found:
        yield found


def children(pid: int) -> list[int]:
    found = [task.joinpath("children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for each in found for child in each]


def zygotes(pid: int) -> list[int]:
    """Those among a process's children that fork kernels; others come and go."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):
            if "workshop.kernels.zygote" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def run(server: Server, kernel_id: str, code: str) -> Any:
    """The value of an expression in a kernel, over its own connection."""
    client = BlockingKernelClient()
    client.load_connection_file(str(server.folder / "JUPYTER_RUNTIME_DIR" / f"kernel-{kernel_id}.json"))
    client.start_channels()
    try:
        client.wait_for_ready(timeout=DEADLINE)
        reply = client.execute("", user_expressions={"it": code}, reply=True, timeout=DEADLINE)
        return json.loads(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])
    finally:
        client.stop_channels()


def test_its_kernels_are_forked_from_what_was_imported_as_it_started(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        assert eventually(lambda: len(zygotes(server.process.pid)) == 1)
        (zygote,) = zygotes(server.process.pid)
        first, second = (server.ask("POST", "/api/kernels", {"name": "python3"})["id"] for _ in range(2))
        pids = [run(server, kernel, "__import__('os').getpid()") for kernel in (first, second)]
        assert sorted(children(zygote)) == sorted(pids)
        server.ask("POST", f"/api/kernels/{first}/restart", {})
        again = run(server, first, "__import__('os').getpid()")
        assert eventually(lambda: sorted(children(zygote)) == sorted([again, pids[1]]))
        server.ask("DELETE", f"/api/kernels/{second}")
        assert eventually(lambda: children(zygote) == [again])
        server.process.kill()
        assert eventually(lambda: not running(zygote) and not running(again))


def test_notebooks_are_saved_without_tokens_and_the_servers_secrets(server: Server) -> None:
    signature = secrets.token_urlsafe(256)
    node = notebook(f"token = 'eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.{signature}'", "1")
    picture = "iVBOReyJabcdefghijkl=="
    node.cells[-1].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text=f"{PASSWORD}\n{signature[:60]}\nkept\n"),
        nbformat.v4.new_output("display_data", {"image/png": picture, "text/html": f"<b>{signature}</b>"}),
    ]
    node.metadata["widgets"] = {"state": {"a": {"value": PASSWORD}}}
    server.ask("PUT", "/api/contents/saved.ipynb", {"type": "notebook", "content": node})
    saved = (server.folder / "saved.ipynb").read_text()
    assert PASSWORD not in saved
    assert not any(signature[at : at + 12] in saved for at in range(len(signature) - 11))
    assert "kept" in saved
    assert picture in saved
    assert saved.count("[redacted]") == 5
    assert "taken out of saved.ipynb on saving" in server.log


def test_other_notebooks_and_files_are_saved_as_they_are(server: Server) -> None:
    node = notebook("1")
    server.ask("PUT", "/api/contents/other.ipynb", {"type": "notebook", "content": node})
    assert nbformat.read(server.folder / "other.ipynb", 4).cells == node.cells
    server.ask("PUT", "/api/contents/.env", {"type": "file", "format": "text", "content": f"PASSWORD={PASSWORD}"})
    assert (server.folder / ".env").read_text() == f"PASSWORD={PASSWORD}"
    assert not [line for line in server.log.splitlines() if "on saving" in line and ("other" in line or ".env" in line)]


def test_what_cannot_be_searched_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_DATABASE_PASSWORD", PASSWORD)
    server = ServerApp()
    contents: Any = LargeFileManager(root_dir=str(tmp_path))  # its methods have no types
    server.contents_manager = contents
    _load_jupyter_server_extension(server)
    node = notebook(PASSWORD) | {"metadata": {1: "a name that is no text"}}
    with pytest.raises(HTTPError, match="not saved: it could not be searched for tokens and secrets") as refused:
        contents.save({"type": "notebook", "content": node}, "saved.ipynb")
    assert refused.value.status_code == 500
    assert not list(tmp_path.glob("*.ipynb"))
