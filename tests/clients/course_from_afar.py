"""Runs the course within `sandbox shell`, on Azure as far as it knows, and tries whatever token the process then has.

It prints, as its last line, how many tokens of the managed identity there are, and what each is answered with.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests

import helpers.connection.connection
from tests.notebooks.course import NAMES, run
from tests.support.tokens import tokens_held_of


def main(vm_name: str, identity_name: str) -> None:
    helpers.connection.connection._POLLING_INTERVALS["azure"] = 0.2  # Azure's pace is for Azure
    kept: dict[str, dict[str, Any]] = {}  # a kernel's variables stay
    answers: list[int] = []
    for name in NAMES:
        kept[name] = run(
            name, target="azure", vm_name=vm_name, identity_name=identity_name, reach_vm="run-command", delete=True
        )
        if name == "05_read_properties":  # after which the identity has its role, and a token that works would show
            group, principal = kept[name]["group"].id, kept[name]["identity"].principal_id
            answers = [_status(token, group) for token in tokens_held_of(principal)]
    print(json.dumps({"answers": answers}))


def _status(token: str, group: str) -> int:
    url = f"https://management.azure.com{group}"
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(url, params={"api-version": "2021-04-01"}, headers=headers, timeout=300).status_code


if __name__ == "__main__":
    main(*sys.argv[1:])
