"""Pointing this process's environment at a sandbox under test, as `python -m sandbox env` would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.sandbox import RunningSandbox


def environment_of(sandbox: RunningSandbox, client_id: str = "", secret: str = "") -> dict[str, str]:
    """The variables for the operator, or for another application."""
    return {
        "AZURE_TENANT_ID": sandbox.seed_data.tenant_id,
        "AZURE_CLIENT_ID": client_id or sandbox.seed_data.operator_client_id,
        "AZURE_CLIENT_SECRET": secret or sandbox.secret,
        "AZURE_AUTHORITY_HOST": sandbox.endpoint,
        "AZURE_RESOURCE_MANAGER_ENDPOINT": sandbox.endpoint,
        "AZURE_SUBSCRIPTION_ID": sandbox.seed_data.subscription_id,
        "REQUESTS_CA_BUNDLE": sandbox.ca,
    }


def point_to(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, *, client_id: str = "", secret: str = ""
) -> None:
    for name, value in environment_of(sandbox, client_id, secret).items():
        monkeypatch.setenv(name, value)


@contextmanager
def unchanged_environment() -> Iterator[None]:
    """Take back, in the end, what entering a machine does to the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
