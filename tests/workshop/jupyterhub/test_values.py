"""The values for Zero to JupyterHub: what can be said of them without a cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop import jupyterhub
from workshop.jupyterhub.installation import Installation
from workshop.paths import NOTEBOOKS, ROOT

HERE = Path(jupyterhub.__file__).parent
VALUES: dict[str, Any] = yaml.safe_load((HERE / "values.yaml").read_text("utf-8"))


def test_the_nodes_metadata_service_stays_out_of_reach() -> None:
    user = VALUES["singleuser"]
    assert user["cloudMetadata"] == {"blockWithIptables": True, "ip": "169.254.169.254"}
    assert user["networkPolicy"]["enabled"] is True
    assert user["networkPolicy"]["egressAllowRules"]["cloudMetadataServer"] is False


def test_no_password_is_written_down() -> None:
    assert set(VALUES["hub"]["config"]["SharedPasswordAuthenticator"].values()) == {""}


def test_learners_arrive_at_the_index_as_at_the_hub() -> None:
    path = VALUES["singleuser"]["defaultUrl"].removeprefix("/lab/tree/")
    assert (ROOT / path) == NOTEBOOKS / "index.ipynb"
    assert (ROOT / path).exists()
    assert '"/lab/tree/index.ipynb"' in (HERE / "jupyterhub_config.py").read_text("utf-8")


def test_a_dask_scheduler_can_be_reached_at_the_address_that_is_given() -> None:
    user = VALUES["singleuser"]
    address = user["extraEnv"]["DASK_SCHEDULER_ADDRESS"]
    (rule,) = user["networkPolicy"]["egress"]
    assert address == f"tcp://dask-scheduler.dask:{rule['ports'][0]['port']}"


CLASSES = {
    "JupyterHub": "jupyterhub.app",
    "Authenticator": "jupyterhub.auth",
    "SharedPasswordAuthenticator": "jupyterhub.authenticators.shared",
}


@pytest.fixture(scope="module")
def known(installation: Installation) -> dict[str, list[str]]:
    """The settings that each of these classes has, as one process with JupyterHub tells."""
    imports = [f"from {module} import {name}" for name, module in CLASSES.items()]
    tell = f"print(json.dumps({{each.__name__: [*each.class_traits(config=True)] for each in ({', '.join(CLASSES)})}}))"
    code = "\n".join(["import json", *imports, tell])
    done = subprocess.run([installation.python, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CLASSES)
def test_jupyterhub_knows_these_settings(known: dict[str, list[str]], name: str) -> None:
    assert set(VALUES["hub"]["config"][name]) <= set(known[name])
