"""Each learner's server, with JupyterHub's own classes: whose folder, and whose credential."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop import jupyterhub
from workshop.classroom.folder import ClassFolder
from workshop.jupyterhub.installation import Installation
from workshop.jupyterhub.launch import HubAddress, hub_environment

HERE = Path(jupyterhub.__file__).parent
SERVERS = """
import json, sys, types
from workshop.errors import WorkshopError
from workshop.jupyterhub.servers import LearnerSpawner

class Spawner(LearnerSpawner):
    user = None

spawner = Spawner.__new__(Spawner)
spawner.class_folder, spawner.separate_users = sys.argv[1], False
for name in sys.argv[3:]:
    Spawner.user = types.SimpleNamespace(name=name)
    try:
        print(json.dumps(spawner.user_env(json.loads(sys.argv[2]))))
    except WorkshopError as error:
        print(json.dumps(str(error)))
"""
SAVES = """
import asyncio, sys
from jupyter_server.serverapp import ServerApp
from traitlets.config.loader import PyFileConfigLoader

configured = PyFileConfigLoader(sys.argv[1]).load_config().Spawner.args
server = ServerApp.instance()
words = [*configured, f"--ServerApp.root_dir={sys.argv[2]}", "--allow-root"]
server.initialize(words, find_extensions=False, new_httpserver=False)
source = "print('eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJlIG9mIGEgdG9rZW4')"
cell = {"cell_type": "code", "id": "a", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
asyncio.run(server.contents_manager.save({"type": "notebook", "content": content}, "mine.ipynb"))
"""
MARIAS = [learner(1, "m1", "Maria"), learner(2, "maria", "Maria Smith")]


@pytest.fixture
def folder(tmp_path: Path) -> ClassFolder:
    found = ClassFolder(tmp_path / "class")
    found.save(class_of(MARIAS))
    for each in MARIAS:
        found.of(each).write_environment({"AZURE_CLIENT_SECRET": f"{each.handle}'s"})
    return found


def servers(installation: Installation, folder: ClassFolder, *names: str) -> list[Any]:
    """The environments of these sign-ins' servers, or why there is none."""
    trainers = {"AZURE_CLIENT_SECRET": "x", "azure_client_id": "x", "IMDS_ENDPOINT": "x", "PATH": "/bin"}
    command = [str(installation.python), "-c", SERVERS, str(folder.path), json.dumps(trainers), *names]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_a_server_has_the_credential_of_whoever_signed_in(installation: Installation, folder: ClassFolder) -> None:
    found = servers(installation, folder, *(each.handle for each in MARIAS))
    for each, told in zip(MARIAS, found, strict=True):
        assert told["AZURE_CLIENT_SECRET"] == f"{each.handle}'s"
        assert "x" not in told.values()
        assert told["HOME"] == str(folder.of(each).notebooks)


def test_a_name_or_a_part_of_one_has_nobodys_server(installation: Installation, folder: ClassFolder) -> None:
    """Whoever is looked for in the class by hand would be found by these."""
    names = ("smith", "maria smith", "m", "mari")
    for name, told in zip(names, servers(installation, folder, *names), strict=True):
        assert str(told).startswith(f"There is no learner with the handle '{name}' in the class")


def test_what_learners_save_is_searched_for_tokens(
    installation: Installation, folder: ClassFolder, tmp_path: Path
) -> None:
    """By the settings that the hub starts their servers with."""
    environment = hub_environment(
        folder, HubAddress("http://127.0.0.1:8000"), 1 << 20, 90, os.environ | {"HOME": str(tmp_path)}
    )
    (tmp_path / "home").mkdir()
    command = [str(installation.python), "-c", SAVES, str(HERE / "jupyterhub_config.py"), str(tmp_path / "home")]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    saved = (tmp_path / "home" / "mine.ipynb").read_text("utf-8")
    assert "print('[redacted]')" in saved and "eyJ" not in saved


GREEDY = """
import subprocess, sys
from workshop.jupyterhub.servers import limited
take = "bytearray(64 << 20); print('some', flush=True); bytearray(1 << 30); print('all')"
start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {take!r}])"
subprocess.run(limited([sys.executable, "-c", start], 512 << 10), check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit means nothing")
def test_a_process_of_a_learners_gets_no_more_memory_than_set(installation: Installation) -> None:
    """Neither the server nor what it starts, such as a kernel: it is refused, and nobody else is."""
    done = subprocess.run([str(installation.python), "-c", GREEDY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["some"]
    assert "MemoryError" in done.stderr


@pytest.mark.parametrize(
    ("module", "name", "setting"),
    [
        ("jupyter_server.serverapp", "ServerApp", "shutdown_no_activity_timeout"),
        ("jupyter_server.services.kernels.kernelmanager", "MappingKernelManager", "cull_idle_timeout"),
        ("jupyter_server_terminals.terminalmanager", "TerminalManager", "cull_inactive_timeout"),
    ],
)
def test_servers_know_the_settings_by_which_they_end(
    installation: Installation, module: str, name: str, setting: str
) -> None:
    assert f"--{name}.{setting}={{idle}}" in (HERE / "jupyterhub_config.py").read_text("utf-8")
    code = f"from {module} import {name}; print(*{name}.class_traits(config=True))"
    done = subprocess.run([str(installation.python), "-c", code], capture_output=True, text=True, check=True)
    assert setting in done.stdout.split()
