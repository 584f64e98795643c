"""Each learner's server, with JupyterHub's own classes: whose folder, and whose credential."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.folder import ClassFolder
from workshop.jupyterhub.installation import Installation

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
