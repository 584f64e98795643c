"""Ports for servers that tests start as programs, which take a number and not a socket."""

from __future__ import annotations

import secrets


def port_for_a_server() -> int:
    """Return a port below those that systems give to whoever asks for any, as kernels do: it stays free till used."""
    return 20_000 + secrets.randbelow(10_000)
