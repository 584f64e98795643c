"""Each learner's server, with JupyterHub's own classes: whose folder, and whose credential."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop import jupyterhub
from workshop.classroom.folder import ClassFolder
from workshop.jupyterhub.installation import Installation

HERE = Path(jupyterhub.__file__).parent
SERVER = """
import json, sys, types
from workshop.jupyterhub.servers import LearnerSpawner

class Spawner(LearnerSpawner):
    user = types.SimpleNamespace(name=sys.argv[2])

spawner = Spawner.__new__(Spawner)
spawner.class_folder, spawner.separate_users = sys.argv[1], False
print(json.dumps(spawner.user_env(json.loads(sys.argv[3]))))
"""


def test_a_server_has_the_credential_of_whoever_signed_in(installation: Installation, tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "class")
    marias = [learner(1, "m1", "Maria"), learner(2, "maria", "Maria Smith")]
    folder.save(class_of(marias))
    for each in marias:
        folder.of(each).write_environment({"AZURE_CLIENT_SECRET": f"{each.handle}'s"})
    trainers = {"AZURE_CLIENT_SECRET": "x", "azure_client_id": "x", "IMDS_ENDPOINT": "x", "PATH": "/bin"}
    for each in marias:
        command = [str(installation.python), "-c", SERVER, str(folder.path), each.handle, json.dumps(trainers)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert told["AZURE_CLIENT_SECRET"] == f"{each.handle}'s"
        assert "x" not in told.values()
        assert told["HOME"] == str(folder.of(each).notebooks)


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
