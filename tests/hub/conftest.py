"""Fixtures for tests of the hub: its own environment, installed once for all of them."""

from __future__ import annotations

import pytest

from workshop.hub.installation import Installation, ensure_installed, why_not


@pytest.fixture(scope="session")
def installation() -> Installation:
    """JupyterHub and its proxy; a skip, with the reason, where they are not to be had."""
    if reason := why_not():
        pytest.skip(reason)
    return ensure_installed()
