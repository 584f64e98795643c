"""Fixtures for tests of the hub: its own environment, installed once for all of them."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.needs import do_without
from workshop.command import run_by_root
from workshop.jupyterhub.accounts import FIRST_USER_ID
from workshop.jupyterhub.installation import Installation, ensure_installed, why_not


@pytest.fixture(scope="session")
def installation() -> Installation:
    """JupyterHub and its proxy; a skip, with the reason, where they are not to be had."""
    if reason := why_not():
        do_without(reason)
    return ensure_installed()


@pytest.fixture
def hub_for_learners(installation: Installation) -> Installation:
    """The installation, where learners with user ids of their own can use it; a skip, with the reason, elsewhere."""
    if run_by_root():
        look = [str(installation.python), "-c", "import helpers"]
        try:
            subprocess.run(look, user=FIRST_USER_ID, group=FIRST_USER_ID, extra_groups=[], cwd="/", check=True)
        except (OSError, subprocess.CalledProcessError):
            do_without("run by root, and users of their own cannot get to this checkout or its Python")
    return installation
