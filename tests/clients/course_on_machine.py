"""Runs the course within `sandbox shell` of the course's own machine, on Azure as far as it knows."""

from __future__ import annotations

import sys

import helpers.connection.connection
from tests.notebooks.course import NAMES, run


def main(identity_name: str, sign_in: str) -> None:
    helpers.connection.connection._POLLING_INTERVALS["azure"] = 0.2  # Azure's pace is for Azure
    for name in NAMES:
        run(name, target="azure", identity_name=identity_name, sign_in=sign_in, delete=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
